"""Containers that join by command: what they get, what is refused, and that nothing is left when it fails."""

import json
from collections.abc import Callable

import pytest

from calico.client.containers import DOCKER, NAMESPACE, AddressRequest, Containers, Workload
from calico.client.docker import DockerContainer
from calico.client.endpoints import Endpoints
from calico.client.nodes import Nodes
from calico.client.pools import Pools
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError, UnavailableError, ValidationError
from calico.model.keys import EndpointKey
from calico.model.record import replace
from calico.model.values import Endpoint
from tests.fakes.containers import FakeContainerHost, Interface, SteppedDatastore
from tests.fakes.interleaving import InterleavedDatastore
from tests.fakes.ipam_state import check_ipam, read_ipam
from tests.fakes.terminal import READY

NODE = READY.node
POOLS = ("192.168.0.0/16", "10.1.0.0/24", "fd80::/64")
IPV4, IPV6 = AddressRequest(4), AddressRequest(6)
FIRST = EndpointKey(NODE, DOCKER, "64" + "0" * 62, "01" + "00" * 15)


class World:
    """A node with three pools, where containers ``c1`` (net none) and ``c2`` (bridge) run."""

    def __init__(self) -> None:
        self.datastore = MemoryDatastore()
        for pool in POOLS:
            Pools(self.datastore).add([pool])
        self.host = FakeContainerHost(READY)
        self.c1 = self.host.run("c1")
        self.c2 = self.host.run("c2", network_mode="bridge")
        self.c2.interfaces["eth0"] = Interface("veth0", "")
        self.c2.ways_out[4] = ("eth0",)
        self.containers = Containers(SteppedDatastore(self.datastore, self.host.step), NODE, self.host)

    def endpoints(self) -> dict[EndpointKey, Endpoint]:
        return dict(Endpoints(self.datastore).list())

    def assigned(self) -> set[str]:
        state = read_ipam(self.datastore)
        check_ipam(state)
        return set(state.assigned)

    def everything(self) -> object:
        stacks = [self.c1.copy(), self.c2.copy()]
        return self.endpoints(), self.assigned(), stacks, set(self.host.interfaces), self.host.open_stacks

    def put(self, path: str, value: object) -> None:
        self.datastore.transact([], [Put(path, json.dumps(value))])


@pytest.fixture
def world() -> World:
    return World()


# ---- add -----------------------------------------------------------------------------------------


def test_a_container_gets_an_interface_and_an_address(world: World) -> None:
    assert world.containers.add("c1", IPV4) == "10.1.0.0"

    (key, endpoint), *others = world.endpoints().items()
    assert (key, others) == (FIRST, [])
    assert endpoint == Endpoint("active", "cali01000000000", "02:00:00:00:00:00", ipv4_nets=("10.1.0.0/32",))
    assert world.c1.interfaces == {"eth1": Interface("cali01000000000", "02:00:00:00:00:00", frozenset({"10.1.0.0"}))}
    assert world.c1.ways_out == {4: ("eth1",), 6: ()}
    assert world.assigned() == {"10.1.0.0"}
    assert world.host.open_stacks == 0


def test_the_kernel_polices_before_the_container_goes_our_way(world: World) -> None:
    world.containers.add("c2", IPV4, "hello")

    ((key, revision),) = world.host.agent.waited
    assert key in world.endpoints()
    assert revision == world.datastore.list("/").revision
    assert world.host.steps[-3:] == ["added address", "wait", "prefer"]
    assert world.c2.ways_out[4] == ("hello", "eth0")


def test_a_mac_is_that_of_one_interface_and_of_no_maker(world: World) -> None:
    world.host.random_bytes = lambda count: b"\xff" * count  # type: ignore[method-assign]

    world.containers.add("c1", IPV4)

    (endpoint,) = world.endpoints().values()
    assert (endpoint.mac, endpoint.name) == ("fe:ff:ff:ff:ff:ff", "califffffffffff")


@pytest.mark.parametrize(
    ("wanted", "address"),
    [
        (IPV6, "fd80::"),
        (AddressRequest(4, pool="192.168.0.0/16"), "192.168.0.0"),
        (AddressRequest(6, pool="fd80::/64"), "fd80::"),
        (AddressRequest(4, address="192.168.7.9"), "192.168.7.9"),
        (AddressRequest(6, address="fd80::9"), "fd80::9"),
    ],
)
def test_the_address_is_the_one_asked_for(world: World, wanted: AddressRequest, address: str) -> None:
    assert world.containers.add("c1", wanted) == address

    (endpoint,) = world.endpoints().values()
    version = 6 if ":" in address else 4
    assert endpoint.nets == (f"{address}/{128 if version == 6 else 32}",)
    assert len(endpoint.ipv6_nets) == (version == 6)
    assert world.c1.ways_out[version] == ("eth1",)


def test_released_addresses_come_last(world: World) -> None:
    """The reference's story: .0 and .1, then .2 and .3."""
    given = []
    for _ in range(2):
        given += [world.containers.add(name, IPV4) for name in ("c1", "c2")]
        for name in ("c1", "c2"):
            world.containers.remove(name)

    assert given == ["10.1.0.0", "10.1.0.1", "10.1.0.2", "10.1.0.3"]


def test_a_container_may_be_a_namespace(world: World) -> None:
    world.host.stacks["/run/netns/red"] = world.c1

    world.containers.add("/run/netns/red", IPV4)

    (key,) = world.endpoints()
    assert (key.orchestrator, key.workload) == (NAMESPACE, "-run-netns-red")
    assert world.host.docker.asked == []
    assert world.containers.remove("/run/netns/red") == "-run-netns-red"
    assert world.endpoints() == {}


def add_fails(world: World, error: type[Exception], message: str, name: str = "c1", **request: object) -> None:
    """An add that fails changes nothing, and does not even ask for an address."""
    before, revision = world.everything(), world.datastore.list("/").revision

    with pytest.raises(error) as raised:
        world.containers.add(name, AddressRequest(4), **request)  # type: ignore[arg-type]

    assert str(raised.value) == message
    assert (world.everything(), world.datastore.list("/").revision) == (before, revision)


def test_without_an_agent_nothing_is_done(world: World) -> None:
    world.host.agent.state = None

    add_fails(
        world,
        UnavailableError,
        "calico-node is not running on this host: start it with 'calicoctl node'",
    )


def test_the_agent_must_be_that_of_this_node(world: World) -> None:
    world.host.agent.state = replace(READY, node="h9")

    add_fails(world, ValidationError, "calico-node on this host is node h9, and not h1: set CALICO_NODENAME")


@pytest.mark.parametrize("name", ["c9", "/run/netns/none"])
def test_a_container_that_is_not_there_is_refused(world: World, name: str) -> None:
    add_fails(world, NotFoundError, f"Container {name} was not found.", name)


def test_a_container_that_does_not_run_is_refused(world: World) -> None:
    world.host.stop("c1")

    add_fails(world, ValidationError, "c1 is not currently running.")


def test_a_container_of_another_machine_is_refused(world: World) -> None:
    world.host.docker.containers["c1"] = DockerContainer("f" * 64, running=True, pid=101, network_mode="none")

    add_fails(
        world,
        NotFoundError,
        "c1 is not currently running on this host: if DOCKER_HOST names another host, run this there.",
    )


@pytest.mark.parametrize("by", ["mode", "stack"])
def test_a_container_in_the_hosts_network_is_refused(world: World, by: str) -> None:
    """Also when only its stack tells, as with a path or ``--network container:``."""
    if by == "mode":
        world.c1 = world.host.run("c1", network_mode="host")
    world.c1.is_host = True

    add_fails(world, ValidationError, "Can't add c1 to Calico because it is running NetworkMode = host.")


def test_a_container_joins_once(world: World) -> None:
    world.containers.add("c1", IPV4)

    add_fails(world, AlreadyExistsError, "c1 has already been configured with Calico Networking.")


def test_of_two_at_the_same_moment_one_wins(world: World) -> None:
    """The other one's endpoint is there when ours is written, though it was not when we looked."""
    rival = Containers(world.datastore, NODE, world.host)
    datastore = InterleavedDatastore(world.datastore)
    late = Containers(datastore, NODE, world.host)
    datastore.arm(before={2: lambda: rival.add("c1", IPV4)})

    with pytest.raises(AlreadyExistsError, match="already been configured"):
        late.add("c1", IPV4, "eth2")

    assert next(iter(world.endpoints().values())).ipv4_nets == ("10.1.0.0/32",)
    assert len(world.endpoints()) == 1
    assert world.assigned() == {"10.1.0.0"}
    assert list(world.c1.interfaces) == ["eth1"]


def test_an_interface_that_is_there_is_refused(world: World) -> None:
    add_fails(
        world,
        AlreadyExistsError,
        "Interface eth0 exists in c2 already: name another one with --interface.",
        "c2",
        interface="eth0",
    )


def test_a_container_of_a_calico_network_is_refused(world: World) -> None:
    world.c2.connected[4] = "cali0"

    add_fails(
        world,
        AlreadyExistsError,
        "c2 is on a Calico network already, by interface cali0: answers of one would leave by the other.",
        "c2",
    )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (AddressRequest(4, address="10.1.0.0"), "IP address is already assigned in pool 10.1.0.0/24."),
        (AddressRequest(4, address="172.31.0.1"), "172.31.0.1 is not in any configured pools"),
        (
            AddressRequest(4, pool="10.1.0.0/25"),
            (
                "Invalid CIDR specified for desired pool. No pool found for 10.1.0.0/25. Name one that "
                "'calicoctl pool show' lists for IPv4, or add one with 'calicoctl pool add <CIDR>'."
            ),
        ),
        (
            AddressRequest(6, pool="10.1.0.0/24"),
            (
                "Invalid CIDR specified for desired pool. No pool found for 10.1.0.0/24. Name one that "
                "'calicoctl pool show' lists for IPv6, or add one with 'calicoctl pool add <CIDR>'."
            ),
        ),
    ],
)
@pytest.mark.parametrize("operation", ["add", "add_address"])
def test_an_address_that_cannot_be_had_is_refused(
    world: World, operation: str, wanted: AddressRequest, message: str
) -> None:
    world.containers.add("c2", IPV4)
    if operation == "add_address":
        world.containers.add("c1", IPV4)
    before = world.everything()

    with pytest.raises((AlreadyExistsError, NotFoundError)) as raised:
        getattr(world.containers, operation)("c1", wanted)

    assert str(raised.value) == message
    assert world.everything() == before
    assert world.host.open_stacks == 0


@pytest.mark.parametrize(("version", "counts"), [(4, "1 IPv4s and 0 IPv6s"), (6, "0 IPv4s and 1 IPv6s")])
def test_pools_may_be_exhausted(world: World, version: int, counts: str) -> None:
    for pool in POOLS:
        Pools(world.datastore).remove(pool)

    with pytest.raises(NotFoundError) as raised:
        world.containers.add("c1", AddressRequest(version))

    assert str(raised.value) == f"Failed to allocate any IPs (requested {counts}). Pools are likely exhausted."


@pytest.mark.parametrize("path", ["/a b", "/run/netns/" + "x" * 130, "/a;b", "/\x1b"])
def test_a_path_that_cannot_stand_in_a_key_is_refused(world: World, path: str) -> None:
    world.host.stacks[path] = world.c1

    for operation in (lambda: world.containers.add(path, IPV4), lambda: world.containers.remove(path)):
        with pytest.raises(ValidationError, match="cannot be a workload: use a path of at most 128"):
            operation()
    assert world.assigned() == set()


# ---- ip add --------------------------------------------------------------------------------------


def test_a_container_gets_more_addresses(world: World) -> None:
    world.containers.add("c1", IPV4)

    assert world.containers.add_address("c1", AddressRequest(4, address="192.168.7.9")) == "192.168.7.9"
    assert world.containers.add_address("c1", AddressRequest(4, pool="192.168.0.0/16"), "eth1") == "192.168.7.0"

    (endpoint,) = world.endpoints().values()
    assert endpoint.ipv4_nets == ("10.1.0.0/32", "192.168.7.0/32", "192.168.7.9/32")
    assert world.c1.interfaces["eth1"].addresses == {"10.1.0.0", "192.168.7.9", "192.168.7.0"}
    assert world.c1.ways_out == {4: ("eth1",), 6: ()}
    assert world.assigned() == {"10.1.0.0", "192.168.7.9", "192.168.7.0"}
    assert world.host.agent.waited[-1] == (FIRST, world.datastore.list("/").revision)


def test_the_first_address_of_an_ip_version_opens_its_way_out(world: World) -> None:
    world.containers.add("c1", IPV4)

    assert world.containers.add_address("c1", IPV6) == "fd80::"
    assert world.c1.ways_out == {4: ("eth1",), 6: ("eth1",)}
    world.containers.add_address("c1", IPV6)
    world.containers.remove_address("c1", "fd80::1")
    assert world.c1.ways_out[6] == ("eth1",)
    world.containers.remove_address("c1", "fd80::")
    assert world.c1.ways_out == {4: ("eth1",), 6: ()}


def test_one_ip_version_may_be_another_networks(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.c1.connected[6] = "cali0"
    before = world.everything()

    with pytest.raises(AlreadyExistsError, match="by interface cali0"):
        world.containers.add_address("c1", IPV6)

    assert world.everything() == before


def test_the_interface_is_found_under_the_name_that_it_got(world: World) -> None:
    world.containers.add("c2", IPV4, "hello")

    world.containers.add_address("c2", AddressRequest(4, address="10.1.0.9"))
    world.containers.add_address("c2", AddressRequest(4, address="10.1.0.10"), "hello")

    assert world.c2.interfaces["hello"].addresses == {"10.1.0.0", "10.1.0.9", "10.1.0.10"}


Change = Callable[[Containers], object]
ADD_ADDRESS: Change = lambda containers: containers.add_address("c2", IPV4)  # noqa: E731
REMOVE_ADDRESS: Change = lambda containers: containers.remove_address("c2", "10.1.0.0")  # noqa: E731


@pytest.mark.parametrize(
    ("interface", "error", "message"),
    [
        ("eth7", NotFoundError, "Interface provided does not exist in container. Aborting."),
        ("eth0", ValidationError, "Interface eth0 is not c2's Calico interface, which is eth1."),
    ],
)
def test_another_interface_is_refused(world: World, interface: str, error: type[Exception], message: str) -> None:
    world.containers.add("c2", IPV4)
    before = world.everything()

    for change in (
        lambda: world.containers.add_address("c2", IPV4, interface),
        lambda: world.containers.remove_address("c2", "10.1.0.0", interface),
    ):
        with pytest.raises(error) as raised:
            change()
        assert str(raised.value) == message
    assert world.everything() == before


@pytest.mark.parametrize("change", [ADD_ADDRESS, REMOVE_ADDRESS])
def test_a_container_must_run_and_be_known(world: World, change: Change) -> None:
    with pytest.raises(NotFoundError, match="is unknown to Calico"):
        change(world.containers)
    world.containers.add("c2", IPV4)
    world.host.stop("c2")
    before, revision = world.everything(), world.datastore.list("/").revision

    with pytest.raises(ValidationError, match=r"^c2 is not currently running\.$"):
        change(world.containers)

    assert (world.everything(), world.datastore.list("/").revision) == (before, revision)


@pytest.mark.parametrize("change", [ADD_ADDRESS, REMOVE_ADDRESS])
def test_a_restarted_container_has_lost_its_interface(world: World, change: Change) -> None:
    world.containers.add("c2", IPV4)
    identity = world.host.docker.containers["c2"].id
    world.host.stop("c2")
    world.c2 = world.host.run("c2", id=identity)
    before = world.everything()

    with pytest.raises(NotFoundError, match=r"^c2 has lost its Calico interface, as it does when it is restarted"):
        change(world.containers)

    assert world.everything() == before


@pytest.mark.parametrize("change", [ADD_ADDRESS, REMOVE_ADDRESS])
def test_a_container_with_two_endpoints_is_ambiguous(world: World, change: Change) -> None:
    world.containers.add("c2", IPV4)
    (key,) = world.endpoints()
    world.put(key.path + "2", {"state": "active", "mac": "02:00:00:00:00:09"})
    before = world.everything()

    with pytest.raises(ValidationError, match=r"^More than 1 endpoint matches the provided criteria"):
        change(world.containers)

    assert world.everything() == before


def test_more_addresses_need_the_agent(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.host.agent.state = None
    before = world.everything()

    with pytest.raises(UnavailableError, match=r"^calico-node is not running"):
        world.containers.add_address("c1", IPV4)

    assert world.everything() == before


# ---- ip remove -----------------------------------------------------------------------------------


def test_an_address_is_taken_away(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.containers.add_address("c1", IPV4)

    world.containers.remove_address("c1", "10.1.0.0")

    (endpoint,) = world.endpoints().values()
    assert endpoint.nets == ("10.1.0.1/32",)
    assert world.c1.interfaces["eth1"].addresses == {"10.1.0.1"}
    assert world.c1.ways_out[4] == ("eth1",)
    assert world.assigned() == {"10.1.0.1"}


def test_an_address_is_taken_away_without_an_agent_too(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.host.agent.state = None

    world.containers.remove_address("c1", "10.1.0.0")

    assert world.assigned() == set()


@pytest.mark.parametrize("address", ["10.1.0.1", "10.1.0.77", "172.31.0.1", "fd80::"])
def test_an_address_that_it_does_not_have_is_refused(world: World, address: str) -> None:
    world.containers.add("c1", IPV4)
    world.containers.add("c2", IPV4)
    before = world.everything()

    with pytest.raises(NotFoundError, match=r"^IP address is not assigned to container\. Aborting\.$"):
        world.containers.remove_address("c1", address)

    assert world.everything() == before


def test_an_address_that_others_use_stays_assigned(world: World) -> None:
    world.containers.add("c1", IPV4)
    other = EndpointKey("h2", DOCKER, "w", "e")
    world.put(other.path, {"state": "active", "mac": "02:00:00:00:00:09", "ipv4_nets": ["10.1.0.0/32"]})

    world.containers.remove_address("c1", "10.1.0.0")

    assert world.assigned() == {"10.1.0.0"}


# ---- remove --------------------------------------------------------------------------------------


def test_everything_goes(world: World) -> None:
    before = world.everything()
    world.containers.add("c2", IPV4)
    world.containers.add_address("c2", IPV6)

    assert world.containers.remove("c2") == world.host.docker.containers["c2"].id
    assert world.everything() == before


def test_the_full_id_needs_no_docker(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.host.docker.fault = UnavailableError("no docker")

    assert world.containers.remove(FIRST.workload) == FIRST.workload
    assert (world.endpoints(), world.assigned()) == ({}, set())
    with pytest.raises(UnavailableError, match="no docker"):
        world.containers.remove(FIRST.workload)


def test_a_stopped_container_is_removed_and_joins_again(world: World) -> None:
    world.containers.add("c1", IPV4)
    identity = world.host.docker.containers["c1"].id
    world.host.stop("c1")

    world.containers.remove("c1")
    world.c1 = world.host.run("c1", id=identity)

    assert world.containers.add("c1", IPV4) == "10.1.0.1"


def test_a_container_that_docker_forgot_is_known_by_the_beginning_of_its_id(world: World) -> None:
    world.containers.add("c1", IPV4)
    del world.host.docker.containers["c1"]

    with pytest.raises(NotFoundError, match=r"^Container c1 was not found\.$"):
        world.containers.remove("c1")
    assert world.containers.remove(FIRST.workload[:12]) == FIRST.workload
    assert world.assigned() == set()


def test_the_beginning_of_several_ids_is_ambiguous(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.containers.add("c2", IPV4)
    world.host.docker.containers.clear()
    before = world.everything()

    for name in (FIRST.workload[:1], ""):
        with pytest.raises((ValidationError, NotFoundError), match=r"^Container .*was not found"):
            world.containers.remove(name)

    assert world.everything() == before


def test_a_whole_id_is_no_beginning(world: World) -> None:
    for workload in ("w", "w2"):
        key = EndpointKey(NODE, DOCKER, workload, "e" + workload)
        world.put(key.path, {"state": "active", "mac": "02:00:00:00:00:09"})

    assert world.containers.remove("w") == "w"
    assert [key.workload for key in world.endpoints()] == ["w2"]
    assert world.host.docker.asked == []


def test_a_name_that_docker_knows_is_no_beginning(world: World) -> None:
    """A container named like the beginning of another's id is the one that is meant."""
    world.host.run("dead", id="1" * 64)
    world.host.run("c3", id="dead" + "0" * 60)
    world.containers.add("c3", IPV4)

    assert world.containers.remove("dead") is None
    assert len(world.endpoints()) == 1


def test_a_container_without_data_has_none(world: World) -> None:
    assert world.containers.remove("c1") is None


def test_values_that_nobody_understands_go_too(world: World) -> None:
    world.containers.add("c1", IPV4)
    world.put(FIRST.path + "2", "nonsense")

    assert world.containers.remove("c1") == FIRST.workload
    assert world.datastore.list("/calico/v1/host").entries == ()
    world.put(FIRST.path + "2", "nonsense")
    assert world.containers.remove("c1") == FIRST.workload


def test_an_interface_that_is_not_ours_stays(world: World) -> None:
    world.host.interfaces["eth0"] = world.c2
    world.put(FIRST.path, {"state": "active", "mac": "02:00:00:00:00:09", "name": "eth0"})

    world.containers.remove("c1")

    assert world.host.interfaces == {"eth0": world.c2}
    assert world.endpoints() == {}


def test_other_hosts_are_left_alone(world: World) -> None:
    world.containers.add("c1", IPV4)
    other = replace(FIRST, host="h2")
    world.put(other.path, {"state": "active", "mac": "02:00:00:00:00:09"})

    world.containers.remove("c1")

    assert list(world.endpoints()) == [other]


# ---- whatever fails, wherever --------------------------------------------------------------------

CHANGES: list[Change] = [
    lambda containers: containers.add("c1", IPV4),
    lambda containers: containers.add("c1", AddressRequest(6, address="fd80::9")),
    lambda containers: containers.add_address("c2", IPV4),
    lambda containers: containers.add_address("c2", IPV6),
    lambda containers: containers.remove_address("c2", "10.1.0.0"),
    lambda containers: containers.remove_address("c2", "fd80::"),
]


def prepared() -> World:
    """``c2`` has two IPv4 addresses and an IPv6 one."""
    world = World()
    world.containers.add("c2", IPV4)
    world.containers.add_address("c2", IPV6)
    world.containers.add_address("c2", IPV4)
    world.host.steps.clear()
    return world


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("error", [UnavailableError("it broke here"), KeyboardInterrupt()])
def test_a_failure_at_any_step_leaves_nothing(change: Change, error: BaseException) -> None:
    whole = prepared()
    change(whole.containers)
    names, after = list(whole.host.steps), whole.everything()
    assert len(names) > 5

    for number, name in enumerate(names, 1):
        world = prepared()
        before = world.everything()
        world.host.fail_at, world.host.error = number, error

        with pytest.raises(type(error)) as raised:
            change(world.containers)

        # A write that was done without saying so may stand, when all else is as if it had said so.
        assert world.everything() in ([before, after] if name == "transacted" else [before]), f"{number}: {name}"
        assert raised.value is error or "it broke here" in str(raised.value)


def test_an_endpoint_that_does_not_come_up_is_not_left(world: World) -> None:
    before = world.everything()
    world.host.agent.fault = UnavailableError("endpoint x is not up after 10 s: interface cali0 is down")

    with pytest.raises(UnavailableError, match=r"^endpoint x is not up after 10 s: interface cali0 is down$"):
        world.containers.add("c1", IPV4)

    assert world.everything() == before


def test_what_cannot_be_taken_back_is_said(world: World) -> None:
    world.host.agent.fault = UnavailableError("not up.")
    world.host.interfaces = Stubborn(world.host.interfaces)

    with pytest.raises(ApplyError) as raised:
        world.containers.add("c1", IPV4)

    assert str(raised.value) == (
        "not up. Not all of it could be taken back: it stays; run 'calicoctl container remove c1'"
    )
    assert world.assigned() == set()


class Stubborn(dict):  # type: ignore[type-arg]
    """Interfaces that cannot be deleted."""

    def pop(self, *_: object) -> object:
        raise UnavailableError("it stays")


def test_a_removal_that_was_cut_short_can_be_asked_for_again() -> None:
    whole = prepared()
    whole.containers.remove("c2")

    for number in range(1, len(whole.host.steps) + 1):
        world = prepared()
        world.host.fail_at = number
        with pytest.raises(UnavailableError):
            world.containers.remove("c2")

        world.containers.remove("c2")

        assert (world.endpoints(), world.assigned(), world.host.interfaces) == ({}, set(), {})


# ---- finding -------------------------------------------------------------------------------------


def test_a_name_means_a_workload(world: World) -> None:
    find = world.containers.find

    assert find("c1") == Workload("c1", DOCKER, FIRST.workload)
    assert find(FIRST.workload[:12]) == Workload(FIRST.workload[:12], DOCKER, FIRST.workload)
    assert find("/run/netns/red") == Workload("/run/netns/red", NAMESPACE, "-run-netns-red")
    assert world.containers.endpoints(find("c1")) == ()
    world.containers.add("c1", IPV4)
    assert [key for key, _ in world.containers.endpoints(find("c1"))] == [FIRST]


def test_the_node_may_go_with_its_containers(world: World) -> None:
    world.containers.add("c1", IPV4)

    Nodes(world.datastore).remove(NODE, endpoints=True)

    assert world.assigned() == set()
