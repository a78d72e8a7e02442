"""Whom the words at both ends of a question mean."""

import pytest

from calico.client.content import Content, parse_content
from calico.client.ends import End, Ends, choose_addresses
from calico.datastore.api import KeyValue
from calico.model.errors import NotFoundError, ValidationError
from calico.model.keys import BGPConfigKey, EndpointKey, Key
from calico.model.values import Endpoint

WEB = EndpointKey("h1", "libnetwork", "libnetwork", "web")
OLD = EndpointKey("h1", "libnetwork", "libnetwork", "old")
BROKEN = EndpointKey("h2", "libnetwork", "libnetwork", "broken")
VALUES: dict[Key, object] = {
    WEB: Endpoint("active", "caliweb", None, (), ("10.65.0.3/32", "10.65.0.3/24"), ("fd65::3/128",)),
    OLD: Endpoint("inactive", "caliold", None, (), ("10.65.0.3/32", "10.65.0.4/32")),
    BGPConfigKey("h1", "ip_addr_v4"): "192.0.2.1",
    BGPConfigKey("h1", "ip_addr_v6"): "",
    BGPConfigKey("h2", "ip_addr_v4"): "192.0.2.2",
    BGPConfigKey("h2", "ip_addr_v6"): "2001:DB8::2",
    BGPConfigKey("h3", "ip_addr_v4"): "nonsense",
}
OWN = ("127.0.0.1", "192.0.2.1", "172.17.0.1", "fe80::1", "169.254.1.1", "2001:db8::1")


def find(text: str) -> EndpointKey:
    for key in (WEB, OLD):
        if text == key.endpoint:
            return key
    raise NotFoundError(f"Endpoint {text} is unknown to Calico.")


def ends(here: str = "h1") -> Ends:
    return Ends(Content(VALUES, {BROKEN: "not JSON"}), here, lambda: OWN, find)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("web", End("web", ("10.65.0.3", "fd65::3"), WEB)),
        ("old", End("old", ("10.65.0.3", "10.65.0.4"), OLD)),
        ("broken", End("broken", (), BROKEN)),
        ("10.65.0.3", End("10.65.0.3", ("10.65.0.3",), WEB)),
        ("10.65.0.4", End("10.65.0.4", ("10.65.0.4",), OLD)),
        ("FD65::0:3", End("fd65::3", ("fd65::3",), WEB)),
        ("8.8.8.8", End("8.8.8.8", ("8.8.8.8",))),
        ("host", End("host", ("192.0.2.1", "172.17.0.1", "2001:db8::1"), host="h1")),
        ("172.17.0.1", End("172.17.0.1", ("172.17.0.1",), host="h1")),
        ("192.0.2.2", End("192.0.2.2", ("192.0.2.2",), host="h2")),
        ("2001:db8::2", End("2001:db8::2", ("2001:db8::2",), host="h2")),
    ],
)
def test_end(text: str, end: End) -> None:
    assert ends().resolve(text) == end


def test_a_host_that_is_not_registered_is_known_by_its_interfaces() -> None:
    assert ends("h9").resolve("host").address(4) == "172.17.0.1"
    assert ends("h9").resolve("172.17.0.1").host == "h9"
    assert ends("h9").resolve("192.0.2.1").host == "h1"


def test_unknown_words_say_what_may_stand_there() -> None:
    with pytest.raises(NotFoundError) as refusal:
        ends().resolve("wbe")

    assert str(refusal.value) == (
        "Endpoint wbe is unknown to Calico. An end is an endpoint, an IP address or 'host'."
    )


@pytest.mark.parametrize("text", ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "ff02::1"])
def test_what_is_no_machine_on_a_network_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not the address of one machine on a network"):
        ends().resolve(text)


def test_ipv4_comes_first() -> None:
    both, six = End("both", ("fd00::1", "10.0.0.1")), End("six", ("fd00::2",))

    assert choose_addresses(both, both, (4, 6)) == (4, "10.0.0.1", "10.0.0.1")
    assert choose_addresses(both, six, (4, 6)) == (6, "fd00::1", "fd00::2")
    assert choose_addresses(both, both, (6,)) == (6, "fd00::1", "fd00::1")


@pytest.mark.parametrize(
    ("source", "destination", "versions", "message"),
    [
        (("10.0.0.1",), ("fd00::1",), (4, 6), "a and b have no address of the same IP version"),
        (("10.0.0.1",), ("fd00::1",), (6,), "a has no IPv6 address"),
        (("10.0.0.1",), (), (4, 6), "b has no IPv4 or IPv6 address"),
    ],
)
def test_ends_without_a_common_version(
    source: tuple[str, ...], destination: tuple[str, ...], versions: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        choose_addresses(End("a", source), End("b", destination), versions)


def test_content_keeps_what_it_cannot_understand() -> None:
    texts = {
        WEB.path: '{"state": "active", "mac": null, "ipv4_nets": ["10.0.0.1/32"]}',
        BROKEN.path: "[]",
        "/calico/v1/policy/profile/a;b/rules": "{}",
        "/calico/v1/unknown": "",
    }

    content = parse_content(tuple(KeyValue(path, text, 1) for path, text in texts.items()))

    assert list(content.values) == list(content.endpoints) == [WEB]
    assert content.faults == {BROKEN: "must be an object"}
