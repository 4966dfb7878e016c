"""``facesdk models``."""

from __future__ import annotations

import json as json_module

import typer

from facesdk.cli import model_text, options
from facesdk.cli.plugins import PluginGroup
from facesdk.cli.verbs import model_files
from facesdk.errors import InputError
from facesdk.models import registry
from facesdk.pages.text import Line, Table, columns, draw


class ModelsGroup(PluginGroup):
    """What can be asked about models beside the list of those in the package."""

    entry_point_group = "facesdk.commands.models"


app = typer.Typer(cls=ModelsGroup, add_completion=False, rich_markup_mode="markdown")
model_files.register(app)


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, json: options.Json = False) -> None:
    """List the packaged models: name, task, variant, size and thresholds.

    A threshold lets the share FMR of strangers pass, and turned away that share of the true pairs
    where it was measured.

    Examples:

        facesdk models

        facesdk models --json | jq -r '.[] | select(.task == "recognition") | .path'
    """
    if ctx.invoked_subcommand is not None:
        if json:
            raise InputError(f"--json belongs after `{ctx.invoked_subcommand}`")
        return
    entries = registry.packaged()
    if json:
        typer.echo(json_module.dumps([entry.to_dict() for entry in entries]))
        return
    contracts = [entry.contract for entry in entries]
    sizes = Table(
        columns(("name", "task", "variant", "bytes"), words=3),
        tuple(
            (entry.contract.name, entry.contract.task, entry.contract.variant, f"{entry.size:,}")
            for entry in entries
        ),
    )
    points = Table(
        columns(("name", "FMR", "threshold", "turned away")),
        tuple(
            (contract.name, *point)
            for contract in contracts
            for point in model_text.points(contract.thresholds)
        ),
    )
    terms = (Line(f"{contract.name}: {contract.license}") for contract in contracts)
    typer.echo(draw((sizes, Line(""), points, Line(""), *terms)), nl=False)
