"""What an Android library is, read from its ELF headers by ``readelf``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from android_demo.ci.tools import run

MACHINES = {
    "arm64-v8a": "AArch64",
    "armeabi-v7a": "ARM",
    "x86_64": "Advanced Micro Devices X86-64",
}


@dataclass(frozen=True, slots=True)
class Elf:
    """Facts about a library.

    Attributes:
        machine: As readelf names it.
        page: Smallest alignment of a segment that is loaded, in bytes.
        needed: Libraries that it asks for.
        tags: Names of the entries of its dynamic section.
        taken: Symbols that it takes from other libraries, without the weak ones.
        versions: Versions of these symbols.
        given: Symbols that it gives.
        executable_stack: Whether it asks for one.
    """

    machine: str
    page: int
    needed: frozenset[str]
    tags: frozenset[str]
    taken: frozenset[str]
    versions: frozenset[str]
    given: frozenset[str]
    executable_stack: bool


def read(path: Path) -> Elf:
    """Read a library.

    Raises:
        ToolError: It is no ELF file.
    """
    lines = run("readelf", "-W", "-h", "-l", "-d", "--dyn-syms", path).splitlines()
    machine = next(line.partition(":")[2].strip() for line in lines if "Machine:" in line)
    segments = [line.split() for line in lines]
    loads = [int(row[-1], 16) for row in segments if row and row[0] == "LOAD"]
    stack = [" ".join(row[6:-1]) for row in segments if row and row[0] == "GNU_STACK"]
    dynamic = [
        match for line in lines if (match := re.search(r"0x[0-9a-f]+ \((\w+)\) *(.*)", line))
    ]
    taken, versions, given = set(), set(), set()
    for row in segments:
        if len(row) < 8 or not re.fullmatch(r"\d+:", row[0]) or row[4] not in ("GLOBAL", "WEAK"):
            continue
        name, _, version = row[7].replace("@@", "@").partition("@")
        if row[6] != "UND":
            given.add(name)
        elif row[4] == "GLOBAL":
            taken.add(name)
            if version:
                versions.add(version)
    return Elf(
        machine=machine,
        page=min(loads, default=0),
        needed=frozenset(
            match[2].split("[")[1].rstrip("]") for match in dynamic if match[1] == "NEEDED"
        ),
        tags=frozenset(match[1] for match in dynamic),
        taken=frozenset(taken),
        versions=frozenset(versions),
        given=frozenset(given),
        executable_stack=not stack or any("E" in flags for flags in stack),
    )
