"""The one thing that only Docker knows: whether its engine shares networks through a cluster store.

It is asked from a task of its own, again and again until the engine has answered, never while Docker waits for
an answer of ours: the engine may hold locks that its API needs.
"""

import asyncio
import json
import logging
import urllib.parse

import aiohttp

from calico.model.errors import ValidationError

log = logging.getLogger(__name__)

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 5.0
FIRST_RETRY = 1.0
LAST_RETRY = 30.0


class Scope:
    """What the plugin tells Docker of a network's reach: as set, or as the engine's cluster store suggests."""

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._cluster_store = False

    def __call__(self) -> str:
        """``"local"`` or ``"global"``."""
        if self._setting != "auto":
            return self._setting
        return "global" if self._cluster_store else "local"

    @property
    def asks_engine(self) -> bool:
        """Whether the engine's answer matters."""
        return self._setting == "auto"

    def on_engine_info(self, info: dict[str, object]) -> None:
        """Take the engine's description of itself (``GET /info``)."""
        self._cluster_store = bool(info.get("ClusterStore"))
        log.info("docker answers; networks are %s", self())


async def watch_engine(scope: Scope, docker_host: str) -> None:
    """Ask the engine until it has answered once; a missing engine is waited for."""
    pause = FIRST_RETRY
    while scope.asks_engine:
        try:
            scope.on_engine_info(await _engine_info(docker_host or DEFAULT_ENGINE))
        except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.debug("docker does not answer: %s", error)
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, LAST_RETRY)


def check_docker_host(docker_host: str) -> None:
    """Raise :class:`ValidationError` when ``DOCKER_HOST`` is of a kind that we cannot talk to."""
    scheme = urllib.parse.urlsplit(docker_host or DEFAULT_ENGINE).scheme
    if scheme not in ("unix", "tcp", "http"):
        raise ValidationError(f"DOCKER_HOST={docker_host!r} is not valid: use unix:///path or tcp://host:port")


async def _engine_info(docker_host: str) -> dict[str, object]:
    parts = urllib.parse.urlsplit(docker_host)
    if parts.scheme == "unix":
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(parts.path)
        base = "http://docker"
    else:
        connector, base = aiohttp.TCPConnector(), f"http://{parts.netloc}"
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        session.get(f"{base}/info") as answer,
    ):
        answer.raise_for_status()
        info = json.loads(await answer.text())
        if not isinstance(info, dict):
            raise ValueError("the engine's description of itself is not an object")  # noqa: TRY004
        return info
