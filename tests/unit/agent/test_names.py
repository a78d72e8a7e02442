"""Docker's names in the datastore: followed, compared again after every outage, and kept while Docker is away."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from calico.agent.names import NameKeeper, Timing
from calico.client.naming import Container, Naming
from calico.client.store import Store
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.changes import Change, InSync
from calico.model.keys import ContainerNameKey, EndpointKey, NetworkNameKey
from calico.model.values import ContainerName, Endpoint, NetworkName
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
    from pathlib import Path

    Act = Callable[["Scene"], Awaitable[None]]

QUICK = Timing(first_retry=0.005, last_retry=0.01, session=60.0)
WEB = ContainerNameKey("h1", "web-id")


class Scene:
    """A keeper at work on host ``h1``, its engine and its datastore."""

    def __init__(self, engine: FakeEngine, timing: Timing, naming: type[Naming]) -> None:
        self.engine = engine
        self.datastore = FaultyDatastore(MemoryDatastore())
        self.store = Store(self.datastore)
        self.keeper = NameKeeper(naming(self.store, "h1"), engine.docker_host, timing)

    def container(self, key: ContainerNameKey = WEB) -> ContainerName | None:
        return self.store.get(key, ContainerName)

    def network(self, identity: str) -> NetworkName | None:
        return self.store.get(NetworkNameKey("h1", identity), NetworkName)

    async def wait(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110  (the datastore tells nobody)
                await asyncio.sleep(0.002)

    async def wait_followed(self) -> None:
        """Wait until the keeper has compared everything and acts on events."""
        before = self.engine.asked.get("/containers/probe/json", 0)

        def answers() -> bool:
            self.engine.tell("container", "start", "probe")
            return self.engine.asked.get("/containers/probe/json", 0) > before

        await self.wait(answers)

    async def wait_name(self, name: str) -> None:
        await self.wait(lambda: getattr(self.container(), "name", None) == name)


def play(
    folder: Path, act: Act, timing: Timing = QUICK, *, away: bool = False, naming: type[Naming] = Naming
) -> None:
    """Run ``act`` beside a keeper; with ``away`` the engine is not there yet."""

    async def run() -> None:
        engine = FakeEngine(folder)
        async with _started(engine, away=away):
            scene = Scene(engine, timing, naming)
            task = asyncio.create_task(scene.keeper.run())
            try:
                await act(scene)
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    asyncio.run(run())


@contextlib.asynccontextmanager
async def _started(engine: FakeEngine, *, away: bool) -> AsyncIterator[None]:
    if not away:
        await engine.start()
    yield
    await engine.stop()


def test_what_was_there_before_is_recorded(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.engine.add_network("n1", "testnet1")
        scene.engine.add_network("n2", "bridged", driver="bridge")
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
        scene.engine.run("web-id", "web_1", labels, n1="e1", n2="e2")
        scene.engine.run("other-id", "other", n2="e3")
        await scene.engine.start()

        await scene.wait_name("web_1")

        assert scene.container() == ContainerName("web_1", "shop", "web", (("e1", "n1"),))
        assert scene.network("n1") == NetworkName("testnet1")
        assert scene.network("n2") is None
        assert scene.container(ContainerNameKey("h1", "other-id")) is None

    play(tmp_path, act, away=True)


def test_stale_records_of_this_host_go_and_those_of_others_stay(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        stale, foreign = ContainerNameKey("h1", "gone"), ContainerNameKey("h2", "gone")
        for key in (stale, foreign):
            scene.store.run(lambda transaction, key=key: transaction.put(key, ContainerName("gone")))
        scene.datastore.transact([], [Put("/calico/docker/v1/host/h1/network/n9", "garbage")])
        scene.engine.add_network("n1", "testnet1")
        await scene.engine.start()

        await scene.wait(lambda: scene.network("n1") is not None)

        assert scene.container(stale) is None
        assert scene.datastore.get("/calico/docker/v1/host/h1/network/n9") is None
        assert scene.container(foreign) == ContainerName("gone")

    play(tmp_path, act, away=True)


def test_events_are_followed(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        engine = scene.engine
        await scene.wait_followed()

        engine.add_network("n1", "testnet1")
        await scene.wait(lambda: scene.network("n1") == NetworkName("testnet1"))
        engine.run("web-id", "web", n1="e1")
        await scene.wait(lambda: scene.container() == ContainerName("web", endpoints=(("e1", "n1"),)))
        engine.rename("web-id", "www")
        await scene.wait_name("www")
        engine.add_network("n2", "testnet2")
        engine.connect("web-id", "n2", "e2")
        await scene.wait(lambda: scene.container() == ContainerName("www", endpoints=(("e1", "n1"), ("e2", "n2"))))
        engine.disconnect("web-id", "n1")
        await scene.wait(lambda: scene.container() == ContainerName("www", endpoints=(("e2", "n2"),)))
        engine.exit("web-id")
        await scene.wait(lambda: scene.container() == ContainerName("www"))
        engine.remove("web-id")
        await scene.wait(lambda: scene.container() is None)
        engine.remove_network("n1")
        await scene.wait(lambda: scene.network("n1") is None)
        assert scene.network("n2") is not None

    play(tmp_path, act)


def test_a_network_made_on_another_host_is_known_by_its_first_container(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.silent = True
        scene.engine.add_network("n1", "global")
        scene.engine.silent = False

        scene.engine.run("web-id", "web", n1="e1")

        await scene.wait(lambda: scene.container() == ContainerName("web", endpoints=(("e1", "n1"),)))
        await scene.wait(lambda: scene.network("n1") == NetworkName("global"))

    play(tmp_path, act)


def test_an_engine_that_ends_keeps_the_names_and_is_compared_when_it_is_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        engine = scene.engine
        await scene.wait_followed()
        engine.add_network("n1", "testnet1")
        engine.run("web-id", "web", n1="e1")
        engine.run("old-id", "old", n1="e2")
        old = ContainerNameKey("h1", "old-id")
        await scene.wait(lambda: scene.container() is not None and scene.container(old) is not None)

        await engine.stop()
        engine.rename("web-id", "www")
        engine.remove("old-id")
        await asyncio.sleep(0.03)  # several tries
        assert scene.container(old) == ContainerName("old", endpoints=(("e2", "n1"),))
        await engine.start()

        await scene.wait_name("www")
        assert scene.container(old) is None
        await scene.wait_followed()
        engine.rename("web-id", "web")
        await scene.wait_name("web")

    play(tmp_path, act)


def test_a_stream_that_ends_is_opened_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        scene.engine.silent = True
        scene.engine.run("web-id", "web", n1="e1")
        scene.engine.hang_up()

        await scene.wait_name("web")

    play(tmp_path, act)


@pytest.mark.parametrize("text", [b"garbage\n", b"[" * 100_000 + b"\n", b"x" * (3 << 20)])
def test_what_is_no_event_starts_a_new_session(tmp_path: Path, text: bytes) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.silent = True
        scene.engine.add_network("n1", "testnet1")
        scene.engine.tell_text(text)

        await scene.wait(lambda: scene.network("n1") is not None)

    play(tmp_path, act)


def test_lost_events_are_made_good_in_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.silent = True
        scene.engine.add_network("n1", "testnet1")
        scene.engine.run("web-id", "web", n1="e1")

        await scene.wait_name("web")

    with caplog.at_level("INFO", "calico.agent.names"):
        play(tmp_path, act, Timing(0.005, 0.01, session=0.05))
    assert "calico.agent.names" not in [record.name for record in caplog.records]


def test_an_engine_that_hangs_up_is_not_pestered(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.hang_up()
        await scene.wait(lambda: not scene.engine.listeners)
        await asyncio.sleep(0.03)

        assert scene.engine.asked["/events"] == 1

    play(tmp_path, act, Timing(first_retry=60, last_retry=60, session=60))


def test_a_container_that_the_engine_is_busy_with_holds_up_no_other(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        scene.engine.hold("slow-id")
        scene.engine.run("slow-id", "slow", n1="e1")
        scene.engine.run("web-id", "web", n1="e2")

        await scene.wait_name("web")
        slow = ContainerNameKey("h1", "slow-id")
        assert scene.container(slow) is None
        scene.engine.release("slow-id")
        await scene.wait(lambda: scene.container(slow) == ContainerName("slow", endpoints=(("e1", "n1"),)))

    play(tmp_path, act)


def test_a_container_is_asked_about_once_at_a_time(tmp_path: Path) -> None:
    path = "/containers/web-id/json"

    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        scene.engine.hold("web-id")
        scene.engine.run("web-id", "web", n1="e1")
        await scene.wait(lambda: path in scene.engine.asked)
        for number in range(3):
            scene.engine.rename("web-id", f"web-{number}")
            scene.engine.add_network(f"later-{number}", "testnet")
            await scene.wait(lambda number=number: scene.network(f"later-{number}") is not None)
        assert scene.engine.asked[path] == 1
        scene.engine.release("web-id")

        await scene.wait_name("web-2")
        await scene.wait(lambda: scene.engine.asked[path] == 2)

    play(tmp_path, act)


def test_many_events_about_one_container_ask_about_it_a_few_times(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        scene.engine.hold("web-id")
        scene.engine.run("web-id", "web", n1="e1")
        for number in range(200):
            scene.engine.rename("web-id", f"web-{number}")
        scene.engine.add_network("n2", "last")
        await scene.wait(lambda: scene.network("n2") is not None)
        scene.engine.release("web-id")

        await scene.wait_name("web-199")
        assert scene.engine.asked["/containers/web-id/json"] <= 3

    play(tmp_path, act)


def test_a_datastore_that_is_away_gets_the_names_when_it_is_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        await scene.wait(lambda: scene.network("n1") is not None)

        scene.datastore.go_down()
        scene.engine.run("web-id", "web", n1="e1")
        await asyncio.sleep(0.03)
        scene.datastore.come_up()

        await scene.wait_name("web")

    play(tmp_path, act)


def test_a_datastore_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.datastore.go_down()
        scene.engine.add_network("n1", "testnet1")
        await scene.engine.start()
        await asyncio.sleep(0.03)
        scene.datastore.come_up()

        await scene.wait(lambda: scene.network("n1") is not None)

    play(tmp_path, act, away=True)


def test_an_endpoint_made_by_hand_needs_no_event_of_docker(tmp_path: Path) -> None:
    key = EndpointKey("h1", "docker", "web-id", "e1")
    endpoint = Endpoint("active", "cali1", None)

    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.run("web-id", "web")
        scene.store.run(lambda transaction: transaction.put(key, endpoint))
        scene.keeper.on_message(Change(key, endpoint))
        await scene.wait(lambda: scene.container() == ContainerName("web"))

        scene.store.run(lambda transaction: transaction.delete(key))
        scene.keeper.on_message(Change(key, None))
        await scene.wait(lambda: scene.container() is None)

    play(tmp_path, act)


def test_an_endpoint_made_by_hand_during_the_comparison_is_not_missed(tmp_path: Path) -> None:
    key = EndpointKey("h1", "docker", "web-id", "e1")
    endpoint = Endpoint("active", "cali1", None)

    async def act(scene: Scene) -> None:
        scene.engine.silent = True
        scene.engine.hold("")
        await scene.engine.start()
        await scene.wait(lambda: "/containers/json" in scene.engine.asked)
        scene.engine.run("web-id", "web")
        scene.store.run(lambda transaction: transaction.put(key, endpoint))
        scene.keeper.on_message(Change(key, endpoint))
        scene.engine.release("")

        await scene.wait(lambda: scene.container() == ContainerName("web"))

    play(tmp_path, act, away=True)


def test_only_hand_made_endpoints_of_this_host_matter(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        for host, orchestrator in (("h2", "docker"), ("h1", "libnetwork"), ("h1", "namespace")):
            scene.keeper.on_message(Change(EndpointKey(host, orchestrator, "web-id", "e1"), None))
        scene.keeper.on_message(InSync(5))
        scene.engine.add_network("n1", "testnet1")
        await scene.wait(lambda: scene.network("n1") is not None)

        assert "/containers/web-id/json" not in scene.engine.asked

    play(tmp_path, act)


def test_changes_told_before_and_after_the_run_are_no_failure(tmp_path: Path) -> None:
    key = EndpointKey("h1", "docker", "web-id", "e1")
    scenes: list[Scene] = []

    async def act(scene: Scene) -> None:
        scenes.append(scene)
        await scene.wait_followed()

    NameKeeper(Naming(Store(MemoryDatastore()), "h1"), "").on_message(Change(key, None))
    play(tmp_path, act)
    scenes[0].keeper.on_message(Change(key, None))


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"Id": 7},
        {"Id": "web-id", "Name": "/web", "NetworkSettings": {"Networks": ["n1"]}},
        {"Id": "web-id", "Name": ["web"], "Config": 3, "NetworkSettings": {"Networks": {"n": {"NetworkID": {}}}}},
    ],
)
def test_strange_descriptions_are_not_recorded_and_stop_nothing(tmp_path: Path, description: object) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        scene.engine.containers["strange"] = description  # type: ignore[assignment]
        scene.engine.tell("container", "start", "strange")
        scene.engine.run("web-id", "web", n1="e1")

        await scene.wait_name("web")
        assert scene.container(ContainerNameKey("h1", "strange")) is None

    play(tmp_path, act)


class FaultyNaming(Naming):
    """Has a fault: its first comparison and everything about ``bad-id`` end in an error that nobody expects."""

    compared = 0

    def sync(self, containers: Iterable[Container], networks: Mapping[str, str]) -> None:
        self.compared += 1
        if self.compared == 1:
            raise KeyError("compare")
        super().sync(containers, networks)

    def update_container(self, identity: str, container: Container | None, networks: Collection[str]) -> None:
        if identity == "bad-id":
            raise KeyError("look")
        super().update_container(identity, container, networks)


def test_a_fault_of_our_own_is_said_in_a_line_and_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "testnet1")
        scene.engine.run("bad-id", "bad", n1="e1")
        scene.engine.run("web-id", "web", n1="e2")

        await scene.wait_name("web")

    with caplog.at_level("INFO"):
        play(tmp_path, act, naming=FaultyNaming)

    records = [record for record in caplog.records if record.name == "calico.agent.names"]
    lines = [record.getMessage() for record in records]
    assert lines[:2] == ["names are not recorded: KeyError: 'compare'", "names are recorded again"]
    assert "/calico/docker/v1/host/h1/container/bad-id cannot be recorded: KeyError: 'look'" in lines
    assert not any(record.exc_info for record in records)


def test_hostile_labels_and_names_are_left_out(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.wait_followed()
        scene.engine.add_network("n1", "evil\x1b[2J\nnet")
        labels = {"com.docker.compose.project": "a/b", "com.docker.compose.service": "x" * (1 << 17)}
        scene.engine.run("web-id", "web", labels, n1="e1")

        await scene.wait(lambda: scene.container() == ContainerName("web", endpoints=(("e1", "n1"),)))
        assert scene.network("n1") is None

    play(tmp_path, act)


def test_fields_that_others_wrote_stay(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.engine.add_network("n1", "testnet1")
        await scene.wait(lambda: scene.network("n1") is not None)
        record = {"name": "older", "endpoints": {}, "owner": "somebody"}
        scene.datastore.transact([], [Put(WEB.path, json.dumps(record))])
        scene.engine.run("web-id", "web", n1="e1")

        await scene.wait_name("web")
        found = scene.container()
        assert found is not None
        assert found.extra == {"owner": "somebody"}

    play(tmp_path, act)
