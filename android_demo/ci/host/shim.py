"""Libraries with which a host JVM runs Android's x86_64 libraries: libc.so, libm.so and so on.

Symbols of an Android library have the version LIBC, so glibc's own functions never answer for them.
Each of these libraries defines ``name@LIBC`` for every name that a library wants, as a jump to
glibc's function or as a function of ``shim.c``, where Android's interface differs. A test loads
them by path (``System.load``) before the Android libraries; the loader knows them by their sonames
from then on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from android_demo.ci.tools import run

SOURCE = Path(__file__).with_name("shim.c")
LIBRARIES = ("libc.so", "libm.so", "libdl.so", "liblog.so")
_DATA = frozenset({"__sF"})
"""What is no function; ``shim.c`` gives it its version."""


def make(output: Path, libraries: Sequence[Path]) -> tuple[Path, ...]:
    """Build the libraries.

    Args:
        output: Folder that gets them.
        libraries: The Android libraries that will be loaded.

    Returns:
        The four, in the order in which they are to be loaded.

    Raises:
        ToolError: A compiler failed, or a library wants what glibc does not have.
    """
    output.mkdir(parents=True, exist_ok=True)
    own = set(re.findall(r"\bbionic_(\w+)(?=\(|\[)", SOURCE.read_text()))
    names = set().union(*map(_wanted, libraries)) | own
    assembly, version = output / "forward.S", output / "version.map"
    assembly.write_text("".join(_forward(name, own) for name in sorted(names - _DATA)) + _STACK)
    version.write_text("LIBC { local: bionic_*; to_*; };\n")
    for library in LIBRARIES:
        run(
            *("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-fvisibility=default"),
            *(f"-Wl,-soname,{library}", "-Wl,--no-undefined", f"-Wl,--version-script={version}"),
            *(SOURCE, assembly, "-o", output / library, "-lm", "-ldl", "-lpthread"),
        )
    return tuple(output / library for library in LIBRARIES)


_STACK = '.section .note.GNU-stack, "", @progbits\n'


def _wanted(library: Path) -> set[str]:
    """The undefined symbols of a library."""
    listing = run("readelf", "-W", "--dyn-syms", library)
    rows = [line.split() for line in listing.splitlines()]
    return {
        row[7].split("@")[0]
        for row in rows
        if len(row) > 7 and row[6] == "UND" and row[4] != "WEAK"
    }


def _forward(name: str, own: set[str]) -> str:
    target = f"bionic_{name}" if name in own else name
    if name.startswith("__android_log"):  # these have no version
        return f".globl {name}\n.type {name}, @function\n{name}: jmp {target}@PLT\n"
    return (
        f".globl to_{name}\n.type to_{name}, @function\nto_{name}: jmp {target}@PLT\n"
        f".symver to_{name}, {name}@LIBC\n"
    )
