"""``facesdk evaluate``: measure a recognition model on a public protocol."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from facesdk.cli import options, output

if TYPE_CHECKING:
    from facesdk.contract import Contract
    from facesdk.evaluation.lfw import LfwResult

MIN_FACE = 20

app = typer.Typer(no_args_is_help=True, help="Measure a recognition model on a public protocol.")


@app.callback()
def evaluate() -> None:
    """Measure a recognition model on a public protocol."""


@app.command()
def lfw(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Name of a packaged model, or a .tflite file."),
    ],
    images: Annotated[
        Path,
        typer.Option(
            metavar="DIR_OR_ZIP",
            help="LFW's photos, Name/Name_0001.jpg, 250x250.",
            show_default=False,
        ),
    ],
    pairs: Annotated[
        Path, typer.Option(metavar="FILE", help="LFW's pairs.txt (View 2).", show_default=False)
    ],
    contract: options.ContractFile = None,
    flip: Annotated[
        Optional[bool],
        typer.Option(
            "--flip/--no-flip",
            help="Concatenate the embeddings of the crop and of its mirror image, or not.",
            show_default="as the model's contract says",
        ),
    ] = None,
    threads: options.Threads = 1,
    json: options.Json = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither read nor write cached embeddings.")
    ] = False,
) -> None:
    """Accuracy on Labeled Faces in the Wild: 6,000 pairs, 10 folds.

    Each photo is detected, aligned and embedded as `facesdk verify` does it. The accuracy of a fold
    is that at the threshold which is best on the other nine. A photo without a detected face is
    decided from its middle and counted. Landmarks and embeddings are cached, so an interrupted run
    goes on where it stopped.

    Examples:

        facesdk evaluate lfw compactfacenet-qb --images lfw.zip --pairs pairs.txt

        facesdk evaluate lfw my.tflite --contract my.json --images lfw/ --pairs pairs.txt --json
    """
    from facesdk.detection.mtcnn import MTCNN
    from facesdk.embedding import Embedder
    from facesdk.evaluation.lfw import evaluate_lfw
    from facesdk.evaluation.photos import LfwPhotos
    from facesdk.evaluation.protocol import read_pairs
    from facesdk.models import registry
    from facesdk.runtime.bundle import ModelBundle

    protocol = read_pairs(pairs)
    photos = LfwPhotos(images, protocol.photos)
    bundle = ModelBundle.load(registry.resolve(model))
    agreed = options.read_contract(contract) or bundle.contract
    embedder = Embedder(bundle, _with_flip(agreed, flip), threads=threads)
    with output.progress_bar("photos") as progress:
        result = evaluate_lfw(
            embedder,
            MTCNN.load(min_face=MIN_FACE, threads=threads),
            photos,
            protocol,
            detector_id=_detector_id(),
            cache=None if no_cache else _cache_folder(),
            progress=progress,
        )
    output.emit(result.to_dict(), json=json, text=_describe(result))


def _with_flip(contract: Contract, flip: bool | None) -> Contract:
    """The same model with or without flip-concatenation; thresholds hold for its choice only."""
    if flip is None or flip == contract.flip_concatenation:
        return contract
    dim = contract.dim or 0
    return dataclasses.replace(
        contract,
        flip_concatenation=flip,
        dim=2 * dim if flip else dim // 2,
        thresholds=(),
        thresholds_source="",
    )


def _detector_id() -> str:
    """The packaged detector by the content of its files, and its settings."""
    from facesdk.models import registry

    files = sorted(row.sha256 for row in registry.packaged() if row.contract.task == "detection")
    digest = hashlib.sha256("".join(files).encode()).hexdigest()
    return f"mtcnn {digest[:16]} min_face={MIN_FACE}"


def _cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("facesdk") / "evaluation"


def _describe(result: LfwResult) -> str:
    rates = [
        f"TAR@FAR {point.far:<8g}{point.tar:8.4f}  (threshold {point.threshold:.3f}, all pairs)"
        for point in result.tar_at_far
    ]
    lines = [
        f"{result.model} on LFW: {result.pairs} pairs, {len(result.accuracies)} folds, "
        f"{result.photos} photos",
        f"accuracy        {100 * result.accuracy:7.2f} % +- {100 * result.std:.2f}  "
        "(mean and standard deviation of the folds)",
        *rates,
        *(
            f"threshold {rates.threshold:.3f} of the model, for FMR {aimed:g}: here FMR "
            f"{rates.fmr:.4f}, FNMR {rates.fnmr:.4f}"
            for aimed, rates in result.recommended
        ),
        f"EER             {result.equal_error_rate:8.4f}",
        f"undetected      {result.undetected:5d}     (decided from the middle of the photo)",
        f"measured with   {result.detector}, {result.template}, "
        f"{'flip' if result.flip else 'no flip'}, model {result.model_id[:16]}",
    ]
    return "\n".join(lines)
