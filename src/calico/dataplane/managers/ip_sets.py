"""The addresses of tags as nft sets: two for each tag, one for each IP version."""

from calico.dataplane.nft.api import Table
from calico.dataplane.render.members import tag_elements, tag_set_specs
from calico.dataplane.render.names import tag_set_names
from calico.updates import IPSetDelta, IPSetRemove, IPSetUpdate, Update


class IPSetManager:
    """Passes every update on at once, because the table itself collects."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def on_update(self, update: Update) -> None:
        match update:
            case IPSetUpdate(tag, members):
                elements = tag_elements(tag, members)
                for name, spec in tag_set_specs(tag).items():
                    self._table.set_set(name, spec, elements[name])
            case IPSetDelta(tag, added, removed):
                gone = tag_elements(tag, removed)
                for name, elements_added in tag_elements(tag, added).items():
                    self._table.change_elements(name, elements_added, gone[name])
            case IPSetRemove(tag):
                for name in tag_set_names(tag):
                    self._table.remove_set(name)
            case _:
                pass

    def complete(self) -> None:
        """Nothing waits here."""
