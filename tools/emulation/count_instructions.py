"""Instructions of the NEON kernels' inner loops per 128 bits of xor, popcount and accumulation.

``python -m tools.emulation.count_instructions LIBRARY...`` disassembles operator libraries or
object files for ARM. Emulation says nothing about speed; this says what a loop asks of the
processor.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

BOUND = 3
"""What it takes to count each vector by itself: exclusive or, population count and addition."""

_OBJDUMPS = {40: "arm-linux-gnueabihf-objdump", 183: "aarch64-linux-gnu-objdump"}  # by e_machine
_FUNCTION = re.compile(r"[0-9a-f]+ <(?P<name>[^>]+)>:")
_INSTRUCTION = re.compile(
    r"\s*(?P<address>[0-9a-f]+):\t[0-9a-f ]+\t(?P<name>[a-z][a-z0-9.]*)\s*(?P<operands>.*)"
)
_CONDITIONS = "eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_BRANCH = re.compile(rf"(b|bl|bx|blx|br|blr|ret|b\.?({_CONDITIONS})|cbn?z|tbn?z)(\.[nw])?$")
_COUNT = re.compile(r"(cnt v\d+\.16b|vcnt\.8 q\d+),")
_XOR = re.compile(r"(eor v\d+\.16b|veor q\d+),")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of a disassembly."""

    function: str
    address: int
    name: str
    operands: str

    @property
    def target(self) -> int | None:
        """The address it branches to; None if it does not branch to a known one."""
        found = re.search(r"\b([0-9a-f]+) <", self.operands)
        return int(found[1], 16) if found and _BRANCH.match(self.name) else None

    @property
    def counts(self) -> bool:
        """Whether it counts the bits of a 128-bit vector, byte by byte."""
        return _COUNT.match(f"{self.name} {self.operands}") is not None

    @property
    def compares(self) -> bool:
        """Whether it is the exclusive or of 128-bit vectors."""
        return _XOR.match(f"{self.name} {self.operands}") is not None


@dataclass(frozen=True, slots=True)
class Loop:
    """An inner loop that counts bits.

    Attributes:
        function: Name of its function, or of the nearest symbol of a stripped library.
        address: Of its first instruction.
        instructions: How many it has.
        vectors: How many vectors of 128 bits it compares: each takes one exclusive or, however
            many are added before they are counted.
        histogram: Its instructions by name.
    """

    function: str
    address: int
    instructions: int
    vectors: int
    histogram: dict[str, int]

    @property
    def quotient(self) -> float:
        """Instructions per 128 bits."""
        return self.instructions / self.vectors


def disassemble(file: Path) -> list[Instruction]:
    """Instructions of an ELF file for ARM, in the order of their addresses.

    Raises:
        ValueError: It is not such a file.
        OSError: It cannot be read, or the cross binutils are missing.
        subprocess.CalledProcessError: It cannot be disassembled.
    """
    with file.open("rb") as stream:
        header = stream.read(20)
    objdump = _OBJDUMPS.get(int.from_bytes(header[18:20], "little"))
    if header[:4] != b"\x7fELF" or objdump is None:
        raise ValueError(f"{file} is no ELF file for ARM")
    text = subprocess.run([objdump, "-d", file], capture_output=True, text=True, check=True).stdout
    instructions = []
    function = ""
    for line in text.splitlines():
        if heading := _FUNCTION.match(line):
            function = heading["name"]
        elif found := _INSTRUCTION.match(line):
            instructions.append(
                Instruction(function, int(found["address"], 16), found["name"], found["operands"])
            )
    return instructions


def inner_loops(instructions: list[Instruction]) -> list[Loop]:
    """Loops without a branch but the one back, which xor and count vectors of 128 bits."""
    index = {instruction.address: i for i, instruction in enumerate(instructions)}
    loops = []
    for end, last in enumerate(instructions):
        start = index.get(last.target) if last.target is not None else None
        if start is None or start > end:
            continue
        body = instructions[start : end + 1]
        vectors = sum(instruction.compares for instruction in body)
        counted = any(instruction.counts for instruction in body)
        histogram = Counter(instruction.name for instruction in body)
        straight = not any(_BRANCH.match(instruction.name) for instruction in body[:-1])
        if vectors == 0 or not counted or not straight:
            continue
        loops.append(Loop(body[0].function, body[0].address, len(body), vectors, dict(histogram)))
    return loops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="LIBRARY")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        loops = {str(file): inner_loops(disassemble(file)) for file in arguments.files}
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"count_instructions: {error}")
    if arguments.json:
        print(
            json.dumps(
                {
                    file: [asdict(loop) | {"quotient": loop.quotient} for loop in found]
                    for file, found in loops.items()
                }
            )
        )
        return
    for file, found in loops.items():
        print(f"{file}: {len(found)} inner loops; vectors by themselves take {BOUND}")
        for loop in found:
            histogram = ", ".join(f"{count} {name}" for name, count in loop.histogram.items())
            print(
                f"  {loop.function} at {loop.address:#x}: {loop.instructions} instructions for"
                f" {loop.vectors} x 128 bits: {loop.quotient:.3f}\n    {histogram}"
            )


if __name__ == "__main__":
    main()
