"""The measurements as Markdown and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from facesdk.measure.environment import Environment
from facesdk.runtime.cpu import describe_cpu
from tools.bench.markdown import Timing
from tools.bench.ops.measurements import UNTIMED, LayerTimes, NetworkTimes, Settings
from tools.bench.ops.roofline import build_line
from tools.bench.ops.targets import Ratio, Verdict, share_of_roof

_FEATURES = re.compile(r"popcnt|bmi|ssse3|avx|fma|gfni|bitalg")
"""The instruction sets that matter here."""


def as_json(
    environment: Environment,
    settings: Settings,
    layers: Sequence[LayerTimes],
    networks: Sequence[NetworkTimes],
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    """Everything, in milliseconds; a roofline is a pair: bit operations of a call, its timing."""
    return {
        "machine": environment.to_dict(),
        "versions": _versions(environment),
        "compiler": build_line(),
        "settings": asdict(settings),
        "layers": [asdict(row) for row in layers],
        "networks": [asdict(row) for row in networks],
        "targets": [{**asdict(row), "met": row.met, "missing": row.missing} for row in verdicts],
    }


def heading(environment: Environment, settings: Settings) -> str:
    """Machine, versions, how it was measured, and what the candidates are."""
    names = ", ".join(f"{name} {number}" for name, number in _versions(environment).items())
    features = " ".join(sorted(filter(_FEATURES.search, describe_cpu().features)))
    return f"""\
# Binary operators

- Machine: {environment.cpu}; {environment.cores} cores; Linux {environment.kernel};
  flags: {features}
- Versions: {names}; roofline built by {build_line()}
- n = {settings.runs}, warm-up {settings.warm_up}, one thread unless said otherwise, one process,
  candidates in turn. In its turn a candidate runs {UNTIMED} times before the run that is timed, so
  that it finds its own data in the caches and its branches predicted.
- A model is the sign of a float32 image, a 3x3 convolution and the batch-norm after it: a whole
  .tflite file in LCE (`use_indirect_bgemm`), and the same file in the stock runtime with our
  operators. LCE's interpreter copies input and output in each run, the stock runtime need not; the
  copies, timed beside it with a model without operators, are taken off LCE's times. XNNPACK's
  convolutions have no sign before them; the int8 one is int8 from input to output.
- Ratios above 1: faster than the peer. A target is met if the ratios of both the fastest and the
  middle runs reach it."""


def _versions(environment: Environment) -> dict[str, str | None]:
    """Versions of what was timed, by name."""
    return {
        "facesdk operators": environment.operators,
        environment.runtime: environment.runtime_version,
        "larq-compute-engine": version("larq-compute-engine"),
        "numpy": version("numpy"),
        "python": environment.python,
    }


def layer_section(times: LayerTimes) -> str:
    """The tables of one layer."""
    peers = [
        ("LCE indirect bgemm", times.larq),
        ("XNNPACK int8", times.int8),
        ("XNNPACK float32", times.float32),
    ]
    models = [*peers, *((f"ours, {name}", row.model) for name, row in times.paths.items())]
    lines = [
        f"## 3x3 convolution, {times.layer}, {times.operations / 1e6:.0f} Mbop",
        f"\nWhole models (copies taken off LCE: {_us(times.larq_copies)} µs)\n",
        *_header("candidate", "min µs", "median µs", *_ratios("LCE"), *_ratios("int8")),
        *(
            _row(name, *_pair(row), *_pair_of(times.larq, row), *_pair_of(times.int8, row))
            for name, row in models
        ),
        "\nThe operators alone, by the C interface; the rest is what the runtime adds\n",
        *_header(
            "path", "sign µs (min / median)", "convolution µs", "rest of the model µs",
            "Gbop/s", "share of its roofline by min", "by median",
        ),
        *(_operator_row(times, path) for path in times.paths),
        "\nRooflines: xor, popcount and add on registers\n",
        *_header("counting by", "Gbop/s at min", "Gbop/s at median"),
        *(
            _row(name, *(f"{operations / ms / 1e6:.0f}" for ms in (row.minimum, row.median)))
            for name, (operations, row) in times.roofs.items()
        ),
    ]  # fmt: skip
    threads = [
        _row(path, _us(row.one_thread), _us(row.two_threads),
             *_pair_of(row.one_thread, row.two_threads))
        for path, row in times.paths.items()
        if row.one_thread is not None and row.two_threads is not None
    ]  # fmt: skip
    if threads:
        columns = ("path", "one µs (min / median)", "two µs", *_ratios("one"))
        lines += ["\nThe whole model with one thread and with two\n", *_header(*columns), *threads]
    return "\n".join(lines)


def network_section(times: NetworkTimes) -> str:
    """The table of one network."""
    models = [
        ("LCE indirect bgemm + XNNPACK", times.larq),
        ("all but the binary convolutions, XNNPACK", times.rest),
        *((f"ours, {path} + XNNPACK", row) for path, row in times.paths.items()),
    ]
    return "\n".join(
        [
            f"## QuickNet-shaped network, {times.network}",
            f"\nRandom weights; copies taken off LCE: {_us(times.larq_copies)} µs\n",
            *_header("candidate", "min µs", "median µs", *_ratios("LCE")),
            *(_row(name, *_pair(row), *_pair_of(times.larq, row)) for name, row in models),
        ]
    )


def target_section(verdicts: Iterable[Verdict]) -> str:
    """The table of targets."""
    return "\n".join(
        [
            "## Targets\n",
            *_header("target", "at least", "by min", "by median", "roof allows", "verdict"),
            *(
                _row(
                    row.target,
                    f"{row.required:g}",
                    f"{row.measured.minimum:.2f}",
                    f"{row.measured.median:.2f}",
                    f"{row.roof.minimum:.2f}" if row.roof else "-",
                    "met" if row.met else f"missed by {row.missing:.0%}",
                )
                for row in verdicts
            ),
        ]
    )


def _operator_row(times: LayerTimes, path: str) -> str:
    row, share = times.paths[path], share_of_roof(times, path)
    rest = Timing(
        row.model.minimum - row.sign.minimum - row.convolution.minimum,
        row.model.median - row.sign.median - row.convolution.median,
        row.model.runs,
    )
    shares = (f"{share.minimum:.1%}", f"{share.median:.1%}") if share else ("-", "-")
    rate = f"{times.operations / row.convolution.minimum / 1e6:.0f}"
    return _row(path, _us(row.sign), _us(row.convolution), _us(rest), rate, *shares)


def _header(*names: str) -> list[str]:
    return [_row(*names), _row(*("---" for _ in names))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _ratios(peer: str) -> tuple[str, str]:
    return f"{peer} / min", f"{peer} / median"


def _us(timing: Timing) -> str:
    return " / ".join(_pair(timing))


def _pair(timing: Timing) -> tuple[str, str]:
    return f"{timing.minimum * 1e3:.1f}", f"{timing.median * 1e3:.1f}"


def _pair_of(peer: Timing, ours: Timing) -> tuple[str, str]:
    ratio = Ratio.of(peer, ours)
    return f"{ratio.minimum:.2f}", f"{ratio.median:.2f}"
