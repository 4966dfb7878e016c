"""``/v1/models``, ``/v1/status``, ``/healthz`` and ``/metrics``."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from facesdk.measure.distribution import Distribution
from facesdk.measure.memory import resident
from facesdk.models import registry
from facesdk.serve import metrics
from facesdk.serve.problems import answers
from facesdk.serve.service import Served, Service, require_token
from facesdk.version import __version__

open_router = APIRouter(tags=["system"])
router = APIRouter(tags=["system"], dependencies=[Depends(require_token)])


class Health(BaseModel):
    """That the service answers."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=[__version__])
    token_required: bool


@open_router.get("/healthz", summary="Is it there?", response_model=Health)
async def health(service: Served) -> dict[str, Any]:
    """Answers without a token, for whoever watches the service."""
    return {
        "status": "ok",
        "version": __version__,
        "token_required": service.token is not None,
    }


class ThresholdRecord(BaseModel):
    """A similarity, and how often two different people reach it."""

    fmr: float = Field(examples=[0.001])
    similarity: float = Field(examples=[0.2909])


class ModelRecord(BaseModel):
    """A packaged model."""

    name: str
    task: str
    sha256: str
    bytes: int
    architecture: str
    variant: str
    license: str
    dim: int | None
    thresholds: list[ThresholdRecord]


class Models(BaseModel):
    """The models in the package, and the one that this service compares faces with."""

    model: str = Field(examples=["compactfacenet-qb"])
    model_id: str = Field(description="SHA-256 of its file.")
    thresholds: list[ThresholdRecord] = Field(description="Its own, by false match rate.")
    packaged: list[ModelRecord]


@router.get(
    "/v1/models", summary="Models", response_model=Models, responses=answers(["unauthorized"])
)
def models(service: Served) -> dict[str, Any]:
    """The recognition model of this service with its thresholds, and all that are packaged."""
    embedder = service.engine.embedder
    return {
        "model": embedder.name,
        "model_id": embedder.model_id,
        "thresholds": _thresholds(embedder.contract.thresholds),
        "packaged": [
            {**entry.to_dict(), "thresholds": _thresholds(entry.contract.thresholds)}
            for entry in registry.packaged()
        ],
    }


def _thresholds(rows: Any) -> list[dict[str, float]]:
    return [{"fmr": row.fmr, "similarity": row.similarity} for row in rows]


class Latency(BaseModel):
    """Milliseconds of the newest runs of a stage."""

    n: int
    median: float
    p90: Annotated[float | None, Field(description="null below 10 runs")]
    p99: Annotated[float | None, Field(description="null below 100 runs")]


class Status(BaseModel):
    """How the service and its board are."""

    version: str
    uptime_s: float
    inside: int = Field(description="Requests that are worked on, wait or arrive.")
    workers: int
    gallery: bool = Field(description="Whether people can be enrolled and identified.")
    source: str | None = Field(description="The service's own camera; null without one.")
    memory_mb: float | None = Field(
        description="Resident memory of this process; other workers' is not in it."
    )
    temperature_c: float | None
    throttled: list[str] = Field(description="Why the processor is slowed down now.")
    load_average: float | None
    latencies_ms: dict[str, Latency]


@router.get(
    "/v1/status", summary="Status", response_model=Status, responses=answers(["unauthorized"])
)
def status(service: Served) -> dict[str, Any]:
    """What the charts of the page show."""
    reading = service.metrics.reading()
    memory = resident()
    return {
        "version": __version__,
        "uptime_s": round(time.monotonic() - service.started, 1),
        "inside": service.engines.inside,
        "workers": service.limits.workers,
        "gallery": service.gallery is not None,
        "source": service.watcher.name if service.watcher else None,
        "memory_mb": None if memory is None else round(memory / 1e6, 1),
        "temperature_c": reading.temperature,
        "throttled": list(reading.throttling.now) if reading.throttling else [],
        "load_average": reading.load,
        "latencies_ms": {
            stage: {"n": times.n, "median": times.median, "p90": times.p90, "p99": times.p99}
            for stage, times in _latencies(service).items()
        },
    }


def _latencies(service: Service) -> dict[str, Distribution]:
    """Of requests; where the service has a camera of its own, of that."""
    if service.watcher is not None and (stages := service.watcher.live.profile().stages):
        return dict(stages)
    return service.metrics.latencies()


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Text format of Prometheus", "content": {"text/plain": {}}},
        **answers(["unauthorized"]),
    },
)
def prometheus(service: Served) -> Response:
    """Requests, their times, the times of each stage, memory and temperature."""
    return Response(service.metrics.text(), media_type=metrics.CONTENT_TYPE)
