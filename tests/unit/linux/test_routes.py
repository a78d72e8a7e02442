"""Routes: requests as the ip command makes them, the kernel's messages read, outcomes in order."""

import errno

import pytest

from calico.linux.messages import NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, Answer, Message, pack_u32
from calico.linux.routes import ROUTE_PROTOCOL, Route, Routes, parse_route
from calico.model.errors import ApplyError, NotFoundError, ValidationError
from tests.fakes.netlink import FakeNetlink
from tests.unit.linux.test_messages import kernel_message

DEVICES = {"lo": 1, "calia": 3}
HOST_ROUTE = Route("10.65.0.2/32", "calia")

SENT_BY_IP = [
    # ip route replace 10.65.0.2/32 dev calia proto 67 scope link
    (HOST_ROUTE, "02200000fe43fd0100000000080001000a4100020800040003000000"),
    # ip -6 route replace fd00::2/128 dev calia proto 67
    (
        Route("fd00::2/128", "calia"),
        "0a800000fe4300010000000014000100fd0000000000000000000000000000020800040003000000",
    ),
    # ip route replace blackhole 10.65.0.0/26 proto 67
    (Route("10.65.0.0/26", kind="blackhole"), "021a0000fe43000600000000080001000a410000"),
]

TOLD_BY_THE_KERNEL = [
    ("route4", HOST_ROUTE),
    ("route6", Route("fd00::2/128", "calia")),
    ("blackhole4", Route("10.65.0.0/26", kind="blackhole")),
    ("blackhole6", Route("fd00:9::/64", kind="blackhole")),
    ("gateway4", Route("10.9.0.0/16", "calia", gateway="10.65.0.2", metric=50)),
]


def routes(*answers: Answer) -> tuple[Routes, FakeNetlink]:
    sock = FakeNetlink(answers, DEVICES)
    return Routes(sock), sock


@pytest.mark.parametrize(("route", "payload"), SENT_BY_IP)
def test_replacement_is_that_of_the_ip_command(route: Route, payload: str) -> None:
    table, sock = routes()

    table.replace(route)

    (request,) = sock.requests
    assert (request.kind, request.flags) == (24, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
    assert request.payload.hex() == payload


def test_removal_names_every_property_but_the_scope() -> None:
    table, sock = routes()

    table.delete(HOST_ROUTE)

    (request,) = sock.requests
    assert (request.kind, request.flags) == (25, NLM_F_ACK)
    assert request.payload.hex() == "02200000fe43ff0100000000080001000a4100020800040003000000"


def test_gateway_source_and_metric_are_sent_and_the_scope_is_global() -> None:
    table, sock = routes()

    table.replace(Route("10.9.0.0/16", "calia", gateway="10.65.0.2", metric=50, source="10.0.0.1"))

    assert sock.requests[0].payload.hex() == (
        "02100000fe43000100000000080001000a0900000800040003000000080005000a410002080007000a0000010800060032000000"
    )


def test_host_bits_of_a_destination_are_masked() -> None:
    table, sock = routes()

    table.replace(Route("10.65.0.7/26", kind="blackhole"))

    assert sock.requests[0].payload.hex() == SENT_BY_IP[2][1]


@pytest.mark.parametrize(("name", "route"), TOLD_BY_THE_KERNEL)
def test_route_of_the_kernel_equals_the_one_given_to_it(name: str, route: Route) -> None:
    _, sock = routes()

    assert parse_route(kernel_message(name), sock.name_of) == route


def test_routes_of_other_tables_families_and_caches_are_none_of_ours() -> None:
    message = kernel_message("route4")
    other_table = message.payload.replace(pack_u32(15, 254), pack_u32(15, 100))
    other_family = b"\x07" + message.payload[1:]
    cached = message.payload[:8] + (0x200).to_bytes(4, "little") + message.payload[12:]

    for payload in (other_table, other_family, cached):
        assert parse_route(Message(24, 0, 0, 0, payload), DEVICES.get) is None


def test_list_filters_by_family_protocol_and_device() -> None:
    answer = Answer(messages=tuple(kernel_message(name) for name, _ in TOLD_BY_THE_KERNEL))
    table, sock = routes(answer, answer, answer, answer)
    told = [route for _, route in TOLD_BY_THE_KERNEL]
    everything = [route for route in told if "." in route.destination]

    assert list(table.list(4)) == everything
    assert list(table.list(4, protocol=ROUTE_PROTOCOL)) == everything
    assert table.list(4, protocol=4) == ()
    assert list(table.list(4, device_prefix="cali")) == [r for r in everything if r.device]
    assert list(Routes(FakeNetlink([answer], DEVICES)).list(6)) == [r for r in told if ":" in r.destination]
    assert [request.payload[5] for request in sock.requests] == [0, ROUTE_PROTOCOL, 4, 0]


def test_default_route_has_no_destination_attribute() -> None:
    payload = bytes.fromhex("02000000fe040001000000000800050a0a000001").replace(
        b"\x08\x00\x05\x0a", b"\x08\x00\x05\x00"
    )

    route = parse_route(Message(24, 0, 0, 0, payload), DEVICES.get)

    assert route == Route("0.0.0.0/0", gateway="10.0.0.1", protocol=4)


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL])
def test_lookup_that_ends_nowhere_gives_no_route(number: int) -> None:
    table, _ = routes(Answer(number))

    assert table.get("10.65.0.2") is None


def test_lookup_gives_the_route_and_passes_other_refusals_on() -> None:
    table, sock = routes(Answer(messages=(kernel_message("route4"),)), Answer(errno.EPERM))

    assert table.get("10.65.0.2") == HOST_ROUTE
    with pytest.raises(ApplyError, match="cannot find the route to fd00::2"):
        table.get("fd00::2")
    assert sock.requests[0].payload.hex() == "022000000000000000000000080001000a410002"


def test_outcomes_of_many_stand_in_the_order_of_the_routes() -> None:
    table, sock = routes(Answer(), Answer(errno.ENETUNREACH, "Nexthop has invalid gateway"))

    outcomes = table.replace_all(
        [
            HOST_ROUTE,
            Route("10.65.0.3/32", "gone"),
            Route("nonsense", "calia"),
            Route("10.9.0.0/16", gateway="10.99.0.1"),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), NotFoundError, ValidationError, ApplyError]
    assert "10.9.0.0/16: network is unreachable: Nexthop has invalid gateway" in str(outcomes[3])
    assert len(sock.requests) == 2


def test_none_of_many_is_nothing() -> None:
    table, _ = routes()

    assert table.replace_all([]) == ()
    assert table.delete_all([]) == ()


@pytest.mark.parametrize(
    "route",
    [
        Route("10.0.0.0/8", kind="teleport"),
        Route("10.0.0.0/8", "calia", protocol=256),
        Route("10.0.0.0/8", "calia", gateway="fd00::1"),
        Route("10.0.0.0/8", "calia", source="x"),
        Route("10.0.0.0/8", "calia", metric=-1),
        Route("10.0.0.0/8", "calia", metric=1 << 32),
        Route("10.0.0.0/33", "calia"),
    ],
)
def test_impossible_routes_are_refused_before_the_kernel_sees_them(route: Route) -> None:
    table, sock = routes()

    with pytest.raises(ValidationError):
        table.replace(route)

    assert sock.requests == []
