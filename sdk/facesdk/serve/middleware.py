"""What surrounds every request: counting, headers, foreign pages, and the last net for errors."""

from __future__ import annotations

import time
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facesdk.serve.problems import Problem, report_bug
from facesdk.serve.service import Service

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_GONE = 499
"""What a request is counted as whose client went away; no client sees it."""


class Surroundings:
    """The outermost layer.

    Args:
        app: What it surrounds.
        service: The service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if self._service.token is None:
                _refuse_foreign(Headers(scope=scope))
            await self._app(scope, receive, watched)
        except Problem as problem:
            await problem.response()(scope, receive, watched)
        except ClientDisconnect:
            status = status or _GONE
        except Exception as error:
            report_bug(error)
            if status:
                raise
            bug = Problem("internal", "please report what you sent and the line in the log")
            await bug.response()(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path_format", "other")
            self._service.metrics.answered(
                route, scope["method"], status or _GONE, time.perf_counter() - began
            )


def _refuse_foreign(headers: Headers) -> None:
    """Raise if a page of another site asks a service that has no token.

    A browser on this computer sends what any page tells it to, and a name of somebody else's may
    be made to mean 127.0.0.1; ``Host`` and ``Origin`` give both away.
    """
    host = headers.get("host", "")
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != host
    if foreign or _name(host) not in _LOOPBACK:
        raise Problem(
            "foreign-origin",
            "without a token the service answers pages and programs of this computer only, at "
            "http://127.0.0.1 or http://localhost",
        )


def _name(host: str) -> str | None:
    with suppress(ValueError):
        return urlsplit(f"//{host}").hostname
    return None
