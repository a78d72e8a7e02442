"""What the agent learns from Docker: whether networks reach other hosts."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from calico.agent.engine import Scope, check_docker_host, watch_engine
from calico.linux.listener import listen_unix
from calico.model.errors import ValidationError


@pytest.mark.parametrize(
    ("setting", "info", "scope"),
    [
        ("auto", None, "local"),
        ("auto", {}, "local"),
        ("auto", {"ClusterStore": ""}, "local"),
        ("auto", {"ClusterStore": "etcd://10.0.0.1:2379"}, "global"),
        ("local", {"ClusterStore": "etcd://10.0.0.1:2379"}, "local"),
        ("global", {}, "global"),
    ],
)
def test_scope(setting: str, info: dict[str, object] | None, scope: str) -> None:
    answer = Scope(setting)
    if info is not None:
        answer.on_engine_info(info)

    assert answer() == scope


def test_the_engine_is_asked_until_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calico.agent.engine.FIRST_RETRY", 0.01)
    requests = 0

    async def info(_request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        if requests < 3:
            raise web.HTTPServiceUnavailable
        return web.json_response({"ClusterStore": "etcd://10.0.0.1:2379"})

    async def run() -> str:
        application = web.Application()
        application.router.add_get("/info", info)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.SockSite(runner, listen_unix(tmp_path / "d.sock", 0o600)).start()
        scope = Scope("auto")
        await asyncio.wait_for(watch_engine(scope, f"unix://{tmp_path}/d.sock"), 5)
        await runner.cleanup()
        return scope()

    assert asyncio.run(run()) == "global"
    assert requests == 3


@pytest.mark.parametrize("docker_host", ["", "unix:///var/run/docker.sock", "tcp://127.0.0.1:2375"])
def test_engines_that_we_can_talk_to(docker_host: str) -> None:
    check_docker_host(docker_host)


@pytest.mark.parametrize("docker_host", ["ssh://host", "npipe:////./pipe/docker", "nonsense"])
def test_engines_that_we_cannot(docker_host: str) -> None:
    with pytest.raises(ValidationError, match="DOCKER_HOST"):
        check_docker_host(docker_host)
