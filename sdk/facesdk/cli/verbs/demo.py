"""``facesdk demo``: the whole pipeline on the packaged photos."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from facesdk import samples
from facesdk.cli import options, output
from facesdk.engine import FaceEngine
from facesdk.files import make_folder
from facesdk.images import decode, drawing, encode
from facesdk.models.registry import DEFAULT_RECOGNIZER

PAIRS = ((samples.OBAMA, samples.OBAMA2), (samples.OBAMA, samples.BIDEN))
"""One person twice, then two people."""


def demo(
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the pictures.")
    ] = Path("out"),
    model: options.Model = DEFAULT_RECOGNIZER,
    trust: options.Trust = False,
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
    engine = FaceEngine.load(model, threads=threads, trust=trust)
    make_folder(out)
    for a, b in PAIRS:
        first, second = decode.load_photo(a), decode.load_photo(b)
        engine.verify(first, second)
        verification = engine.verify(first, second)
        target = out / f"{a.stem}-{b.stem}.jpg"
        picture = drawing.draw_verification((first, second), verification, (a.name, b.name))
        encode.save(target, picture)
        record = {"images": [str(a), str(b)], "picture": str(target), **verification.to_dict()}
        verdict = output.verdict(verification, first_run=False)
        text = f"{a.name} and {b.name}: {verdict}\n  picture     {target}"
        typer.echo(json_module.dumps(record) if json else text)
