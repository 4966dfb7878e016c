"""What was promised, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tools.bench.markdown import Timing
from tools.bench.ops.measurements import LayerTimes, NetworkTimes
from tools.bench.ops.roofline import OF_PATH

AVX512 = "avx512vpopcntdq"
LARQ_RATIOS = {AVX512: 14.0, "avx2": 4.0, "popcnt": 1.0}
"""How many times as fast as LCE a path is to be, on every shape."""
ROOFLINE_SHARE = 0.7
INT8_RATIO = 3.5
TWO_THREADS_RATIO = 1.7
NETWORK_RATIO = 8.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast: of the fastest runs, and of the middle ones."""

    minimum: float
    median: float

    @classmethod
    def of(cls, peer: Timing, ours: Timing) -> Ratio:
        """Above 1: ours is faster."""
        return cls(peer.minimum / ours.minimum, peer.median / ours.median)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was measured.

    Attributes:
        target: In words, with the shape and the kernel path.
        required: The ratio to reach.
        measured: The ratio reached.
        roof: The ratio to a peer that a convolution at its roofline would reach if its sign took
            no time; in a network, with all other layers as fast as they are without it. Leaving
            out padded taps can pass it.
    """

    target: str
    required: float
    measured: Ratio
    roof: Ratio | None = None

    @property
    def met(self) -> bool:
        """Whether both the fastest and the middle runs reach it."""
        return min(self.measured.minimum, self.measured.median) >= self.required

    @property
    def missing(self) -> float:
        """The share of the required ratio that the worse of the two lacks; 0 if it is met."""
        worse = min(self.measured.minimum, self.measured.median)
        return max(0.0, 1 - worse / self.required)


def at_roof(times: LayerTimes | NetworkTimes, path: str) -> Timing | None:
    """What the binary convolutions would take at the fastest roofline of a kernel path."""
    roofs = [times.roofs[name] for name in OF_PATH.get(path, ()) if name in times.roofs]
    if not roofs:
        return None
    return Timing(
        min(times.operations / operations * roof.minimum for operations, roof in roofs),
        min(times.operations / operations * roof.median for operations, roof in roofs),
        min(roof.runs for _, roof in roofs),
    )


def share_of_roof(times: LayerTimes, path: str) -> Ratio | None:
    """Bit operations per second of a path's convolution, as a share of its roofline's."""
    roof = at_roof(times, path)
    return None if roof is None else Ratio.of(roof, times.paths[path].convolution)


def verdicts(
    layers: Iterable[LayerTimes], networks: Iterable[NetworkTimes], best: str
) -> list[Verdict]:
    """All targets that these measurements speak of.

    Args:
        layers: The layers.
        networks: The networks.
        best: The fastest kernel path that was timed: the one that users get.
    """
    rows = [row for times in layers for row in _layer_verdicts(times, best)]
    for network in networks:
        roof, rest = at_roof(network, best), network.rest
        if roof is not None:
            minimum, median = roof.minimum + rest.minimum, roof.median + rest.median
            roof = Timing(minimum, median, rest.runs)
        ratio, limit = _ratio_and_limit(network.larq, network.paths[best], roof)
        target = f"network {network.network}, {best}: LCE + XNNPACK / ours"
        rows.append(Verdict(target, NETWORK_RATIO, ratio, limit))
    return rows


def _layer_verdicts(times: LayerTimes, best: str) -> Iterator[Verdict]:
    for path, ours in times.paths.items():
        where, roof = f"{times.layer}, {path}", at_roof(times, path)
        if path in LARQ_RATIOS:
            ratio, limit = _ratio_and_limit(times.larq, ours.model, roof)
            yield Verdict(f"{where}: LCE / ours", LARQ_RATIOS[path], ratio, limit)
        share = share_of_roof(times, path)
        if path == AVX512 and share is not None:
            yield Verdict(f"{where}: share of the roofline", ROOFLINE_SHARE, share)
        if path == best:
            ratio, limit = _ratio_and_limit(times.int8, ours.model, roof)
            yield Verdict(f"{where}: XNNPACK int8 / ours", INT8_RATIO, ratio, limit)
        if ours.one_thread is not None and ours.two_threads is not None:
            ratio = Ratio.of(ours.one_thread, ours.two_threads)
            yield Verdict(f"{where}: one thread / two", TWO_THREADS_RATIO, ratio)


def _ratio_and_limit(peer: Timing, ours: Timing, roof: Timing | None) -> tuple[Ratio, Ratio | None]:
    return Ratio.of(peer, ours), None if roof is None else Ratio.of(peer, roof)
