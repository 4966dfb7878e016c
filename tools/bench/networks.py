"""Time whole binary networks: LCE's interpreter without and with XNNPACK, and a stock runtime.

    python tests/zoo/conversion.py --side 112 --keep build/zoo
    python -m tools.bench.networks build/zoo/*.tflite --runs 50 --before OLD.so

One thread, one process, candidates in turn. The stock runtime has our operators, and XNNPACK for
the others; ``--before`` is another build of ours, and ``--builds-only`` leaves out LCE, whose runs
between ours empty the caches. Outputs are compared before anything is timed; LCE's times are
without the copies of input and output that its interpreter makes. Needs the extra ``convert``.
Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from facesdk.measure.timing import Policy, measure
from facesdk.results import FloatArray
from facesdk.runtime.operator_library import describe_library
from tools.bench.heading import heading
from tools.bench.markdown import Timing
from tools.bench.ops.candidates import CandidateError, LarqModel, Model, copying_model

PLAIN, XNNPACK, BEFORE, OURS, COPIES = "LCE", "LCE with XNNPACK", "before", "ours", "copies"


@dataclass(frozen=True)
class Row:
    """A network's times, and how far its outputs are from LCE's.

    Attributes:
        name: The file's.
        times: By candidate.
        gap: The largest difference from the outputs of LCE without XNNPACK, as a share of the
            largest output.
    """

    name: str
    times: dict[str, Timing]
    gap: float

    @property
    def ratios(self) -> tuple[float, float]:
        """Of LCE's faster path to ours: minimum and median."""
        ours = self.times[OURS]
        peers = (self.times[PLAIN], self.times[XNNPACK])
        return (
            min(peer.minimum for peer in peers) / ours.minimum,
            min(peer.median for peer in peers) / ours.median,
        )


def time_network(file: Path, policy: Policy, allowed: float, before: Path | None) -> Row:
    """Time a network.

    Args:
        file: The network, or the name of a packaged one.
        policy: How often.
        allowed: The largest difference of outputs, as a share of the largest.
        before: Another build of our operators, which must compute the same bytes.

    Raises:
        CandidateError: The outputs differ by more.
    """
    content = file.read_bytes()
    model = Model(file, path=describe_library().isa)
    image = np.random.default_rng(0).standard_normal(model.shape).astype(np.float32)
    larq = {PLAIN: LarqModel(content), XNNPACK: LarqModel(content, xnnpack=True)}
    expected = larq[PLAIN].run(image)
    gap = float(np.abs(model.run(image) - expected).max() / np.abs(expected).max())
    if gap > allowed:
        raise CandidateError(f"{file.name} is {gap:.1e} off LCE's outputs, more than {allowed:.0e}")
    calls: dict[str, Callable[[], object]] = {
        name: partial(peer.run, image) for name, peer in larq.items()
    }
    if before is not None:
        calls[BEFORE] = _load_before(file, before, model, image).invoke
    copies = LarqModel(copying_model(model.shape))
    calls |= {OURS: model.invoke, COPIES: lambda: copies.run(image)}
    times = {name: Timing.of(row) for name, row in measure(calls, policy, untimed=2).items()}
    for name in larq:
        whole, part = times[name], times[COPIES]
        times[name] = Timing(whole.minimum - part.minimum, whole.median - part.median, whole.runs)
    return Row(file.stem, times, gap)


def _load_before(file: Path, before: Path, model: Model, image: FloatArray) -> Model:
    old = Model(file, path=describe_library().isa, library=before)
    if old.run(image).tobytes() != model.run(image).tobytes():
        raise CandidateError(f"{file.name}: {before} computes other bytes")
    return old


def time_builds(file: Path, policy: Policy, before: Path) -> dict[str, Timing]:
    """Time a network with another build of our operators and with this one, in turn.

    Raises:
        CandidateError: The two compute other bytes.
    """
    model = Model(file, path=describe_library().isa)
    image = np.random.default_rng(0).standard_normal(model.shape).astype(np.float32)
    calls = {BEFORE: _load_before(file, before, model, image).invoke, OURS: model.invoke}
    return {name: Timing.of(row) for name, row in measure(calls, policy, untimed=2).items()}


def builds_table(times: dict[str, dict[str, Timing]]) -> str:
    """A line per network: milliseconds, minimum / median, and how much faster ours is."""
    lines = ["| network | before | ours | before / ours: minimum, median |", "| --- " * 4 + "|"]
    for name, row in times.items():
        old, new = row[BEFORE], row[OURS]
        lines.append(
            f"| {name} | {old.minimum:.3f} / {old.median:.3f} | {new.minimum:.3f} / "
            f"{new.median:.3f} | {old.minimum / new.minimum:.3f}, {old.median / new.median:.3f} |"
        )
    return "\n".join(lines)


def table(rows: list[Row]) -> str:
    """A line per network: milliseconds, minimum / median."""
    names = [name for name in (PLAIN, XNNPACK, BEFORE, OURS) if name in rows[0].times]
    head = ("network", *names, "LCE's faster / ours: minimum, median", "off LCE's outputs")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        cells = [f"{row.times[name].minimum:.3f} / {row.times[name].median:.3f}" for name in names]
        least, middle = row.ratios
        lines.append(
            f"| {row.name} | {' | '.join(cells)} | {least:.1f}, {middle:.1f} | {row.gap:.1e} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="with LCE's operators")
    parser.add_argument("--before", type=Path, help="another build of our operators, for a column")
    parser.add_argument("--builds-only", action="store_true", help="--before and ours, not LCE")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument(
        "--allowed", type=float, default=2e-3, help="difference of outputs (default: %(default)g)"
    )
    arguments = parser.parse_args()
    policy = Policy(arguments.runs, arguments.warm_up, warm_up_seconds=0.0)
    if arguments.builds_only and arguments.before is None:
        parser.error("--builds-only compares two builds: name the other one with --before")
    if arguments.builds_only:
        builds = {
            file.stem: time_builds(file, policy, arguments.before) for file in arguments.files
        }
        result = builds_table(builds)
    else:
        files, allowed = arguments.files, arguments.allowed
        result = table([time_network(file, policy, allowed, arguments.before) for file in files])
    print(f"{heading(policy, 1)}\n\nms, minimum / median\n\n{result}")


if __name__ == "__main__":
    main()
