"""What is sent, as people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.errors import ValidationError
from calico.rules.packet import Packet, ping, tcp
from calico.rules.traffic import PING, Traffic, parse_traffic


@pytest.mark.parametrize(
    ("text", "traffic"),
    [
        ("tcp/80", Traffic("tcp", 80)),
        ("TCP/0", Traffic("tcp", 0)),
        ("6/443", Traffic("tcp", 443)),
        ("sctp/5000", Traffic("sctp", 5000)),
        ("47", Traffic("47")),
        ("icmp", PING),
        ("1", PING),
        ("icmp/8", Traffic("icmp", icmp_type=8, version=4)),
        ("icmp/3/255", Traffic("icmp", icmp_type=3, icmp_code=255, version=4)),
        ("icmpv6", Traffic("icmpv6", version=6)),
        ("icmpv6/128/1", Traffic("icmpv6", icmp_type=128, icmp_code=1, version=6)),
    ],
)
def test_accepted(text: str, traffic: Traffic) -> None:
    assert parse_traffic(text) == traffic


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tcp", "'tcp' needs a port, such as tcp/80"),
        ("udp/", "'' is not a port of udp: a number 0..65535"),
        ("tcp/65536", "'65536' is not a port of tcp: a number 0..65535"),
        ("tcp/80/81", "'80/81' is not a port of tcp: a number 0..65535"),
        ("47/80", "protocol 47 has no ports: write 47 alone"),
        ("icmp/256", "'256' is not a type or code of icmp: a number 0..255"),
        ("icmp/8/0/0", "icmp takes a type and a code, such as icmp/8/0"),
        ("icmp/", "'' is not a type or code of icmp: a number 0..255"),
        ("tpc/80", "'tpc' is not a protocol: use icmp, tcp, udp, dccp, icmpv6, sctp, udplite or a number 1..255"),
        ("", "'' is not a protocol"),
        ("0", "'0' is not a protocol"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        parse_traffic(text)

    assert message in str(refusal.value)


@given(st.text(max_size=8))
def test_only_validation_errors_escape(text: str) -> None:
    try:
        traffic = parse_traffic(text)
    except ValidationError:
        return
    assert traffic.packet(4, "10.0.0.1", "10.0.0.2").version == 4


def test_packets_of_it() -> None:
    assert parse_traffic("tcp/80").packet(4, "10.0.0.1", "10.0.0.2") == tcp("10.0.0.1", "10.0.0.2", 80)
    assert parse_traffic("tcp/80").packet(6, "::1", "::2", 53) == tcp("::1", "::2", 80, 53)
    assert parse_traffic("47").packet(4, "10.0.0.1", "10.0.0.2") == Packet(4, "10.0.0.1", "10.0.0.2", 47)
    assert parse_traffic("icmp").packet(4, "10.0.0.1", "10.0.0.2") == ping("10.0.0.1", "10.0.0.2")


def test_icmp_alone_is_a_ping_of_either_version() -> None:
    assert PING.packet(6, "::1", "::2") == ping("::1", "::2")
