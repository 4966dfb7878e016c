"""What profiling costs, on and off, in turn with runs without it.

    python -m tools.bench.profiling --runs 300

Prints Markdown. "off" is what every run pays for being able to be profiled: a call of `stage()` and
of `network()` around nothing, and, in the operator library, one load per run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from facesdk.bench.network_profile import profile_operators
from facesdk.measure.timing import Clock, Policy, measure
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_events import record_operators
from facesdk.tracing import network, record, stage
from tools.bench.heading import heading
from tools.bench.markdown import Timing, table

CALLS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=registry.DEFAULT_RECOGNIZER)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--warm-up", type=int, default=20)
    arguments = parser.parse_args()
    policy = Policy(arguments.runs, arguments.warm_up)

    bundle = ModelBundle.load(registry.resolve(arguments.model))
    interpreter = Interpreter(bundle)
    inputs = random_inputs(interpreter)

    def run() -> None:
        interpreter.fill(*inputs)
        interpreter.invoke()
        interpreter.read()

    def with_spans_off() -> None:
        with stage("embed"):
            interpreter.run(*inputs)

    def with_spans_on() -> None:
        with record(), stage("embed"):
            interpreter.run(*inputs)

    candidates: dict[str, Callable[[], object]] = {
        "without spans": run,
        "spans off": with_spans_off,
        "spans recorded": with_spans_on,
    }
    times = measure(candidates, policy)
    with record_operators() as recording:
        run()
    print(f"{heading(policy, 1)}, {bundle.name}\n")
    rows = {name: Timing.of(row) for name, row in times.items()}
    print(table(rows, peer="without spans"))
    operators = profile_operators(bundle, "runtime", policy)
    print(
        f"\nRecording {recording.happened} operators per run: {100 * operators.overhead:+.1f} % "
        f"(median, n {operators.runs}, in turn with runs that are not recorded)\n"
    )
    print("| one call | min ns | median ns |\n| --- | --- | --- |")
    for name, call in {
        "stage(), off": lambda: _enter(stage("x")),
        "network(), off": lambda: _enter(network(bundle.name, interpreter.operator_names)),
    }.items():
        row = measure({name: lambda call=call: _repeat(call)}, policy)[name] * 1e6 / CALLS
        print(f"| {name} | {row.min():.0f} | {np.median(row):.0f} |")
    clock = Clock.measured()
    print(f"| timing an empty call | | {clock.overhead_ns:.0f} |")


def _enter(span: object) -> None:
    with span:  # type: ignore[attr-defined]
        pass


def _repeat(call: Callable[[], object]) -> None:
    for _ in range(CALLS):
        call()


if __name__ == "__main__":
    main()
