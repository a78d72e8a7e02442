"""All that policy depends on, read at once: for questions about the whole."""

from __future__ import annotations

import time

from calico.client.store import Clock, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore, KeyValue
from calico.model.codec import decode
from calico.model.errors import ValidationError
from calico.model.keys import BGP, POLICY, BGPConfigKey, EndpointKey, Key, parse_key
from calico.model.net import canonical_address
from calico.model.record import record
from calico.model.values import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = 1000
"""Most characters of what is wrong with a value."""


@record
class Content:
    """The endpoints, profiles, pools and settings of the datastore, of all hosts.

    ``values`` are the valid values; ``faults`` say of each other key what is wrong with its text.
    """

    values: Mapping[Key, object]
    faults: Mapping[Key, str]

    @property
    def endpoints(self) -> dict[EndpointKey, Endpoint]:
        """All valid endpoints."""
        return {
            key: value
            for key, value in self.values.items()
            if isinstance(key, EndpointKey) and isinstance(value, Endpoint)
        }

    def host_address(self, host: str, version: int) -> str:
        """The address that a host is registered with; empty when it has none."""
        text = self.values.get(BGPConfigKey(host, f"ip_addr_v{version}"))
        try:
            return canonical_address(str(text or ""), version)
        except ValidationError:
            return ""

    def host_at(self, address: str) -> str:
        """The host that is registered with an address; empty when none is."""
        version = 6 if ":" in address else 4
        hosts = (
            key.host
            for key in self.values
            if isinstance(key, BGPConfigKey) and key.host and key.name == f"ip_addr_v{version}"
        )
        return next((host for host in hosts if self.host_address(host, version) == address), "")


def read_content(datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic) -> Content:
    """Read it; raises :class:`UnavailableError` when the datastore does not answer within ``timeout`` seconds."""

    def read(transaction: Transaction) -> Content:
        return parse_content((*transaction.raw(POLICY), *transaction.raw(f"{BGP}/host")))

    return Store(datastore, timeout, clock=clock).run(read)


def parse_content(found: tuple[KeyValue, ...]) -> Content:
    """Keys and their texts as values and faults; a key of no kind that we know is left out."""
    values: dict[Key, object] = {}
    faults: dict[Key, str] = {}
    for item in found:
        try:
            key = parse_key(item.key)
        except ValidationError:
            continue  # nothing can refer to it: its name is none
        if key is None:
            continue
        try:
            values[key] = decode(key, item.value)
        except ValidationError as error:
            faults[key] = str(error)[:KEPT]
    return Content(values, faults)
