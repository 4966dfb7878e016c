"""What verbs print: one JSON document per line for scripts, text for people."""

from __future__ import annotations

import json as json_module
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer

from facesdk.errors import one_line
from facesdk.progress import Progress

if TYPE_CHECKING:
    from facesdk.results import Confidence, Quality, Verification


class Unused(Protocol):
    """A file or folder that a verb leaves out, as :class:`facesdk.images.photo_walk.LeftOut`."""

    @property
    def source(self) -> str:
        """What it is called in its folder or zip."""

    @property
    def reason(self) -> str:
        """Why, in a few words."""

    @property
    def kind(self) -> str:
        """What it is counted with."""


def emit(record: Any, *, json: bool, text: str) -> None:
    """Print a record to stdout, as one line of JSON or as text."""
    typer.echo(json_module.dumps(record) if json else text)


def emit_error(message: str) -> None:
    """Print a message to stderr as one line, whatever the file names in it."""
    if sys.stderr is not None:  # a bar takes its place while there is one
        print(f"facesdk: {one_line(message)}", file=sys.stderr, flush=True)


def tell_left_out(left_out: Sequence[Unused], *, verbose: bool | None) -> None:
    """Print to stderr what of a folder or zip is not used: a line of counts, or a line for each.

    Args:
        left_out: What is not used; nothing is printed of nothing.
        verbose: Whether to name each; None where the verb has no such option.
    """
    if not left_out:
        return
    if verbose:
        for row in left_out:
            emit_error(f"left out {row.source}: {row.reason}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in _kinds(left_out).items())
    emit_error(
        f"left out {len(left_out)} of what lies there ({kinds})"
        + ": --verbose lists them" * (verbose is False)
    )


def left_out_record(left_out: Sequence[Unused], *, verbose: bool) -> dict[str, Any]:
    """The same for JSON: ``count``, ``kinds`` by number and, where asked for, each in ``files``."""
    files = [{"source": row.source, "reason": row.reason} for row in left_out]
    return {
        "count": len(left_out),
        "kinds": _kinds(left_out),
        **({"files": files} if verbose else {}),
    }


def _kinds(left_out: Sequence[Unused]) -> dict[str, int]:
    return dict(Counter(row.kind for row in left_out).most_common())


@contextmanager
def progress_bar(what: str, *, beside_results: bool = False) -> Iterator[Progress]:
    """A progress bar on stderr, where that is a terminal.

    Args:
        what: What stands beside it until the first step names something.
        beside_results: Whether results are printed meanwhile. Where they go to the terminal too,
            they say how far the work is, and there is no bar.
    """
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or (beside_results and sys.stdout.isatty()):
        # Rich before 14.3 ends even a bar that is disabled with an empty line.
        yield lambda done, total, what, /: None
        return
    columns = (
        "{task.description}",
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int, what: str, /) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield advance


def quality(found: Quality) -> str:
    """The score of a face, and what is wrong with it."""
    return f"{found.score:.2f}" + (f" ({'; '.join(found.reasons)})" if found.reasons else "")


def _confidence(known: Confidence | None) -> str:
    """What a similarity says, in brackets; empty where nothing is known."""
    said = []
    if known is not None and known.probability is not None:
        said.append(f"probability {known.probability:.4f}")
    if known is not None and known.fmr is not None:
        said.append(f"FMR {known.bound} {known.fmr:.2g}".replace("  ", " "))
    if known is not None and known.missing:
        said.append(known.missing)
    return f" ({'; '.join(said)})" if said else ""


def verdict(verification: Verification, *, first_run: bool) -> str:
    """A verification in words, with the time of each stage.

    Args:
        verification: The verification.
        first_run: Whether the times have the set-up of the networks in them.
    """
    from facesdk.results import side_by_side

    match, timings = verification.match, verification.timings
    similarity, threshold = side_by_side(match.similarity, match.threshold)
    origin = "given" if match.fmr is None else f"for a false match rate of {match.fmr:g}"
    return "\n".join(
        (
            "SAME PERSON" if match.same else "DIFFERENT PEOPLE",
            f"  similarity  {similarity}{_confidence(match.confidence)}",
            f"  threshold   {threshold} ({origin})",
            *([f"  note        {match.note}"] if match.note else []),
            f"  model       {match.model}",
            f"  quality     {' and '.join(map(quality, verification.quality))}",
            f"  time        detect {timings.detect:.1f} ms, align {timings.align:.1f} ms, "
            f"embed {timings.embed:.1f} ms, match {timings.match:.2f} ms, "
            f"total {timings.total:.1f} ms (both photos; "
            + ("first run, set-up of the networks included)" if first_run else "second run)"),
        )
    )
