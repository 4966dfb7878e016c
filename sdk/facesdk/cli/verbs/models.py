"""``facesdk models``."""

from __future__ import annotations

import json as json_module

import typer
from rich.console import Console
from rich.table import Table

from facesdk.cli import options
from facesdk.cli.plugins import PluginGroup
from facesdk.cli.verbs import model_files
from facesdk.errors import InputError
from facesdk.models import registry


class ModelsGroup(PluginGroup):
    """What can be asked about models beside the list of those in the package."""

    entry_point_group = "facesdk.commands.models"


app = typer.Typer(cls=ModelsGroup, add_completion=False, rich_markup_mode="markdown")
model_files.register(app)


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, json: options.Json = False) -> None:
    """List the packaged models: name, task, variant, size and thresholds.

    Each threshold lets the share FMR of strangers pass, and turned away that share of the true
    pairs where it was measured.

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
    table = Table()
    for heading in ("name", "task", "variant", "bytes", "FMR", "threshold", "turned away"):
        table.add_column(heading, no_wrap=True)
    for entry in entries:
        contract = entry.contract
        points = contract.thresholds
        table.add_row(
            contract.name,
            contract.task,
            contract.variant,
            f"{entry.size:,}",
            "\n".join(f"{row.fmr:g}" for row in points),
            "\n".join(f"{row.similarity:.3f}" for row in points),
            "\n".join(f"{100 * row.fnmr:.1f} %" for row in points),
        )
    console = Console()
    with console.capture() as drawn:
        console.print(table)
    typer.echo(drawn.get(), nl=False)
    for entry in entries:
        typer.echo(f"{entry.contract.name}: {entry.contract.license}")
