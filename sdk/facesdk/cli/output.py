"""What verbs print: one JSON document a line for scripts, text for people."""

from __future__ import annotations

import json as json_module
from typing import Any

import typer

from facesdk.results import Verification


def emit(record: Any, *, json: bool, text: str) -> None:
    """Print a record to stdout, as one line of JSON or as text."""
    typer.echo(json_module.dumps(record) if json else text)


def verdict(verification: Verification) -> str:
    """A verification in words, with the time of each stage."""
    match, timings = verification.match, verification.timings
    origin = "given" if match.fmr is None else f"for a false match rate of {match.fmr:g}"
    return "\n".join(
        (
            "SAME PERSON" if match.same else "DIFFERENT PEOPLE",
            f"  similarity  {match.similarity:.4f}",
            f"  threshold   {match.threshold:.4f} ({origin})",
            f"  model       {match.model}",
            f"  time        detect {timings.detect:.1f} ms, align {timings.align:.1f} ms, "
            f"embed {timings.embed:.1f} ms, match {timings.match:.2f} ms, "
            f"total {timings.total:.1f} ms (both photos, one run)",
        )
    )
