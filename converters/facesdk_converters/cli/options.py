"""Options that all verbs of ``facesdk convert`` share, and what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from facesdk.cli import output
from facesdk.errors import InputError, require_extra
from facesdk_converters.sources.facts import Facts
from facesdk_converters.targets import registry

if TYPE_CHECKING:
    from facesdk_converters.inspection.converted import Converted

NetworkPath = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="Run of `facesdk train`, .h5, .keras or .onnx file, or SavedModel.",
        show_default=False,
    ),
]
SourcePath = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="Run of `facesdk train`, .h5, .keras, .onnx or float32 .tflite file, or SavedModel.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The .tflite file to write.", show_default=False
    ),
]
VerifyOn = Annotated[
    Optional[Path],
    typer.Option(
        "--verify-on",
        metavar="DIR",
        help="Photos or aligned crops to compare file and source on, besides the samples.",
    ),
]
NoVerify = Annotated[
    bool, typer.Option("--no-verify", help="Do not compare; the file's contract says so.")
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="Print each operator of the file, and why a layer is not smaller or faster.",
    ),
]
Io = Annotated[
    str,
    typer.Option(
        "--io", metavar="TYPE", help="Type of inputs and outputs: `float32`, `int8` or `uint8`."
    ),
]
Pack = Annotated[
    bool, typer.Option("--pack", help="Write the entropy-coded container .tflite.pack.")
]
Float16 = Annotated[
    bool,
    typer.Option("--float16", help="Store the weights of float layers as float16: half the bytes."),
]
Float16Head = Annotated[
    bool,
    typer.Option(
        "--float16-head",
        help="Store as float16 the weights after the last sign alone: an embedding moves by "
        "rounding only.",
    ),
]
Int8Body = Annotated[
    bool,
    typer.Option(
        "--int8-body",
        help="Let float convolutions that a sign follows compute in 8 bits, but for the first "
        "layer: smaller and faster, and some signs turn.",
    ),
]
CalibrateOn = Annotated[
    Optional[Path],
    typer.Option(
        "--calibrate-on",
        metavar="DIR_OR_ZIP",
        help="Photos or aligned crops to measure activations on, besides the samples.",
    ),
]
Name = Annotated[Optional[str], typer.Option("--name", help="Name of the model.")]
Task = Annotated[
    Optional[str],
    typer.Option("--task", help="`recognition` if it embeds aligned faces. A run says it itself."),
]
Color = Annotated[
    Optional[str], typer.Option("--color", help="Channel order it was trained on: RGB or BGR.")
]
Mean = Annotated[
    Optional[float], typer.Option("--mean", help="What is subtracted from pixels of 0 to 255.")
]
Scale = Annotated[Optional[float], typer.Option("--scale", help="What then divides them.")]
License = Annotated[Optional[str], typer.Option("--license", help="Licence of its weights.")]
TrainingData = Annotated[
    Optional[str], typer.Option("--training-data", help="What it was trained on, in words.")
]


@dataclass(frozen=True, slots=True)
class Common:
    """The values of the common options, in the order in which every verb has them."""

    source: Path
    output: Path
    custom: list[str] | None
    trust: bool
    verify_on: Path | None
    no_verify: bool
    explain: bool
    io: str
    pack: bool
    name: str | None
    task: str | None
    color: str | None
    mean: float | None
    scale: float | None
    license_words: str | None
    training_data: str | None
    json: bool


def run(
    target: str,
    common: Common,
    *,
    float16: bool = False,
    float16_head: bool = False,
    int8_body: bool = False,
    calibrate_body_on: Path | None = None,
    **own: Any,
) -> None:
    """Converts, and prints what became of it.

    Args:
        target: A key of :data:`facesdk_converters.targets.registry.TARGETS`.
        common: The common options.
        float16: Whether to store the weights of all float layers as float16.
        float16_head: Whether to store those so that no sign follows.
        int8_body: Whether float convolutions before signs compute in 8 bits.
        calibrate_body_on: What to measure the ranges of these on, besides the samples.
        own: The options of the target's verb.
    """
    require_extra("larq_compute_engine", extra="convert")
    if common.no_verify and common.verify_on is not None:
        raise InputError("--no-verify and --verify-on exclude each other")
    if float16 and float16_head:
        raise InputError("--float16 and --float16-head exclude each other")
    if calibrate_body_on is not None and not int8_body:
        raise InputError("--calibrate-on is for --int8-body: give both")
    calibration = own.get("calibrate_on", calibrate_body_on)
    for path in (common.source, common.verify_on, calibration):
        if path is not None and not path.exists():
            raise InputError(f"{path} does not exist")
    facts = Facts(
        name=common.name,
        task=common.task,
        color=common.color,
        mean=common.mean,
        scale=common.scale,
        license=common.license_words,
        training_data=common.training_data,
    )
    from facesdk.images.photo_source import list_photos
    from facesdk_converters.convert import Request, convert

    request = Request(
        source=common.source,
        output=common.output,
        custom=tuple(common.custom or ()),
        trust=common.trust,
        facts=facts,
        verify=not common.no_verify,
        verify_on=common.verify_on,
        explain=common.explain,
        ports=common.io,
        pack=common.pack,
        float16="all" if float16 else "head" if float16_head else None,
        int8_body=int8_body,
        calibrate_on=calibrate_body_on,
    )
    made = registry.load(target, **own)
    folders = [path for path in (common.verify_on, calibration) if path is not None]
    left_out = [row for path in folders for row in list_photos(path).left_out]
    output.tell_left_out(left_out, verbose=None)
    with output.progress_bar("convert") as advance:
        converted = convert(request, made, progress=advance)
    record = converted.to_dict()
    if folders:
        record["left_out"] = output.left_out_record(left_out, verbose=False)
    output.emit(record, json=common.json, text=in_words(converted))


def in_words(converted: Converted) -> str:
    """What became of a network, for people."""
    agreement = converted.agreement
    lines = []
    if converted.explanation is not None:
        from facesdk_converters.inspection.explanation_text import as_text

        lines.append(as_text(converted.explanation))
    size = f"{converted.bytes:,} bytes"
    if converted.packed_bytes is not None:
        size += f" packed to {converted.packed_bytes:,}"
    lines.append(
        f"{converted.path}: {size}, "
        + ("not compared with its source" if agreement is None else str(agreement))
    )
    if converted.half is not None:
        lines.append(str(converted.half))
    lines += converted.description.splitlines()
    if converted.advice:
        lines.append(converted.advice)
    return "\n".join(lines)
