"""``facesdk data``: make training data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.detection.detector import DEFAULT_MIN_FACE
from facesdk.errors import InputError, require_extra
from facesdk_training.cli import detector

if TYPE_CHECKING:
    from facesdk_training.preparation.prepare import PreparationReport

NEAR_DUPLICATE_BITS = 30

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Make training data from photos (needs the extra `train`).",
)


@app.callback()
def data() -> None:
    """Make training data from photos (needs the extra `train`)."""


@app.command()
def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS",
            help="A folder or zip with a folder of photos for each person, or a folder of aligned "
            "crops with a manifest.csv.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the dataset."),
    ] = Path("dataset"),
    size: Annotated[
        Optional[int],
        typer.Option(
            "--side",
            min=32,
            max=512,
            help="Side of the crops: 128 has a margin to crop from at random, 112 has none.",
            show_default="128, and 112 for aligned crops",
        ),
    ] = None,
    aligned: Annotated[
        bool,
        typer.Option("--aligned", help="The photos are aligned crops already: do not detect."),
    ] = False,
    encoding: Annotated[
        str,
        typer.Option("--encoding", help="How crops are stored: jpeg (quality 95) or png (exact)."),
    ] = "jpeg",
    keep: Annotated[
        Optional[Path],
        typer.Option("--keep-list", metavar="FILE", help="Use only the photos of this list."),
    ] = None,
    drop: Annotated[
        Optional[Path],
        typer.Option("--drop-list", metavar="FILE", help="Leave out the photos of this list."),
    ] = None,
    near_duplicate_bits: Annotated[
        int,
        typer.Option(
            "--near-duplicate-bits",
            min=-1,
            max=64,
            help="Crops whose 256-bit perceptual hashes differ in so few bits are one photo; -1 "
            "keeps near duplicates.",
        ),
    ] = NEAR_DUPLICATE_BITS,
    min_images: Annotated[
        int, typer.Option("--min-images", min=1, help="Leave out people with fewer usable photos.")
    ] = 1,
    validation_images: Annotated[
        int,
        typer.Option(
            "--validation-images", min=0, help="Photos per person to hold out for validation."
        ),
    ] = 2,
    shard_size: Annotated[
        int, typer.Option("--shard-size", min=1, help="Most crops per shard.")
    ] = 4096,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    workers: Annotated[
        Optional[int],
        typer.Option(
            "--workers", min=1, help="Processes that crop.", show_default="one per processor"
        ),
    ] = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> None:
    """Detect, align and clean photos, and write them as TFRecord shards (extra `train`).

    Leaves out photos without a face, unreadable ones and duplicates; holds out two photos per
    person. The folder gets a report, a list of what was left out and why, and contact sheets to
    look at. An interrupted run goes on where it stopped when the same command is given again, and
    ends with the same files.

    Examples:

        facesdk data prepare CASIA-WebFace/ -o casia --keep-list cleaned_list.txt --min-images 5

        facesdk data prepare photos.zip -o photos --side 112 --encoding png --workers 8

        facesdk data prepare faces/ -o faces-records        # faces/manifest.csv and faces/*.zip
    """
    require_extra("tensorflow", extra="train")
    require_extra("imagehash", extra="train")
    from facesdk_training.preparation.cropping import ENCODINGS, CropSettings
    from facesdk_training.preparation.prepare import PreparationOptions
    from facesdk_training.preparation.prepare import prepare as run
    from facesdk_training.preparation.selection import SelectionRules
    from facesdk_training.preparation.sources import open_source

    if encoding not in ENCODINGS:
        raise InputError(f"--encoding must be one of {', '.join(ENCODINGS)}, but got {encoding}")
    photos = open_source(source, aligned=aligned)
    output.tell_left_out(photos.left_out, verbose=verbose)
    asked = PreparationOptions(
        CropSettings(size or (112 if photos.aligned else 128), encoding, photos.aligned, min_face),
        SelectionRules(
            None if near_duplicate_bits < 0 else near_duplicate_bits, min_images, validation_images
        ),
        keep,
        drop,
        shard_size,
    )
    with output.progress_bar("crop") as progress:
        report = run(photos, out, asked, workers=workers or os.cpu_count() or 1, progress=progress)
    left_out = output.left_out_record(photos.left_out, verbose=verbose)
    warnings = _warnings(report)
    record = {"dataset": str(out), **report.to_dict(), "left_out": left_out, "warnings": warnings}
    for words in warnings:
        output.emit_error(f"warning: {words}")
    output.emit(record, json=json, text=_describe(report, out))


def _warnings(report: PreparationReport) -> list[str]:
    """Why the dataset cannot be trained on as configurations are by default, a sentence each."""
    from facesdk_training.config.run import DataConfig

    least, said = DataConfig().min_crops, []
    enough = sum(n for crops, n in report.people_by_crops.items() if int(crops) >= least)
    if enough < 2:
        said.append(
            f"{enough} of {report.people} people have {least} crops for training or more, of which "
            "`facesdk train run` needs 2 at least: add photos, hold out fewer by "
            "--validation-images, or train with --set data.min_crops=1; `facesdk train distill` "
            "needs no labels"
        )
    if not report.validation:
        said.append(
            "no crop is held out for validation, so no run can be measured or calibrated: it takes "
            "people with more photos than --validation-images says"
        )
    return said


def _describe(report: PreparationReport, out: Path) -> str:
    dropped = [f"  {count:9,d}  {reason}" for reason, count in report.dropped.items()]
    lines = [
        f"{out}: {report.train + report.validation:,d} of {report.photos:,d} photos, "
        f"{report.people:,d} people",
        f"  {report.train:9,d}  train"
        + f" ({report.unlabelled:,d} unlabelled)" * bool(report.unlabelled),
        f"  {report.validation:9,d}  validation",
        *(["left out:", *dropped] if dropped else []),
    ]
    if report.other_names:
        lines.append(f"{report.other_names:,d} duplicates have another name: see dropped.csv")
    if report.unknown_list_entries:
        lines.append(f"{report.unknown_list_entries:,d} list entries name nothing of the source")
    lines.append(f"look at {out / 'contact-sheet.jpg'} before training")
    return "\n".join(lines)


app.command()(detector.scenes)
