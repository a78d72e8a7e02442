"""What a host must have been told, worked out from scratch: slow, and meant to be obviously right.

It shares no code with :mod:`calico.calc` and knows neither history nor order. Tests hold the calculation, and
whole agents, against it.
"""

from collections.abc import Mapping

from calico.model.codec import decode
from calico.model.errors import ValidationError
from calico.model.keys import (
    ConfigKey,
    EndpointKey,
    HostConfigKey,
    Key,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    parse_key,
)
from calico.model.values import Endpoint, ProfileRules
from tests.fakes.host_state import HostState, tags_named

Values = Mapping[Key, object | None]
"""The datastore's content: ``None``, like absence, stands for a value that cannot be understood."""


def expected_state(values: Values, host: str) -> HostState:
    """All that ``host`` must know when the datastore holds ``values``, is in sync, and is ready.

    The ready flag itself is not looked at: what a host knows while the flag is not true depends on history (it
    keeps what it was told when the flag was last true, and knows nothing if that never was).
    """
    endpoints = {key: value for key, value in values.items() if isinstance(value, Endpoint)}
    local = _local_endpoints(endpoints, host)
    profiles = {name: _rules(values, name) for endpoint in local.values() for name in endpoint.profiles}
    tags = {tag for rules in profiles.values() for tag in tags_named(rules)}
    return HostState(
        ip_sets={tag: _members(values, endpoints, tag) for tag in tags},
        profiles=profiles,
        endpoints=local,
        pools={key.cidr: pool for key, pool in values.items() if isinstance(key, PoolKey) and pool is not None},
        endpoint_to_host_action=_action(values, host),
    )


def read_values(texts: Mapping[str, str]) -> dict[Key, object]:
    """A datastore's raw content, path to text, as values; what cannot be understood is left out."""
    values: dict[Key, object] = {}
    for path, text in texts.items():
        try:
            key = parse_key(path)
            if key is not None:
                values[key] = decode(key, text)
        except ValidationError:
            continue
    return values


def _local_endpoints(endpoints: Mapping[Key, Endpoint], host: str) -> dict[EndpointKey, Endpoint]:
    """Ours, active, with an interface that begins with cali; of several on one interface the lowest key."""
    chosen: dict[EndpointKey, Endpoint] = {}
    for key in sorted(endpoints):
        endpoint = endpoints[key]
        if key.host != host or endpoint.state != "active" or not endpoint.name.startswith("cali"):
            continue
        if endpoint.name not in [other.name for other in chosen.values()]:
            chosen[key] = endpoint
    return chosen


def _rules(values: Values, profile: str) -> ProfileRules | None:
    return values.get(ProfileRulesKey(profile))


def _members(values: Values, endpoints: Mapping[Key, Endpoint], tag: str) -> frozenset[str]:
    """The addresses of every endpoint, of any host and state, that lists a profile which carries the tag."""
    return frozenset(
        net.split("/")[0]
        for endpoint in endpoints.values()
        for net in endpoint.ipv4_nets + endpoint.ipv6_nets
        if any(tag in (values.get(ProfileTagsKey(profile)) or ()) for profile in endpoint.profiles)
    )


def _action(values: Values, host: str) -> str:
    """The host's own setting, else the global one; anything but the three words drops."""
    name = "DefaultEndpointToHostAction"
    text = values.get(HostConfigKey(host, name))
    if text is None:
        text = values.get(ConfigKey(name))
    return text.upper() if text is not None and text.upper() in ("DROP", "ACCEPT", "RETURN") else "DROP"
