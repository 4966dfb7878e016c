"""``facesdk detect | align | embed | verify``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
import typer.core

from facesdk.cli import options, output
from facesdk.cli.model_text import points
from facesdk.detection.detector import DEFAULT_MIN_FACE
from facesdk.detection.registry import DEFAULT_DETECTOR, load_detector
from facesdk.engine import FaceEngine
from facesdk.errors import EXIT_DIFFERENT, EXIT_SAME, InputError, LowQualityError
from facesdk.files import make_folder
from facesdk.images import decode, drawing, encode
from facesdk.images.photo_walk import photos_at
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.models.registry import DEFAULT_RECOGNIZER, resolve
from facesdk.models.templates import TEMPLATES
from facesdk.progress import unwatched
from facesdk.quality.selection import choose_in_photo, find, pick
from facesdk.recognition import alignment
from facesdk.recognition.operating_points import DEFAULT_FMR
from facesdk.results import Detections


def detect(
    photos: options.Photos,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    max_faces: options.MaxFaces = None,
    min_score: options.MinScore = 0.0,
    picture: Annotated[
        Optional[Path],
        typer.Option("--picture", metavar="DIR", help="Write annotated copies into this folder."),
    ] = None,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Find faces: box, score and five landmarks, in pixels of the upright photo.

    Photos that lie on a side or upside down are looked at in all four turns. In JSON, `chosen` is
    true of the face that verify and embed compare, and `reason` says why this one. No face is not
    an error: the list is empty and the status 0. A photo that cannot be read is reported, the
    others are still done, and the status is 2.

    Examples:

        facesdk detect team.jpg

        facesdk detect *.jpg --json | jq '.faces | length'

        facesdk detect album/ --json > faces.jsonl

        facesdk detect team.jpg --min-face 40 --picture annotated/
    """
    photos = _listed(photos)
    finder = load_detector(
        detector,
        min_face=min_face,
        max_faces=max_faces,
        min_score=min_score,
        threads=threads,
    )
    if picture is not None:
        _require_distinct_names(photos)

    def one(path: Path, _: int | None) -> None:
        photo = decode.load_photo(path)
        faces = find(finder, photo.pixels)
        choice = pick(photo.pixels, faces)
        chosen, reason = (choice.number, choice.reason) if choice else (None, "")
        in_photo = tuple(map(photo.of_photo, faces))
        found = Detections(
            str(path), photo.width, photo.height, in_photo, chosen, reason, finder.id
        )
        if picture is not None:
            encode.save(
                _target(picture, path, "faces.jpg"), drawing.draw_faces(photo.pixels, faces)
            )
        output.emit(found.to_dict(), json=json, text=_describe(found))

    _for_each(photos, [None] * len(photos), one)


def align(
    photos: options.Photos,
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the crops.")
    ] = Path("aligned"),
    template: Annotated[
        str, typer.Option("--template", help=f"Template: {', '.join(TEMPLATES)}.")
    ] = "arcface-112x112",
    every: Annotated[bool, typer.Option("--all", help="Every face of each photo.")] = False,
    face: options.FaceNumbers = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    max_faces: options.MaxFaces = None,
    min_score: options.MinScore = 0.0,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Cut faces out of photos, turned and scaled to a recognition template, as PNG.

    Examples:

        facesdk align portrait.jpg -o crops

        facesdk align team.jpg --all --template arcface-112x96 --json
    """
    photos = _listed(photos)
    finder = load_detector(
        detector,
        min_face=min_face,
        max_faces=max_faces,
        min_score=min_score,
        threads=threads,
    )
    numbers = _face_numbers(face, len(photos))
    for_all = _is_for_all(face, photos)
    _require_distinct_names(photos)

    def one(path: Path, number: int | None) -> None:
        photo = decode.load_photo(path)
        choice = choose_in_photo(finder, photo.pixels, number, str(path), where_several=for_all)
        one = [(choice.number, choice.face)]
        crops = []
        for index, row in enumerate(find(finder, photo.pixels)) if every else one:
            target = _target(out, path, f"face{index}.png")
            encode.save(target, alignment.align(photo.pixels, row.landmarks, template))
            record = {"face": index, "path": str(target), **photo.of_photo(row).to_dict()}
            if index == choice.number:
                record |= {"reason": choice.reason, "quality": choice.quality.to_dict()}
            crops.append(record)
        record = {"image": str(path), "template": template, "crops": crops}
        output.emit(record, json=json, text="\n".join(f"{path} -> {c['path']}" for c in crops))

    _for_each(photos, numbers, one)


def embed(
    photos: options.Photos,
    model: options.Model = DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    face: options.FaceNumbers = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    min_score: options.MinScore = 0.0,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Embed one face of each photo as a vector: the one that verify compares.

    JSON has the face, why it was chosen, and its quality; a bad one is embedded, too.

    Examples:

        facesdk embed alice.jpg --json

        facesdk embed team.jpg --face 2 --json

        facesdk embed album/ --json > album.jsonl
    """
    photos = _listed(photos)
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        min_score=min_score,
        threads=threads,
        trust=trust,
    )
    numbers = _face_numbers(face, len(photos))
    for_all = _is_for_all(face, photos)

    def one(path: Path, number: int | None) -> None:
        photo = decode.load_photo(path)
        choice = choose_in_photo(
            engine.detector, photo.pixels, number, str(path), where_several=for_all
        )
        found = photo.of_photo(choice.face)
        embedding = engine.embed(photo, found)
        first = ", ".join(f"{value:.4f}" for value in embedding.vector[:4])
        face = {
            "face": choice.number,
            **found.to_dict(),
            "reason": choice.reason,
            "quality": choice.quality.to_dict(),
        }
        output.emit(
            {"image": str(path), **embedding.to_dict(), "faces": [face]},
            json=json,
            text=f"{path}: {embedding.dim} values by {embedding.model}: {first}, ...\n"
            f"  quality     {output.quality(choice.quality)}",
        )

    _for_each(photos, numbers, one)


def verify(
    a: Annotated[Path, typer.Argument(metavar="A", help="First photo.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Second photo.", show_default=False)],
    model: options.Model = DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    fmr: Annotated[
        Optional[float],
        typer.Option(
            "--fmr",
            help="Use the model's threshold for this false match rate, also between those that it "
            "was calibrated for (below).",
            show_default=f"{DEFAULT_FMR:g}, or the nearest that the model was calibrated for",
        ),
    ] = None,
    threshold: Annotated[
        Optional[float],
        typer.Option("--threshold", min=-1, max=1, help="Use this similarity instead."),
    ] = None,
    face: options.FaceNumbers = None,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    min_score: options.MinScore = 0.0,
    picture: Annotated[
        Optional[Path],
        typer.Option(
            "--picture", metavar="FILE", help="Write an annotated picture of the comparison."
        ),
    ] = None,
    allow_low_quality: Annotated[
        bool,
        typer.Option(
            "--allow-low-quality",
            help="Compare faces that are too blurred, dark, small or covered, too.",
        ),
    ] = False,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Say whether two photos show the same person.

    The exit status is 0 for the same person, 1 for different people, 2 for bad input, 3 if this
    installation lacks something, 5 for a photo without a face, 6 for a face that is not fit to be
    compared. With several faces in a photo the largest that is trusted counts; `--face K` picks in
    any photo with several, `--face K --face L` in the first and the second, which must have them.

    Examples:

        facesdk verify passport.jpg selfie.jpg

        facesdk verify a.jpg b.jpg --fmr 0.003 --json

        facesdk verify a.jpg team.jpg --face 0 --face 3 --picture comparison.jpg

        facesdk verify old.jpg door.jpg --allow-low-quality
    """
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        min_score=min_score,
        threads=threads,
        trust=trust,
    )
    photos = (decode.load_photo(a), decode.load_photo(b))
    first, second = _face_numbers(face, 2)
    numbers = face[0] if face and len(face) == 1 else (first, second)
    try:
        verification = engine.verify(
            *photos,
            names=(str(a), str(b)),
            faces=numbers,
            fmr=fmr,
            threshold=threshold,
            allow_low_quality=allow_low_quality,
        )
    except LowQualityError as error:
        if json:
            quality = [row.to_dict() for row in error.quality]
            output.emit({"same": None, "qualities": quality}, json=True, text="")
        raise LowQualityError(f"{error} (--allow-low-quality compares them)") from None
    if picture is not None:
        drawn = drawing.draw_verification(photos, verification, (a.name, b.name))
        encode.save(picture, drawn)
    said = output.verdict(verification, first_run=True)
    output.emit(verification.to_dict(), json=json, text=said)
    raise typer.Exit(EXIT_SAME if verification.same else EXIT_DIFFERENT)


class _WithThresholds(typer.core.TyperCommand):
    """The help ends with what each threshold of the default model costs."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        contract = ModelBundle.load(resolve(DEFAULT_RECOGNIZER)).contract
        costs = [f"{fmr} turns away {fnmr}" for fmr, _, fnmr in points(contract.thresholds)]
        self.epilog = (
            f"Of the pairs of one person that {DEFAULT_RECOGNIZER} was measured on, the threshold "
            f"for an FMR of {', that for '.join(costs)}: `facesdk models`."
        )
        super().format_help(ctx, formatter)


verify_app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
verify_app.command(cls=_WithThresholds)(verify)


def _for_each(
    photos: Sequence[Path],
    numbers: Sequence[int | None],
    work: Callable[[Path, int | None], None],
) -> None:
    statuses: set[int] = set()
    bar = output.progress_bar("photos", beside_results=True)
    with bar if len(photos) > 1 else nullcontext(unwatched) as progress:
        for done, (path, number) in enumerate(zip(photos, numbers, strict=True)):
            progress(done, len(photos), "photos")
            try:
                work(path, number)
            except InputError as error:
                output.emit_error(str(error))
                statuses.add(error.exit_code)
        progress(len(photos), len(photos), "photos")
    if statuses:  # a photo without a face tells less than one that cannot be read
        raise typer.Exit(min(statuses))


def _listed(given: Sequence[Path]) -> list[Path]:
    """The photos that were given, those in folders and those that patterns name."""
    found: list[Path] = []
    for path in given:
        photos, left_out = photos_at(path) or ([path], [])
        output.tell_left_out(left_out, verbose=None)
        found += photos
    return found


def _face_numbers(given: list[int] | None, photos: int) -> Sequence[int | None]:
    """One number per photo, from none, one for all, or one for each."""
    if not given:
        return [None] * photos
    if len(given) == 1:
        return given * photos
    if len(given) != photos:
        raise InputError(
            f"--face must be given once or {photos} times (once per photo), but got {len(given)}"
        )
    return given


def _is_for_all(given: list[int] | None, photos: Sequence[Path]) -> bool:
    """Whether one number is for several photos, and picks in those that show several faces."""
    return given is not None and len(given) == 1 < len(photos)


def _require_distinct_names(photos: Sequence[Path]) -> None:
    names: dict[str, Path] = {}
    for path in photos:
        other = names.setdefault(path.stem, path)
        if other != path:
            raise InputError(f"{other} and {path} would be saved under one name: do them apart")


def _target(folder: Path, photo: Path, ending: str) -> Path:
    return make_folder(folder) / f"{photo.stem}.{ending}"


def _describe(found: Detections) -> str:
    lines = [f"{found.image}: {len(found.faces)} face(s), {found.width}x{found.height}"]
    for number, face in enumerate(found.faces):
        left, top, right, bottom = face.box
        lines.append(
            f"  {number}: box {left:.0f},{top:.0f} to {right:.0f},{bottom:.0f}, "
            f"score {face.score:.3f}"
            + (f" (chosen: {found.reason})" if number == found.chosen else "")
        )
    return "\n".join(lines)
