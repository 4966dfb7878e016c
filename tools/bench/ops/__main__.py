"""Time our kernel paths against LCE's fastest interpreter, XNNPACK and the popcount roofline.

    python -m tools.bench.ops --models build/bench --runs 300 --network --json ops.json

Needs the extra ``convert``, a C compiler and an otherwise idle x86_64 machine. Prints Markdown. The
models are converted once (this needs TensorFlow and takes a minute) and kept in ``--models``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from facesdk.errors import FaceSDKError
from facesdk.measure.environment import describe_environment
from facesdk.runtime.operator_library import describe_library
from tools.bench.ops import models, report, roofline
from tools.bench.ops.candidates import CandidateError
from tools.bench.ops.measurements import Settings, time_layer, time_network
from tools.bench.ops.models import ConversionError, Layer
from tools.bench.ops.roofline import CompilerError
from tools.bench.ops.targets import verdicts


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--shapes",
        nargs="*",
        type=_layer,
        default=models.LAYERS,
        help="layers as HEIGHTxWIDTHxCHANNELS; none at all times no layers; default: four",
    )
    parser.add_argument("--network", action="store_true", help="time whole networks as well")
    parser.add_argument("--paths", nargs="+", help="kernel paths; default: all but reference")
    parser.add_argument("--runs", type=_positive, default=200, help="timed rounds (default: 200)")
    parser.add_argument("--warm-up", type=_positive, default=20, help="rounds before (default: 20)")
    parser.add_argument("--models", type=Path, help="folder that keeps the converted models")
    parser.add_argument("--json", type=Path, help="write everything to this file as well")
    parsed = parser.parse_args(arguments)
    if not parsed.shapes and not parsed.network:
        parser.error("nothing to time: give --shapes or --network")
    return parsed


def _layer(text: str) -> Layer:
    try:
        return Layer.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, but got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace, scratch: Path) -> None:
    """Measure, printing each part when it is there."""
    library = describe_library()
    paths = arguments.paths or [name for name in library.available if name != "reference"]
    unknown = sorted(set(paths) - set(library.available))
    if unknown:
        raise CandidateError(
            f"not a kernel path of this CPU: {', '.join(unknown)}; "
            f"available: {', '.join(library.available)}"
        )
    best = max(paths, key=library.available.index)
    folder = arguments.models or scratch
    networks = models.NETWORKS if arguments.network else ()
    models.ensure(folder, arguments.shapes, networks)
    roofs = roofline.build(scratch)
    settings = Settings(arguments.runs, arguments.warm_up)
    environment = describe_environment()
    print(report.heading(environment, settings), flush=True)
    layer_times = []
    for layer in arguments.shapes:
        times = time_layer(layer, folder, paths, roofs, settings, two_threads=environment.cores > 1)
        print(f"\n{report.layer_section(times)}", flush=True)
        layer_times.append(times)
    network_times = []
    for network in networks:
        whole = time_network(network, folder, paths, roofs, settings)
        print(f"\n{report.network_section(whole)}", flush=True)
        network_times.append(whole)
    rows = verdicts(layer_times, network_times, best)
    print(f"\n{report.target_section(rows)}")
    if arguments.json:
        content = report.as_json(environment, settings, layer_times, network_times, rows)
        temporary = arguments.json.with_name(arguments.json.name + ".part")
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        temporary.replace(arguments.json)


def main(arguments: list[str] | None = None) -> int:
    parsed = parse(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            run(parsed, Path(scratch))
    except (CandidateError, CompilerError, ConversionError, FaceSDKError, OSError) as error:
        print(f"bench_ops: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
