"""What the routes share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from facesdk.engine import FaceEngine
from facesdk.errors import FaceSDKError
from facesdk.gallery.gallery import Gallery
from facesdk.serve.access.tokens import Token
from facesdk.serve.engines import Engines, Places
from facesdk.serve.metrics import Metrics
from facesdk.serve.problems import Problem, of_error, report_bug
from facesdk.serve.watching import Watcher
from facesdk.serve.work.limits import Limits
from facesdk.serve.work.processes import WorkerDiedError
from facesdk.tracing import Profile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """One running service.

    Attributes:
        engines: The workers.
        gallery: Who is enrolled; None for a service without people.
        token: What clients must show; None lets everybody in who can reach the address.
        watcher: The service's own camera; None without one.
        metrics: What is counted.
        viewing: Places for clients that wait for its pictures.
        started: When it began, on the clock of ``time.monotonic``.
    """

    engines: Engines
    token: Token | None
    gallery: Gallery | None = None
    watcher: Watcher | None = None
    metrics: Metrics = field(default_factory=Metrics)
    viewing: Places = field(default_factory=Places)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.metrics.gauge(
            "facesdk_requests_inside",
            "Requests that are worked on, wait or arrive.",
            lambda: self.engines.inside,
        )
        gallery = self.gallery
        if gallery is not None:
            self.metrics.gauge(
                "facesdk_people", "People who are enrolled.", lambda: len(gallery.people())
            )

        watcher = self.watcher
        if watcher is not None:
            self.metrics.gauge(
                "facesdk_live_pictures_per_second",
                "Pictures of the service's own camera that are looked at per second.",
                lambda: watcher.live.profile().fps,
            )
            self.metrics.gauge(
                "facesdk_live_dropped_pictures",
                "Pictures that came while another was looked at.",
                lambda: watcher.live.profile().dropped,
            )

    @property
    def engine(self) -> FaceEngine:
        """The engine; threads may share it."""
        return self.engines.engine

    @property
    def limits(self) -> Limits:
        """What a request may cost."""
        return self.engines.limits

    async def work(self, work: Callable[[Profile], T]) -> T:
        """Do something on a worker's thread, its stages timed.

        Args:
            work: Given the profile that its stages are recorded in.

        Raises:
            Problem: Errors of facesdk are one.
        """

        def timed() -> T:
            with self.metrics.stages() as profile:
                return work(profile)

        try:
            return await self.engines.run(timed)
        except FaceSDKError as error:
            if isinstance(error, WorkerDiedError):
                report_bug(error)
            raise of_error(error) from None


async def service_of(request: Request) -> Service:
    """The service that a request is for."""
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(service_of)]
_bearer = HTTPBearer(auto_error=False, description="The token that `facesdk serve` printed.")


async def require_token(
    service: Served,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Let nobody in without the token.

    Raises:
        Problem: ``unauthorized``.
    """
    if service.token is None:
        return
    if credentials is None:
        raise Problem(
            "unauthorized",
            "send the header `Authorization: Bearer TOKEN` with the token that `facesdk serve` "
            "printed at its first start",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not service.token.accepts(credentials.credentials):
        raise Problem(
            "unauthorized",
            "this is not the token: `facesdk serve --new-token` makes a new one",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
