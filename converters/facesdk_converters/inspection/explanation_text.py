"""An explanation as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from facesdk_converters.inspection.explanation import Explanation, Row

_WIDTH = 160
_NAME = 32


def as_text(explanation: Explanation) -> str:
    """A table of the operators, remarks below it, and the sums."""
    parts = [_drawn(_operators(explanation.rows))]
    parts += [f"{row.layer}: {row.remark}" for row in explanation.rows if row.remark]
    if explanation.folded:
        kinds = (f"{len(names)} {kind}" for kind, names in explanation.folded.items())
        parts.append(f"without an operator of their own: {', '.join(kinds)}")
    parts += [_drawn(_sums(explanation)), _compression(explanation)]
    return "\n".join(parts)


def _operators(rows: Sequence[Row]) -> Table:
    table = Table()
    for heading in ("layer", "kind", "operator", "input", "output"):
        table.add_column(heading, no_wrap=True)
    for heading in ("bits w x a", "bytes", "multiply-adds"):
        table.add_column(heading, no_wrap=True, justify="right")
    for row in rows:
        table.add_row(
            row.layer if len(row.layer) <= _NAME else f"...{row.layer[3 - _NAME :]}",
            row.kind,
            row.operator + (" to bits" if row.output_bits == 1 and row.weight_bits else ""),
            _shape(row.input_shape),
            _shape(row.output_shape),
            row.precision,
            f"{row.bytes:,}" if row.bytes else "",
            f"{row.multiply_adds:,}" if row.multiply_adds else "",
        )
    return table


def _sums(explanation: Explanation) -> Table:
    table = Table()
    table.add_column("sum")
    table.add_column("", justify="right")
    table.add_column("share", justify="right")
    for title, sums in (
        ("bytes", explanation.bytes_by_kind),
        ("multiply-adds", explanation.multiply_adds),
    ):
        total = sum(sums.values()) or 1
        for kind, count in sums.items():
            table.add_row(f"{title}: {kind}", f"{count:,}", f"{100 * count / total:.1f} %")
    return table


def _compression(explanation: Explanation) -> str:
    how = (
        "a float32 file of it, made for comparison"
        if explanation.float32_measured
        else ("this file with 4 bytes a weight")
    )
    return (
        f"{explanation.file_bytes:,} bytes, {explanation.compression:.2f} times smaller than {how} "
        f"({explanation.float32_bytes:,} bytes)"
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:])) or "1"


def _drawn(table: Table) -> str:
    console = Console(width=_WIDTH)
    with console.capture() as drawn:
        console.print(table)
    return drawn.get().rstrip("\n")
