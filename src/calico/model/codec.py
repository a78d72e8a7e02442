"""JSON text to values and back, by kind of key.

Reading is strict about what we know and keeps what we do not know: a fault raises :class:`ValidationError`
with the field named (``inbound_rules[2].src_ports[0]: …``); unknown fields stay in ``extra`` and are written
back. In rules an unknown field is a fault, because ignoring a criterion would widen the rule.
Writing gives the reference's field names and order.
"""

from __future__ import annotations

from collections.abc import Callable

from calico.model.errors import ValidationError
from calico.model.json_text import parse_json, render_json
from calico.model.keys import (
    AffinityKey,
    ApplyKey,
    BGPConfigKey,
    BGPPeerKey,
    BlockKey,
    ConfigKey,
    ContainerNameKey,
    EndpointKey,
    HandleKey,
    HostConfigKey,
    HostIPKey,
    Key,
    NetworkKey,
    NetworkNameKey,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.names import canonical_mac, is_name, is_network_name, validate_name
from calico.model.net import canonical_address, canonical_cidr, parse_network
from calico.model.protocols import canonical_protocol
from calico.model.values import (
    AllocationBlock,
    Attributes,
    BGPPeer,
    ContainerName,
    DockerNetwork,
    Endpoint,
    Handle,
    IPPool,
    NetworkName,
    NodeMesh,
    PortRange,
    ProfileRules,
    Rule,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn, TypeVar

    T = TypeVar("T")

Json = object

INTERFACE_PREFIX = "cali"
AFFINITY_PREFIX = "host:"


def decode(key: Key, text: str) -> object:
    """The value of ``text`` stored at ``key``; raises :class:`ValidationError` naming the faulty field."""
    return _CODECS[type(key)][0](key, text)


def encode(key: Key, value: object) -> str:
    """The text to store for ``value`` at ``key``."""
    return _CODECS[type(key)][1](key, value)


def interface_name(endpoint: str) -> str:
    """The host-side interface of an endpoint id; the kernel allows 15 characters."""
    return INTERFACE_PREFIX + endpoint[:11]


# Reading a document field by field


class _Document:
    """A JSON object being read: every field is taken once; what is left over is ``extra``."""

    def __init__(self, text: str) -> None:
        self._fields = _object(_parse(text), "")

    def take(self, name: str, convert: Callable[[Json, str], T], default: T | None = None) -> T:
        """Convert a field; an absent or null one is ``default``, and a fault when there is no default."""
        value = self._fields.pop(name, None)
        if value is None:
            if default is None:
                raise ValidationError(f"{name}: missing")
            return default
        return convert(value, name)

    def take_optional(self, name: str, convert: Callable[[Json, str], T]) -> T | None:
        """Convert a field; an absent or null one is ``None``."""
        value = self._fields.pop(name, None)
        return None if value is None else convert(value, name)

    @property
    def extra(self) -> Mapping[str, object]:
        """The fields that nobody took."""
        return self._fields


def _parse(text: str) -> Json:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"not JSON: {error}") from None


def _fault(where: str, what: str) -> NoReturn:
    raise ValidationError(f"{where}: {what}" if where else what)


def _object(value: Json, where: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        _fault(where, "must be an object")
    return value


def _string(value: Json, where: str) -> str:
    if not isinstance(value, str):
        _fault(where, f"must be a string, not {render_json(value)}")
    return value


def _boolean(value: Json, where: str) -> bool:
    if not isinstance(value, bool):
        _fault(where, f"must be true or false, not {render_json(value)}")
    return value


def _integer(lowest: int, highest: int) -> Callable[[Json, str], int]:
    def convert(value: Json, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            _fault(where, f"must be a number {lowest}..{highest}, not {render_json(value)}")
        return value

    return convert


def _list(item: Callable[[Json, str], T]) -> Callable[[Json, str], tuple[T, ...]]:
    def convert(value: Json, where: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            _fault(where, "must be a list")
        return tuple(item(element, f"{where}[{index}]") for index, element in enumerate(value))

    return convert


def _checked(check: Callable[[str], T]) -> Callable[[Json, str], T]:
    """A string field whose text must pass ``check``."""

    def convert(value: Json, where: str) -> T:
        try:
            return check(_string(value, where))
        except ValidationError as error:
            text = str(error)
            _fault("" if text.startswith(where) else where, text)

    return convert


def _named(what: str) -> Callable[[Json, str], str]:
    return _checked(lambda text: validate_name(text, what))


def _of_family(canonical: Callable[[str, int | None], str], version: int) -> Callable[[Json, str], str]:
    return _checked(lambda text: canonical(text, version))


# Plain text values


def _decode_text(_key: Key, text: str) -> str:
    return text.strip()


def _encode_text(_key: Key, value: object) -> str:
    return str(value)


def _decode_ready(_key: Key, text: str) -> bool:
    if text.strip() not in ("true", "false"):
        raise ValidationError("must be true or false")
    return text.strip() == "true"


def _encode_ready(_key: Key, value: object) -> str:
    return "true" if value else "false"


def _decode_host_ip(_key: Key, text: str) -> str:
    return canonical_address(text.strip(), 4)


# Profiles


def _decode_tags(_key: Key, text: str) -> tuple[str, ...]:
    names = _list(_named("tag"))(_parse(text), "tags")
    return tuple(dict.fromkeys(names))


def _encode_tags(_key: Key, value: object) -> str:
    assert isinstance(value, tuple)
    return render_json(list(value))


def _port_range(value: Json, where: str) -> PortRange:
    if isinstance(value, str) and ":" in value:
        low, _, high = value.partition(":")
        first, last = _digits(low), _digits(high)
        if first is not None and last is not None and first <= last <= 65535:
            return first, last
        _fault(where, f"{value!r} is not a port range a:b within 0..65535")
    number = _integer(0, 65535)(_digits(value) if isinstance(value, str) else value, where)
    return number, number


def _digits(text: str) -> int | None:
    """A short decimal number, or ``None``."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


_RULE_FIELDS: dict[str, Callable[[Json, str], object]] = {
    "action": _string,
    "protocol": lambda value, where: _protocol(value, where),
    "src_tag": _named("tag"),
    "dst_tag": _named("tag"),
    "src_net": _checked(canonical_cidr),
    "dst_net": _checked(canonical_cidr),
    "src_ports": _list(_port_range),
    "dst_ports": _list(_port_range),
    "icmp_type": _integer(0, 255),
    "icmp_code": _integer(0, 255),
    "ip_version": lambda value, where: _ip_version(value, where),
}


def _protocol(value: Json, where: str) -> str:
    try:
        return canonical_protocol(value)
    except ValidationError as error:
        _fault(where, str(error))


def _ip_version(value: Json, where: str) -> int:
    if value not in (4, 6) or isinstance(value, bool):
        _fault(where, f"must be 4 or 6, not {render_json(value)}")
    return 4 if value == 4 else 6


def decode_rule(value: Json, where: str) -> Rule:
    """One rule from its JSON object; ``where`` is put before every complaint."""
    fields: dict[str, object] = {"action": "allow"}
    for name, raw in _object(value, where).items():
        convert = _RULE_FIELDS.get(name)
        if convert is None:
            _fault(where, f"unknown field {name!r}")
        if raw is not None:
            fields[name] = convert(raw, f"{where}.{name}")
    try:
        return Rule(**fields)  # type: ignore[arg-type]  # each field was converted to its type just above
    except ValidationError as error:
        _fault(where, str(error))


def encode_rule(rule: Rule) -> dict[str, object]:
    """One rule as the JSON object that is stored; absent criteria are left out."""
    fields: dict[str, object] = {"action": rule.action}
    for name in ("protocol", "src_tag", "src_net", "src_ports", "dst_tag", "dst_net", "dst_ports"):
        value = getattr(rule, name)
        if value:
            fields[name] = [_encode_port(port) for port in value] if name.endswith("ports") else value
    for name in ("icmp_type", "icmp_code", "ip_version"):
        if getattr(rule, name) is not None:
            fields[name] = getattr(rule, name)
    return fields


def _encode_port(port: PortRange) -> int | str:
    return port[0] if port[0] == port[1] else f"{port[0]}:{port[1]}"


def _decode_rules(key: Key, text: str) -> ProfileRules:
    assert isinstance(key, ProfileRulesKey)
    document = _Document(text)
    rules = _list(decode_rule)
    inbound = document.take("inbound_rules", rules)
    outbound = document.take("outbound_rules", rules)
    document.take_optional("id", lambda value, _where: value)
    return ProfileRules(inbound, outbound, document.extra)


def rules_document(profile: str, rules: ProfileRules) -> dict[str, object]:
    """The rules of ``profile`` as the JSON object that is stored and printed."""
    return {
        "id": profile,
        "inbound_rules": [encode_rule(rule) for rule in rules.inbound],
        "outbound_rules": [encode_rule(rule) for rule in rules.outbound],
        **rules.extra,
    }


def _encode_rules(key: Key, value: object) -> str:
    assert isinstance(key, ProfileRulesKey)
    assert isinstance(value, ProfileRules)
    return render_json(rules_document(key.profile, value))


# Endpoints


def _state(text: str) -> str:
    if text not in ("active", "inactive"):
        raise ValidationError(f"{text!r} is neither active nor inactive")
    return text


def _interface(text: str) -> str:
    if not 1 <= len(text) <= 15 or not text.isascii() or not all(c.isalnum() or c in "_-." for c in text):
        raise ValidationError(f"{text!r} is not an interface name")
    return text


def _decode_endpoint(key: Key, text: str) -> Endpoint:
    assert isinstance(key, EndpointKey)
    document = _Document(text)
    single = document.take_optional("profile_id", _named("profile"))
    return Endpoint(
        state=document.take("state", _checked(_state)),
        name=document.take("name", _checked(_interface), interface_name(key.endpoint)),
        mac=document.take_optional("mac", _checked(canonical_mac)),
        profiles=document.take("profile_ids", _list(_named("profile")), (single,) if single else ()),
        ipv4_nets=document.take("ipv4_nets", _list(_of_family(canonical_cidr, 4)), ()),
        ipv6_nets=document.take("ipv6_nets", _list(_of_family(canonical_cidr, 6)), ()),
        ipv4_gateway=document.take_optional("ipv4_gateway", _of_family(canonical_address, 4)),
        ipv6_gateway=document.take_optional("ipv6_gateway", _of_family(canonical_address, 6)),
        extra=document.extra,
    )


def _encode_endpoint(_key: Key, value: object) -> str:
    assert isinstance(value, Endpoint)
    return render_json(
        {
            "state": value.state,
            "name": value.name,
            "mac": value.mac,
            "profile_ids": list(value.profiles),
            "ipv4_nets": sorted(value.ipv4_nets),
            "ipv6_nets": sorted(value.ipv6_nets),
            "ipv4_gateway": value.ipv4_gateway,
            "ipv6_gateway": value.ipv6_gateway,
            **value.extra,
        }
    )


# Pools, blocks, handles


def _decode_pool(key: Key, text: str) -> IPPool:
    assert isinstance(key, PoolKey)
    document = _Document(text)
    cidr = document.take("cidr", _checked(lambda value: str(parse_network(value))))
    if cidr != key.cidr:
        _fault("cidr", f"{cidr} does not belong at the key of pool {key.cidr}")
    return IPPool(
        cidr=cidr,
        ipip=document.take_optional("ipip", _string),
        masquerade=document.take("masquerade", _boolean, False),
        ipam=document.take("ipam", _boolean, True),
        extra=document.extra,
    )


def _encode_pool(_key: Key, value: object) -> str:
    assert isinstance(value, IPPool)
    fields: dict[str, object] = {"cidr": value.cidr}
    if value.ipip:
        fields["ipip"] = value.ipip
    if value.masquerade:
        fields["masquerade"] = True
    if not value.ipam:
        fields["ipam"] = False
    return render_json({**fields, **value.extra})


def _attributes(value: Json, where: str) -> Attributes:
    fields = _object(value, where)
    handle = fields.get("handle_id")
    secondary = fields.get("secondary") or {}
    return Attributes(
        None if handle is None else _string(handle, f"{where}.handle_id"),
        tuple(sorted(_object(secondary, f"{where}.secondary").items())),
    )


def _allocation(value: Json, where: str) -> int | None:
    return None if value is None else _integer(0, 65535)(value, where)


def _affinity(text: str) -> str:
    if not text.startswith(AFFINITY_PREFIX):
        raise ValidationError(f"{text!r} does not begin with {AFFINITY_PREFIX!r}")
    return text.removeprefix(AFFINITY_PREFIX)


def _decode_block(key: Key, text: str) -> AllocationBlock:
    assert isinstance(key, BlockKey)
    document = _Document(text)
    cidr = document.take("cidr", _checked(lambda value: str(parse_network(value))))
    if cidr != key.cidr:
        _fault("cidr", f"{cidr} does not belong at the key of block {key.cidr}")
    allocations = document.take("allocations", _list(_allocation))
    free = tuple(ordinal for ordinal, index in enumerate(allocations) if index is None)
    block = AllocationBlock(
        cidr=cidr,
        affinity=document.take_optional("affinity", _checked(_affinity)),
        allocations=allocations,
        attributes=document.take("attributes", _list(_attributes), ()),
        unallocated=document.take("unallocated", _list(_integer(0, 65535)), free),
        extra=document.extra,
    )
    _check_block(block, free)
    return block


def _check_block(block: AllocationBlock, free: tuple[int, ...]) -> None:
    """The invariants that make a block safe to assign from."""
    if len(block.allocations) != parse_network(block.cidr).size:
        _fault("allocations", f"a block of {block.cidr} has {len(block.allocations)} entries")
    used = {index for index in block.allocations if index is not None}
    if used != set(range(len(block.attributes))):
        _fault("attributes", "entries and the allocations that refer to them do not agree")
    if len(set(block.unallocated)) != len(block.unallocated) or set(block.unallocated) != set(free):
        _fault("unallocated", "the queue and the free addresses do not agree")


def _encode_block(_key: Key, value: object) -> str:
    assert isinstance(value, AllocationBlock)
    return render_json(
        {
            "cidr": value.cidr,
            "affinity": None if value.affinity is None else AFFINITY_PREFIX + value.affinity,
            "allocations": list(value.allocations),
            "attributes": [{"handle_id": a.handle, "secondary": dict(a.secondary)} for a in value.attributes],
            "unallocated": list(value.unallocated),
            **value.extra,
        }
    )


def _decode_handle(key: Key, text: str) -> Handle:
    assert isinstance(key, HandleKey)
    document = _Document(text)
    count = _integer(0, 1 << 62)
    blocks = document.take("block", _object)
    counts = tuple((cidr, count(value, f"block[{cidr}]")) for cidr, value in sorted(blocks.items()))
    return Handle(document.take("id", _string, key.handle), counts, document.extra)


def _encode_handle(_key: Key, value: object) -> str:
    assert isinstance(value, Handle)
    return render_json({"id": value.handle, "block": dict(value.blocks), **value.extra})


# Routing and Docker's networks


def _as_number(value: Json, where: str) -> int:
    return _integer(0, 2**32 - 1)(_digits(value) if isinstance(value, str) else value, where)


def _decode_peer(key: Key, text: str) -> BGPPeer:
    assert isinstance(key, BGPPeerKey)
    document = _Document(text)
    return BGPPeer(
        address=document.take("ip", _checked(canonical_address)),
        as_number=document.take("as_num", _as_number),
        extra=document.extra,
    )


def _encode_peer(_key: Key, value: object) -> str:
    assert isinstance(value, BGPPeer)
    return render_json({"ip": value.address, "as_num": str(value.as_number), **value.extra})


def _decode_bgp_config(key: Key, text: str) -> object:
    assert isinstance(key, BGPConfigKey)
    if key.name != "node_mesh":
        return text.strip()
    document = _Document(text)
    return NodeMesh(document.take("enabled", _boolean), document.extra)


def _encode_bgp_config(_key: Key, value: object) -> str:
    if isinstance(value, NodeMesh):
        return render_json({"enabled": value.enabled, **value.extra})
    return str(value)


def _decode_network(_key: Key, text: str) -> DockerNetwork:
    return DockerNetwork(_object(_parse(text), ""))


def _encode_network(_key: Key, value: object) -> str:
    assert isinstance(value, DockerNetwork)
    return render_json(dict(value.request))


# What Docker calls things


def _name_or_nothing(text: str) -> str:
    return validate_name(text, "name") if text else ""


def _attachments(value: Json, where: str) -> tuple[tuple[str, str], ...]:
    """The networks of a container's endpoints, by endpoint."""
    fields = _object(value, where)
    for endpoint, network in fields.items():
        if not is_name(endpoint) or not is_name(network):
            _fault(where, f"must map endpoint ids to network Ids, not {render_json({endpoint: network})}")
    return tuple(sorted((endpoint, str(network)) for endpoint, network in fields.items()))


def _decode_container_name(_key: Key, text: str) -> ContainerName:
    document = _Document(text)
    name, project, service = (
        document.take(field, _checked(_name_or_nothing), "") for field in ("name", "project", "service")
    )
    return ContainerName(name, project, service, document.take("endpoints", _attachments, ()), document.extra)


def _encode_container_name(_key: Key, value: object) -> str:
    assert isinstance(value, ContainerName)
    names = {"name": value.name, "project": value.project, "service": value.service}
    fields = {field: text for field, text in names.items() if text}
    return render_json({**fields, "endpoints": dict(value.endpoints), **value.extra})


def _network_name(text: str) -> str:
    if not is_network_name(text):
        raise ValidationError("must be one short line")
    return text


def _decode_network_name(_key: Key, text: str) -> NetworkName:
    document = _Document(text)
    return NetworkName(document.take("name", _checked(_network_name)), document.extra)


def _encode_network_name(_key: Key, value: object) -> str:
    assert isinstance(value, NetworkName)
    return render_json({"name": value.name, **value.extra})


_Decoder = Callable[[Key, str], object]
_Encoder = Callable[[Key, object], str]
_CODECS: dict[type[Key], tuple[_Decoder, _Encoder]] = {
    ReadyKey: (_decode_ready, _encode_ready),
    ConfigKey: (_decode_text, _encode_text),
    HostConfigKey: (_decode_text, _encode_text),
    HostIPKey: (_decode_host_ip, _encode_text),
    ApplyKey: (_decode_text, _encode_text),
    EndpointKey: (_decode_endpoint, _encode_endpoint),
    ProfileTagsKey: (_decode_tags, _encode_tags),
    ProfileRulesKey: (_decode_rules, _encode_rules),
    PoolKey: (_decode_pool, _encode_pool),
    BlockKey: (_decode_block, _encode_block),
    HandleKey: (_decode_handle, _encode_handle),
    AffinityKey: (_decode_text, _encode_text),
    BGPConfigKey: (_decode_bgp_config, _encode_bgp_config),
    BGPPeerKey: (_decode_peer, _encode_peer),
    NetworkKey: (_decode_network, _encode_network),
    ContainerNameKey: (_decode_container_name, _encode_container_name),
    NetworkNameKey: (_decode_network_name, _encode_network_name),
}
