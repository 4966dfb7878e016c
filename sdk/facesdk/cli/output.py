"""What verbs print: one JSON document per line for scripts, text for people."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from facesdk.errors import one_line
from facesdk.progress import Progress

if TYPE_CHECKING:
    from facesdk.results import Verification


def emit(record: Any, *, json: bool, text: str) -> None:
    """Print a record to stdout, as one line of JSON or as text."""
    typer.echo(json_module.dumps(record) if json else text)


def emit_error(message: str) -> None:
    """Print a message to stderr as one line, whatever the file names in it."""
    typer.echo(f"facesdk: {one_line(message)}", err=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A progress bar on stderr.

    Args:
        what: What stands beside it until the first step names something.
    """
    from rich import progress
    from rich.console import Console

    columns = (
        "{task.description}",
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int, what: str, /) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield advance


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
