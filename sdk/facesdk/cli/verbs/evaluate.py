"""``facesdk evaluate``: measure a recognition model on pairs of photos, or a detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.detection.detector import DEFAULT_MIN_FACE
from facesdk.detection.registry import DEFAULT_DETECTOR
from facesdk.errors import InputError
from facesdk.files import cache_folder
from facesdk.models.contract import Contract

if TYPE_CHECKING:
    from facesdk.evaluation.embedded import EmbeddedSet
    from facesdk.evaluation.evaluation import Evaluation
    from facesdk.evaluation.sets.verification_set import VerificationSet
    from facesdk.models.contract import Threshold

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Name of a packaged model, a .tflite file, a finished run or saved Keras model, or "
        "saved embeddings (.npz).",
    ),
]
Flip = Annotated[
    Optional[bool],
    typer.Option(
        "--flip/--no-flip",
        help="Concatenate the embeddings of the crop and of its mirror image, or not.",
        show_default="as the model's contract says",
    ),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Neither read nor write cached embeddings.")
]
Report = Annotated[
    Optional[Path],
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write an HTML page with curves and the worst pairs as pictures.",
    ),
]
Save = Annotated[
    Optional[Path],
    typer.Option("--save-embeddings", metavar="FILE", help="Write the embeddings as .npz."),
]
Aligned = Annotated[
    bool, typer.Option("--aligned", help="The photos are aligned crops: do not detect.")
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Measure a recognition model on pairs of photos.",
)


@app.callback()
def evaluate() -> None:
    """Measure a recognition model on pairs of photos."""


@app.command()
def lfw(
    model: Model,
    pairs: Annotated[
        Path,
        typer.Option(
            "--pairs", metavar="FILE", help="LFW's pairs.txt (View 2).", show_default=False
        ),
    ],
    images: Annotated[
        Optional[Path],
        typer.Option(
            "--images",
            metavar="DIR_OR_ZIP",
            help="LFW's photos, Name/Name_0001.jpg, 250x250; not needed for saved embeddings.",
            show_default=False,
        ),
    ] = None,
    contract: options.ContractFile = None,
    trust: options.TrustCode = False,
    custom: options.Custom = None,
    flip: Flip = None,
    report: Report = None,
    save: Save = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    threads: options.Threads = 1,
    json: options.Json = False,
    no_cache: NoCache = False,
) -> None:
    """Accuracy on Labeled Faces in the Wild: 6,000 pairs, 10 folds.

    Each photo is detected, aligned and embedded as `facesdk verify` does it. The accuracy of a fold
    is that at the threshold which is best on the other nine. A photo without a detected face is
    decided from its middle and counted. Landmarks and embeddings are cached, so an interrupted run
    goes on where it stopped.

    Examples:

        facesdk evaluate lfw compactfacenet-qb --images lfw.zip --pairs pairs.txt

        facesdk evaluate lfw my.tflite --contract my.json --images lfw/ --pairs pairs.txt --json

        facesdk evaluate lfw embeddings.npz --pairs pairs.txt --report lfw.html
    """
    from facesdk.evaluation.sets.lfw_pairs import read_pairs
    from facesdk.evaluation.sets.lfw_photos import LfwPhotos
    from facesdk.evaluation.sets.verification_set import lfw_set

    protocol = read_pairs(pairs)
    photos = None if images is None else LfwPhotos(images, protocol.photos)
    wanted = _Wanted(
        *(model, contract, trust, custom, flip, report, save, threads, json, no_cache, detector)
    )
    wanted.measure(lfw_set(protocol, photos), missing="LFW's photos: --images")


@app.command("bin")
def bin_(
    model: Model,
    pairs: Annotated[
        Path,
        typer.Option(
            "--pairs", metavar="FILE", help="An InsightFace .bin file: agedb_30, cfp_fp, calfw, ..."
        ),
    ],
    contract: options.ContractFile = None,
    trust: options.TrustCode = False,
    custom: options.Custom = None,
    flip: Flip = None,
    report: Report = None,
    save: Save = None,
    threads: options.Threads = 1,
    json: options.Json = False,
    no_cache: NoCache = False,
) -> None:
    """Accuracy on an InsightFace test set: aligned crops in pairs, ten folds in their order.

    The file is a pickle; anything in it but lists, bytes and truth values is refused, not run.

    Examples:

        facesdk evaluate bin compactfacenet-qb --pairs agedb_30.bin

        facesdk evaluate bin run/ --pairs cfp_fp.bin --flip --report cfp.html
    """
    from facesdk.evaluation.sets.bin_file import read_bin

    wanted = _Wanted(model, contract, trust, custom, flip, report, save, threads, json, no_cache)
    wanted.measure(read_bin(pairs))


@app.command()
def folder(
    model: Model,
    images: Annotated[
        Path,
        typer.Option(
            "--images",
            metavar="DIR_OR_ZIP",
            help="A folder of photos for each person.",
            show_default=False,
        ),
    ],
    aligned: Aligned = False,
    contract: options.ContractFile = None,
    trust: options.TrustCode = False,
    custom: options.Custom = None,
    flip: Flip = None,
    report: Report = None,
    save: Save = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    threads: options.Threads = 1,
    json: options.Json = False,
    no_cache: NoCache = False,
    verbose: options.Verbose = False,
) -> None:
    """Accuracy on your own photos, a folder for each person.

    Every pair of one person is compared, and every pair of two people, up to a million drawn at
    random. For the accuracy people are put into ten folds. What is hidden, a system's own
    (thumbnails, trash) or no photo by its ending is left out and counted.

    Examples:

        facesdk evaluate folder compactfacenet-qb --images staff/ --report staff.html

        facesdk evaluate folder my.tflite --images crops.zip --aligned --json
    """
    from facesdk.evaluation.sets.people import folder_set
    from facesdk.images.photo_source import open_photos

    wanted = _Wanted(
        *(model, contract, trust, custom, flip, report, save, threads, json, no_cache, detector)
    )
    people = folder_set(open_photos(images, aligned=aligned))
    output.tell_left_out(people.left_out, verbose=verbose)
    wanted.measure(people, verbose=verbose)


@app.command()
def identification(
    model: Model,
    images: Annotated[
        Path,
        typer.Option(
            "--images",
            metavar="DIR_OR_ZIP",
            help="A folder of photos for each person.",
            show_default=False,
        ),
    ],
    aligned: Aligned = False,
    templates: Annotated[
        int, typer.Option("--templates", min=1, help="Photos per person that are enrolled.")
    ] = 1,
    rule: Annotated[
        str,
        typer.Option(
            "--rule", help="How a person's templates make one similarity: max (best) or mean."
        ),
    ] = "max",
    contract: options.ContractFile = None,
    trust: options.TrustCode = False,
    custom: options.Custom = None,
    flip: Flip = None,
    report: Annotated[
        Optional[Path],
        typer.Option("--report", metavar="FILE", help="Write an HTML page with the DET curve."),
    ] = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    threads: options.Threads = 1,
    json: options.Json = False,
    no_cache: NoCache = False,
    verbose: options.Verbose = False,
) -> None:
    """Who is found in a gallery of your people, and how many strangers get a name.

    Every other person is enrolled by the first photos; the rest are strangers. Then the other way
    round, and all searches are counted together: rank 1, and the FNIR at stated FPIRs and at the
    model's own thresholds, beside what FPIR = 1 - (1 - FMR)^N foretells.

    Examples:

        facesdk evaluate identification compactfacenet-qb --images staff/

        facesdk evaluate identification my.tflite --images crops.zip --aligned --templates 2 --json
    """
    from facesdk.cli.verbs import evaluation_text
    from facesdk.evaluation import subject
    from facesdk.evaluation.identification import measure, require_searchable, search_scores
    from facesdk.evaluation.identification_report import html_report
    from facesdk.evaluation.sets.people import unpaired_set
    from facesdk.files import write_atomic
    from facesdk.images.photo_source import open_photos
    from facesdk.recognition.saved_embeddings import SavedEmbeddings

    photos, people = unpaired_set(open_photos(images, aligned=aligned))
    output.tell_left_out(photos.left_out, verbose=verbose)
    require_searchable(people, templates=templates, rule=rule)
    loaded = subject.load_model(
        model,
        contract=Contract.read(contract) if contract else None,
        flip=flip,
        custom=custom or (),
        trust=trust,
        threads=threads,
    )
    with output.progress_bar("photos") as progress:
        measured, embedded = subject.embed(
            *(photos, loaded),
            detector=detector,
            threads=threads,
            cache=cache(no_cache),
            progress=progress,
        )
    result = measure(
        search_scores(embedded.vectors, people, templates=templates, rule=rule),
        measured,
        rule=rule,
        thresholds=() if isinstance(loaded, SavedEmbeddings) else loaded.contract.thresholds,
        undetected=embedded.undetected,
    )
    if report is not None:
        write_atomic(report, html_report(result).encode())
    left_out = output.left_out_record(photos.left_out, verbose=verbose)
    output.emit(
        {**result.to_dict(), "left_out": left_out},
        json=json,
        text=evaluation_text.identification(result),
    )


@app.command()
def detection(
    images: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of photos.", show_default=False)
    ],
    boxes: Annotated[
        Path,
        typer.Option(
            "--boxes",
            metavar="FILE",
            help="The boxes of their faces, in the format of WIDER FACE's bbx_gt.txt files.",
            show_default=False,
        ),
    ],
    overlap: Annotated[
        float,
        typer.Option(
            "--overlap", help="Least overlap of a find with a face, intersection over union."
        ),
    ] = 0.5,
    report: Annotated[
        Optional[Path],
        typer.Option(
            "--report", metavar="FILE", help="Write an HTML page with precision and recall."
        ),
    ] = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """How many faces a detector finds, by their size, and how many of its finds are none.

    Photos are taken as upright. Faces below `--min-face` do not count, nor do finds of them. Photos
    without a face (a number of 0) say how often one is seen where there is none. Where the lines of
    faces go on with roll and yaw in degrees, recall is told by these, too.

    Examples:

        facesdk evaluate detection WIDER_val/images --boxes wider_face_val_bbx_gt.txt

        facesdk evaluate detection photos/ --boxes boxes.txt --detector finder --report found.html
    """
    from facesdk.cli.verbs import evaluation_text
    from facesdk.detection.registry import load_detector
    from facesdk.evaluation.detection import measure
    from facesdk.evaluation.detection_report import html_report
    from facesdk.evaluation.sets.face_boxes import read_boxes
    from facesdk.files import write_atomic
    from facesdk.images import decode

    photos = read_boxes(boxes)
    finder = load_detector(detector, min_face=min_face, threads=threads, turned=False)
    with output.progress_bar("photos") as progress:
        result = measure(
            photos,
            lambda name: decode.load(images / name),
            finder,
            min_face=min_face,
            overlap=overlap,
            progress=progress,
        )
    if report is not None:
        write_atomic(report, html_report(result).encode())
    output.emit(result.to_dict(), json=json, text=evaluation_text.detection(result))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the verbs of the group have in common: their options."""

    model: str
    contract: Path | None
    trust: bool
    custom: list[str] | None
    flip: bool | None
    report: Path | None
    save: Path | None
    threads: int
    json: bool
    no_cache: bool
    detector: str = DEFAULT_DETECTOR

    def measure(self, pairs: VerificationSet, *, missing: str = "", verbose: bool = False) -> None:
        """Evaluate the model on a set, write what was asked for and print the figures.

        Args:
            pairs: The set.
            missing: What to give where it has no photos and the model needs some.
            verbose: Whether to name every file that is left out.
        """
        from facesdk.cli.verbs import evaluation_text
        from facesdk.evaluation import subject
        from facesdk.evaluation.evaluation import evaluate as measure
        from facesdk.recognition.saved_embeddings import SavedEmbeddings

        model = subject.load_model(
            self.model,
            contract=Contract.read(self.contract) if self.contract else None,
            flip=self.flip,
            custom=self.custom or (),
            trust=self.trust,
            threads=self.threads,
        )
        thresholds: tuple[Threshold, ...] = ()
        if not isinstance(model, SavedEmbeddings):
            if pairs.read is None:
                raise InputError(f"a model needs {missing}")
            thresholds = model.contract.thresholds
        with output.progress_bar("photos") as progress:
            measured, embedded = subject.embed(
                *(pairs, model),
                detector=self.detector,
                threads=self.threads,
                cache=cache(self.no_cache),
                progress=progress,
            )
        result = measure(
            pairs,
            embedded.vectors,
            measured,
            thresholds=thresholds,
            undetected=embedded.undetected,
        )
        if self.save is not None:
            saved = SavedEmbeddings(
                *(pairs.names, embedded.vectors, measured.model, measured.model_id),
                embedded.faceless,
            )
            saved.save(self.save)
        if self.report is not None:
            _write_report(self.report, result, pairs, embedded)
        left_out = output.left_out_record(pairs.left_out, verbose=verbose)
        output.emit(
            {**result.to_dict(), "left_out": left_out},
            json=self.json,
            text=evaluation_text.verification(result),
        )


def cache(no_cache: bool) -> Path | None:
    """Where landmarks and embeddings are kept between runs; None for `--no-cache`."""
    return None if no_cache else cache_folder("evaluation")


def _write_report(
    path: Path, result: Evaluation, pairs: VerificationSet, embedded: EmbeddedSet
) -> None:
    from facesdk.evaluation.report import html_report
    from facesdk.files import write_atomic

    write_atomic(path, html_report(result, pairs, embedded.crop).encode())
