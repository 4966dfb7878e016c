"""The whole pipeline: detect, align, embed, match."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk import tracing
from facesdk.detection.detector import DEFAULT_MIN_FACE, Detector, checked_limit
from facesdk.detection.registry import DEFAULT_DETECTOR, load_detector
from facesdk.errors import (
    EmbeddingMismatchError,
    FaceSDKWarning,
    InputError,
    LowQualityError,
    ModelError,
)
from facesdk.images import decode
from facesdk.images.decode import ImageSource
from facesdk.images.decoded import DecodedPhoto
from facesdk.images.photo_walk import photos_at
from facesdk.models import registry
from facesdk.models.contract import Contract, Threshold
from facesdk.progress import Progress, unwatched
from facesdk.quality.assessment import assess
from facesdk.quality.colours import looks_swapped
from facesdk.quality.selection import Choice, choose_in_photo, find, pick
from facesdk.recognition import alignment, matching
from facesdk.recognition.embedding import Embedder, warn_of_other_detector
from facesdk.recognition.identity import remedy, short
from facesdk.recognition.operating_points import point_for
from facesdk.results import (
    Detections,
    EmbeddedPhoto,
    Embedding,
    Face,
    Match,
    Quality,
    Timings,
    Verification,
)
from facesdk.runtime import operator_events
from facesdk.runtime.interpreter_pool import MAX_WORKERS
from facesdk.tracing import Profile, stage


class FaceEngine:
    """Detection, alignment, embedding and verification, a method per stage.

    Every method takes a photo as a path, the bytes of a file, an open binary file, an image of
    Pillow, or an array (uint8 ``(H, W, 3)`` or grey ``(H, W)``). Arrays are RGB; those of OpenCV
    are given with ``color="BGR"``. Faces are ordered by the area of their box, largest first, and
    chosen by their number in that order; they are in pixels of the photo, also where that is so
    large that it is decoded at a half of its size or less. An array whose face looks as if its red
    and blue were swapped is worked on as it is, with a :class:`facesdk.errors.FaceSDKWarning`.

    Threads may share an engine; at most ``workers`` of them run a network at a time. A process that
    is forked from the one that loaded it may use it too, and it pickles (docs/use/python.md).

    Example:
        >>> engine = FaceEngine.load()
        >>> engine.verify("a.jpg", "b.jpg").same
        True

    Args:
        detector: Finds faces.
        embedder: Embeds aligned crops; None where faces are only to be found.
    """

    def __init__(self, detector: Detector, embedder: Embedder | None = None) -> None:
        self.detector = detector
        self._embedder = embedder

    @property
    def embedder(self) -> Embedder:
        """What embeds aligned crops.

        Raises:
            ModelError: The engine was made without a recognition model.
        """
        if self._embedder is None:
            raise ModelError(
                "this engine has no recognition model, it only finds faces: FaceEngine.load(MODEL) "
                "has one"
            )
        return self._embedder

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The calibrated thresholds of the recognition model.

        Each has ``fmr``, ``similarity`` and what it cost where it was measured: ``fnmr``, the share
        of true pairs turned away.

        Raises:
            ModelError: The engine was made without a recognition model.
        """
        return self.embedder.contract.thresholds

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] | None = registry.DEFAULT_RECOGNIZER,
        *,
        contract: Contract | None = None,
        detector: str = DEFAULT_DETECTOR,
        min_face: int = DEFAULT_MIN_FACE,
        max_faces: int | None = None,
        min_score: float = 0.0,
        threads: int = 1,
        workers: int = 1,
        trust: bool = False,
        turned: bool = True,
    ) -> FaceEngine:
        """Load a detector and a recognition model.

        Args:
            model: ``"fast"``, ``"accurate"`` or another name of a packaged recognition model, or
                the path of a ``.tflite`` file; None where faces are only to be found, or their
                quality told.
            contract: How to feed a file that carries no contract.
            detector: What finds the faces, a key of
                :data:`facesdk.detection.registry.DETECTORS`.
            min_face: Side of the smallest face to find, in pixels, at least 12.
            max_faces: Return at most that many faces per photo, the largest; None for all.
            min_score: Leave out finds of a lower score, 0 to 1 (docs/use/detect.md).
            threads: Threads each network may use, at least 1.
            workers: Threads of the program that may run each network at a time, at least 1; others
                wait. Each costs memory once it is needed.
            trust: Whether to run a model file of your own without trying it in another process
                first (docs/use/model-files.md).
            turned: Whether to look for the faces of photos that lie on a side or upside down, too.
                Photos without a face then take four looks: say False for a camera that stands
                upright.

        Raises:
            ModelError: The model is unknown or not usable.
            InputError: An option is out of its range.
        """
        embedder = (
            None
            if model is None
            else Embedder.load(
                registry.resolve(model), contract, threads=threads, workers=workers, trust=trust
            )
        )
        finder = load_detector(
            detector,
            min_face=min_face,
            max_faces=max_faces,
            min_score=min_score,
            threads=threads,
            workers=workers,
            turned=turned,
        )
        if embedder is not None:
            warn_of_other_detector(embedder.contract, finder.id)
        return cls(finder, embedder)

    def detect(
        self, image: ImageSource, max_faces: int | None = None, *, color: str = "RGB"
    ) -> Detections:
        """Find the faces of a photo.

        Args:
            image: The photo.
            max_faces: At most that many, the largest; None for all. One takes a fraction of the
                time where it is large, as smaller ones need not be looked for.
            color: Order of an array's channels, ``"RGB"`` or ``"BGR"``.

        Raises:
            InputError: The photo cannot be read, or ``max_faces`` is below 1.
        """
        limit = checked_limit(max_faces)
        photo = decode.as_photo(image, color=color)
        with stage("detect"):
            found = find(self.detector, photo.pixels, limit)
            choice = pick(photo.pixels, found)
        chosen, reason = (choice.number, choice.reason) if choice else (None, "")
        faces = tuple(map(photo.of_photo, found))
        return Detections(
            _name(image), photo.width, photo.height, faces, chosen, reason, self.detector.id
        )

    def align(
        self, image: ImageSource, face: Face | int | None = None, *, color: str = "RGB"
    ) -> NDArray[np.uint8]:
        """Cut out one face, in the template that the recognition model expects.

        Args:
            image: The photo.
            face: A detected face, or its number by size from 0; None for the one that is compared
                (:mod:`facesdk.quality.selection`).
            color: Order of an array's channels, ``"RGB"`` or ``"BGR"``.

        Returns:
            uint8 RGB crop.

        Raises:
            NoFaceError: The photo has no face of that number.
        """
        photo = decode.as_photo(image, color=color)
        template = self.embedder.template
        if isinstance(face, Face):
            given = photo.of_pixels(face)
            with stage("align"):
                crop = alignment.align(photo.pixels, given.landmarks, template)
        else:
            choice = self._choose(photo, face, _name(image))
            with stage("align"):
                crop = alignment.of_square(choice.crop, template)
        _warn_of_swapped_colours(image, color, crop)
        return crop

    def quality(
        self, image: ImageSource, face: Face | int | None = None, *, color: str = "RGB"
    ) -> Quality:
        """How fit one face of a photo is to be compared; arguments and errors as of :meth:`align`.

        Returns:
            One number, 0 to 1, with the measures that it comes from and what is wrong with them.
        """
        photo = decode.as_photo(image, color=color)
        if not isinstance(face, Face):
            return self._choose(photo, face, _name(image)).quality
        return assess(photo.pixels, photo.of_pixels(face))

    def embed(
        self, image: ImageSource, face: Face | int | None = None, *, color: str = "RGB"
    ) -> Embedding:
        """Embed one face of a photo; arguments and errors as in :meth:`align`."""
        crop = self.align(image, face, color=color)
        with stage("embed"):
            return self.embedder.embed_one(crop)

    def embed_aligned(self, crop: ImageSource, *, color: str = "RGB") -> Embedding:
        """Embed a crop as :meth:`align` or ``facesdk align`` cut it; no face is looked for.

        Args:
            crop: The crop, of the size of the recognition model's template.
            color: Order of an array's channels, ``"RGB"`` or ``"BGR"``.

        Raises:
            InputError: It has another size, or cannot be read.
        """
        pixels = decode.as_image(crop, color=color)
        _warn_of_swapped_colours(crop, color, pixels)
        with stage("embed"):
            return self.embedder.embed_one(pixels)

    def embed_many(
        self,
        photos: Iterable[ImageSource] | str | os.PathLike[str],
        *,
        workers: int = 1,
        color: str = "RGB",
        progress: Progress = unwatched,
    ) -> Iterator[EmbeddedPhoto]:
        """Embed the face that is compared of each of many photos, in threads.

        A photo that cannot be read or has no face is reported in its place and the others are still
        done. At most ``2 * workers`` photos are at hand at a time: ``photos`` may be a generator.
        The networks take one crop at a time: there is nothing to be had from batches.

        Args:
            photos: The photos; or a folder, whose photos are taken with those of the folders in it,
                or a pattern such as ``"album/*.jpg"``.
            workers: Threads, 1 to 64; load the engine with as many to let all of them run networks.
            color: Order of the channels of arrays, ``"RGB"`` or ``"BGR"``.
            progress: Told after each photo; where ``photos`` has no length, of those begun.

        Returns:
            An iterator of the results, in the order of the photos. To stop early, close it.

        Raises:
            InputError: ``photos`` is a single photo, a folder without any or a pattern of no file;
                or an option is out of its range.
            ModelError: The network fails.
        """
        many = _many(photos)
        if color not in decode.COLORS:
            raise InputError(f"color must be one of {', '.join(decode.COLORS)}, but got {color!r}")
        if not 1 <= workers <= MAX_WORKERS:
            raise InputError(f"workers must be 1 to {MAX_WORKERS}, but got {workers}")
        return self._embed_many(many, workers, color, progress)

    def _embed_many(
        self, photos: Iterable[ImageSource], workers: int, color: str, progress: Progress
    ) -> Iterator[EmbeddedPhoto]:
        def one(photo: ImageSource) -> EmbeddedPhoto:
            try:
                return EmbeddedPhoto(_name(photo), self.embed(photo, color=color))
            except InputError as error:
                return EmbeddedPhoto(_name(photo), None, str(error))

        total = len(photos) if isinstance(photos, Sized) else None
        waiting: deque[Future[EmbeddedPhoto]] = deque()
        source = iter(photos)
        done = begun = 0
        with ThreadPoolExecutor(workers) as threads:
            try:
                while True:
                    for photo in islice(source, 2 * workers - len(waiting)):
                        waiting.append(threads.submit(one, photo))
                        begun += 1
                    if not waiting:
                        return
                    result = waiting.popleft().result()
                    done += 1
                    progress(done, begun if total is None else total, "photos")
                    yield result
            finally:
                for future in waiting:
                    future.cancel()

    def verify(
        self,
        a: ImageSource,
        b: ImageSource,
        *,
        faces: tuple[int | None, int | None] | int = (None, None),
        names: tuple[str, str] | None = None,
        fmr: float | None = None,
        threshold: float | None = None,
        allow_low_quality: bool = False,
        color: str = "RGB",
    ) -> Verification:
        """Decide whether two photos show the same person.

        Args:
            a: First photo.
            b: Second photo.
            faces: Which face of each photo to compare, by size from 0; None for the one that
                :mod:`facesdk.quality.selection` says. One number is for both photos, and picks in
                those that show several faces.
            names: What error messages call the photos; None for their paths.
            fmr: Use the model's threshold for this false match rate, above 0 and below 1: between
                calibrated rates, and a decade beyond them, by interpolation
                (:func:`facesdk.recognition.operating_points.point_for`). None for 0.001, or the
                calibrated rate that is nearest to it.
            threshold: Use this similarity instead.
            allow_low_quality: Whether to compare faces that are below a floor of quality, too. What
                the threshold promises does not hold for them.
            color: Order of the channels of arrays, ``"RGB"`` or ``"BGR"``.

        Raises:
            NoFaceError: A photo has no face of the number asked for.
            LowQualityError: A face is not fit to be compared; the error has the reasons.
            InputError: A photo cannot be read, or the model has no threshold for ``fmr``.
        """
        self._require_threshold(fmr, threshold)
        photos = [decode.as_photo(photo, color=color) for photo in (a, b)]
        for_both = isinstance(faces, int)
        numbers = (faces, faces) if isinstance(faces, int) else faces
        with tracing.record() as profile:
            called = names or (_name(a), _name(b))
            with stage("detect"):
                first_choice, second_choice = [
                    choose_in_photo(
                        self.detector, photo.pixels, number, name, where_several=for_both
                    )
                    for photo, number, name in zip(photos, numbers, called, strict=True)
                ]
            chosen = first_choice, second_choice
            quality = first_choice.quality, second_choice.quality
            if not (allow_low_quality or all(quality)):
                raise _low_quality(quality, called)
            with stage("align"):
                crops = [
                    alignment.of_square(choice.crop, self.embedder.template) for choice in chosen
                ]
            with stage("embed"):
                first, second = [self.embedder.embed_one(crop) for crop in crops]
            with stage("match"):
                match = self.compare(first, second, fmr=fmr, threshold=threshold)
        for given, crop in zip((a, b), crops, strict=True):
            _warn_of_swapped_colours(given, color, crop)
        timings = Timings(*map(profile.total_ms, ("detect", "align", "embed", "match")))
        return Verification(
            match,
            (photos[0].of_photo(first_choice.face), photos[1].of_photo(second_choice.face)),
            (first_choice.reason, second_choice.reason),
            quality,
            (crops[0], crops[1]),
            timings,
        )

    def compare(
        self,
        a: Embedding,
        b: Embedding,
        *,
        fmr: float | None = None,
        threshold: float | None = None,
    ) -> Match:
        """Decide whether two embeddings of this engine's model are of one person.

        The model's thresholds are :attr:`thresholds`; :func:`facesdk.compare` takes any similarity.

        Args:
            a: First embedding.
            b: Second embedding.
            fmr: Use the model's threshold for this false match rate, as of :meth:`verify`.
            threshold: Use this similarity instead, -1 to 1.

        Raises:
            EmbeddingMismatchError: An embedding comes from another model.
            InputError: The model has no threshold for ``fmr``, or ``threshold`` is out of its
                range.
            TypeError: ``a`` or ``b`` is no embedding.
        """
        matching.require_embeddings(a, b)
        if a.model_id != self.embedder.model_id:
            raise EmbeddingMismatchError(
                f"the embedding was made by {a.model} ({short(a.model_id)}), but this engine's "
                f"thresholds are those of {self.embedder.name} ({short(self.embedder.model_id)})"
                f"{remedy(a.model_id, self.embedder.model_id)}"
            )
        contract = self.embedder.contract
        return matching.decide(a, b, contract, fmr=fmr, threshold=threshold)

    @contextmanager
    def profile(self, *, operators: bool = True) -> Iterator[Profile]:
        """Record what this engine does in a ``with`` block on this thread.

        Example:
            >>> with engine.profile() as profile:
            ...     engine.verify("a.jpg", "b.jpg")
            >>> [(span.name, span.ms) for span in profile.spans]

        The spans are the stages, in them the runs of networks, and in those the operators that the
        operator library computed. Without a profile a span costs nothing that can be measured.

        Args:
            operators: Whether to record operators; one recording per process at a time.

        Raises:
            OperatorLibraryError: Operators are being recorded already.
        """
        with tracing.record() as profile, operator_events.record(wanted=operators) as recording:
            yield profile
        if recording is not None:
            profile.add_operators(recording.events, lost=recording.lost)

    def _choose(self, photo: DecodedPhoto, number: int | None, name: str) -> Choice:
        with stage("detect"):
            return choose_in_photo(self.detector, photo.pixels, number, name)

    def _require_threshold(self, fmr: float | None, threshold: float | None) -> None:
        """Raises before any work is done for a verdict that there can be none of."""
        if threshold is None:
            point_for(self.embedder.contract, fmr)


def _many(photos: Iterable[ImageSource] | str | os.PathLike[str]) -> Iterable[ImageSource]:
    if isinstance(photos, (str, os.PathLike)):
        found = photos_at(photos)
        if found is not None:
            return found[0]
    elif not isinstance(photos, (bytes, np.ndarray)):
        if not isinstance(photos, Iterable):
            raise TypeError(f"photos must be a list of photos, but got {type(photos).__name__}")
        return photos
    raise InputError(
        "photos must be a list of photos, a folder or a pattern, but got a single photo: "
        "FaceEngine.embed takes one"
    )


def _low_quality(quality: tuple[Quality, ...], names: tuple[str, ...]) -> LowQualityError:
    rows = zip(quality, names, strict=True)
    reasons = tuple(f"{name}: {reason}" for row, name in rows for reason in row.reasons)
    return LowQualityError("; ".join(reasons), reasons, quality)


def _warn_of_swapped_colours(given: ImageSource, color: str, crop: NDArray[np.uint8]) -> None:
    """Warn if an array that was given as RGB is rather BGR; a file has its channels in order."""
    if isinstance(given, np.ndarray) and color == "RGB" and looks_swapped(crop):
        warnings.warn(
            "the face is blue rather than red, as if the array were BGR: arrays of OpenCV are "
            'given with color="BGR"',
            FaceSDKWarning,
            stacklevel=4,
        )


def _name(image: ImageSource) -> str:
    if isinstance(image, (str, os.PathLike)):
        return str(Path(image))
    if isinstance(image, np.ndarray) and image.ndim in (2, 3):
        return f"the array ({image.shape[1]}x{image.shape[0]})"
    return "the image"
