"""Instructions that facesdk executes on an emulated ARM computer: per stage, operator and chain.

    python -m tools.emulation.executed                     # on the Raspberry Pi 4's processor
    python -m tools.emulation.executed --cpu cortex-a76    # on the Raspberry Pi 5's
    python -m tools.emulation.executed --machine armv7     # on 32 bits
    python -m tools.emulation.executed --model finder      # another network's operators

QEMU runs the packaged recogniser and the pipeline on one face in 640x480 with a plugin that counts
(``executed_plugin.c``). Counts are the same on a busy machine. They are no times: processors
execute some instructions faster than others, and wait for memory.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from facesdk.models.registry import DEFAULT_RECOGNIZER
from tools.emulation.arm import (
    AARCH64,
    MACHINES,
    ROOT,
    Computer,
    EmulationError,
    build_native,
    prepare,
)

PLUGIN = Path(__file__).with_name("executed_plugin.c")
PROGRAM = Path(__file__).with_name("executed_program.py")
GETPPID = {"aarch64": 173, "armv7": 64}
"""Linux's number of the call, by machine."""
KINDS = ("stages", "operators", "chains")
Row = dict[str, Any]


def count(
    computer: Computer,
    library: Path,
    kinds: tuple[str, ...] = KINDS,
    model: str = DEFAULT_RECOGNIZER,
) -> list[Row]:
    """Rows with ``kind``, ``name`` and ``instructions``, without those of the call itself.

    The row of the whole network has ``path`` too, the kernels of the library that ran.

    Args:
        computer: Where the program runs.
        library: Our operators for it.
        kinds: ``"stages"`` of the pipeline, ``"operators"`` of a network, and its ``"chains"``: a
            binary convolution with the operators that go on with its result. With the operators,
            a chain's row also has ``alone``, what its operators take one by one.
        model: The packaged network, or a file of one.

    Raises:
        EmulationError: The program failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "executed.so"
        build = ["gcc", "-shared", "-fPIC", "-O2", str(PLUGIN), "-o", str(plugin)]
        subprocess.run(build, check=True)
        mark = f"{plugin},getppid={GETPPID[computer.machine.name]}"
        python = computer.root / "usr/bin/python3.11"
        done = subprocess.run(
            [
                *(computer.machine.counter, "-plugin", mark),
                *computer.emulator[1:],
                str(python),
                str(PROGRAM),
                *kinds,
                "--model",
                model,
            ],
            env=computer.environment(
                [ROOT / "sdk"], {"FACESDK_OPS_LIBRARY": str(library), "PYTHONHASHSEED": "0"}
            ),
            capture_output=True,
            text=True,
        )
    if done.returncode != 0:
        raise EmulationError(f"the counted program failed: {done.stderr[-2000:]}")
    rows: list[Row] = json.loads(done.stdout)
    marks = [int(value) for value in re.findall(r"^executed (\d+)$", done.stderr, re.MULTILINE)]
    if len(marks) != 2 * len(rows):
        raise EmulationError(f"{len(rows)} calls gave {len(marks)} marks")
    for row, before, after in zip(rows, marks[::2], marks[1::2], strict=True):
        row["instructions"] = after - before
    nothing = next(row["instructions"] for row in rows if row["kind"] == "nothing")
    counted = [row for row in rows if row["kind"] != "nothing"]
    for row in counted:
        row["instructions"] -= nothing
    alone = {row["index"]: row["instructions"] for row in counted if row["kind"] == "operator"}
    for row in counted:
        if row["kind"] == "chain" and alone:
            row["alone"] = sum(alone[index] for index in row["operators"])
    return counted


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--machine", choices=MACHINES, default=AARCH64.name)
    parser.add_argument("--cpu", help="processor; default: the machine's")
    parser.add_argument(
        "--model",
        default=DEFAULT_RECOGNIZER,
        help="whose operators: a packaged network or a file; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        computer = prepare(MACHINES[arguments.machine])
        library = build_native(computer) / "libfacesdk_ops.so"
        computer = computer.on_processor(arguments.cpu or computer.machine.cpu)
        rows = count(computer, library, model=arguments.model)
    except (EmulationError, subprocess.CalledProcessError) as error:
        print(f"executed: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        name = f"{row.get('index', '')} {row['name']} {row.get('shape', '')}".strip()
        line = f"{row['kind']:9}{name:44}{row['instructions'] / 1e6:12.3f} M"
        if row.get("macs"):
            per_mac = row["instructions"] / row["macs"]
            line += f"{row['macs'] / 1e6:12.3f} M MACs of {row['width']}{per_mac:9.4f} per MAC"
        if "alone" in row:
            line += f", {row['alone'] / 1e6:.3f} M one by one"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
