"""``facesdk train show-config | list | compare``: what can be asked and what came of it."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import output
from facesdk.cli.options import Json
from facesdk.errors import InputError
from facesdk.pages import text

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUNS", help="Run folders, or folders of them.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to their group."""
    app.command("show-config")(show_config)
    app.command("list")(list_runs)
    app.command("compare")(compare_runs)


def show_config(
    config: Annotated[
        Optional[Path],
        typer.Argument(
            metavar="CONFIG",
            help="TOML file or shipped recipe to show whole. Default: all keys with meanings.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show every key of a configuration, or a recipe with all its values, as a TOML file.

    Without CONFIG: every key with its type, default, allowed values and meaning.

    Examples:

        facesdk train show-config

        facesdk train show-config paper > my.toml

        facesdk train show-config --json | jq '.[] | select(.table == "schedule")'
    """
    from facesdk_training.config import reference, toml

    if config is not None:
        record = toml.read(config).to_dict()
        output.emit(record, json=json, text=reference.to_toml(record).rstrip("\n"))
        return
    keys = reference.keys()
    if json:
        typer.echo(json_module.dumps([key.to_dict() for key in keys]))
        return
    lines = []
    table = None
    for key in keys:
        if key.table != table:
            lines.append(f"\n[{key.table}]" if key.table else "")
            table = key.table
        allowed = f"one of {', '.join(key.allowed)}" if len(key.allowed) > 1 else key.kind
        default = f", default {key.default}" if key.default else ""
        lines += [f"{key.name}  ({allowed}{default})", f"    {key.meaning}"]
    typer.echo("\n".join(lines).strip())


def list_runs(
    folders: Annotated[
        Optional[list[Path]],
        typer.Argument(metavar="FOLDERS", help="Where to look, also deeper. Default: this folder."),
    ] = None,
    json: Json = False,
) -> None:
    """List runs with their best figures on held-out people.

    Examples:

        facesdk train list

        facesdk train list runs/ --json | jq '.[] | select(.state == "finished") | .folder'
    """
    from facesdk_training.runs.comparison import FIGURES, find_runs, summary

    runs = [summary(folder) for folder in find_runs(folders or [Path()])]
    if json:
        typer.echo(json_module.dumps([run.to_dict() for run in runs]))
        return
    columns = ("run", "network", "objective", "state", "steps", *map(_short, FIGURES))
    rows = tuple(
        (
            str(run.folder),
            run.network,
            run.objective,
            run.state,
            f"{run.steps:,}",
            *(_figure(run.best[name]) for name in FIGURES),
        )
        for run in runs
    )
    typer.echo(text.draw([text.Table(text.columns(columns, words=4), rows)]), nl=False)


def compare_runs(runs: Runs, json: Json = False) -> None:
    """Compare runs: their best figures, and the keys in which their configurations differ.

    Examples:

        facesdk train compare runs/plain runs/staged

        facesdk train compare runs/ --json | jq .differences
    """
    from facesdk_training.runs.comparison import FIGURES, differences, find_runs, summary

    found = [summary(folder) for folder in find_runs(runs)]
    if len(found) < 2:
        raise InputError(f"there is one run only, {found[0].folder}: give two or more to compare")
    different = differences(found)
    if json:
        record = {
            "compared": [run.to_dict() for run in found],
            "differences": {name: list(values) for name, values in different.items()},
        }
        typer.echo(json_module.dumps(record))
        return
    columns = ("", *(str(run.folder) for run in found))
    facts = (
        ("network", *(run.network for run in found)),
        ("objective", *(run.objective for run in found)),
        ("steps", *(f"{run.steps:,}" for run in found)),
        ("seconds", *(f"{run.seconds:,.0f}" for run in found)),
        *((_short(name), *(_figure(run.best[name]) for run in found)) for name in FIGURES),
    )
    changes = tuple(
        (name, *("" if value is None else json_module.dumps(value) for value in values))
        for name, values in different.items()
    )
    drawn = [
        text.Table(text.columns(columns), facts, "Figures on held-out people, the best"),
        text.Table(text.columns(columns), changes, "Keys that differ"),
    ]
    typer.echo(text.draw(drawn), nl=False)


def _short(figure: str) -> str:
    return figure.removeprefix("validation_").replace("_at_fmr_", "@FMR ").replace("tar", "TAR")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
