"""What the inner loops of the NEON paths ask of a processor, counted in the disassembly."""

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
ZIG_FILES = {
    "aarch64": {"neon": [], "neon_dotprod": ["-mcpu=generic+dotprod"]},
    "armv7": {"neon": []},
}
# By machine and path: of the loop over units, of that over triples that units of two words leave
# over, and over single words.
LIMITS = {
    ("aarch64", "neon"): {"add_units": 3.25, "add_triples": 3.25, "add_singles": 3.42},
    ("aarch64", "neon-dotprod"): {"add_units": 3.0, "add_singles": 3.42},
    ("armv7", "neon"): {"add_units": 3.61, "add_singles": 3.71},
}
NAMES = {"aarch64": ("eor", "cnt", "add"), "armv7": ("veor", "vcnt.8", "vadd.i8")}
Loops = dict[tuple[str, str], list[Loop]]


@pytest.fixture(scope="module", params=["gcc", "zig"])
def loops(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loops:
    """By machine and path, from the compiler of the tests and from that of the wheels."""
    found = {
        machine: [loop for file in files for loop in inner_loops(disassemble(file))]
        for machine, files in objects(request, tmp_path_factory.mktemp("objects")).items()
    }
    return {
        (machine, path): [loop for loop in found[machine] if dotted(loop) == path.endswith("prod")]
        for machine, path in LIMITS
    }


def objects(request: pytest.FixtureRequest, folder: Path) -> dict[str, list[Path]]:
    if request.param == "gcc":
        boards: dict[str, Board] = request.getfixturevalue("boards")
        return {name: [board.library] for name, board in boards.items()}
    folders = [f"-I{NATIVE / name}" for name in ("include", "src")]
    built: dict[str, list[Path]] = {}
    for machine, files in ZIG_FILES.items():
        for name, more in files.items():
            file = folder / f"{machine}-{name}.o"
            source = NATIVE / "src" / "kernels" / "bconv2d" / f"{name}.c"
            options = [*ZIG_OPTIONS[machine], *more, "-std=gnu11", "-O3", "-fPIC", *folders]
            command = [sys.executable, "-m", "ziglang", "cc", *options, "-c", source, "-o", file]
            subprocess.run(command, check=True)
            built.setdefault(machine, []).append(file)
    return built


def dotted(loop: Loop) -> bool:
    return "sdot" in loop.histogram


@pytest.mark.parametrize("path", LIMITS, ids="-".join)
def test_inner_loops_hardly_exceed_what_they_must_do(loops: Loops, path: tuple[str, str]) -> None:
    found = {loop.function: loop for loop in loops[path]}
    assert set(found) == set(LIMITS[path])
    for function, limit in LIMITS[path].items():
        assert found[function].quotient <= limit


@pytest.mark.parametrize("machine", NAMES)
def test_each_vector_takes_one_xor_one_count_and_one_addition(loops: Loops, machine: str) -> None:
    for loop in loops[machine, "neon"]:
        arithmetic = [loop.histogram[name] for name in NAMES[machine]]
        assert arithmetic == [loop.vectors] * BOUND


def test_three_vectors_take_eight_instructions_with_dot_products(loops: Loops) -> None:
    (units,) = (loop for loop in loops["aarch64", "neon-dotprod"] if "bsl" in loop.histogram)
    arithmetic = [units.histogram[name] for name in ("eor", "bsl", "cnt", "sdot")]
    assert arithmetic == [units.vectors * part // 3 for part in (3, 1, 2, 2)]
