"""``facesdk models show | edit | pack | unpack``: one model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import model_text, options, output
from facesdk.errors import InputError, one_line

SUFFIX = ".pack"

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A .tflite or .tflite.pack file.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to their group."""
    for verb in (show, edit, pack, unpack):
        app.command()(verb)


def show(
    model: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="A .tflite or .tflite.pack file, or the name of a packaged model.",
            show_default=False,
        ),
    ],
    json: options.Json = False,
) -> None:
    """Show a model file: its contract, inputs and outputs, operators, and where its bytes go.

    Any TFLite model will do. Bits are those of weights x activations.

    Examples:

        facesdk models show compactfacenet-qb

        facesdk models show mine.tflite --json | jq .contract.thresholds
    """
    from facesdk.models import registry
    from facesdk.models.bundle import ModelBundle
    from facesdk.models.description import describe

    description = describe(ModelBundle.load(registry.resolve(model)))
    output.emit(description.to_dict(), json=json, text=model_text.described(description))


def edit(
    model: File,
    changes: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="FIELD=WORDS",
            help="Field of the contract and its new words; repeatable.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here.", show_default="FILE itself"
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Change the words in a model's contract: name, license, source, training_data.

    All other fields state what the network is or what was measured on it, and stay. So do the
    graph and the weights, byte by byte.

    Examples:

        facesdk models edit mine.tflite --set name=staff-2026 --set license=Apache-2.0

        facesdk models edit mine.tflite --set "training_data=our own photos" -o renamed.tflite
    """
    from facesdk.files import write_atomic
    from facesdk.models.bundle import ModelBundle
    from facesdk.models.contract_editing import edit as edited
    from facesdk.models.contract_writer import replace_contract

    wanted = dict(_assignment(change) for change in changes)
    bundle = ModelBundle.load(model)
    contract = edited(bundle.contract, wanted)
    target = out or model
    write_atomic(target, bundle.in_its_form(replace_contract(bundle, contract)))
    output.emit(
        {"path": str(target), "contract": contract.to_dict()},
        json=json,
        text="\n".join([f"{target}:", *(f"{key}: {one_line(wanted[key])}" for key in wanted)]),
    )


def pack(
    model: File,
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here.", show_default="FILE.pack"
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Pack a model file into fewer bytes, without loss.

    facesdk opens the packed file like the model; other programs need it unpacked. Weights of 1 bit
    are hardly smaller packed.

    Examples:

        facesdk models pack mine.tflite

        facesdk models pack mine.tflite -o small.tflite.pack
    """
    from facesdk.files import write_atomic
    from facesdk.models.bundle import ModelBundle
    from facesdk.models.packed import pack as packed

    bundle = ModelBundle.load(model)
    if bundle.packed_bytes is not None:
        raise InputError(f"{model} is packed already")
    target = out or model.with_name(model.name + SUFFIX)
    with output.progress_bar("pack") as advance:
        content = packed(bundle.content, progress=advance)
    write_atomic(target, content)
    size, before = len(content), len(bundle.content)
    output.emit(
        {"path": str(target), "bytes": size, "unpacked_bytes": before},
        json=json,
        text=f"{target}: {size:,} bytes, {100 * size / before:.1f} % of the model's {before:,}",
    )


def unpack(
    model: File,
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here.", show_default="FILE without .pack"
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Unpack a model file for programs other than facesdk.

    Examples:

        facesdk models unpack mine.tflite.pack

        facesdk models unpack mine.tflite.pack -o app/src/main/assets/mine.tflite
    """
    from facesdk.files import write_atomic
    from facesdk.models.bundle import ModelBundle

    bundle = ModelBundle.load(model)
    if bundle.packed_bytes is None:
        raise InputError(f"{model} is not packed")
    if out is None and model.suffix.lower() != SUFFIX:
        raise InputError(f"{model} has no {SUFFIX} to take off its name: give --output")
    target = out or model.with_suffix("")
    write_atomic(target, bundle.content)
    size = len(bundle.content)
    output.emit(
        {"path": str(target), "bytes": size, "packed_bytes": bundle.packed_bytes},
        json=json,
        text=f"{target}: {size:,} bytes",
    )


def _assignment(text: str) -> tuple[str, str]:
    key, separator, words = text.partition("=")
    if not separator:
        raise InputError(f"--set must be FIELD=WORDS, but got {text!r}")
    return key, words
