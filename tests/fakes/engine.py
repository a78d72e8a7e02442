"""A Docker engine that has only what names need: containers, networks and the event stream, on a unix socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Self

from aiohttp import web

from calico.linux.listener import listen_unix

if TYPE_CHECKING:
    from pathlib import Path


class FakeEngine:
    """``async with FakeEngine(folder) as engine``; what it has is changed by hand, and every change tells an event.

    ``containers`` are descriptions as ``GET /containers/<id>/json`` gives them, ``networks`` as ``GET /networks``.
    A ``silent`` engine tells no events; one that is busy with a container describes it only after ``release``.
    ``asked`` counts the requests by path.
    """

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        self.containers: dict[str, dict[str, object]] = {}
        self.networks: dict[str, dict[str, object]] = {}
        self.silent = False
        self._busy: dict[str, asyncio.Event] = {}
        self.asked: dict[str, int] = {}
        self.listeners: set[asyncio.Queue[bytes]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def docker_host(self) -> str:
        return f"unix://{self.socket}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Answer on the socket."""
        application = web.Application(middlewares=[self._count])
        application.router.add_get("/networks", self._list_networks)
        application.router.add_get("/containers/json", self._list_containers)
        application.router.add_get("/containers/{id}/json", self._inspect)
        application.router.add_get("/events", self._events)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.SockSite(self._runner, listen_unix(self.socket, 0o600)).start()

    async def stop(self) -> None:
        """End as a killed engine does: streams break off, the socket refuses."""
        if self._runner is not None:
            self.hang_up()
            await self._runner.cleanup()
            self._runner = None

    def hang_up(self) -> None:
        """End every event stream."""
        for queue in self.listeners:
            queue.put_nowait(b"")

    def hold(self, identity: str) -> None:
        """Be busy with a container; with ``""``, list them all as they are now, but only when released."""
        self._busy[identity] = asyncio.Event()

    def release(self, identity: str) -> None:
        """Have done with it."""
        self._busy.pop(identity).set()

    def add_network(self, identity: str, name: str, driver: str = "calico") -> None:
        self.networks[identity] = {"Id": identity, "Name": name, "Driver": driver}
        self.tell("network", "create", identity, name=name, type=driver)

    def remove_network(self, identity: str) -> None:
        gone = self.networks.pop(identity)
        self.tell("network", "destroy", identity, name=gone["Name"], type=gone["Driver"])

    def run(self, identity: str, name: str, labels: dict[str, str] | None = None, **endpoints: str) -> None:
        """Start a container; ``endpoints`` are its endpoint ids by network Id."""
        self.containers[identity] = {
            "Id": identity,
            "Name": f"/{name}",
            "Config": {"Labels": labels},
            "NetworkSettings": {"Networks": {}},
        }
        for network, endpoint in endpoints.items():
            self.connect(identity, network, endpoint)
        self.tell("container", "start", identity, name=name, **labels or {})

    def connect(self, identity: str, network: str, endpoint: str) -> None:
        attached = self._attached(identity)
        attached[f"net-{network}"] = {"NetworkID": network, "EndpointID": endpoint}
        self._tell_attachment("connect", identity, network)

    def disconnect(self, identity: str, network: str) -> None:
        del self._attached(identity)[f"net-{network}"]
        self._tell_attachment("disconnect", identity, network)

    def rename(self, identity: str, name: str) -> None:
        self.containers[identity]["Name"] = f"/{name}"
        self.tell("container", "rename", identity, name=name)

    def exit(self, identity: str) -> None:
        for attached in self._attached(identity).values():
            attached["EndpointID"] = ""
        self.tell("container", "die", identity)

    def remove(self, identity: str) -> None:
        del self.containers[identity]
        self.tell("container", "destroy", identity)

    def tell(self, kind: str, action: str, identity: str, **attributes: object) -> None:
        """Tell an event to whoever listens."""
        event = {"Type": kind, "Action": action, "Actor": {"ID": identity, "Attributes": attributes}}
        if not self.silent:
            self.tell_text(json.dumps(event).encode() + b"\n")

    def tell_text(self, text: bytes) -> None:
        for queue in self.listeners:
            queue.put_nowait(text)

    def _attached(self, identity: str) -> dict[str, dict[str, str]]:
        settings = self.containers[identity]["NetworkSettings"]
        assert isinstance(settings, dict)
        attached = settings["Networks"]
        assert isinstance(attached, dict)
        return attached

    def _tell_attachment(self, action: str, identity: str, network: str) -> None:
        known = self.networks.get(network, {"Name": network, "Driver": "bridge"})
        self.tell("network", action, network, container=identity, name=known["Name"], type=known["Driver"])

    @web.middleware
    async def _count(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        answer = await handler(request)  # type: ignore[operator]
        assert isinstance(answer, web.StreamResponse)
        return answer

    async def _list_networks(self, request: web.Request) -> web.Response:
        drivers = json.loads(request.query["filters"])["driver"]
        return web.json_response([network for network in self.networks.values() if network["Driver"] in drivers])

    async def _list_containers(self, request: web.Request) -> web.Response:
        assert request.query["all"] == "true"
        listed = [_summary(container) for container in self.containers.values()]
        if "" in self._busy:
            await self._busy[""].wait()
        return web.json_response(listed)

    async def _inspect(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        if identity in self._busy:
            await self._busy[identity].wait()
        if identity not in self.containers:
            raise web.HTTPNotFound
        return web.json_response(self.containers[identity])

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert "container" in json.loads(request.query["filters"])["type"]
        answer = web.StreamResponse()
        await answer.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.listeners.add(queue)
        try:
            while text := await queue.get():
                await answer.write(text)
        finally:
            self.listeners.discard(queue)
        return answer


def _summary(container: dict[str, object]) -> dict[str, object]:
    """A container as the list shows it."""
    config = container.get("Config")
    return {
        "Id": container.get("Id"),
        "Names": [container.get("Name")],
        "Labels": config.get("Labels") if isinstance(config, dict) else config,
        "NetworkSettings": container.get("NetworkSettings"),
    }
