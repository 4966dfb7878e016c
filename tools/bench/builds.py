"""Time two builds of the operator library in turn: does a change keep every byte and every speed?

    python -m tools.bench.builds build/before/libfacesdk_ops.so build/native/libfacesdk_ops.so

Each of our operators in the models, as a network of its own, runs in a stock runtime with either
build as its delegate, on every kernel path of this CPU but ``reference``. Outputs must be the same
bytes. The builds take turns in one process, so that the clock and other programs hit both alike.
Ratios are those of the second to the first (above 1: slower), of the fastest and the middle runs.
Prints Markdown; the exit status is 1 where outputs differ.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import fmean

from facesdk.bench.network_part import single
from facesdk.errors import FaceSDKError, InputError
from facesdk.measure.timing import Policy, measure
from facesdk.models.bundle import ModelBundle
from facesdk.models.registry import resolve
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_library import ENVIRONMENT as LIBRARY
from facesdk.runtime.operator_library import FORCED_PATH, describe_library
from facesdk.tflite.graph import Operator
from tools.bench.environment import environment
from tools.bench.markdown import Timing

DEFAULT_MODELS = ("compactfacenet-qb",)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator on one kernel path.

    Attributes:
        operator: Its name and shapes.
        path: The kernel path.
        same: Whether both builds gave the same bytes.
        before: Times of the first build.
        after: Times of the second one.
    """

    operator: str
    path: str
    same: bool
    before: Timing
    after: Timing

    @property
    def minimum(self) -> float:
        """Ratio of the fastest runs."""
        return self.after.minimum / self.before.minimum

    @property
    def median(self) -> float:
        """Ratio of the middle runs."""
        return self.after.median / self.before.median


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="a build of the operator library")
    parser.add_argument("after", type=Path, help="another one, of another name or folder")
    parser.add_argument(
        "--models",
        nargs="+",
        default=DEFAULT_MODELS,
        help=f"packaged models or files; default: {', '.join(DEFAULT_MODELS)}",
    )
    parser.add_argument("--paths", nargs="+", help="kernel paths; default: all but reference")
    parser.add_argument("--runs", type=int, default=200, help="timed rounds (default: 200)")
    parser.add_argument("--warm-up", type=int, default=20, help="rounds before (default: 20)")
    parsed = parser.parse_args(arguments)
    try:
        policy = Policy(parsed.runs, parsed.warm_up)
        found = compare(parsed.before, parsed.after, parsed.models, parsed.paths, policy)
        print(heading(parsed.before, parsed.after, policy))
        rows = []
        for row in found:
            print(line(row), flush=True)
            rows.append(row)
    except FaceSDKError as error:
        print(f"builds: {error}", file=sys.stderr)
        return 2
    print(f"\n{summary(rows)}")
    return 0 if all(row.same for row in rows) else 1


def compare(
    before: Path, after: Path, models: Iterable[str], paths: Sequence[str] | None, policy: Policy
) -> Iterator[Comparison]:
    """Time every operator of ours in the models, each kind and shape once.

    Raises:
        InputError: The builds have no kernel path of that name in common, or the models none of our
            operators.
        FaceSDKError: A build or a model cannot be used.
    """
    chosen = common_paths(before, after, paths)
    operators = [found for model in models for found in distinct(ModelBundle.load(resolve(model)))]
    if not operators:
        raise InputError("the models have none of our operators")
    return (
        compare_operator(bundle, operator, (before, after), path, policy)
        for bundle, operator in operators
        for path in chosen
    )


def common_paths(before: Path, after: Path, wanted: Sequence[str] | None) -> list[str]:
    """Kernel paths that both builds have and this CPU can run, best last.

    Raises:
        InputError: One that is wanted is not among them.
    """
    if before.resolve() == after.resolve():
        raise InputError(f"{before} is one build, not two")
    available = []
    for library in (before, after):
        with environment({LIBRARY: str(library), FORCED_PATH: None}):
            available.append(describe_library().available)
    common = [name for name in available[0] if name in available[1]]
    unknown = sorted(set(wanted or ()) - set(common))
    if unknown:
        raise InputError(
            f"not a kernel path of both builds: {', '.join(unknown)}; "
            f"available: {', '.join(common)}"
        )
    return list(wanted) if wanted else [name for name in common if name != "reference"]


def distinct(bundle: ModelBundle) -> Iterator[tuple[ModelBundle, Operator]]:
    """Our operators in a model, one for each kind, shape and options."""
    seen = set()
    for operator in bundle.graph.operators:
        what = (operator.name, operator.shape_text, operator.raw_options)
        if operator.name in bundle.custom_ops and what not in seen:
            seen.add(what)
            yield bundle, operator


def compare_operator(
    bundle: ModelBundle,
    operator: Operator,
    builds: tuple[Path, Path],
    path: str,
    policy: Policy,
) -> Comparison:
    """Run one operator on one kernel path of both builds."""
    before, after = (_interpreter(bundle, operator, build, path) for build in builds)
    same = all(a.tobytes() == b.tobytes() for a, b in zip(before.read(), after.read(), strict=True))
    times = measure({"before": before.invoke, "after": after.invoke}, policy)
    name = f"{operator.name} {operator.shape_text}"
    return Comparison(name, path, same, Timing.of(times["before"]), Timing.of(times["after"]))


def heading(before: Path, after: Path, policy: Policy) -> str:
    """What was measured, and the head of the table."""
    return (
        f"{before} and {after} ({size(before)} and {size(after)} bytes), {platform.machine()}, "
        f"n = {policy.runs}, warm-up {policy.warm_up}, in turn\n\n"
        "| operator | path | bytes | before, µs | after, µs | min ratio | median ratio |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )


def line(row: Comparison) -> str:
    """A row of the table."""
    verdict = "same" if row.same else "**differ**"
    before, after = (
        f"{1000 * timing.minimum:.1f} / {1000 * timing.median:.1f}"
        for timing in (row.before, row.after)
    )
    return (
        f"| {row.operator} | {row.path} | {verdict} | {before} | {after} "
        f"| {row.minimum:.3f} | {row.median:.3f} |"
    )


def summary(rows: Sequence[Comparison]) -> str:
    """The geometric means of the ratios, and where outputs differ."""
    minimum, median = (
        exp(fmean(log(getattr(row, name)) for row in rows)) for name in ("minimum", "median")
    )
    differ = sum(not row.same for row in rows)
    return (
        f"{len(rows)} comparisons: geometric mean of the ratios {minimum:.3f} (min) and "
        f"{median:.3f} (median), largest min ratio {max(row.minimum for row in rows):.3f}; "
        f"outputs differ in {differ}"
    )


def size(library: Path) -> int:
    """Bytes of a build, with its symbols if it has them."""
    return library.stat().st_size


def _interpreter(bundle: ModelBundle, operator: Operator, library: Path, path: str) -> Interpreter:
    with environment({LIBRARY: str(library), FORCED_PATH: path}):
        return single(bundle, bundle.graph, operator, threads=1)


if __name__ == "__main__":
    sys.exit(main())
