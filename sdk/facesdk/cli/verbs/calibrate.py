"""``facesdk calibrate``: thresholds into a model file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.cli.verbs import evaluate
from facesdk.detection.registry import DEFAULT_DETECTOR
from facesdk.errors import InputError
from facesdk.evaluation.calibration import COMMON_FMRS
from facesdk.models import registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facesdk.evaluation.sets.verification_set import VerificationSet
    from facesdk.models.contract import Threshold


def calibrate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .tflite file that carries a contract, or the name of a packaged model or a "
            "finished run, of which a copy is written.",
            show_default=False,
        ),
    ],
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS",
            help="A folder or zip with a folder of photos for each person, or an InsightFace .bin.",
            show_default=False,
        ),
    ],
    fmr: Annotated[
        Optional[list[float]],
        typer.Option(
            "--fmr",
            help="False match rate to find a threshold for; repeatable.",
            show_default=" and ".join(f"{rate:g}" for rate in COMMON_FMRS),
        ),
    ] = None,
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write here.",
            show_default="MODEL itself; of a packaged one NAME.tflite in this folder",
        ),
    ] = None,
    aligned: evaluate.Aligned = False,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip",
            help="Write a model that embeds the crop and its mirror image, concatenated: more "
            "accurate, in twice the time; another model, to whose embeddings earlier ones do not "
            "compare. Needs -o.",
        ),
    ] = False,
    center: Annotated[
        bool,
        typer.Option(
            "--center",
            help="Write a model that takes out of embeddings what those of the photos have in "
            "common, so that fewer strangers before the same camera pass; another model, to whose "
            "embeddings earlier ones do not compare. Needs -o, and photos of many people.",
        ),
    ] = False,
    unclear: Annotated[
        Optional[float],
        typer.Option(
            "--unclear",
            metavar="SHARE",
            min=0.0,
            max=0.5,
            help="Share of the photos that count as unclear, those to which the network gives the "
            "shortest outputs: embeddings of such faces become shorter than 1, so that strangers "
            "with spoilt photos do not pass, and known people with them less often. 0.005 is a "
            "good choice, 0 for none; embeddings made before still compare.",
            show_default="as the model has it",
        ),
    ] = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    threads: options.Threads = 1,
    json: options.Json = False,
    no_cache: evaluate.NoCache = False,
    verbose: options.Verbose = False,
) -> None:
    """Find the thresholds of a model on your photos, and write them into the model file.

    Use photos of people that the model was not trained on, taken like those that it will see. A
    rate needs 30 expected false matches: 30,000 pairs of different people for 0.001. The thresholds
    replace those in the file, and so does the curve from a similarity to a probability; the network
    stays as it is, byte by byte, and embeddings made before still compare, unless with --flip or
    --center.

    Examples:

        facesdk calibrate compactfacenet-qb staff/ -o door.tflite

        facesdk calibrate my.tflite staff/

        facesdk calibrate run staff/ -o door.tflite

        facesdk calibrate my.tflite staff.zip --fmr 0.01 --fmr 0.0001 -o calibrated.tflite

        facesdk calibrate compactfacenet-qb staff/ --flip -o twice.tflite

        facesdk calibrate mobilefacenet-w7a8 visitors/ --center -o door.tflite

        facesdk calibrate my.tflite staff/ --unclear 0.005 -o strict.tflite
    """
    import numpy as np

    from facesdk.evaluation import subject
    from facesdk.evaluation.calibration import (
        PairSimilarities,
        require_enough,
        require_hope,
        warnings_of,
    )
    from facesdk.evaluation.calibration import calibrate as thresholds_of
    from facesdk.evaluation.calibration import probability as probability_of
    from facesdk.evaluation.centering import Centering, people_of
    from facesdk.evaluation.evaluation import pair_similarities
    from facesdk.files import write_atomic
    from facesdk.images import pixels
    from facesdk.models.bundle import ModelBundle
    from facesdk.models.contract_writer import derived, replace_contract
    from facesdk.models.run_files import is_run, model_files
    from facesdk.recognition.clarity import measurable, norm_of_clear, shortened
    from facesdk.recognition.embedding import Embedder

    fmrs = tuple(dict.fromkeys(fmr or COMMON_FMRS))
    if not all(0 < rate < 1 for rate in fmrs):
        raise InputError("--fmr must be above 0 and below 1")
    source = registry.resolve(model)
    packaged = registry.is_packaged(model)
    target = out or (Path(f"{model}.tflite") if packaged else source)
    if packaged and out is None and target.exists():
        raise InputError(f"{target} exists: name the file to write with -o FILE")
    if is_run(source) and out is None:
        raise InputError(f"{source} is a run: name the model file to write with -o FILE")
    if (flip or center) and (out is None or out.resolve() == source.resolve()):
        option = "--flip" if flip else "--center"
        raise InputError(f"{option} makes another model: name its file with -o FILE")
    with model_files([model], output.emit_error) as (path,):
        loaded = ModelBundle.load(path, trust=trust)
    if flip and loaded.contract.flip_concatenation:
        raise InputError(f"{source} embeds the mirror image already: leave out --flip")
    if center and loaded.contract.removed_direction is not None:
        raise InputError(f"{source} was made by --center: leave it out, or give the model before")
    own = loaded.contract.with_flip(True) if flip else loaded.contract
    bundle = derived(loaded, own) if flip else loaded
    embedder = Embedder(bundle, measurable(own), threads=threads)
    people = _open(pairs, aligned=aligned)
    output.tell_left_out(people.left_out, verbose=verbose)
    count = None if people.people is None else len(np.unique(people.people))
    require_enough(people.same, len(people.names), fmrs, count)
    if center:
        people_of(people)
    with output.progress_bar("photos") as progress:
        measured, embedded = subject.embed(
            *(people, embedder),
            detector=detector,
            threads=threads,
            cache=evaluate.cache(no_cache),
            progress=progress,
        )

    def labelled(scores: NDArray[np.float64]) -> PairSimilarities:
        rounded = scores.astype("float32")
        return PairSimilarities(rounded[people.same], rounded[~people.same])

    full_norm = own.full_norm
    if unclear is not None:
        full_norm = norm_of_clear(embedded.vectors, unclear)
    vectors = shortened(embedded.vectors, full_norm)
    similar = labelled(pair_similarities(people, vectors))
    found = thresholds_of(similar, fmrs)
    taken = None
    if center:
        centering = Centering(people, embedded.vectors)  # the same whatever norm is clear
        taken = _Center(float(np.linalg.norm(centering.mean)), centering.people, found)
        mean = [round(float(number), 7) for number in centering.mean]
        bundle = derived(loaded, own.with_removed_direction(mean))
        similar = labelled(Centering(people, vectors).similarities())
        found = thresholds_of(similar, fmrs)
    require_hope(found)
    probability = probability_of(similar)
    warnings = [
        *warnings_of(found),
        *([] if probability else ["similarities do not tell how likely it is one person"]),
        *([] if taken is None else taken.warnings(found)),
    ]
    contract = dataclasses.replace(
        bundle.contract,
        full_norm=full_norm,
        thresholds=found,
        probability=probability,
        thresholds_source=f"{len(people.same)} pairs of {len(people.names)} photos in "
        f"{pairs.name}, facesdk calibrate"
        + (", each without the mean of all other people" if center else ""),
        thresholds_pixels=None if people.aligned else pixels.VERSION,
        thresholds_detector=None if people.aligned else measured.detector,
    )
    write_atomic(target, loaded.in_its_form(replace_contract(bundle, contract)))
    record = {
        "path": str(target),
        "model_id": bundle.model_id,
        "contract": contract.to_dict(),
        "center": None if taken is None else taken.to_dict(),
        "warnings": warnings,
        "left_out": output.left_out_record(people.left_out, verbose=verbose),
    }
    lines = [
        f"FMR {row.fmr:g}: threshold {row.similarity:.4f}, FNMR {row.fnmr:.4f} "
        f"({row.positive_pairs} pairs of one person, {row.negative_pairs} of two)"
        for row in found
    ]
    if unclear is not None and full_norm is not None:
        lines.append(f"clear faces: outputs of norm {full_norm:g} and more")
    if taken is not None:
        lines.append(taken.told())
    if probability:
        lines.append(
            f"probability of one person: 1 / (1 + exp(-({probability.slope:.4g} s "
            f"{probability.intercept:+.4g})))"
        )
    for words in warnings:
        output.emit_error(f"warning: {words}")
    output.emit(record, json=json, text="\n".join([f"{target}:", *lines]))


@dataclasses.dataclass(frozen=True, slots=True)
class _Center:
    """What --center took out.

    Attributes:
        shared: Length of the mean of the people's embeddings, 0 to 1.
        people: How many people it is the mean of.
        without: The thresholds that the same photos give without it.
    """

    shared: float
    people: int
    without: tuple[Threshold, ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "shared": round(self.shared, 6),
            "people": self.people,
            "thresholds_without": [dataclasses.asdict(row) for row in self.without],
        }

    def told(self) -> str:
        rates = ", ".join(f"{row.fnmr:.4f} at FMR {row.fmr:g}" for row in self.without)
        return (
            f"taken out: {self.shared:.3f} of an embedding's length, the mean of {self.people} "
            f"people; FNMR if it is left in: {rates}"
        )

    def warnings(self, found: Sequence[Threshold]) -> list[str]:
        before, now = self.without[0], found[0]
        if now.fnmr < before.fnmr:
            return []
        return [
            f"--center does not help on these photos: FNMR at FMR {now.fmr:g} is {now.fnmr:.4f}, "
            f"and {before.fnmr:.4f} without"
        ]


def _open(path: Path, *, aligned: bool) -> VerificationSet:
    from facesdk.evaluation.sets.bin_file import read_bin
    from facesdk.evaluation.sets.people import folder_set
    from facesdk.images.photo_source import open_photos

    if path.suffix.lower() == ".bin":
        return read_bin(path)
    return folder_set(open_photos(path, aligned=aligned))
