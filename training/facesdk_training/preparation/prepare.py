"""From photos to shards: crop in parallel, select, write.

The folder of the dataset has, in the order they are written,

===========================  ======================================================================
file                         content
===========================  ======================================================================
``work.sqlite``              crops so far; an interrupted run goes on from it
``*.tfrecord``               the shards, see :mod:`facesdk_training.data.records`
``contact-sheet.jpg``        some people, a row for each
``near-duplicates.jpg``      pairs taken for the same photo, if there are any
``dropped.csv``              every photo that is not used, and why
``report.json``              counts
``dataset.json``             names the shards; ``work.sqlite`` is deleted then
===========================  ======================================================================

What is written depends on the photos and the options only, not on how many processes made it or
how often it was interrupted.
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facesdk.errors import FaceSDKError, InputError
from facesdk.files import make_folder, sha256_of, write_atomic
from facesdk.images import encode, pixels
from facesdk.images.photo_source import Photo, PhotoSource
from facesdk.progress import Progress, unwatched
from facesdk.version import __version__
from facesdk_training.data.records import (
    DATASET,
    UNLABELLED,
    FaceDataset,
    FaceRecord,
    Shard,
    write_shard,
)
from facesdk_training.preparation.cleaning import CleaningList
from facesdk_training.preparation.contact_sheet import sheet_of_near_duplicates, sheet_of_people
from facesdk_training.preparation.cropping import CropOutcome, Cropper, CropSettings
from facesdk_training.preparation.selection import Selection, SelectionRules, select
from facesdk_training.preparation.store import CropStore

STORE, REPORT, DROPPED = "work.sqlite", "report.json", "dropped.csv"

_PHOTOS_PER_JOB = 32


@dataclass(frozen=True, slots=True)
class PreparationOptions:
    """Everything that decides the result, beside the photos.

    Attributes:
        crops: How photos become crops.
        rules: What is left out, and what is held out.
        keep: List of the photos to use; None for all.
        drop: List of the photos not to use; None for none.
        shard_size: Most crops per shard.
    """

    crops: CropSettings
    rules: SelectionRules
    keep: Path | None = None
    drop: Path | None = None
    shard_size: int = 4096

    def to_dict(self) -> dict[str, Any]:
        """For ``dataset.json``: the lists by their content."""
        return {
            **asdict(self.crops),
            **asdict(self.rules),
            "keep_sha256": _digest(self.keep),
            "drop_sha256": _digest(self.drop),
            "shard_size": self.shard_size,
            "facesdk": __version__,
        }


@dataclass(frozen=True, slots=True)
class PreparationReport:
    """What became of the photos.

    Attributes:
        photos: Number of photos in the source.
        train: Crops for training.
        validation: Crops held out.
        people: Number of labelled people.
        people_by_crops: How many of them have how many crops for training; keys are the number of
            crops in decimals, as JSON has it.
        unlabelled: Crops without a label, all for training.
        dropped: Number of photos not used, by reason.
        other_names: Of the duplicates, those that repeat a photo of somebody with another name:
            one of the two labels is wrong, or one person has two names.
        unknown_list_entries: Lines of the cleaning lists that name nothing in the source.
    """

    photos: int
    train: int
    validation: int
    people: int
    people_by_crops: dict[str, int]
    unlabelled: int
    dropped: dict[str, int]
    other_names: int
    unknown_list_entries: int

    def to_dict(self) -> dict[str, Any]:
        """The record in ``report.json``."""
        return asdict(self)


def prepare(
    source: PhotoSource,
    output: Path,
    options: PreparationOptions,
    *,
    workers: int,
    progress: Progress = unwatched,
) -> PreparationReport:
    """Make a dataset, or finish one that was begun; a finished one is left as it is.

    Args:
        source: The photos.
        output: Folder of the dataset; made where it is missing.
        options: How.
        workers: Number of processes; 1 works in this one.
        progress: Told how far it is.

    Raises:
        InputError: The folder holds something made of other photos or options, a list names
            nothing of the source, a photo's name is no text, no crop is left, or the folder cannot
            be written.
    """
    record = {**options.to_dict(), "source_sha256": source.digest}
    if (output / DATASET).exists():
        return _finished(output, record)
    _require_text(source.photos)
    make_folder(output)
    _refuse_foreign(output)
    chosen, excluded, unknown = _choose(source.photos, options)
    fingerprint = json.dumps([source.digest, asdict(options.crops), __version__, pixels.VERSION])
    with closing(CropStore(output / STORE, fingerprint)) as store:
        _crop_all(source.photos, chosen, store, options.crops, workers, progress)
        outcomes = {n: o for n, o in store.outcomes().items() if n not in excluded}
        selection = select(
            source.photos,
            {**outcomes, **excluded},
            options.rules,
            progress,
        )
        if not selection.train:
            reasons = dict(Counter(row.reason for row in selection.dropped))
            raise InputError(f"no photo is left to train on: {reasons} of {len(source.photos)}")
        report = _report(source.photos, selection, unknown)
        _clear(output)
        splits = _write_shards(output, source.photos, selection, outcomes, store, options, progress)
        _write_sheets(output, source.photos, selection, store)
    _write_report(output, source.photos, selection, report)
    FaceDataset(output, options.crops.size, selection.identities, splits, record).save()
    (output / STORE).unlink()
    return report


def _require_text(photos: Sequence[Photo]) -> None:
    """Raise unless the names of photos and people can be written in UTF-8, as records have them."""
    for photo in photos:
        try:
            (photo.source + photo.identity).encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{photo.where} is no text in this system's encoding: rename it, or use a UTF-8 "
                "locale"
            ) from None


def _refuse_foreign(output: Path) -> None:
    try:
        foreign = any(output.iterdir()) and not (output / STORE).exists()
    except OSError as error:
        raise InputError(f"cannot read the folder {output}: {error.strerror}") from None
    if foreign:
        raise InputError(f"{output} holds other files: choose an empty or a new folder")


def _clear(output: Path) -> None:
    """Remove what a run that was interrupted while it wrote has left."""
    for pattern in ("*.tfrecord", ".*.tmp", "*.jpg"):
        for path in output.glob(pattern):
            path.unlink()


def _finished(output: Path, record: dict[str, Any]) -> PreparationReport:
    if FaceDataset.open(output).options != record:
        raise InputError(
            f"{output} already holds a dataset of other photos or options: choose another folder"
        )
    try:
        return PreparationReport(**json.loads((output / REPORT).read_bytes()))
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"cannot read {output / REPORT}: {error}") from None


def _choose(
    photos: Sequence[Photo], options: PreparationOptions
) -> tuple[list[int], dict[int, CropOutcome], int]:
    """Numbers of the photos to crop, those that the lists exclude, and unknown list entries."""
    keep = None if options.keep is None else CleaningList(options.keep, photos)
    drop = None if options.drop is None else CleaningList(options.drop, photos)
    excluded = {}
    for number, photo in enumerate(photos):
        if keep is not None and photo not in keep:
            excluded[number] = CropOutcome("not_in_keep_list")
        elif drop is not None and photo in drop:
            excluded[number] = CropOutcome("in_drop_list")
    chosen = [number for number in range(len(photos)) if number not in excluded]
    return chosen, excluded, sum(entries.unknown for entries in (keep, drop) if entries)


def _crop_all(
    photos: Sequence[Photo],
    chosen: Sequence[int],
    store: CropStore,
    settings: CropSettings,
    workers: int,
    progress: Progress,
) -> None:
    done = store.numbers()
    missing = [number for number in chosen if number not in done]
    finished = len(chosen) - len(missing)
    jobs = [
        [(number, photos[number]) for number in missing[start : start + _PHOTOS_PER_JOB]]
        for start in range(0, len(missing), _PHOTOS_PER_JOB)
    ]
    progress(finished, len(chosen), "crop")
    for outcomes in _outcomes(jobs, settings, workers):
        store.add(outcomes)
        finished += len(outcomes)
        progress(finished, len(chosen), "crop")


Job = list[tuple[int, Photo]]
Outcomes = list[tuple[int, CropOutcome]]


def _outcomes(jobs: list[Job], settings: CropSettings, workers: int) -> Iterator[Outcomes]:
    """The outcomes of the jobs, in the order they are ready."""
    if workers == 1 or len(jobs) < 2:
        cropper = Cropper(settings)
        yield from ([(number, cropper.crop(photo)) for number, photo in job] for job in jobs)
        return
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(settings,),
    )
    try:
        waiting = iter(jobs)
        running: set[Future[Outcomes]] = set()
        while True:
            while len(running) < 2 * workers and (job := next(waiting, None)) is not None:
                running.add(pool.submit(_work, job))
            if not running:
                return
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ready)
    except BrokenProcessPool:
        raise FaceSDKError(
            "a worker process died (out of memory?): run again with fewer --workers; "
            "what was done is kept"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_cropper: Cropper


def _start_worker(settings: CropSettings) -> None:
    global _cropper
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _cropper = Cropper(settings)


def _end_with_parent() -> None:
    """A killed parent cannot tell its workers to end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job) -> Outcomes:
    return [(number, _cropper.crop(photo)) for number, photo in job]


def _report(photos: Sequence[Photo], selection: Selection, unknown: int) -> PreparationReport:
    crops = Counter(photos[number].identity for number in selection.train)
    by_crops = Counter(crops[identity] for identity in selection.identities)
    return PreparationReport(
        photos=len(photos),
        train=len(selection.train),
        validation=len(selection.validation),
        people=len(selection.identities),
        people_by_crops={str(count): by_crops[count] for count in sorted(by_crops)},
        unlabelled=sum(not photos[number].identity for number in selection.train),
        dropped=dict(sorted(Counter(row.reason for row in selection.dropped).items())),
        other_names=sum(row.detail.endswith("under another name") for row in selection.dropped),
        unknown_list_entries=unknown,
    )


def _write_shards(
    output: Path,
    photos: Sequence[Photo],
    selection: Selection,
    outcomes: dict[int, CropOutcome],
    store: CropStore,
    options: PreparationOptions,
    progress: Progress,
) -> dict[str, tuple[Shard, ...]]:
    labels = {name: label for label, name in enumerate(selection.identities)}

    def record(number: int) -> FaceRecord:
        photo = photos[number]
        cosine = photo.cos_to_identity
        return FaceRecord(
            store.crop(number),
            labels.get(photo.identity, UNLABELLED),
            photo.identity,
            photo.source,
            outcomes[number].sha256,
            float("nan") if cosine is None else cosine,
        )

    splits = {}
    total = len(selection.train) + len(selection.validation)
    done = 0
    for split, numbers in (("train", selection.train), ("validation", selection.validation)):
        parts = [
            numbers[start : start + options.shard_size]
            for start in range(0, len(numbers), options.shard_size)
        ]
        shards = []
        for part, rows in enumerate(parts):
            progress(done, total, "write")
            name = f"{split}-{part:05d}-of-{len(parts):05d}.tfrecord"
            shards.append(write_shard(output / name, [record(number) for number in rows]))
            done += len(rows)
        splits[split] = tuple(shards)
    progress(total, total, "write")
    return splits


def _write_sheets(
    output: Path, photos: Sequence[Photo], selection: Selection, store: CropStore
) -> None:
    for name, draw in (
        ("contact-sheet.jpg", sheet_of_people),
        ("near-duplicates.jpg", sheet_of_near_duplicates),
    ):
        sheet = draw(selection, photos, store.crop)
        if sheet is not None:
            encode.save(output / name, sheet)


def _write_report(
    output: Path, photos: Sequence[Photo], selection: Selection, report: PreparationReport
) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("source", "identity", "reason", "detail"))
    for row in selection.dropped:
        photo = photos[row.number]
        writer.writerow((photo.source, photo.identity, row.reason, row.detail))
    write_atomic(output / DROPPED, table.getvalue().encode(errors="surrogateescape"))
    write_atomic(output / REPORT, (json.dumps(report.to_dict(), indent=1) + "\n").encode())


def _digest(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"cannot read the list {path}: {error.strerror}") from None
