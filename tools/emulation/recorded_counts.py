"""Instructions of the packaged recogniser on emulated ARM, counted anew beside the recorded ones.

    python -m tools.emulation.recorded_counts             # exit status 1 where they differ
    python -m tools.emulation.recorded_counts --record    # write today's to recorded_counts.json

They differ where there are more or fewer by :data:`TOLERANCE`: a gain that is not recorded would
hide a loss of the same size. ``make test-arm`` counts them too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.emulation.arm import (
    AARCH64,
    ARMV7,
    DOT_PRODUCTS,
    MACHINES,
    Computer,
    EmulationError,
    build_native,
    prepare,
)
from tools.emulation.executed import count

FILE = Path(__file__).with_suffix(".json")
TOLERANCE = 0.03
"""Of the network. The stock runtime's layers stay as they are, so this is 4 % of our operators'."""
PROCESSORS = (
    (AARCH64.name, AARCH64.cpu),
    (AARCH64.name, DOT_PRODUCTS),
    (ARMV7.name, ARMV7.cpu),
)


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """One inference of the packaged recogniser.

    Attributes:
        machine: Name of the emulated computer.
        cpu: Its processor.
        path: Kernels of our operators that ran.
        instructions: Executed ones, those of the stock runtime included.
    """

    machine: str
    cpu: str
    path: str
    instructions: int


def count_network(computer: Computer, library: Path) -> NetworkCount:
    """Count on a computer.

    Args:
        computer: With the processor to count on.
        library: Our operators for it.

    Raises:
        EmulationError: The program failed.
    """
    (row,) = count(computer, library, kinds=())
    machine = computer.machine
    return NetworkCount(machine.name, machine.cpu, row["path"], row["instructions"])


def recorded() -> tuple[NetworkCount, ...]:
    """The recorded counts, one a processor."""
    return tuple(NetworkCount(**row) for row in json.loads(FILE.read_text()))


def difference(now: NetworkCount, before: NetworkCount) -> str | None:
    """What differs and what to do, in a line; None where nothing does."""
    if now.path != before.path:
        return f"{now.cpu} ran the kernels {now.path}, not {before.path}"
    change = now.instructions / before.instructions - 1
    if abs(change) <= TOLERANCE:
        return None
    much = f"{abs(change):.1%} {'more' if change > 0 else 'fewer'}"
    return (
        f"the recogniser takes {now.instructions / 1e6:.2f} million instructions on {now.cpu}, "
        f"{much} than {before.instructions / 1e6:.2f}; "
        "where that is wanted: python -m tools.emulation.recorded_counts --record"
    )


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help=f"write them to {FILE.name}")
    arguments = parser.parse_args()
    counts = []
    try:
        for name, cpu in PROCESSORS:
            computer = prepare(MACHINES[name])
            library = build_native(computer) / "libfacesdk_ops.so"
            counts.append(count_network(computer.on_processor(cpu), library))
    except (EmulationError, subprocess.CalledProcessError) as error:
        print(f"recorded_counts: {error}", file=sys.stderr)
        return 1
    for row in counts:
        print(f"{row.cpu:12}{row.path:14}{row.instructions / 1e6:9.2f} million")
    if arguments.record:
        FILE.write_text(json.dumps([asdict(row) for row in counts], indent=1) + "\n")
        return 0
    found = [difference(*pair) for pair in zip(counts, recorded(), strict=True)]
    for line in filter(None, found):
        print(f"recorded_counts: {line}", file=sys.stderr)
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
