"""What the datastore says about addresses, read plainly, and the rules that must hold at every moment."""

from dataclasses import dataclass

from calico.datastore.api import Datastore
from calico.ipam.blocks import assignments
from calico.model.codec import decode
from calico.model.keys import ROOT, AffinityKey, BlockKey, HandleKey, parse_key
from calico.model.values import AllocationBlock, Handle


@dataclass(frozen=True)
class IpamState:
    """Everything of address management that one snapshot holds."""

    blocks: dict[str, AllocationBlock]
    affinities: frozenset[tuple[str, str]]
    handles: dict[str, dict[str, int]]

    @property
    def assigned(self) -> dict[str, str | None]:
        """Every assigned address with its handle."""
        return {
            address: attributes.handle for block in self.blocks.values() for address, attributes in assignments(block)
        }

    @property
    def counted(self) -> dict[str, dict[str, int]]:
        """How many addresses of each block the blocks themselves say that each handle holds."""
        counts: dict[str, dict[str, int]] = {}
        for cidr, block in self.blocks.items():
            for _, attributes in assignments(block):
                if attributes.handle is not None:
                    of_handle = counts.setdefault(attributes.handle, {})
                    of_handle[cidr] = of_handle.get(cidr, 0) + 1
        return counts


def read_ipam(datastore: Datastore) -> IpamState:
    """The state now; raises when any value breaks its own invariants."""
    blocks, affinities, handles = {}, set(), {}
    for item in datastore.list(ROOT).entries:
        key = parse_key(item.key)
        if isinstance(key, BlockKey):
            block = decode(key, item.value)
            assert isinstance(block, AllocationBlock)
            blocks[key.cidr] = block
        elif isinstance(key, AffinityKey):
            affinities.add((key.host, key.cidr))
        elif isinstance(key, HandleKey):
            handle = decode(key, item.value)
            assert isinstance(handle, Handle)
            handles[key.handle] = dict(handle.blocks)
    return IpamState(blocks, frozenset(affinities), handles)


def check_ipam(state: IpamState) -> None:
    """A claim and its block come and go together, and handles count exactly what the blocks hold."""
    claimed = {(block.affinity, cidr) for cidr, block in state.blocks.items() if block.affinity is not None}
    assert claimed == state.affinities
    assert state.handles == state.counted
