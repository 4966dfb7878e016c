"""``facesdk schema VERB``: what a verb prints with ``--json``, as a JSON schema."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from facesdk.cli import vocabulary
from facesdk.errors import InputError


def schema(
    verb: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="VERB",
            help="A verb, for example `verify` or `models show`; `contract`; `bench`. Default: "
            "list them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the JSON schema of what a verb prints with --json.

    Names mean the same in every verb; docs/use/json.md lists them.

    Examples:

        facesdk schema

        facesdk schema verify

        facesdk schema models show > models-show.schema.json
    """
    known = [*vocabulary.VERBS, *vocabulary.FILES]
    if not verb:
        typer.echo("\n".join(known))
        return
    name = " ".join(verb)
    if name not in known:
        raise InputError(f"there is no schema of {name}: choose one of {', '.join(known)}")
    typer.echo(json.dumps(vocabulary.schema(name), indent=2))
