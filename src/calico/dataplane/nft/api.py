"""What the rest of the dataplane may ask of a table: set the desired state, then apply or resync."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from calico.dataplane.nft.values import Chain, Element, MapSpec, MapVerdict, SetSpec


class Table(Protocol):
    """One table of the kernel. Setters only change what is desired; nothing happens before ``apply``.

    Names that are jumped to, looked up or filled must be desired at the next ``apply``; they may be set in any order
    before it. An object belongs to one thread.
    """

    def set_chain(self, name: str, chain: Chain) -> None:
        """The chain exists with exactly these rules."""
        ...

    def remove_chain(self, name: str) -> None:
        """The chain does not exist; no error when it never did."""
        ...

    def set_set(self, name: str, spec: SetSpec, elements: Iterable[Element]) -> None:
        """The set exists with exactly these elements; those of an interval set may overlap."""
        ...

    def change_elements(self, name: str, added: Iterable[Element], removed: Iterable[Element]) -> None:
        """Add and remove elements of a set that is desired; cost follows the change, not the set."""
        ...

    def remove_set(self, name: str) -> None:
        """The set does not exist; no error when it never did."""
        ...

    def set_map(self, name: str, spec: MapSpec, elements: Mapping[Element, MapVerdict]) -> None:
        """The map exists with exactly these elements."""
        ...

    def change_map(self, name: str, added: Mapping[Element, MapVerdict], removed: Iterable[Element]) -> None:
        """Add or replace and remove elements of a map that is desired; cost follows the change."""
        ...

    def remove_map(self, name: str) -> None:
        """The map does not exist; no error when it never did."""
        ...

    def apply(self) -> bool:
        """Bring the kernel in line with one transaction; whether there was anything to do.

        Raises :class:`calico.model.errors.ApplyError`; then nothing took effect and the next call tries all again.
        """
        ...

    def resync(self) -> list[str]:
        """Read the kernel and let the next ``apply`` repair what differs; one line for each difference.

        Raises :class:`calico.model.errors.ApplyError` or ``UnavailableError`` when the kernel cannot be read.
        """
        ...
