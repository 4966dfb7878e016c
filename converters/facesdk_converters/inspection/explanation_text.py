"""An explanation as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from facesdk.pages.text import Column, Line, Table, columns, draw
from facesdk_converters.inspection.explanation import Explanation, Row

_NAME = 32


def as_text(explanation: Explanation) -> str:
    """A table of the operators, remarks below it, and the sums."""
    parts: list[Table | Line] = [_operators(explanation.rows)]
    parts += [Line(f"{row.layer}: {row.remark}") for row in explanation.rows if row.remark]
    if explanation.folded:
        kinds = (f"{len(names)} {kind}" for kind, names in explanation.folded.items())
        parts.append(Line(f"without an operator of their own: {', '.join(kinds)}"))
    parts += [_sums(explanation), Line(_compression(explanation))]
    return draw(parts).rstrip("\n")


def _operators(rows: Sequence[Row]) -> Table:
    headings = ("layer", "kind", "operator", "input", "output", "bits w x a")
    words = len(headings) - 1
    return Table(
        columns=columns((*headings, "bytes", "multiply-adds"), words=words, whole=True),
        rows=tuple(
            (
                row.layer if len(row.layer) <= _NAME else f"...{row.layer[3 - _NAME :]}",
                row.kind,
                row.operator + (" to bits" if row.output_bits == 1 and row.weight_bits else ""),
                _shape(row.input_shape),
                _shape(row.output_shape),
                row.precision,
                f"{row.bytes:,}" if row.bytes else "",
                f"{row.multiply_adds:,}" if row.multiply_adds else "",
            )
            for row in rows
        ),
    )


def _sums(explanation: Explanation) -> Table:
    rows = []
    for title, sums in (
        ("bytes", explanation.bytes_by_kind),
        ("multiply-adds", explanation.multiply_adds),
    ):
        total = sum(sums.values()) or 1
        for kind, count in sums.items():
            rows.append((f"{title}: {kind}", f"{count:,}", f"{100 * count / total:.1f} %"))
    heading = (Column("sum"), Column("", number=True), Column("share", number=True))
    return Table(columns=heading, rows=tuple(rows))


def _compression(explanation: Explanation) -> str:
    how = (
        "a float32 file of it, made for comparison"
        if explanation.float32_measured
        else ("this file with 4 bytes per weight")
    )
    return (
        f"{explanation.file_bytes:,} bytes, {explanation.compression:.2f} times smaller than {how} "
        f"({explanation.float32_bytes:,} bytes)"
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:])) or "1"
