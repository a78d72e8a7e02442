"""What is the same on every host: base chains, maps and sets, and what endpoints may do to the host itself."""

from calico.dataplane.nft.api import Table
from calico.dataplane.render.static import static_chains, static_maps, static_sets
from calico.updates import HostConfigUpdate, Update

# Until the datastore has said otherwise, endpoints do not reach the host.
_CLOSED = HostConfigUpdate("DROP")


class HostManager:
    """Keeps the base chains; declares the empty maps and sets that the other managers fill."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._config: HostConfigUpdate | None = _CLOSED
        for name, set_spec in static_sets().items():
            table.set_set(name, set_spec, ())
        for name, map_spec in static_maps().items():
            table.set_map(name, map_spec, {})

    def on_update(self, update: Update) -> None:
        if isinstance(update, HostConfigUpdate):
            self._config = update

    def complete(self) -> None:
        if self._config is None:
            return
        for name, chain in static_chains(self._config).items():
            self._table.set_chain(name, chain)
        self._config = None
