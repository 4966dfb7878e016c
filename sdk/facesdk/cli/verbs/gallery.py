"""``facesdk enrol | identify | people | forget``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.detection.detector import DEFAULT_MIN_FACE, LIVE_MIN_FACE
from facesdk.detection.registry import DEFAULT_DETECTOR
from facesdk.engine import FaceEngine
from facesdk.errors import (
    EXIT_BAD_INPUT,
    EXIT_DOUBTFUL,
    EXIT_NO_FACE,
    EXIT_SAME,
    EXIT_UNKNOWN,
    InputError,
)
from facesdk.gallery.bulk import Work, enrol_photos, in_threads, on_ray
from facesdk.gallery.enrolment import Enrolment
from facesdk.gallery.gallery import (
    DEFAULT_FPIR,
    DEFAULT_TOP,
    Forgotten,
    Gallery,
    Identification,
    Person,
)
from facesdk.gallery.pictures import enrol_pictures
from facesdk.gallery.postgres import PostgresGallery
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.gallery.values import checked_name
from facesdk.images import decode
from facesdk.images.decode import RgbImage
from facesdk.images.photo_source import Photo, list_photos, open_photos
from facesdk.live.sources.opening import open_source
from facesdk.models.contract import Contract
from facesdk.models.registry import DEFAULT_RECOGNIZER
from facesdk.progress import unwatched
from facesdk.recognition.open_set import RULES
from facesdk.results import side_by_side
from facesdk.runtime.interpreter_pool import MAX_WORKERS

_PHOTOS_AT_ONCE = 32


def enrol(
    gallery: options.GalleryPlace,
    name: Annotated[
        Optional[str], typer.Argument(metavar="[NAME]", help="Who it is.", show_default=False)
    ] = None,
    photos: Annotated[
        Optional[list[Path]],
        typer.Argument(
            metavar="[PHOTO]...",
            help="Photos of that person, and folders of them.",
            show_default=False,
        ),
    ] = None,
    people: Annotated[
        Optional[Path],
        typer.Option(
            "--people",
            metavar="DIR_OR_ZIP",
            help="Enrol everybody of a folder that has a folder of photos for each person.",
        ),
    ] = None,
    source: Annotated[
        Optional[str],
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="Enrol NAME from a camera (its number, picamera2), a stream or a video file.",
        ),
    ] = None,
    pictures: Annotated[
        int, typer.Option("--pictures", min=1, help="Pictures of a source to enrol.")
    ] = 3,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="How long to look at a source at most.")
    ] = 30.0,
    key: options.Key = None,
    face: Annotated[
        Optional[int],
        typer.Option(
            "--face",
            min=0,
            help="Number of the face in each photo, 0 being the largest; without it photos with "
            "several are refused.",
        ),
    ] = None,
    expires: Annotated[
        Optional[datetime],
        typer.Option(
            "--expires",
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="From this day on (UTC) the photos are not compared any more.",
            show_default="never",
        ),
    ] = None,
    model: options.Model = DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = LIVE_MIN_FACE,
    threads: options.Threads = 1,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=1024, help="Photos to work on at a time.")
    ] = 1,
    ray: Annotated[
        Optional[str],
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Work in processes of Ray (extra `scale`): `local`, or the address of a cluster.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Enrol a person from photos; the gallery is made with the first.

    Each photo becomes a template of its own. A photo that does not show one face well is refused,
    with the reasons on stderr; the others are still enrolled, and the status is 2. A face that
    looks like another person's, or not like the person of that name, is enrolled with a warning.
    A photo that is enrolled already is passed over: an interrupted enrolment goes on where it
    stopped.

    Examples:

        facesdk enrol "Ada Lovelace" ada1.jpg ada2.jpg --gallery door.db

        facesdk enrol Ada photos/ada/ --gallery door.db --expires 2027-12-31 --json

        facesdk enrol --people staff/ --gallery staff.db --workers 4

        facesdk enrol --people city.zip --gallery city.db --ray local --workers 16

        facesdk enrol Ada --source 0 --gallery door.db
    """
    _require_one_way(name, photos, people, source, face)
    if ray is None and workers > MAX_WORKERS:
        raise InputError(f"without --ray at most {MAX_WORKERS} workers, but got {workers}")
    until = expires and expires.replace(tzinfo=timezone.utc)
    if until is not None and until <= datetime.now(timezone.utc):
        raise InputError(f"--expires {until:%Y-%m-%d} has come: the photos would not be compared")
    nameless: list[Enrolment] = []
    wanted = _of_everybody(people, nameless) if people else _of_one(name or "", photos or [])
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        threads=threads,
        workers=1 if ray else workers,
        trust=trust,
    )
    counts = Counter[str](refused=len(nameless))
    for refusal in nameless if json else ():
        output.emit(refusal.to_dict(), json=True, text="")
    bar = output.progress_bar("photos", beside_results=True)
    with (
        _open(gallery, key, engine, create=True) as opened,
        _work(engine, workers, ray) as work,
        bar if len(wanted) > 1 else nullcontext(unwatched) as progress,
    ):
        found: Iterable[Enrolment]
        if source is None:
            found = enrol_photos(
                opened,
                wanted,
                work,
                face=face,
                batch=max(_PHOTOS_AT_ONCE, 8 * workers) if people else workers,
                expires=until,
                progress=progress,
            )
        else:
            found = enrol_pictures(
                opened,
                engine,
                name or "",
                _pictures(source),
                count=pictures,
                seconds=seconds,
                expires=until,
            )
        for done in found:
            counts["before" if done and not done.template else "in" if done else "refused"] += 1
            _tell(done, json=json)
    if source is not None:
        if counts["in"] < pictures:
            output.emit_error(
                f"{counts['in']} of {pictures} picture(s) enrolled: {source} gave no more that "
                f"would do in {seconds:g} s"
            )
            raise typer.Exit(EXIT_BAD_INPUT)
        return
    if people and not json:
        output.emit(
            None,
            json=False,
            text=f"{counts['in']} photo(s) enrolled, {counts['before']} enrolled before, "
            f"{counts['refused']} refused",
        )
    if counts["refused"]:
        raise typer.Exit(EXIT_BAD_INPUT)


def identify(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.", show_default=False)],
    gallery: options.GalleryPlace,
    key: options.Key = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Most candidates for each face.")
    ] = DEFAULT_TOP,
    fpir: Annotated[
        float,
        typer.Option(
            "--fpir", help="Share of strangers who may be given a name, in the whole gallery."
        ),
    ] = DEFAULT_FPIR,
    fmr: Annotated[
        Optional[float],
        typer.Option(
            "--fmr",
            help="Use the model's threshold for this false match rate instead, whatever the size "
            "of the gallery.",
        ),
    ] = None,
    threshold: Annotated[
        Optional[float],
        typer.Option("--threshold", min=-1, max=1, help="Use this similarity instead."),
    ] = None,
    rule: Annotated[
        str,
        typer.Option(
            "--rule", help=f"How a person's templates make one similarity: {', '.join(RULES)}."
        ),
    ] = RULES[0],
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Search a gallery in PostgreSQL by an index, which may miss somebody; it is made "
            "where there is none.",
        ),
    ] = False,
    model: options.Model = DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Say who is on a photo, of those who are enrolled.

    Prints an object for each face, the largest first. The exit status is 0 if a face is somebody's,
    1 if all are unknown, 2 for bad input, 3 if this installation lacks something, 5 for a photo
    without a face.

    The threshold is the lowest of the model's that keeps the rate of false names,
    FPIR = 1 - (1 - FMR)^N for N templates, at or below `--fpir`. Where the model has none so
    strict, its strictest is used, and a note says what rate that gives.

    Examples:

        facesdk identify visitor.jpg --gallery door.db

        facesdk identify visitor.jpg --gallery door.db --json | jq -r '.person.name // "unknown"'

        facesdk identify team.jpg --gallery staff.db --fpir 0.001 --top 1
    """
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        threads=threads,
        trust=trust,
    )
    with _open(gallery, key, engine, approximate=approximate) as opened:
        decoded = decode.load_photo(photo)
        faces = engine.detect(decoded).faces
        if not faces:
            output.emit_error(f"{photo}: no face found; use a photo with a visible face")
            raise typer.Exit(EXIT_NO_FACE)
        notes: dict[str, None] = {}
        known = False
        for number, face in enumerate(faces):
            found = opened.identify(
                engine.embed(decoded, face),
                top=top,
                fpir=fpir,
                fmr=fmr,
                threshold=threshold,
                rule=rule,
            )
            known |= bool(found)
            notes.setdefault(found.note)
            record = {"image": str(photo), **found.to_dict(), "faces": [face.to_dict()]}
            output.emit(record, json=json, text=_describe(number, found))
    for note in filter(None, notes):
        output.emit_error(note)
    raise typer.Exit(EXIT_SAME if known else EXIT_UNKNOWN)


def people(
    gallery: options.GalleryPlace, key: options.Key = None, json: options.Json = False
) -> None:
    """List who is enrolled.

    Examples:

        facesdk people --gallery door.db

        facesdk people --gallery door.db --json | jq -r .name
    """
    with _open(gallery, key) as opened:
        for person in opened.people():
            output.emit(person.to_dict(), json=json, text=_line(person))


def forget(
    gallery: options.GalleryPlace,
    person: Annotated[
        Optional[str],
        typer.Argument(metavar="[PERSON]", help="Name or id.", show_default=False),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Remove the templates that have expired instead.")
    ] = False,
    key: options.Key = None,
    json: options.Json = False,
) -> None:
    """Remove a person and all templates from a gallery, and their bytes from its files.

    The status is 4 if another program was reading the gallery, so that the bytes could not leave
    its files yet: they do when every program has closed it. A flash disk may keep old blocks:
    `facesdk rotate-key` makes them unreadable.

    Examples:

        facesdk forget "Ada Lovelace" --gallery door.db

        facesdk forget --expired --gallery door.db
    """
    if (person is None) != expired:
        raise InputError("give a person's name or id, or --expired")
    with _open(gallery, key) as opened:
        done = opened.forget_expired() if person is None else opened.forget(person)
    output.emit(done.to_dict(), json=json, text=_removed(done))
    if not done.erased:
        output.emit_error(
            "the rows are gone; when their bytes leave the server's files is up to the server"
            if _on_server(gallery)
            else "another program is reading the gallery: what was removed is still in its files, "
            "and leaves them when every program has closed it"
        )
        raise typer.Exit(EXIT_DOUBTFUL)


def _open(
    place: str,
    key: str | None,
    engine: FaceEngine | None = None,
    *,
    create: bool = False,
    approximate: bool = False,
) -> Gallery:
    """The gallery of a file or of an address."""
    embedder = None if engine is None else engine.embedder
    if _on_server(place):
        return PostgresGallery.open(
            place, embedder=embedder, key=key, create=create, approximate=approximate
        )
    if approximate:
        raise InputError(
            "a file is opened for this search alone, which takes less time than building an index: "
            "--approximate is for galleries in PostgreSQL, and for `live` and `serve`"
        )
    return SqliteGallery.open(place, embedder=embedder, key=key, create=create)


def _on_server(place: str) -> bool:
    return place.lower().startswith(("postgresql://", "postgres://"))


def _work(engine: FaceEngine, workers: int, ray: str | None) -> AbstractContextManager[Work]:
    """Who embeds photos: threads, or processes of Ray."""
    if ray is not None:
        return on_ray(engine, workers, None if ray == "local" else ray)
    return nullcontext(in_threads(engine, workers))


def _require_one_way(
    name: str | None,
    photos: list[Path] | None,
    people: Path | None,
    source: str | None,
    face: int | None,
) -> None:
    ways = [bool(photos), people is not None, source is not None]
    if sum(ways) != 1 or (name is None) != (people is not None):
        raise InputError("give a NAME and photos, a NAME and --source, or --people")
    if source is not None and face is not None:
        raise InputError("--face is for photos: stand before a camera alone")


def _pictures(text: str) -> Iterator[tuple[float, RgbImage]]:
    """The pictures of a source, with their times."""
    source = open_source(text)
    source.open()
    try:
        while (frame := source.read()) is not None:
            yield frame.time, frame.image
    finally:
        source.close()


def _of_one(name: str, paths: list[Path]) -> list[Photo]:
    """The photos of one person: files, and those in folders."""
    name = checked_name(name)
    found = []
    for path in paths:
        if not path.is_dir():
            found.append(Photo(str(path), name, "", str(path), ""))
            continue
        folder = list_photos(path)
        output.tell_left_out(folder.left_out, verbose=None)
        if not folder.photos:
            raise InputError(f"folder {path} has no photo in it")
        found += [replace(photo, identity=name) for photo in folder.photos]
    return found


def _of_everybody(folder: Path, nameless: list[Enrolment]) -> list[Photo]:
    """The photos of a folder or zip that has a folder for each person.

    Args:
        folder: The folder or zip.
        nameless: Given the photos in folders whose names can be nobody's.
    """
    source = open_photos(folder)
    unlabelled = sum(not photo.identity for photo in source.photos)
    output.tell_left_out(source.left_out, verbose=None)
    if unlabelled:
        output.emit_error(f"left out {unlabelled} photo(s) that are in no person's folder")
    wanted = []
    unusable = Counter[str]()
    for photo in source.photos:
        try:
            if photo.identity:
                wanted.append(replace(photo, identity=checked_name(photo.identity)))
        except InputError as error:
            reason = f"folder {photo.identity!r}: {error}"
            nameless.append(Enrolment(photo.where, None, None, (reason,)))
            unusable[reason] += 1
    for reason, count in unusable.items():
        output.emit_error(f"not enrolled: {count} photo(s) in {reason}")
    return wanted


def _tell(done: Enrolment, *, json: bool) -> None:
    if json:
        output.emit(done.to_dict(), json=True, text="")
    elif done.template is not None:
        quality = done.template.quality
        text = f"{done.image}: {done.template.name}, template {done.template.id}, quality"
        output.emit(None, json=False, text=f"{text} {quality:.2f}")
    for reason in done.reasons:
        named = reason if done.image in reason else f"{done.image}: {reason}"
        output.emit_error(f"not enrolled: {named}")
    for warning in done.warnings:
        output.emit_error(f"{done.image}: {warning}")


def _describe(number: int, found: Identification) -> str:
    if found.similarity is None:
        return f"face {number}: unknown (nobody is enrolled)"
    rate = "" if found.fpir is None else f", FPIR {found.fpir:.2g}"
    name = found.person.name if found.person else "unknown"
    similarity, threshold = side_by_side(found.similarity, found.threshold)
    lines = [
        f"face {number}: {name} (similarity {similarity}, threshold {threshold}{rate} in "
        f"{found.comparisons} comparisons)"
    ]
    lines += [f"  {row.similarity:7.4f}  {row.person.name}" for row in found.candidates]
    return "\n".join(lines)


def _line(person: Person) -> str:
    until = "" if person.expires is None else f", expires {person.expires:%Y-%m-%d}"
    return f"{person.id}  {person.name}  ({person.templates} template(s){until})"


def _removed(done: Forgotten) -> str:
    return f"removed {done.templates} template(s), {done.people} person(s)"
