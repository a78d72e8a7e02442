"""Facts about a host that need no root: its agent, plugin socket, datastore, etcd servers and routing."""

import json
from pathlib import Path

import pytest

from calico.client import facts
from calico.client.bgp import BGP
from calico.client.checks import AgentFacts, DatastoreFacts, RoutingFacts
from calico.client.facts import agent_facts, datastore_facts, docker_facts, routing_facts
from calico.client.nodes import Nodes
from calico.datastore.memory import MemoryDatastore
from calico.linux.locks import RunLock
from calico.model.errors import UnavailableError
from calico.model.record import replace
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.http import FakeServer
from tests.fakes.terminal import READY

ACTIVATED = '{"Implements": ["NetworkDriver", "IpamDriver"]}'


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


class TestAgent:
    def test_that_does_not_run_has_no_fault(self, tmp_path: Path) -> None:
        assert agent_facts({"CALICO_RUN_DIR": str(tmp_path)}) == AgentFacts()

    def test_that_runs_and_does_not_answer_is_at_fault(self, tmp_path: Path) -> None:
        with RunLock(tmp_path / "calico-node.pid"):
            found = agent_facts({"CALICO_RUN_DIR": str(tmp_path)})

        assert found == AgentFacts(running=True, fault="it is starting or ending, and does not answer")

    def test_of_which_nothing_can_be_known_is_at_fault(self) -> None:
        found = agent_facts({"CALICO_RUN_DIR": "run"})

        assert found == AgentFacts(running=True, fault="CALICO_RUN_DIR='run' is not valid: use an absolute path")

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"last_error": "no nft", "in_sync": False}, "no nft"),
            ({"plugin": "starting"}, "the plugin is starting, the kernel is in sync"),
            ({"in_sync": False}, "the plugin is serving, the kernel is not in sync"),
        ],
    )
    def test_that_is_not_ready_says_why(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], fault: str
    ) -> None:
        status = replace(READY, **changes)
        monkeypatch.setattr(facts.Agent, "status", lambda _agent, _timeout: status)
        with RunLock(tmp_path / "calico-node.pid"):
            assert agent_facts({"CALICO_RUN_DIR": str(tmp_path)}) == AgentFacts(running=True, fault=fault)

    def test_that_is_ready_is_asked_as_docker_would(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(facts.Agent, "status", lambda _agent, _timeout: READY)
        path = tmp_path / "calico.sock"
        environ = {"CALICO_RUN_DIR": str(tmp_path), "CALICO_PLUGIN_SOCKET": str(path)}
        with RunLock(tmp_path / "calico-node.pid"):
            assert "does not answer (No such file or directory)" in agent_facts(environ).plugin_fault
            with FakeServer(path, {"POST /Plugin.Activate": ACTIVATED}) as server:
                assert agent_facts(environ) == AgentFacts(running=True)
                server.answers["POST /Plugin.Activate"] = '{"Implements": ["VolumeDriver"]}'
                assert agent_facts(environ).plugin_fault == f"{path} is another program's"
                server.answers.clear()
                assert agent_facts(environ).plugin_fault == f"{path} is another program's"


class TestDatastore:
    def test_is_written_to_without_a_trace(self, datastore: MemoryDatastore) -> None:
        found = datastore_facts({}, lambda: datastore)

        assert found == DatastoreFacts("sqlite:///var/lib/calico/calico.db", "", {})
        assert datastore.list("/").revision == 0

    def test_that_can_only_be_read_is_at_fault(self, datastore: MemoryDatastore) -> None:
        faulty = FaultyDatastore(datastore)
        faulty.fail_next(UnavailableError("the disk is full"), on="transact")

        assert datastore_facts({}, lambda: faulty).fault == "the disk is full"

    def test_that_the_environment_names_wrongly_is_at_fault(self) -> None:
        def unused() -> MemoryDatastore:
            raise AssertionError

        assert datastore_facts({"ETCD_AUTHORITY": "x"}, unused).fault.startswith("Invalid ETCD_AUTHORITY.")

    def test_that_cannot_be_opened_is_at_fault_and_its_password_stays_here(self) -> None:
        def refuse() -> MemoryDatastore:
            raise UnavailableError("no")

        found = datastore_facts({"CALICO_DATASTORE": "sqlite://u:p@h/x"}, refuse)

        assert found == DatastoreFacts("sqlite://u:***@h/x", "no", {})

    def test_of_etcd_servers_has_the_version_of_each(self, datastore: MemoryDatastore) -> None:
        version = json.dumps({"etcdserver": "3.4.23", "etcdcluster": "3.4.0"})
        with FakeServer(None, {"GET /version": version}) as one, FakeServer(None, {}) as other:
            url = f"etcd://{one.address},{other.address}"
            found = datastore_facts({"CALICO_DATASTORE": url}, lambda: datastore)
            gone = f"127.0.0.1:{one.address.partition(':')[2]}"

        assert found.etcd == {one.address: version, other.address: '{"message": "page not found"}'}
        assert datastore_facts({"CALICO_DATASTORE": f"etcd://{gone}"}, lambda: datastore).etcd == {gone: ""}

    def test_behind_tls_that_fails_is_not_the_same_as_absent(self, datastore: MemoryDatastore) -> None:
        with FakeServer(None, {"GET /version": "{}"}) as server:
            found = datastore_facts({"CALICO_DATASTORE": f"etcds://{server.address}"}, lambda: datastore)

        assert found.etcd == {server.address: "unknown"}

    def test_whose_certificates_cannot_be_read_is_at_fault(self, tmp_path: Path, datastore: MemoryDatastore) -> None:
        environ = {"CALICO_DATASTORE": "etcds://127.0.0.1:1", "ETCD_CA_CERT_FILE": str(tmp_path / "none")}

        assert datastore_facts(environ, lambda: datastore).fault.startswith("the certificates of etcd cannot be used")


class TestRouting:
    def test_of_one_host_alone_needs_nothing(self, datastore: MemoryDatastore) -> None:
        Nodes(datastore).register("h1", "10.0.0.1")

        assert routing_facts("h1", lambda: datastore) == RoutingFacts()

    def test_of_a_mesh_is_needed_until_it_is_switched_off(self, datastore: MemoryDatastore) -> None:
        Nodes(datastore).register("h1", "10.0.0.1")
        Nodes(datastore).register("h2", "10.0.0.2")

        assert routing_facts("h1", lambda: datastore).reason == "2 hosts form a BGP mesh"
        BGP(datastore).set_node_mesh(enabled=False)
        assert routing_facts("h1", lambda: datastore).reason == ""

    def test_to_peers_is_needed_by_those_who_have_them(self, datastore: MemoryDatastore) -> None:
        BGP(datastore).add_peer("10.0.0.9", 1)
        BGP(datastore).add_peer("fd80::9", 1, "h2")

        assert routing_facts("h1", lambda: datastore).reason == "1 BGP peers"
        assert routing_facts("h2", lambda: datastore).reason == "2 BGP peers"

    def test_looks_for_the_programs(
        self, datastore: MemoryDatastore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        BGP(datastore).add_peer("10.0.0.9", 1)
        monkeypatch.setattr(facts, "_program_path", lambda: str(tmp_path))
        (tmp_path / "bird").touch(mode=0o755)

        assert routing_facts("h1", lambda: datastore).missing == ("birdc",)

    def test_without_a_datastore_is_not_known(self, datastore: MemoryDatastore) -> None:
        faulty = FaultyDatastore(datastore)
        faulty.go_down()

        assert routing_facts("h1", lambda: faulty) == RoutingFacts()


class TestDocker:
    @pytest.fixture(autouse=True)
    def no_kernel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(facts, "_user_chains", lambda: {"ip filter DOCKER-USER": True})

    def test_tells_its_version_and_its_firewall(self, tmp_path: Path) -> None:
        answers = {
            "GET /version": json.dumps({"Version": "29.1.0", "ApiVersion": "1.52"}),
            "GET /info": json.dumps({"FirewallBackend": {"Driver": "nftables"}}),
        }
        with FakeServer(tmp_path / "docker.sock", answers) as server:
            found = docker_facts({"DOCKER_HOST": f"unix://{server.address}"})

        assert (found.fault, found.version, found.api_version, found.firewall) == ("", "29.1.0", "1.52", "nftables")
        assert found.user_chains == {"ip filter DOCKER-USER": True}

    @pytest.mark.parametrize("info", ["{}", '{"FirewallBackend": null}', '{"FirewallBackend": []}'])
    def test_of_before_version_29_does_not_say_how_it_filters(self, tmp_path: Path, info: str) -> None:
        with FakeServer(tmp_path / "docker.sock", {"GET /version": "{}", "GET /info": info}) as server:
            assert docker_facts({"DOCKER_HOST": f"unix://{server.address}"}).firewall == ""

    @pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "ssh://host"])
    def test_that_cannot_be_asked_is_at_fault(self, host: str) -> None:
        assert docker_facts({"DOCKER_HOST": host}).fault
