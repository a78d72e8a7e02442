"""Which endpoints this host polices."""

from collections.abc import Callable

from calico.model.codec import INTERFACE_PREFIX
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint
from calico.updates import EndpointRemove, EndpointUpdate


class EndpointResolver:
    """Picks the endpoints to program from all endpoints.

    An endpoint is programmable when it is on our host, active, and its interface name begins with ``cali``.
    When several programmable endpoints claim one interface, the lowest key has it and the others count as
    absent; when the winner goes, the next one comes. So the answer depends on the data alone, never on the
    order in which it arrived.

    Leaves the addresses of all endpoints to :class:`~calico.calc.tag_members.TagMembers`: an endpoint that is
    not programmable still counts in its tags.
    """

    def __init__(self, host: str, emit: Callable[[EndpointUpdate | EndpointRemove], None]) -> None:
        self._host = host
        self._emit = emit
        self._programmable: dict[EndpointKey, Endpoint] = {}
        self._claims: dict[str, set[EndpointKey]] = {}

    def on_endpoint(self, key: EndpointKey, endpoint: Endpoint | None) -> None:
        """The endpoint at ``key`` is now this one, or is gone."""
        if key.host != self._host:
            return
        old = self._programmable.get(key)
        new = endpoint if endpoint is not None and _is_programmable(endpoint) else None
        if new == old:
            return
        interfaces = dict.fromkeys(claim.name for claim in (old, new) if claim is not None)
        before = [self._winner(interface) for interface in interfaces]
        self._replace(key, old, new)
        after = [self._winner(interface) for interface in interfaces]
        self._tell(key, before, after)

    def _replace(self, key: EndpointKey, old: Endpoint | None, new: Endpoint | None) -> None:
        if old is not None:
            del self._programmable[key]
            self._claims[old.name].remove(key)
            if not self._claims[old.name]:
                del self._claims[old.name]
        if new is not None:
            self._programmable[key] = new
            self._claims.setdefault(new.name, set()).add(key)

    def _tell(self, changed: EndpointKey, before: list[EndpointKey | None], after: list[EndpointKey | None]) -> None:
        for key in before:
            if key is not None and key not in after:
                self._emit(EndpointRemove(key))
        for key in after:
            if key is not None and (key == changed or key not in before):
                self._emit(EndpointUpdate(key, self._programmable[key]))

    def _winner(self, interface: str) -> EndpointKey | None:
        return min(self._claims.get(interface, ()), default=None)


def _is_programmable(endpoint: Endpoint) -> bool:
    return endpoint.state == "active" and endpoint.name.startswith(INTERFACE_PREFIX)
