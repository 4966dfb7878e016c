"""What a figure was measured on: board, processor, system, runtime and kernels."""

from __future__ import annotations

import platform
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facesdk.errors import OperatorLibraryError
from facesdk.runtime import operator_library
from facesdk.runtime.backend import load_backend
from facesdk.runtime.cpu import describe_cpu
from facesdk.version import __version__

_BITS_64 = ("x86_64", "aarch64", "arm64", "riscv64", "ppc64le", "s390x")


@dataclass(frozen=True, slots=True)
class Environment:
    """A computer and what is installed on it, as far as it matters for speed.

    Attributes:
        board: The board's name (``/proc/device-tree/model``), or the computer's; None if unknown.
        machine: Instruction set of the kernel, for example ``"aarch64"``.
        cpu: The processor's name.
        cores: Processors this process may use.
        userland_bits: 32 or 64: what this Python was compiled for.
        kernel: Release of the kernel.
        governors: Frequency governors of the processors; empty if unknown.
        emulated: Whether the processor is emulated by a program (QEMU's user mode).
        facesdk: Version of this package.
        python: Version of Python.
        runtime: Name of the TFLite runtime.
        runtime_version: Its version.
        operators: Version of the operator library; None if there is none.
        kernel_path: The kernels it uses for its operators; None if there is no library.
        best_path: The best kernels that this processor could use.
        path_forced: Whether ``FACESDK_OPS_ISA`` chose them.
    """

    board: str | None
    machine: str
    cpu: str
    cores: int
    userland_bits: int
    kernel: str
    governors: tuple[str, ...]
    emulated: bool
    facesdk: str
    python: str
    runtime: str
    runtime_version: str
    operators: str | None
    kernel_path: str | None
    best_path: str | None
    path_forced: bool

    @property
    def narrow_userland(self) -> bool:
        """Whether 32-bit programs run on a 64-bit kernel, which costs a Raspberry Pi half."""
        return self.userland_bits == 32 and self.machine in _BITS_64

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "governors": list(self.governors)}


def describe_environment(root: Path = Path("/")) -> Environment:
    """The computer this process runs on.

    Args:
        root: Where ``/proc`` and ``/sys`` are.

    Raises:
        RuntimeUnavailableError: No TFLite runtime is installed.
        OperatorLibraryError: ``FACESDK_OPS_ISA`` names kernels that there are not.
    """
    backend = load_backend()
    cpu = describe_cpu()
    library: operator_library.OperatorLibrary | None
    try:
        operator_library.library_path()
    except OperatorLibraryError:
        library = None
    else:
        library = operator_library.describe_library()
    return Environment(
        board=_board(root),
        machine=cpu.machine,
        cpu=cpu.model,
        cores=cpu.threads,
        userland_bits=8 * struct.calcsize("P"),
        kernel=platform.release(),
        governors=_governors(root),
        emulated=_is_emulated(cpu.machine, root),
        facesdk=__version__,
        python=platform.python_version(),
        runtime=backend.name,
        runtime_version=backend.version,
        operators=library.version if library else None,
        kernel_path=library.isa if library else None,
        best_path=library.available[-1] if library else None,
        path_forced=bool(library and library.forced),
    )


def read_value(path: Path) -> str:
    """What a file of ``/proc`` or ``/sys`` says, without blanks and NUL bytes around it.

    Args:
        path: The file.

    Returns:
        Its text, undecodable bytes replaced; empty where the system does not tell.
    """
    try:
        return path.read_bytes().decode(errors="replace").strip("\0 \t\r\n")
    except OSError:
        return ""


def comparable(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields in which two environments (as dicts) differ and that change times."""
    fields = ("board", "machine", "cpu", "cores", "userland_bits", "runtime", "runtime_version")
    return tuple(key for key in (*fields, "kernel_path") if a.get(key) != b.get(key))


def _board(root: Path) -> str | None:
    for path in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
        if text := read_value(root / path):
            return text
    return None


def _governors(root: Path) -> tuple[str, ...]:
    found = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    return tuple(sorted({text for path in found if (text := read_value(path))}))


def _is_emulated(machine: str, root: Path) -> bool:
    """QEMU's user mode shows the /proc/cpuinfo of the real processor, whatever it emulates."""
    keys = {
        line.partition(":")[0].strip() for line in read_value(root / "proc/cpuinfo").splitlines()
    }
    return machine.startswith(("arm", "aarch64")) and bool(keys & {"vendor_id", "cpu family"})
