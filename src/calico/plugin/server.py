"""Docker's protocol over HTTP on a unix socket: ``POST /<Driver>.<Method>`` with a JSON body.

Requests run in worker threads, each with a deadline of its own, because dockerd waits for ever. Answers are 200
with a JSON object; everything else carries ``{"Err": text}``: 404 for a method that we do not have (Docker then
goes on without it), 400 for a body that cannot be understood, 500 for a request that failed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from calico.client.store import Deadline
from calico.linux.listener import listen_unix
from calico.model.errors import CalicoError, ValidationError
from calico.plugin.wire import Request, parse_request

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/vnd.docker.plugins.v1.1+json"
WORKERS = 32
MAX_BODY = 1 << 20
GRACE = 1.0
SOCKET_MODE = 0o660
LONGEST_ERROR = 600
"""Characters of a refusal that Docker is given; a longer one loses its middle, where words of the request are."""

Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the protocol: what it takes, who answers, and how many seconds that may last."""

    request: type[Request]
    answer: Callable[[Any, Deadline], Answer]
    seconds: float = 10.0


class PluginServer:
    """Serves a table of methods on a unix socket until it is stopped."""

    def __init__(self, methods: Mapping[str, Method], clock: Callable[[], float]) -> None:
        self._methods = methods
        self._clock = clock
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="plugin")
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        """The web application, for a server or for a test client."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def start(self, path: Path) -> None:
        """Serve on the unix socket ``path``; an old socket there is replaced in one step."""
        http_log = logging.getLogger(f"{__name__}.http")
        http_log.addFilter(_without_traceback)
        self._runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, logger=http_log, shutdown_timeout=GRACE
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listen_unix(path, SOCKET_MODE)).start()

    async def stop(self) -> None:
        """Take no more requests; those under way get a moment to end."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _handle(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix("/")
        method = self._methods.get(name)
        if method is None or request.method != "POST":
            return _refusal(404, f"{name[:100]!r} is not a method of the calico plugin")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _refusal(400, f"the request is larger than {MAX_BODY} bytes")
        except (OSError, web.RequestPayloadError) as error:
            log.warning("%s: the request was not whole: %s", name, error)
            return _refusal(400, "the request was not whole")
        return await self._call(name, method, body)

    async def _call(self, name: str, method: Method, body: bytes) -> web.Response:
        deadline = Deadline(method.seconds, self._clock)
        try:
            request = parse_request(method.request, body)
        except ValidationError as error:
            log.warning("%s: %s", name, error)
            return _refusal(400, str(error))
        work = asyncio.get_running_loop().run_in_executor(self._workers, method.answer, request, deadline)
        try:
            # The worker keeps its own deadline; this one only guards against a call that cannot.
            answer = await asyncio.wait_for(work, method.seconds + GRACE)
        except TimeoutError:
            log.error("%s: no answer within %.0f seconds", name, method.seconds)
            return _refusal(500, f"no answer within {method.seconds:.0f} seconds; see the agent's log")
        except CalicoError as error:
            log.warning("%s: %s", name, error)
            return _refusal(500, str(error))
        except Exception as error:
            log.exception("%s: internal error", name)
            return _refusal(500, f"internal error ({type(error).__name__}); see the agent's log")
        log.debug("%s: done", name)
        return _answer(200, answer)


def _without_traceback(record: logging.LogRecord) -> bool:
    """What is not HTTP is its sender's fault, not ours: one line will do."""
    if record.exc_info and record.exc_info[1]:
        record.msg, record.args = "this is not HTTP: %s", (" ".join(str(record.exc_info[1]).split()),)
        record.exc_info = None
    return True


def _refusal(status: int, text: str) -> web.Response:
    """Its beginning says what is wrong, its end what to do."""
    if len(text) > LONGEST_ERROR:
        half = LONGEST_ERROR // 2
        text = f"{text[:half]} … {text[-half:]}"
    return _answer(status, {"Err": text})


def _answer(status: int, body: Answer) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=CONTENT_TYPE)
