"""Whether this kernel takes what we program: tried out in a network namespace of its own, where no packet is."""

from dataclasses import dataclass

from calico.dataplane.managers.host import HostManager
from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import FAMILY, TABLE, NftTable
from calico.linux.links import Links
from calico.linux.namespaces import Namespace
from calico.model.errors import CalicoError


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it; a fault is empty when there is none.

    ``nft_version`` is libnftables' own, empty when it did not come so far; ``nft_fault`` says why our table cannot
    be made and taken away again, ``link_fault`` why no veth pair can.
    """

    nft_version: str = ""
    nft_fault: str = ""
    link_fault: str = ""


def rehearse() -> Rehearsal:
    """Make what every host has and what every container needs, and take it away. Nothing of it reaches the host.

    Modules of the kernel that are needed for it are loaded, as calico-node's own start would do.
    """
    try:
        with Namespace.new() as namespace, namespace.entered():
            version, nft_fault = _rehearse_table()
            return Rehearsal(version, nft_fault, _rehearse_link())
    except CalicoError as error:
        return Rehearsal(nft_fault=str(error))


def _rehearse_table() -> tuple[str, str]:
    """The library's version and the fault."""
    version = ""
    try:
        library = NftLibrary()
        try:
            table = NftTable(library)
            HostManager(table).complete()
            table.apply()
            version = _version(library.list_table(FAMILY, TABLE) or [])
            library.run(f"delete table {FAMILY} {TABLE}\n")
        finally:
            library.close()
    except CalicoError as error:
        return version, str(error)
    return version, ""


def _rehearse_link() -> str:
    try:
        with Links() as links:
            links.create_veth("cali-rehearsal", "tmp-rehearsal")
            links.delete("cali-rehearsal")
    except CalicoError as error:
        return str(error)
    return ""


def _version(listing: list[dict[str, object]]) -> str:
    for entry in listing:
        about = entry.get("metainfo")
        if isinstance(about, dict):
            return str(about.get("version", ""))
    return ""
