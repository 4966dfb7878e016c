"""The pairs of LFW's evaluation protocol ("View 2"), read from its ``pairs.txt``.

The format (G. Huang et al., "Labeled Faces in the Wild", UMass Amherst TR 07-49, 2007): the first
line has the number of folds and the number ``n`` of matched pairs per fold; each fold is ``n``
lines ``name i j`` (photos i and j of one person) followed by ``n`` lines ``name i other j`` (photos
of two people). Columns are separated by tabs; a name may have blanks in it.
"""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass

from facesdk.errors import InputError
from facesdk.files import read_regular

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_BLANKS = " \t\v\f\u00a0\x1a"
"""What an empty line may hold; the last is the end mark of old DOS programs."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos and whether they show one person.

    Attributes:
        first: A photo as LFW names it: ``Name/Name_0001.jpg``.
        second: The other photo.
        same: Whether both show the same person.
    """

    first: str
    second: str
    same: bool


@dataclass(frozen=True, slots=True)
class Protocol:
    """The pairs to decide, in folds of disjoint people.

    Attributes:
        folds: At least two folds, each with pairs of both kinds.
    """

    folds: tuple[tuple[Pair, ...], ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of all folds in order."""
        return tuple(pair for fold in self.folds for pair in fold)

    @property
    def photos(self) -> tuple[str, ...]:
        """Each photo that a pair needs, once, in alphabetical order."""
        return tuple(sorted({name for pair in self.pairs for name in (pair.first, pair.second)}))


def read_pairs(path: str | os.PathLike[str]) -> Protocol:
    """Read a ``pairs.txt``.

    Raises:
        InputError: The file cannot be read, or a line is not as the format wants it; the message
            has the number of the line.
    """
    try:
        content = read_regular(path)
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read the pairs {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is not text in UTF-8: give LFW's pairs.txt, or save yours in UTF-8"
        ) from None
    return parse_pairs(text, name=str(path))


def parse_pairs(text: str, *, name: str = "pairs.txt") -> Protocol:
    """Parse the text of a ``pairs.txt``.

    Args:
        text: The content of the file. Empty lines and those that begin with ``#`` are passed over.
        name: What error messages call it.

    Raises:
        InputError: As :func:`read_pairs`.
    """
    whole = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [
        (number, line)
        for number, line in enumerate(whole, 1)
        if line.strip(_BLANKS) and not line.startswith("#")
    ]
    number, first = lines[0] if lines else (1, "")
    header = first.split()
    if len(header) != 2 or not all(_is_count(field) for field in header):
        raise InputError(
            f"{name}, line {number} must be the number of folds and of matched pairs per fold "
            f"(LFW: 10 300), but got {' '.join(header)[:80]!r}: give the pairs.txt of View 2"
        )
    folds, matched = int(header[0]), int(header[1])
    if folds < 2:
        raise InputError(f"{name}, line {number} must announce at least 2 folds, but got {folds}")
    expected = 1 + folds * 2 * matched
    if len(lines) != expected:
        raise InputError(
            f"{name} must have {expected} lines ({folds} folds of {matched} matched and {matched} "
            f"mismatched pairs, after line 1), but got {len(lines)}: the file is incomplete"
        )
    pairs = [
        _parse_pair(line, same=index % (2 * matched) < matched, where=f"{name}, line {number}")
        for index, (number, line) in enumerate(lines[1:])
    ]
    size = 2 * matched
    return Protocol(tuple(tuple(pairs[i * size : (i + 1) * size]) for i in range(folds)))


def _parse_pair(line: str, *, same: bool, where: str) -> Pair:
    fields = _fields(line, 3 if same else 4)
    wanted = "a matched pair `name i j`" if same else "a mismatched pair `name i other j`"
    if not fields:
        raise InputError(
            f"{where} must be {wanted}, columns separated by tabs, but got {line[:80]!r}"
        )
    first, i, *other, j = fields
    if not (_is_count(i) and _is_count(j)):
        raise InputError(f"{where} must be {wanted} with numbers from 1, but got {line[:80]!r}")
    second = other[0] if other else first
    if (first == second) != same or (same and int(i) == int(j)):
        raise InputError(f"{where} must be {wanted}, two different photos, but got {line[:80]!r}")
    return Pair(_photo(first, i), _photo(second, j), same)


def _fields(line: str, count: int) -> list[str]:
    """The columns of a line, separated by tabs, or by blanks where that leaves one reading.

    Between tabs a name may have blanks in it. Without them, it ends before a number.
    """
    fields = [field.strip() for field in line.strip().split("\t") if field.strip()]
    if len(fields) == count:
        return fields
    words = line.split()
    if len(words) == count:
        return words
    numbers = [place for place, word in enumerate(words) if place and _is_count(word)]
    if len(numbers) != 2 or numbers[-1] != len(words) - 1:
        return []
    middle = numbers[0]
    between = words[middle + 1 : -1]
    fields = [" ".join(words[:middle]), words[middle], *([" ".join(between)] if between else [])]
    return [*fields, words[-1]] if len(fields) + 1 == count else []


def _photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _is_count(field: str) -> bool:
    return field.isascii() and field.isdigit() and len(field) <= 9 and int(field) > 0
