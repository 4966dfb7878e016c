"""``facesdk demo``: the whole pipeline on the packaged photos."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

import facesdk
from facesdk import drawing, images
from facesdk.cli import options, output
from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.models.registry import DEFAULT_RECOGNIZER

PAIRS = (("obama.jpg", "obama2.jpg"), ("obama.jpg", "biden.jpg"))
"""Packaged portraits (public domain, see ``samples/ORIGIN.md``): one person twice, then two."""


def demo(
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the pictures.")
    ] = Path("out"),
    model: options.Model = DEFAULT_RECOGNIZER,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Compare packaged portraits and save annotated pictures of each comparison.

    Each pair is compared twice and the second run is reported, so that the times do not include
    the one-off set-up of the networks for a photo size.

    Examples:

        facesdk demo

        facesdk demo -o pictures --json
    """
    engine = FaceEngine.load(model, threads=threads)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create folder {out}: {error.strerror}") from None
    for names in PAIRS:
        first, second = (images.load(_sample(name)) for name in names)
        engine.verify(first, second)
        verification = engine.verify(first, second)
        target = out / f"{Path(names[0]).stem}-{Path(names[1]).stem}.jpg"
        images.save(target, drawing.draw_verification((first, second), verification, names))
        record = {"images": list(names), "picture": str(target), **verification.to_dict()}
        heading = f"{names[0]} and {names[1]}: "
        text = f"{heading}{output.verdict(verification)}\n  picture     {target}"
        typer.echo(json_module.dumps(record) if json else text)


def _sample(name: str) -> Path:
    for folder in facesdk.__path__:
        path = Path(folder) / "samples" / name
        if path.is_file():
            return path
    raise InputError(f"the packaged photo {name} is missing: install facesdk again")
