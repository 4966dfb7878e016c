"""``facesdk bench``: how fast models and the pipeline are on this computer."""

from __future__ import annotations

import json as json_module
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
import typer.core

from facesdk.cli import options, output
from facesdk.errors import EXIT_DOUBTFUL
from facesdk.models import registry
from facesdk.profiling.models import ModelReport, Parts, bench_models
from facesdk.profiling.timing import Policy


class BenchGroup(typer.core.TyperGroup):
    """``facesdk bench MODEL...`` is ``facesdk bench model MODEL...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the verb where the first argument is none."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["model", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=BenchGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Measure latency: models, their operators, the whole pipeline.",
    epilog="`facesdk bench MODEL...` is short for `facesdk bench model MODEL...`, whose --help has "
    "the options. Exit status: 0 measured, 2 usage or bad input, 4 the figures are flagged and "
    "--strict is given, or slower than the --baseline.",
)


class Format(str, Enum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"


Runs = Annotated[int, typer.Option("--runs", min=1, help="Timed runs.")]
WarmUp = Annotated[
    int, typer.Option("--warm-up", min=0, help="Runs before them; they take 0.3 s at least.")
]
ReportFormat = Annotated[Format, typer.Option("--format", help="How to write the report.")]
Output = Annotated[
    Optional[Path],
    typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End with status 4 if the report has any flag.")
]


@app.command("model")
def model(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Packaged models or .tflite files.")
    ],
    runs: Runs = 100,
    warm_up: WarmUp = 10,
    threads: options.Threads = 1,
    sweep: Annotated[
        Optional[list[int]],
        typer.Option("--sweep", min=1, help="Also with that many threads; may be repeated."),
    ] = None,
    cold_starts: Annotated[
        int, typer.Option("--cold-starts", min=0, help="Fresh processes to measure for each model.")
    ] = 3,
    operators: Annotated[
        bool, typer.Option("--operators/--no-operators", help="Measure the operators as well.")
    ] = True,
    format: ReportFormat = Format.TABLE,
    json: options.Json = False,
    out: Output = None,
    strict: Strict = False,
) -> None:
    """Measure one model in full, or compare several, which take turns.

    Examples:

        facesdk bench compactfacenet-qb

        facesdk bench mine.tflite compactfacenet-qb --runs 300 --sweep 1 --sweep 2

        facesdk bench compactfacenet-qb --json --strict -o today.json
    """
    paths = [registry.resolve(name) for name in models]
    parts = Parts(cold_starts, operators, tuple(sweep or ()))
    with output.progress_bar("bench") as advance:
        report = bench_models(
            paths,
            Policy(runs, warm_up),
            threads=threads,
            parts=parts,
            progress=lambda label, done, total: advance(done, total, label),
        )
    _emit(report, Format.JSON if json else format, out)
    if strict and report.flags:
        raise typer.Exit(EXIT_DOUBTFUL)


def _emit(report: ModelReport, format: Format, out: Path | None) -> None:
    if format is Format.JSON:
        text = json_module.dumps(report.to_dict()) + "\n"
    else:
        text = _as_table(report, colour=out is None)
    if out is None:
        typer.echo(text, nl=False)
    else:
        from facesdk.files import write_atomic

        write_atomic(out, text.encode())


def _as_table(report: ModelReport, *, colour: bool) -> str:
    import io

    from rich.console import Console

    from facesdk.profiling.table import print_models

    terminal = colour and sys.stdout.isatty()
    width = Console().width if terminal else 160
    console = Console(file=io.StringIO(), width=max(width, 80), force_terminal=terminal)
    with console.capture() as captured:
        print_models(report, console)
    return captured.get()
