"""The detectors, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from facesdk.detection.detector import DEFAULT_MIN_FACE
from facesdk.detection.least_score import LeastScore
from facesdk.detection.turns import AnyTurn
from facesdk.errors import InputError, ModelError

if TYPE_CHECKING:
    from facesdk.detection.detector import Detector

DEFAULT_DETECTOR = "finder"
"""What is used where nobody names another: a key of :data:`DETECTORS`
(docs/build/decisions/models.md says why)."""


class Loader(Protocol):
    """Loads a detector."""

    def __call__(
        self, *, min_face: int, max_faces: int | None, threads: int, workers: int
    ) -> tuple[Detector, float]:
        """Arguments and errors as of :func:`load_detector`.

        Returns:
            The detector, and the score from which its faces are sure to be upright.
        """


def _mtcnn(
    *, min_face: int, max_faces: int | None, threads: int, workers: int
) -> tuple[Detector, float]:
    from facesdk.detection.landmarks import SURE
    from facesdk.detection.mtcnn.detector import MTCNN

    options = {"min_face": min_face, "threads": threads, "workers": workers}
    return MTCNN.load(max_faces=max_faces, **options), SURE


def _blaze(
    *, min_face: int, max_faces: int | None, threads: int, workers: int
) -> tuple[Detector, float]:
    from facesdk.detection.blazeface.finder import BlazeFace
    from facesdk.detection.landmarks import SURE, ONet
    from facesdk.detection.refined import RefinedDetector

    finder = BlazeFace.load(threads=threads, workers=workers)
    refiner = ONet.load(threads=threads, workers=workers)
    return RefinedDetector(finder, refiner, min_face=min_face, max_faces=max_faces), SURE


def _finder(
    *, min_face: int, max_faces: int | None, threads: int, workers: int
) -> tuple[Detector, float]:
    from facesdk.models import registry

    return _of_file(registry.resolve("finder"), min_face, max_faces, threads, workers)


def _yunet(
    *, min_face: int, max_faces: int | None, threads: int, workers: int
) -> tuple[Detector, float]:
    path = users_file("yunet")
    if not path.is_file():
        raise ModelError(
            f"{path} does not exist: YuNet's weights are not part of facesdk. Get the ONNX file "
            "(docs/use/models/yunet.md says where) and run `facesdk convert yunet FILE.onnx`"
        )
    return _of_file(path, min_face, max_faces, threads, workers)


def _of_file(
    path: Path, min_face: int, max_faces: int | None, threads: int, workers: int
) -> tuple[Detector, float]:
    from facesdk.detection.landmarks import SURE, ONet
    from facesdk.detection.one_stage.compiled import CompiledDetector
    from facesdk.detection.one_stage.finder import OneStage
    from facesdk.models.bundle import ModelBundle

    finder = OneStage(ModelBundle.load(path), threads=threads, workers=workers)
    refiner = ONet.load(threads=threads, workers=workers)
    return CompiledDetector(finder, refiner, min_face=min_face, max_faces=max_faces), SURE


def users_file(name: str) -> Path:
    """Where a detector that facesdk may not bring is looked for, once the user has converted it.

    Args:
        name: A key of :data:`DETECTORS`.
    """
    import platformdirs

    return platformdirs.user_data_path("facesdk") / "detectors" / f"{name}.tflite"


DETECTORS: dict[str, Loader] = {
    "finder": _finder,
    "mtcnn": _mtcnn,
    "blaze": _blaze,
    "yunet": _yunet,
}
"""A function for each name; it imports what it needs when it is called."""


def load_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    min_face: int = DEFAULT_MIN_FACE,
    max_faces: int | None = None,
    min_score: float = 0.0,
    threads: int = 1,
    workers: int = 1,
    turned: bool = True,
) -> Detector:
    """Load a detector.

    Args:
        name: A key of :data:`DETECTORS`, or the path of a finder's ``.tflite`` file.
        min_face: Side of the smallest face to find, in pixels, at least 12.
        max_faces: Return at most that many faces per photo, the largest; None for all.
        min_score: Leave out finds of a lower score, 0 to 1 (:mod:`facesdk.detection.least_score`).
        threads: Threads each network may use, at least 1.
        workers: Threads that may run each network at a time, at least 1; others wait.
        turned: Whether to look for the faces of photos that lie on a side or upside down, too
            (:mod:`facesdk.detection.turns`).

    Raises:
        InputError: The name is unknown, or an option is out of its range.
        ModelError: A model is not usable, or the user has to bring it first.
        TypeError: The name is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"detector must be a name or a path as text, but got {type(name).__name__}")
    if not 0 <= min_score <= 1:
        raise InputError(f"min_score must be 0 to 1, but got {min_score:g}")
    limit = None if turned or min_score > 0 else max_faces
    if name in DETECTORS:
        detector, sure = DETECTORS[name](
            min_face=min_face, max_faces=limit, threads=threads, workers=workers
        )
    elif name.lower().endswith(".tflite"):
        detector, sure = _of_file(Path(name), min_face, limit, threads, workers)
    else:
        raise InputError(
            f"unknown detector {name!r}: choose one of {', '.join(DETECTORS)}, or give a finder's "
            ".tflite file"
        )
    if turned:
        some = None if min_score > 0 else max_faces
        detector = AnyTurn(detector, sure=sure, max_faces=some)
    if min_score > 0:
        return LeastScore(detector, min_score, max_faces=max_faces)
    return detector
