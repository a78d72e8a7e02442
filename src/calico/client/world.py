"""The content of the datastore and what every host makes of it, to be asked, and changed to see what would be."""

from __future__ import annotations

from calico.calc.view import HostView
from calico.model.values import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calico.client.content import Content
    from calico.model.keys import EndpointKey, Key


class World:
    """A content that may be changed; the datastore stays as it is."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.values: dict[Key, object] = dict(content.values)
        self._views: dict[str, HostView] = {}

    def view(self, host: str) -> HostView:
        """What a host holds."""
        if host not in self._views:
            self._views[host] = HostView(host, self.values)
        return self._views[host]

    def endpoint(self, key: EndpointKey) -> Endpoint | None:
        """The endpoint at ``key``; ``None`` when it is absent or not valid."""
        value = self.values.get(key)
        return value if isinstance(value, Endpoint) else None

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All valid endpoints."""
        return tuple(value for value in self.values.values() if isinstance(value, Endpoint))

    def change(self, values: Mapping[Key, object | None]) -> dict[Key, object | None]:
        """Put these values in place, ``None`` for absent; gives those that were there, to take it back with."""
        before = {key: self.values.get(key) for key in values}
        for key, value in values.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        for view in self._views.values():
            view.change(values)
        return before
