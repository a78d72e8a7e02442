"""The Docker engine's API, and the one setting that hangs on it: whether networks reach other hosts.

It is asked from tasks of the agent's own, never while Docker waits for an answer of ours: the engine may hold
locks that its API needs. Every answer has a deadline, and an engine that is away is waited for.
"""

import asyncio
import contextlib
import json
import logging
import urllib.parse
from collections.abc import AsyncIterator, Mapping, Sequence

import aiohttp

from calico.model.errors import NotFoundError, UnavailableError, ValidationError

log = logging.getLogger(__name__)

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 5.0
FIRST_RETRY = 1.0
LAST_RETRY = 30.0

LONGEST_EVENT = 1 << 20
"""Bytes. An event carries the labels of its container, and nobody limits these."""

Json = object


class Engine:
    """Reads from the engine's API; :func:`connect_engine` makes one.

    Raises :class:`UnavailableError` when the engine does not answer in time or answers nonsense.
    """

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def get(self, path: str, **query: str) -> Json:
        """The document at ``path``; :class:`NotFoundError` when the engine knows no such thing."""
        try:
            async with self._session.get(self._base + path, params=query) as answer:
                if answer.status == 404:
                    raise NotFoundError(f"docker has no {path}")
                answer.raise_for_status()
                return _document(await answer.read())
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable(error) from None

    @contextlib.asynccontextmanager
    async def events(self, filters: Mapping[str, Sequence[str]]) -> AsyncIterator[AsyncIterator[Json]]:
        """What happens from the moment that this is entered, as Docker's API describes it; ends with the engine."""
        query = {"filters": json.dumps({name: list(values) for name, values in filters.items()})}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._session.get(
                    f"{self._base}/events", params=query, timeout=aiohttp.ClientTimeout(), raise_for_status=True
                )
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable(error) from None
        async with answer:
            yield _events(answer.content)


@contextlib.asynccontextmanager
async def connect_engine(docker_host: str) -> AsyncIterator[Engine]:
    """The engine that ``DOCKER_HOST`` names, Docker's default when it is empty. It need not be there yet."""
    parts = urllib.parse.urlsplit(docker_host or DEFAULT_ENGINE)
    if parts.scheme == "unix":
        # Two slashes, as in unix://var/run/docker.sock, were Docker's own way for years.
        path = f"/{parts.netloc}{parts.path}" if parts.netloc else parts.path
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(path)
        base = "http://docker"
    else:
        connector, base = aiohttp.TCPConnector(), f"http://{parts.netloc}"
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Engine(session, base)


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

    def on_engine_info(self, info: Mapping[str, object]) -> None:
        """Take the engine's description of itself (``GET /info``)."""
        self._cluster_store = bool(info.get("ClusterStore"))
        log.info("docker answers; networks are %s", self())


async def watch_engine(scope: Scope, docker_host: str) -> None:
    """Ask the engine until it has answered once; a missing engine is waited for."""
    pause = FIRST_RETRY
    while scope.asks_engine:
        try:
            async with connect_engine(docker_host) as engine:
                info = await engine.get("/info")
            if isinstance(info, dict):
                return scope.on_engine_info(info)
            log.debug("docker's description of itself is not an object")
        except (UnavailableError, NotFoundError) as error:
            log.debug("%s", error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LAST_RETRY)
    return None


def check_docker_host(docker_host: str) -> None:
    """Raise :class:`ValidationError` when ``DOCKER_HOST`` is of a kind that we cannot talk to."""
    scheme = urllib.parse.urlsplit(docker_host or DEFAULT_ENGINE).scheme
    if scheme not in ("unix", "tcp", "http"):
        raise ValidationError(f"DOCKER_HOST={docker_host!r} is not valid: use unix:///path or tcp://host:port")


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[Json]:
    """One document a line."""
    rest = b""
    try:
        async for chunk in content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield _document(line)
            if len(rest) > LONGEST_EVENT:
                raise UnavailableError(f"docker tells an event of more than {LONGEST_EVENT} bytes")
    except aiohttp.ClientPayloadError:
        return  # the engine was stopped or killed in the middle
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise _unavailable(error) from None


def _document(text: bytes) -> Json:
    try:
        document: Json = json.loads(text)
    except (ValueError, RecursionError):
        raise UnavailableError("docker's answer is not JSON") from None
    return document


def _unavailable(error: Exception) -> UnavailableError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UnavailableError(f"docker does not answer: {reason}")
