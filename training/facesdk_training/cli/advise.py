"""``facesdk advise``: which way to a smaller or faster network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import InputError, require_extra

if TYPE_CHECKING:
    from facesdk_training.compression.advice import Advice, Option

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_SCANNED_CROPS = 64
_SCANNED_WIDTHS = (8, 5, 4, 3)


@app.command()
def advise(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A model file, a finished run or a Keras file.",
            show_default=False,
        ),
    ],
    device: Annotated[
        str,
        typer.Option(
            "--device", help="x86-64, pi-zero-2, pi3, pi4, pi5 or android.", show_default=False
        ),
    ],
    target_ms: Annotated[
        Optional[float],
        typer.Option("--target-ms", help="Milliseconds per face to reach.", show_default=False),
    ] = None,
    max_bytes: Annotated[
        Optional[int],
        typer.Option("--max-bytes", help="Bytes of the file to reach.", show_default=False),
    ] = None,
    max_memory: Annotated[
        Optional[int],
        typer.Option(
            "--max-memory", help="Bytes of weights and feature maps to reach.", show_default=False
        ),
    ] = None,
    max_loss: Annotated[
        float, typer.Option("--max-loss", help="Accuracy that may be lost; 0.01 is one point.")
    ] = 0.01,
    latency_ms: Annotated[
        Optional[float],
        typer.Option(
            "--latency-ms",
            help="Milliseconds per face now, by `facesdk bench model` on the device.",
            show_default="unknown",
        ),
    ] = None,
    runtime: Annotated[str, typer.Option("--runtime", help="litert or tflite-runtime.")] = "litert",
    crops: Annotated[
        Optional[int],
        typer.Option("--crops", help="Labelled training crops there are.", show_default=False),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="One training from scratch must give the network.")
    ] = False,
    data: Annotated[
        Optional[Path],
        typer.Option(
            "--data",
            metavar="DIR",
            help="Faces to measure on what rounding does to this network (a run or Keras file).",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Say which way to a smaller or faster network fits, why, and what to run.

    The six rules of a survey (R. Ji et al., 2018, section 4) say which methods to look at first,
    what this project measured decides, and what nobody measured is named. Nothing is changed.

    Examples:

        facesdk advise mobilefacenet.tflite --device x86-64 --latency-ms 6.6 --target-ms 5

        facesdk advise run --device pi4 --target-ms 5 --max-loss 0.01 --data faces/ --crops 30000

        facesdk advise run --device x86-64 --max-bytes 900000 --json | jq -r .options[0].name
    """
    from facesdk_training.compression import advice
    from facesdk_training.compression.facts import facts_of

    if runtime not in ("litert", "tflite-runtime"):
        raise InputError(f"runtime must be litert or tflite-runtime, but got {runtime!r}")
    wish = advice.Wish(
        device=device,
        target_ms=target_ms,
        max_bytes=max_bytes,
        max_memory=max_memory,
        max_loss=max_loss,
        latency_ms=latency_ms,
        runtime="litert" if runtime == "litert" else "tflite-runtime",
        crops=crops,
        once=once,
    )
    facts = facts_of(model)
    if data is not None and not facts.trainable:
        raise InputError(f"--data needs a run or a Keras file, but {model} is a model file")
    found = advice.advise(facts, wish, _scan(model, data) if data is not None else None)
    output.emit(found.to_dict(), json=json, text=_text(found))


def _scan(model: Path, data: Path) -> dict[int, float]:
    require_extra("tensorflow", extra="train")
    from facesdk_training.compression.faces import crops_of
    from facesdk_training.compression.quantization.sensitivity import cosines_by_width
    from facesdk_training.keras import loading

    network = loading.load(model).model
    return cosines_by_width(network, crops_of(data, network, _SCANNED_CROPS), _SCANNED_WIDTHS)


def _text(found: Advice) -> str:
    verdict = {"do": "Do this", "try": "Try this"}.get(found.verdict, found.verdict.capitalize())
    lines = [f"{verdict}: {found.summary}"]
    for number, option in enumerate(found.options, start=1):
        lines += ["", f"{number}. {option.name}: {_expected(option)}"]
        lines += [f"   {option.basis}", *(f"   $ {command}" for command in option.commands)]
    lines += ["", "The six rules (R. Ji et al., 2018, section 4):"]
    words = {True: "applies", False: "does not apply", None: "open"}
    for rule in found.rules:
        lines += [f"{rule.number}. {rule.text}", f"   {words[rule.applies]}: {rule.reason}"]
    if found.unknown:
        lines += ["", "Not known:", *(f"- {sentence}" for sentence in found.unknown)]
    return "\n".join(lines)


def _expected(option: Option) -> str:
    parts = []
    if option.milliseconds is not None:
        least, most = option.milliseconds
        parts.append(f"{least:.3g} ms" if least == most else f"{least:.3g} to {most:.3g} ms")
    if option.bytes is not None:
        parts.append(f"about {option.bytes:,} bytes")
    if option.loss is not None:
        parts.append(f"{100 * option.loss:.2f} points lost")
    reaches = {True: "reaches the goals", False: "does not reach them", None: "open"}
    return ", ".join([*parts, reaches[option.reaches]])
