"""``facesdk compress``: a smaller or faster network from a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from facesdk.cli import output
from facesdk.cli.options import Json
from facesdk.errors import InputError, require_extra
from facesdk.files import cache_folder
from facesdk_training.cli import options

app = typer.Typer(add_completion=False)

_LIST = "methods"
_CHAINS = "facesdk_training.compression.recipes"


@app.command()
def compress(
    name: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="A method; `methods` lists them; `recipe` runs the chain of --recipe.",
            show_default=False,
        ),
    ],
    run: Annotated[
        Optional[Path],
        typer.Argument(metavar="RUN", help="A finished run.", show_default=False),
    ] = None,
    data: options.Data = None,
    out: options.Out = Path("compressed"),
    assignments: Annotated[
        Optional[list[str]],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the method, for example retraining.steps=500; repeatable.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE.toml",
            help="A chain: [[steps]] tables with `method` and its settings; or deep-compression.",
            show_default=False,
        ),
    ] = None,
    cache: options.Cache = None,
    json: Json = False,
) -> None:
    """Compress a finished run by a method, or by a chain of methods.

    The result is a finished run, with thresholds calibrated on held-out people and a report.json.
    An interrupted call goes on where it stopped when it is given again.

    Examples:

        facesdk compress methods

        facesdk compress twn run --data faces/ -o ternary --set retraining.steps=1000

        facesdk compress mixed-widths run --data faces/ -o mixed --set share=0.1

        facesdk compress recipe run --recipe chain.toml --data faces/ -o small
    """
    require_extra("tensorflow", extra="train")
    if name == _LIST:
        _list(json=json)
        return
    from facesdk_training.compression import pipeline

    if run is None or data is None:
        raise InputError("name a finished run, and --data with faces to retrain and validate on")
    if (name == "recipe") != (recipe is not None):
        raise InputError("a chain is `facesdk compress recipe RUN --recipe FILE.toml`")
    steps = _chain(recipe) if recipe is not None else [pipeline.step(name, _settings(assignments))]
    with output.progress_bar("compress") as progress:
        report = pipeline.compress(
            run, steps, data, out, cache or cache_folder("teacher"), progress
        )
    output.emit(report, json=json, text=_text(out, report))


def _list(*, json: bool) -> None:
    from facesdk_training.compression.methods import every

    rows = [{"name": m.name, "summary": m.summary, "source": m.source} for m in every()]
    text = "\n".join(f"{row['name']:22}{row['summary']}\n{'':22}{row['source']}" for row in rows)
    output.emit(rows, json=json, text=text)


def _settings(assignments: list[str] | None) -> Mapping[str, Any]:
    from facesdk_training.config import toml

    return toml.assigned({}, assignments or ())


def _chain(path: Path) -> list[Any]:
    from facesdk_training.compression import pipeline
    from facesdk_training.config import toml

    record = toml.record_of(path, _CHAINS)
    tables = record.get("steps")
    if set(record) != {"steps"} or not isinstance(tables, list) or not tables:
        raise InputError(f"{path} must hold [[steps]] tables and nothing else")
    found = []
    for number, table in enumerate(tables):
        if not isinstance(table, dict) or "method" not in table:
            raise InputError(f"{path}: steps.{number} has no method")
        settings = {key: value for key, value in table.items() if key != "method"}
        found.append(pipeline.step(str(table["method"]), settings))
    return found


def _text(out: Path, report: dict[str, Any]) -> str:
    lines = [f"{out}: finished; facesdk convert takes it"]
    rows = [("before", report["before"]), *((s["method"], s["after"]) for s in report["steps"])]
    for name, row in rows:
        accuracy = 100 * row["validation_accuracy"]
        lines.append(
            f"{name}: {row['nonzero_weights']:,} of {row['weights']:,} weights, "
            f"{row['weight_bytes']:,} bytes of weights, {row['multiply_adds']:,} multiply-adds, "
            f"held-out accuracy {accuracy:.2f} %"
        )
    return "\n".join(lines)
