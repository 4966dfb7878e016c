"""Check that a wheel's operator library runs wherever the wheel's platform tag promises.

    python -m tools.release.check_wheel dist/*.whl

A wheel passes if its tag is ``py3-none-PLATFORM``, and its one library is for that machine, takes
no more from the C library than ``sdk/native/libc_symbols.txt`` lists and nothing newer than glibc
2.17, exports only its own interface, needs no executable stack, and is small. Needs the extra
``wheels``.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from facesdk.errors import DependencyError, require_extra

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

LIBRARY = "facesdk/_native/libfacesdk_ops.so"
MAX_BYTES = 300_000
NEWEST_GLIBC = Version("2.17")
SYMBOLS = Path(__file__).parents[2] / "sdk" / "native" / "libc_symbols.txt"
PLATFORMS = {
    "manylinux_2_17_x86_64": "EM_X86_64",
    "manylinux_2_17_aarch64": "EM_AARCH64",
    "linux_armv7l": "EM_ARM",
}
_NEEDED = {"libc.so.6", "libpthread.so.0"}
_INTERFACE = ("facesdk_", "tflite_plugin_")


class WheelError(Exception):
    """A wheel is not what it must be; the message says in what."""


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """What was found out about the library of a wheel that passed.

    Attributes:
        size: Its bytes.
        glibc: The newest glibc version of which it uses a symbol.
        symbols: What it takes from the C library.
    """

    size: int
    glibc: Version
    symbols: tuple[str, ...]


def allowed_symbols(path: Path = SYMBOLS) -> frozenset[str]:
    """The names in a list of C library symbols; ``#`` starts a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return frozenset(line for line in lines if line)


def check(wheel: Path) -> LibraryFacts:
    """Check a wheel.

    Raises:
        WheelError: It fails a check.
    """
    from elftools.elf.elffile import ELFFile

    platform = _platform(wheel)
    content = _library(wheel)
    if len(content) > MAX_BYTES:
        raise WheelError(f"the library must be at most {MAX_BYTES} bytes, but has {len(content)}")
    elf = ELFFile(io.BytesIO(content))
    _check_machine(elf, platform)
    _check_segments(elf)
    symbols = _check_symbols(elf)
    return LibraryFacts(len(content), _check_versions(wheel), symbols)


def _platform(wheel: Path) -> str:
    try:
        tags = parse_wheel_filename(wheel.name)[3]
    except InvalidWheelFilename as error:
        raise WheelError(str(error)) from None
    expected = {f"py3-none-{platform}" for platform in PLATFORMS}
    if len(tags) != 1 or str(next(iter(tags))) not in expected:
        raise WheelError(
            f"its tag must be one of {', '.join(sorted(expected))}, "
            f"but is {', '.join(sorted(map(str, tags)))}"
        )
    return next(iter(tags)).platform


def _library(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if re.search(r"\.(so|a|o)\b", name)]
        if libraries != [LIBRARY]:
            raise WheelError(f"it must hold one library, {LIBRARY}, but holds {libraries}")
        return archive.read(LIBRARY)


def _check_machine(elf: ELFFile, platform: str) -> None:
    from elftools.elf.constants import E_FLAGS

    if elf["e_machine"] != PLATFORMS[platform]:
        raise WheelError(f"the library is for {elf['e_machine']}, but the tag says {platform}")
    if elf["e_machine"] == "EM_ARM" and not elf["e_flags"] & E_FLAGS.EF_ARM_ABI_FLOAT_HARD:
        raise WheelError("the library does not pass floats in registers (hard-float ABI)")


def _check_segments(elf: ELFFile) -> None:
    from elftools.elf.constants import P_FLAGS

    stacks = [row for row in elf.iter_segments() if row["p_type"] == "PT_GNU_STACK"]
    if not stacks or any(row["p_flags"] & P_FLAGS.PF_X for row in stacks):
        raise WheelError("the library asks for an executable stack")
    dynamic = elf.get_section_by_name(".dynamic")
    entries = [(tag.entry.d_tag, tag) for tag in dynamic.iter_tags()]
    needed = {tag.needed for name, tag in entries if name == "DT_NEEDED"}
    if needed - _NEEDED:
        raise WheelError(
            f"the library needs other libraries: {', '.join(sorted(needed - _NEEDED))}"
        )
    unwanted = {name for name, _ in entries} & {"DT_RPATH", "DT_RUNPATH", "DT_TEXTREL"}
    if unwanted:
        raise WheelError(f"the library has {', '.join(sorted(unwanted))}")


def _check_symbols(elf: ELFFile) -> tuple[str, ...]:
    taken: set[str] = set()
    given: set[str] = set()
    for symbol in _global_symbols(elf):
        undefined = symbol.entry.st_shndx == "SHN_UNDEF"
        weak = symbol.entry.st_info.bind == "STB_WEAK"
        if not (undefined and weak):  # the loader leaves out what is weak and missing
            (taken if undefined else given).add(symbol.name)
    foreign = taken - allowed_symbols()
    if foreign:
        raise WheelError(
            f"the library takes {', '.join(sorted(foreign))} from other libraries, "
            f"which {SYMBOLS.name} does not list"
        )
    leaked = {name for name in given if not name.startswith(_INTERFACE)}
    if leaked:
        raise WheelError(f"the library exports {', '.join(sorted(leaked))}")
    return tuple(sorted(taken))


def _global_symbols(elf: ELFFile) -> Iterator[Any]:
    for symbol in elf.get_section_by_name(".dynsym").iter_symbols():
        if symbol.entry.st_info.bind != "STB_LOCAL":
            yield symbol


def _check_versions(wheel: Path) -> Version:
    """Symbol versions and instruction sets, as auditwheel sees them."""
    command = [sys.executable, "-m", "auditwheel", "show", "--json", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise WheelError(f"auditwheel: {lines[-1] if lines else done.returncode}")
    report = json.loads(done.stdout)
    named = [name for names in report["versioned_symbols"].values() for name in names]
    versions = [Version(name.removeprefix("GLIBC_")) for name in named]
    if not versions or max(versions) > NEWEST_GLIBC:
        raise WheelError(f"the library must use glibc up to {NEWEST_GLIBC}, but uses {named}")
    if report["unsupported_isa"]:
        raise WheelError("the library needs instructions that its platform does not have")
    return max(versions)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL")
    failed = False
    for wheel in parser.parse_args().wheels:
        try:
            require_extra("elftools", extra="wheels")
            facts = check(wheel)
        except (DependencyError, WheelError, OSError, zipfile.BadZipFile) as error:
            print(f"check_wheel: {wheel.name}: {error}", file=sys.stderr)
            failed = True
        else:
            print(f"{wheel.name}: {facts.size} bytes, glibc {facts.glibc}")
            print(f"  from the C library: {' '.join(facts.symbols)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
