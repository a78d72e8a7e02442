"""Our table: what it should be, what the kernel has, and one transaction for the difference."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from calico.dataplane.nft.values import Chain, Element, MapSpec, MapVerdict, SetSpec


class Library(Protocol):
    """What a table needs of libnftables; see :class:`calico.dataplane.nft.library.NftLibrary`."""

    def run(self, commands: str) -> None:
        """Run commands as one transaction or raise ApplyError."""
        ...

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        """The table's objects in nft's JSON, or ``None``."""
        ...


class NftTable:
    """A table of the kernel, held equal to what is desired; see :class:`calico.dataplane.nft.api.Table`."""

    def __init__(self, library: Library, family: str = "inet", name: str = "calico") -> None:
        raise NotImplementedError

    def set_chain(self, name: str, chain: Chain) -> None:
        raise NotImplementedError

    def remove_chain(self, name: str) -> None:
        raise NotImplementedError

    def set_set(self, name: str, spec: SetSpec, elements: Iterable[Element]) -> None:
        raise NotImplementedError

    def change_elements(self, name: str, added: Iterable[Element], removed: Iterable[Element]) -> None:
        raise NotImplementedError

    def remove_set(self, name: str) -> None:
        raise NotImplementedError

    def set_map(self, name: str, spec: MapSpec, elements: Mapping[Element, MapVerdict]) -> None:
        raise NotImplementedError

    def change_map(self, name: str, added: Mapping[Element, MapVerdict], removed: Iterable[Element]) -> None:
        raise NotImplementedError

    def remove_map(self, name: str) -> None:
        raise NotImplementedError

    def apply(self) -> bool:
        raise NotImplementedError

    def resync(self) -> list[str]:
        raise NotImplementedError
