"""What the service counts: for Prometheus, and for the charts of the page."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from facesdk import tracing
from facesdk.measure.conditions import Reading, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.tracing import STAGE, Profile

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_KEPT = 300
"""Times of each stage that the page's percentiles are of, the newest."""
_READING_S = 2.0
"""A reading of the board serves that long: one may start a program (``vcgencmd``)."""


class Metrics:
    """Counters of one service; threads may share them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "facesdk_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "facesdk_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "facesdk_stage_seconds",
            "Seconds of each stage of the work on a photo.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}
        self._reading: Reading | None = None
        self.gauge("facesdk_temperature_celsius", "Hottest zone of the board.", self._temperature)

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Show a number that is asked for whenever Prometheus comes."""
        Gauge(name, what, registry=self._registry).set_function(value)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    @contextmanager
    def stages(self) -> Iterator[Profile]:
        """Record the stages of a ``with`` block on this thread."""
        with tracing.record() as profile:
            yield profile
        for span in profile.spans:
            if span.kind == STAGE:
                self._stages.labels(span.name).observe(span.ms / 1e3)
                with self._lock:
                    self._times.setdefault(span.name, deque(maxlen=_KEPT)).append(span.ms)

    def latencies(self) -> dict[str, Distribution]:
        """The newest times of each stage, in milliseconds."""
        with self._lock:
            times = {stage: list(rows) for stage, rows in self._times.items()}
        return {stage: Distribution.of(rows) for stage, rows in times.items()}

    def reading(self) -> Reading:
        """The board's temperature, throttling and load, at most two seconds old."""
        with self._lock:
            reading = self._reading
        if reading is None or time.monotonic() - reading.at > _READING_S:
            reading = read_conditions()
            with self._lock:
                self._reading = reading
        return reading

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _temperature(self) -> float:
        temperature = self.reading().temperature
        return float("nan") if temperature is None else temperature
