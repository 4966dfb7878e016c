"""What the inner loops of the NEON path ask of a processor, counted in the disassembly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arm.boards import Board
from tools.emulation.count_instructions import BOUND, Loop, disassemble, inner_loops

NATIVE = Path(__file__).parents[2] / "sdk" / "native"
ZIG_OPTIONS = {
    "aarch64": ["-target", "aarch64-linux-gnu.2.17"],
    "armv7": ["-target", "arm-linux-gnueabihf.2.17", "-mcpu=generic+v7a"],
}
# By machine: of the loop over units of two words, and over the single words that they leave over.
LIMITS = {"aarch64": (3.25, 3.42), "armv7": (3.61, 3.71)}


@pytest.fixture(params=["gcc", "zig"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """By machine: the operators, from the compiler of the tests and from that of the wheels."""
    if request.param == "gcc":
        boards: dict[str, Board] = request.getfixturevalue("boards")
        return {name: board.library for name, board in boards.items()}
    files = {name: tmp_path / f"{name}.o" for name in ZIG_OPTIONS}
    folders = [f"-I{NATIVE / name}" for name in ("include", "src")]
    source = ["-std=gnu11", "-O3", "-fPIC", *folders]
    source += ["-c", str(NATIVE / "src" / "kernels" / "bconv2d" / "neon.c")]
    for name, file in files.items():
        command = [sys.executable, "-m", "ziglang", "cc", *ZIG_OPTIONS[name], *source, "-o", file]
        subprocess.run(command, check=True)
    return files


@pytest.mark.parametrize("machine", LIMITS)
def test_inner_loops_hardly_exceed_what_the_instruction_set_allows(
    objects: dict[str, Path], machine: str
) -> None:
    loops = inner_loops(disassemble(objects[machine]))
    units, singles = sorted(loops, key=lambda loop: loop.vectors, reverse=True)
    assert BOUND < units.quotient <= LIMITS[machine][0]
    assert BOUND < singles.quotient <= LIMITS[machine][1]


@pytest.mark.parametrize("machine", LIMITS)
def test_each_vector_takes_one_xor_one_count_and_one_addition(
    objects: dict[str, Path], machine: str
) -> None:
    names = {"aarch64": ("eor", "cnt", "add"), "armv7": ("veor", "vcnt.8", "vadd.i8")}[machine]

    def arithmetic(loop: Loop) -> list[int]:
        return [loop.histogram[name] for name in names]

    for loop in inner_loops(disassemble(objects[machine])):
        assert arithmetic(loop) == [loop.vectors] * BOUND
