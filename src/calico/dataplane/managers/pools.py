"""Address pools as interval sets: which addresses are ours, and which hide behind the host when they leave."""

from typing import TYPE_CHECKING

from calico.dataplane.nft.api import Table
from calico.dataplane.render.members import pool_elements
from calico.dataplane.render.static import static_sets
from calico.updates import PoolRemove, PoolUpdate, Update

if TYPE_CHECKING:
    from calico.model.values import IPPool


class PoolManager:
    """Writes the pool sets whole when a pool changes: pools are few and change rarely."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._specs = static_sets()
        self._pools: dict[str, IPPool] = {}
        self._changed = False

    def on_update(self, update: Update) -> None:
        match update:
            case PoolUpdate(pool):
                self._pools[pool.cidr] = pool
                self._changed = True
            case PoolRemove(cidr):
                self._pools.pop(cidr, None)
                self._changed = True
            case _:
                pass

    def complete(self) -> None:
        if not self._changed:
            return
        for name, elements in pool_elements(self._pools.values()).items():
            self._table.set_set(name, self._specs[name], elements)
        self._changed = False
