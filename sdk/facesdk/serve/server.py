"""The server: a socket, and uvicorn on it until somebody ends it."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from os import environ
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from facesdk.errors import InputError
from facesdk.serve.access.certificates import Certificate
from facesdk.serve.middleware import HEADERS
from facesdk.serve.problems import Problem

_UNREAD_MS = 30_000
"""Milliseconds that a client may leave an answer unread; then the system closes the connection."""
_MALLOPT = (("MALLOC_ARENA_MAX", -8, 2), ("MALLOC_MMAP_THRESHOLD_", -3, 2 << 20))
"""Variable, number and value of parameters of glibc's malloc (malloc.h)."""
_CONNECTIONS = 256
_CLOSING = {**HEADERS, "Connection": "close"}
_SHUTDOWN_S = 10
_IDLE_S = 5


def give_memory_back() -> None:
    """Let threads share memory that was freed, and return large blocks to the system at once.

    Threads that begin from now on share two arenas, where glibc gives each its own. Blocks of a
    large photo are returned when they are freed, where glibc, once one was, would keep the next.
    A variable of the environment that says otherwise goes first (mallopt(3)).
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for variable, number, value in _MALLOPT:
            if variable not in environ:
                mallopt(number, value)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: An address or a name of this computer.
        port: 0 for one that is free.

    Raises:
        InputError: It cannot be had; the message says why.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=family, backlog=128)
        # Connections inherit it, and asyncio sets it only where a socket names its protocol.
        # Without it an answer's body waits until the client has confirmed its head: 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no name of this computer"
        raise InputError(f"cannot listen at {host}, port {port}: {reason}") from None


def run(
    app: FastAPI,
    listening: socket.socket,
    certificate: Certificate | None,
    *,
    arrival_s: float,
    ready: Callable[[], None],
    stopping: Callable[[], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what has been asked and return.

    Args:
        app: The application.
        listening: What :func:`listen` returned; closed at the end.
        certificate: For HTTPS; None for HTTP.
        arrival_s: Seconds that the head of a request may take to arrive.
        ready: Called once connections are accepted.
        stopping: Called once no more are.
    """
    debug = bool(environ.get("FACESDK_DEBUG"))
    if not debug:  # it warns of every form that cannot be read, which the client is told
        logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    tls: dict[str, Any] = {}
    if certificate is not None:
        tls = {"ssl_certfile": certificate.path, "ssl_keyfile": certificate.key}
    config = _Config(
        app,
        http=_Protocol,
        ws="none",
        log_config=None,
        log_level="info" if debug else "critical",
        access_log=debug,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        **tls,
    )
    config.arrival_s = arrival_s
    asyncio.run(_Server(config, ready, stopping).serve([listening]))


class _Config(uvicorn.Config):
    arrival_s: float


class _Server(uvicorn.Server):
    """A server that says when it begins and ends, and does not raise the signal that ended it."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready, self._stopping = ready, stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


class _Protocol(H11Protocol):
    """HTTP for clients that may be slow on purpose."""

    _answered = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        with suppress(OSError, AttributeError):  # a system without the option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
        if len(self.connections) > _CONNECTIONS:
            self.app = _too_many
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            detail = "this is no HTTP that the service reads: it is malformed, or its head too long"
            answer = Problem("bad-request", detail, headers=_CLOSING).response()
            lines = [b"%s: %s" % row for row in answer.raw_headers]
            head = b"\r\n".join([b"HTTP/1.1 400 Bad Request", *lines, b"", b""])
            self.transport.write(head + answer.body)
        self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._answered += 1
        self._await_head()

    def _await_head(self) -> None:
        """Wait for the next request, and for no more than one: a timer keeps what it is told."""
        assert isinstance(self.config, _Config)
        self._stop_waiting()
        self._patience = self.loop.call_later(self.config.arrival_s, self._give_up, self._answered)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _give_up(self, answered: int) -> None:
        """Close the connection if no request has begun since; uvicorn waits for ever."""
        begun = self.cycle is not None and not self.cycle.response_complete
        if self._answered == answered and not begun and not self.transport.is_closing():
            self.transport.close()


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers on a connection beyond those that the service keeps."""
    detail = f"the service has {_CONNECTIONS} connections already: try again in a few seconds"
    headers = {**_CLOSING, "Retry-After": str(_IDLE_S)}
    await Problem("busy", detail, headers=headers).response()(scope, receive, send)
