"""What the stages return: frozen, slotted dataclasses, each with ``to_dict()`` for JSON.

Results of a kind compare by all that they hold, arrays by their numbers, and pickle. ``repr`` is
one line, with arrays shortened. ``if`` asks a verdict for its verdict: a :class:`Match` and a
:class:`Verification` are true for the same person, :class:`Detections` where there is a face, a
:class:`Quality` where it is acceptable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, one_line

FloatArray = NDArray[np.float32]

_NORM_TOLERANCE = 1e-3
"""How far from 1 the norm of an embedding of norm 1 may be, as other programs store it."""


def _checked(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    array = np.array(value, dtype=np.float32)
    if array.shape != shape:
        raise ValueError(f"{name} must be a float array with shape {shape}, but got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but got {array.tolist()}")
    array.flags.writeable = False
    return array


def side_by_side(similarity: float, threshold: float, digits: int = 4) -> tuple[str, str]:
    """A similarity and a threshold in decimals, on the sides of each other where they are.

    Both get as many digits more as it takes, so that a similarity below the threshold is never
    printed as one that reaches it.

    Args:
        similarity: -1 to 1.
        threshold: -1 to 1.
        digits: Digits after the point, at least.
    """
    while similarity < threshold and round(similarity, digits) >= round(threshold, digits):
        digits += 1
    return f"{similarity:.{digits}f}", f"{threshold:.{digits}f}"


def _rounded(values: FloatArray) -> Any:
    return np.round(values.astype(float), 2).tolist()


class _Result:
    """What results have in common; the methods that a dataclass is given cannot compare arrays."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _key(self) == _key(other)

    def __hash__(self) -> int:
        return hash(_key(self))

    def __repr__(self) -> str:
        shown = (f"{name}={_short(value)}" for name, value in _said(self).items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew from its fields: what is unpickled has been checked, and its arrays stay."""
        return type(self), tuple(_values(self).values())


def _values(result: Any) -> dict[str, Any]:
    return {row.name: getattr(result, row.name) for row in fields(result)}


def _said(result: Any) -> dict[str, Any]:
    """All fields but those that have what they have where nobody says anything."""
    return {
        row.name: getattr(result, row.name)
        for row in fields(result)
        if row.default is MISSING or getattr(result, row.name) != row.default
    }


def _key(value: Any) -> Any:
    """Equal for equal results, and hashable."""
    if isinstance(value, _Result):
        return tuple(map(_key, _values(value).values()))
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, (value + value.dtype.type(0)).tobytes()  # no -0.0
    return tuple(map(_key, value)) if isinstance(value, tuple) else value


def _short(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return f"<{value.dtype} {'x'.join(map(str, value.shape))}>"
    if isinstance(value, (np.ndarray, tuple)):
        shown = ", ".join(map(_short, value[:4]))
        return f"[{shown}, ... {len(value)} in all]" if len(value) > 4 else f"[{shown}]"
    return f"{value:.5g}" if isinstance(value, (float, np.floating)) else repr(value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Face(_Result):
    """One detected face, in pixels of the (upright) image it was found in.

    Attributes:
        box: float32 ``(4,)``: left, top, right, bottom. May reach beyond the image border.
        score: The detector's confidence, 0 to 1.
        landmarks: float32 ``(5, 2)`` of x, y: the eye on the left of the image, the eye on the
            right, nose tip, mouth corner on the left, mouth corner on the right. Left and right
            are those of the upright face: in a photo that lies on a side or upside down they are
            other sides of the image.
    """

    box: FloatArray
    score: float
    landmarks: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", _checked("box", self.box, (4,)))
        object.__setattr__(self, "landmarks", _checked("landmarks", self.landmarks, (5, 2)))
        object.__setattr__(self, "score", float(self.score))

    @property
    def width(self) -> float:
        """Box width in pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def height(self) -> float:
        """Box height in pixels."""
        return float(self.box[3] - self.box[1])

    @property
    def area(self) -> float:
        """Box area in square pixels."""
        return self.width * self.height

    def to_dict(self) -> dict[str, Any]:
        """Box and landmarks rounded to 0.01 px, the score to 1e-4."""
        return {
            "box": _rounded(self.box),
            "score": round(self.score, 4),
            "landmarks": _rounded(self.landmarks),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detections(_Result):
    """The faces of one photo, largest box first.

    Attributes:
        image: The path or a name of the photo.
        width: Width of the upright photo in pixels.
        height: Height of the upright photo in pixels.
        faces: The faces found; empty if there is none.
        chosen: Number of the face that is compared unless somebody asks for another, in ``faces``;
            None if there is none.
        reason: Why this one, in words; empty if there is none.
        detector: Identifies what found them: the method, its weights and its settings.

    ``len(found)`` is the number of faces, ``for face in found`` gives them, and ``if found`` is
    true where there is one.
    """

    image: str
    width: int
    height: int
    faces: tuple[Face, ...]
    chosen: int | None = None
    reason: str = ""
    detector: str = ""

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces)

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk detect --json`` prints."""
        return {
            "image": self.image,
            "width": self.width,
            "height": self.height,
            "detector": self.detector,
            "faces": [
                {
                    **face.to_dict(),
                    "chosen": number == self.chosen,
                    **({"reason": self.reason} if number == self.chosen else {}),
                }
                for number, face in enumerate(self.faces)
            ],
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Quality(_Result):
    """How fit a face is to be compared; true where it is acceptable.

    Levels are those of the luma, 0 to 255, in the face region of the crop of 112x112 pixels. What
    each measure is, and how its floor was found: docs/use/quality.md.

    Attributes:
        score: 0 to 1; from 0.5 on every measure is above its floor. That of the worst measure.
        reasons: What is below its floor, a sentence for each, the worst first; empty where nothing
            is.
        eye_distance: Pixels between the eyes, of the photo as it was looked at (the service and
            enrolment reduce large ones); seen from the side, what it would be from the front.
        sharpness: Fine detail along the lines that have least of it, divided by the contrast; about
            0.09 of a sharp crop.
        eyes: Fine detail in all directions, divided by the contrast, at the eye that has more of
            it: low where both are covered or in deep shadow.
        mouth: The same around the mouth.
        brightness: Mean level.
        contrast: Standard deviation of the levels.
        noise: Standard deviation of the noise, in levels.
        pattern: Power of the strongest wave by that of others like it; about 5, and 20 and more
            where stripes, a net or print lie over the face.
        dark: Share of pixels of at most 16 levels, 0 to 1.
        bright: Share of pixels of at least 247 levels, 0 to 1.
        yaw: Degrees; positive where the face looks to the right of the image.
        pitch: Degrees; positive where it looks up.
        roll: Degrees, -180 to 180; positive where the head is turned clockwise.
        detector_score: The detector's confidence, 0 to 1.
    """

    score: float
    reasons: tuple[str, ...]
    eye_distance: float
    sharpness: float
    eyes: float
    mouth: float
    brightness: float
    contrast: float
    noise: float
    pattern: float
    dark: float
    bright: float
    yaw: float
    pitch: float
    roll: float
    detector_score: float

    def __bool__(self) -> bool:
        return self.acceptable

    def __repr__(self) -> str:
        return f"Quality(score={self.score:.3g}, reasons={list(self.reasons)}, <14 measures>)"

    @property
    def acceptable(self) -> bool:
        """Whether no measure is below its floor."""
        return not self.reasons

    def measures(self) -> dict[str, float]:
        """The measures by name: all but ``score`` and ``reasons``."""
        named = _values(self)
        return {name: named[name] for name in named if name not in ("score", "reasons")}

    def to_dict(self) -> dict[str, Any]:
        """``score``, ``acceptable``, ``reasons`` and ``measures`` by name, rounded to 1e-4."""
        return {
            "score": round(self.score, 4),
            "acceptable": self.acceptable,
            "reasons": list(self.reasons),
            "measures": {name: round(value, 4) for name, value in self.measures().items()},
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Embedding(_Result):
    """A face as a point on the unit sphere, or inside of it if the model does not see it clearly.

    Attributes:
        vector: float32 ``(dim,)`` with Euclidean norm 1, or less, above 0, of an unclear face
            (:attr:`facesdk.models.contract.Contract.full_norm`).
        model: Name of the model that made it.
        model_id: SHA-256 (hex) of the model file, and ``-pixelsN`` if the crop was cut by a later
            version than the first of facesdk's pixel functions. Only embeddings with equal ids
            compare.
    """

    vector: FloatArray
    model: str
    model_id: str

    def __post_init__(self) -> None:
        vector = _checked("vector", self.vector, (np.size(self.vector),))
        norm = float(np.linalg.norm(vector))
        if not 0 < norm <= 1 + _NORM_TOLERANCE:
            raise ValueError(f"vector must have a norm above 0, at most 1, but got {norm:.6g}")
        object.__setattr__(self, "vector", vector)

    @property
    def dim(self) -> int:
        """Length of the vector."""
        return int(self.vector.size)

    @property
    def is_clear(self) -> bool:
        """Whether the model sees the face clearly: whether the vector has norm 1."""
        return bool(np.linalg.norm(self.vector) >= 1 - _NORM_TOLERANCE)

    def to_dict(self) -> dict[str, Any]:
        """Model, its id, dimension and the vector as a list of floats, each number whole."""
        return {
            "model": self.model,
            "model_id": self.model_id,
            "dim": self.dim,
            "embedding": self.vector.tolist(),
        }

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Embedding:
        """The embedding that :meth:`to_dict` made the record of; other keys are ignored.

        Raises:
            InputError: A key is missing, or its value is not what that of an embedding is.
        """
        try:
            embedding = Embedding(record["embedding"], record["model"], record["model_id"])
        except KeyError as error:
            raise InputError(f"the record of an embedding must have the key {error}") from None
        except (ValueError, TypeError) as error:
            raise InputError(f"this is no record of an embedding: {one_line(error)}") from None
        if not (isinstance(embedding.model, str) and isinstance(embedding.model_id, str)):
            raise InputError("this is no record of an embedding: model and model_id must be text")
        return embedding


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EmbeddedPhoto(_Result):
    """What became of one of many photos; true where it has an embedding.

    Attributes:
        image: The path or a name of the photo.
        embedding: That of its face; None if there is none.
        error: Why there is none, in a line; empty if there is one.
    """

    image: str
    embedding: Embedding | None
    error: str = ""

    def __bool__(self) -> bool:
        return self.embedding is not None

    def to_dict(self) -> dict[str, Any]:
        """The record of the embedding with ``image``; without one, ``image`` and ``error``."""
        if self.embedding is None:
            return {"image": self.image, "error": self.error}
        return {"image": self.image, **self.embedding.to_dict()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Timings(_Result):
    """Wall-clock time of each stage of one verification, in milliseconds, for both photos."""

    detect: float
    align: float
    embed: float
    match: float

    @property
    def total(self) -> float:
        """Sum of the four stages; decoding the files is not part of it."""
        return self.detect + self.align + self.embed + self.match

    def to_dict(self) -> dict[str, float]:
        """The stages and ``total``, rounded to a microsecond."""
        return {key: round(ms, 3) for key, ms in {**asdict(self), "total": self.total}.items()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Confidence(_Result):
    """What a similarity says, by what was measured on pairs of people the model did not learn from.

    Attributes:
        probability: That the two are one person, 0 to 1, if that was as likely as not before their
            faces were compared; None where the model's contract has no probability.
        fmr: The false match rate of a threshold at this very similarity: the share of strangers who
            are at least as alike; None where the contract has no threshold.
        bound: ``"at most"`` or ``"at least"`` where the similarity is beyond the calibrated
            thresholds and ``fmr`` is that of the nearest, otherwise empty.
        missing: What the contract lacks, in words; empty for nothing.
    """

    probability: float | None
    fmr: float | None
    bound: str = ""
    missing: str = ""

    def to_dict(self) -> dict[str, Any]:
        """``probability`` rounded to 1e-6, ``fmr`` to four digits."""
        return {
            "probability": None if self.probability is None else round(self.probability, 6),
            "fmr": None if self.fmr is None else float(f"{self.fmr:.4g}"),
            "bound": self.bound,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Match(_Result):
    """The outcome of comparing two embeddings.

    Attributes:
        same: Whether ``similarity >= threshold``.
        similarity: Cosine similarity, -1 to 1.
        threshold: The similarity from which two faces count as the same person.
        fmr: The false match rate the threshold was calibrated for; None if the caller chose the
            threshold.
        model: Name of the recognition model.
        confidence: What the similarity says; None where no contract was asked.
        note: What to know of the decision, in a sentence: that the threshold lies between
            calibrated ones or beyond them, or that a face is unclear; empty for nothing.
    """

    same: bool
    similarity: float
    threshold: float
    fmr: float | None
    model: str
    confidence: Confidence | None = None
    note: str = ""

    def __bool__(self) -> bool:
        """Whether it is the same person: ``if match`` is ``if match.same``."""
        return self.same

    def to_dict(self) -> dict[str, Any]:
        """Similarity and threshold whole: rounded, they could stand on the wrong sides."""
        return {
            "same": self.same,
            "similarity": self.similarity,
            "threshold": self.threshold,
            "fmr": self.fmr,
            "model": self.model,
            "confidence": None if self.confidence is None else self.confidence.to_dict(),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Verification(_Result):
    """Whether two photos show the same person, and how that was found.

    Attributes:
        match: The decision.
        faces: The compared face of each photo.
        reasons: Why this face of each photo, in words.
        quality: How fit each face is to be compared.
        crops: The aligned crop of each photo, uint8 RGB.
        timings: Time of each stage.
    """

    match: Match
    faces: tuple[Face, Face]
    reasons: tuple[str, str]
    quality: tuple[Quality, Quality]
    crops: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    timings: Timings

    def __bool__(self) -> bool:
        """Whether it is the same person: ``if verification`` is ``if verification.same``."""
        return self.same

    @property
    def same(self) -> bool:
        """Whether the two photos show the same person."""
        return self.match.same

    @property
    def similarity(self) -> float:
        """Cosine similarity of the two embeddings, -1 to 1."""
        return self.match.similarity

    @property
    def probability(self) -> float | None:
        """That it is one person, 0 to 1, by :attr:`Confidence.probability`; None if not known."""
        return None if self.match.confidence is None else self.match.confidence.probability

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk verify --json`` prints."""
        return {
            **self.match.to_dict(),
            "faces": [
                {**face.to_dict(), "reason": reason, "quality": quality.to_dict()}
                for face, reason, quality in zip(
                    self.faces, self.reasons, self.quality, strict=True
                )
            ],
            "timings_ms": self.timings.to_dict(),
        }
