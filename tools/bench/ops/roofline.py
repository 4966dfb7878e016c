"""The popcount roofline of this CPU: ``roofline.c``, compiled on the spot."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("roofline.c")
FLAGS = ("-O2", "-fno-tree-vectorize", "-shared", "-fPIC", "-fvisibility=hidden")
CALL_SECONDS = 1e-4
"""About how long one call computes: as long as the operators it stands beside."""

OF_PATH = {
    "portable": ("popcnt 64",),
    "popcnt": ("popcnt 64",),
    "avx2": ("pshufb 256", "carry-save 256"),
    "avx512": ("pshufb 512", "carry-save 512"),
    "avx512vpopcntdq": ("vpopcntq 512",),
}
"""The ways to count that a kernel path has; the fastest is its roof.

The portable path may not use the popcount instruction, and is compared with it all the same.
"""


@dataclass(frozen=True, slots=True)
class Roofline:
    """A loop of xor, popcount and add, on registers.

    Attributes:
        name: How it counts, and the bits of its registers.
        operations: Bit operations of one call; a bit that is xored and counted makes two.
        call: Runs it.
    """

    name: str
    operations: int
    call: partial[int]


class CompilerError(Exception):
    """No system compiler, or it refuses the program."""


def compiler() -> str:
    """Path of the system's C compiler.

    Raises:
        CompilerError: There is none.
    """
    for name in ("cc", "gcc", "clang"):
        path = shutil.which(name)
        if path:
            return path
    raise CompilerError("the popcount roofline needs a C compiler (cc, gcc or clang)")


def build_line() -> str:
    """The compiler's name and version, and how it is called.

    Raises:
        CompilerError: There is none.
    """
    done = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True)
    return f"{done.stdout.splitlines()[0]}, {' '.join(FLAGS)}"


def build(folder: Path) -> list[Roofline]:
    """Compile the program and size each loop that this CPU can run, as the program lists them.

    Args:
        folder: Where the shared library goes; it must outlive the result.

    Raises:
        CompilerError: No compiler, or it failed.
    """
    target = folder / "roofline.so"
    command = [compiler(), *FLAGS, str(SOURCE), "-o", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompilerError(f"{' '.join(command)}: {result.stderr.strip()}")
    library = ctypes.CDLL(str(target))
    library.roofline_name.restype = ctypes.c_char_p
    library.roofline_name.argtypes = [ctypes.c_size_t]
    library.roofline_supported.argtypes = [ctypes.c_size_t]
    library.roofline_bits.restype = ctypes.c_uint64
    library.roofline_bits.argtypes = [ctypes.c_size_t]
    library.roofline_run.restype = ctypes.c_uint64
    library.roofline_run.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    roofs = []
    index = 0
    while (name := library.roofline_name(index)) is not None:
        if library.roofline_supported(index):
            roofs.append(_sized(library, index, name.decode()))
        index += 1
    return roofs


def _sized(library: Any, index: int, name: str) -> Roofline:
    """A loop with as many rounds as take about :data:`CALL_SECONDS`."""
    rounds, elapsed = 1, 0.0
    while elapsed < CALL_SECONDS:
        rounds *= 2
        start = time.perf_counter()
        library.roofline_run(index, rounds)
        elapsed = time.perf_counter() - start
    operations = 2 * rounds * library.roofline_bits(index)
    return Roofline(name, operations, partial(library.roofline_run, index, rounds))
