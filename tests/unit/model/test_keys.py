"""Keys: the paths of the reference, parsed strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.errors import ValidationError
from calico.model.keys import (
    AffinityKey,
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
    endpoints_path,
    names_path,
    parse_key,
)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/calico/v1/Ready", ReadyKey()),
        ("/calico/v1/config/InterfacePrefix", ConfigKey("InterfacePrefix")),
        ("/calico/v1/host/h1/bird_ip", HostIPKey("h1")),
        ("/calico/v1/host/h1/config/marker", HostConfigKey("h1", "marker")),
        (
            "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/ab12",
            EndpointKey("h1", *["libnetwork"] * 2, "ab12"),
        ),
        ("/calico/v1/policy/profile/WEB/tags", ProfileTagsKey("WEB")),
        ("/calico/v1/policy/profile/WEB/rules", ProfileRulesKey("WEB")),
        ("/calico/v1/ipam/v4/pool/192.168.0.0-16", PoolKey("192.168.0.0/16")),
        ("/calico/v1/ipam/v6/pool/fd80:24e2:f998:72d6::-64", PoolKey("fd80:24e2:f998:72d6::/64")),
        ("/calico/ipam/v2/assignment/ipv4/block/192.168.0.0-26", BlockKey("192.168.0.0/26")),
        ("/calico/ipam/v2/handle/x", HandleKey("x")),
        ("/calico/ipam/v2/host/h1/ipv4/block/192.168.0.0-26", AffinityKey("h1", "192.168.0.0/26")),
        ("/calico/bgp/v1/global/as_num", BGPConfigKey("", "as_num")),
        ("/calico/bgp/v1/host/h1/ip_addr_v4", BGPConfigKey("h1", "ip_addr_v4")),
        ("/calico/bgp/v1/global/peer_v4/10.0.0.9", BGPPeerKey("", "10.0.0.9")),
        ("/calico/bgp/v1/host/h1/peer_v6/fd00::9", BGPPeerKey("h1", "fd00::9")),
        ("/calico/libnetwork/v1/46007b33", NetworkKey("46007b33")),
        ("/calico/docker/v1/host/h1/container/6a853ddc", ContainerNameKey("h1", "6a853ddc")),
        ("/calico/docker/v1/host/h1/network/46007b33", NetworkNameKey("h1", "46007b33")),
    ],
)
def test_path_and_key_are_each_others_image(path: str, key: Key) -> None:
    assert parse_key(path) == key
    assert key.path == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/calico",
        "calico/v1/Ready",
        "/calico/v1",
        "/calico/v1/Ready/more",
        "/calico/v1/policy/profile/WEB",
        "/calico/v1/policy/profile/WEB/labels",
        "/calico/v1/host/h1/workload",
        "/calico/v1/host/h1/workload/o/w/endpoint",
        "/calico/ipam/v2/host/h1/ipv4/block",
        "/calico/felix/v1/host/h1/status",
        "/calico/docker/v1/host/h1/container",
        "/calico/docker/v1/host/h1/volume/x",
        "/calico/docker/v1/container/h1/x/y",
        "/elsewhere/v1/Ready",
    ],
)
def test_unknown_shapes_are_nobodys(path: str) -> None:
    assert parse_key(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/calico/v1/policy/profile/a b/tags",
        "/calico/v1/policy/profile//rules",
        "/calico/v1/host/h;1/bird_ip",
        "/calico/v1/ipam/v4/pool/192.168.0.1-16",
        "/calico/v1/ipam/v4/pool/fd80::-64",
        "/calico/v1/ipam/v6/pool/FD80::-64",
        "/calico/bgp/v1/global/peer_v4/nobody",
        "/calico/docker/v1/host/h;1/container/6a853ddc",
        "/calico/docker/v1/host/h1/container/a b",
        "/calico/docker/v1/host/h1/network/",
        "/calico/v1/policy/profile/" + "x" * 129 + "/tags",
    ],
)
def test_illegal_names_are_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        parse_key(path)


def test_endpoint_directories_are_as_narrow_as_the_owners_known() -> None:
    assert endpoints_path() == "/calico/v1/host"
    assert endpoints_path("h1", "docker") == "/calico/v1/host/h1/workload/docker"
    assert endpoints_path("h1", "", "w") == "/calico/v1/host/h1/workload"


def test_all_names_of_a_host_are_below_one_directory() -> None:
    for key in (ContainerNameKey("h1", "c"), NetworkNameKey("h1", "n")):
        assert key.path.startswith(names_path("h1") + "/")


_SEGMENTS = st.sampled_from(
    "calico v1 v2 ipam bgp docker host container network policy profile pool block assignment global tags".split()
)


@given(st.lists(_SEGMENTS | st.text(max_size=5), max_size=9))
def test_only_validation_errors_escape(segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    try:
        key = parse_key(path)
    except ValidationError:
        return
    assert key is None or key.path == path
