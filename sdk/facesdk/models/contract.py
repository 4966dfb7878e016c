"""The contract that a model file carries about itself.

A facesdk model is one ``.tflite`` file. Its TFLite ``Model.metadata`` table has an entry named
``facesdk.json`` whose buffer is the UTF-8 JSON of a :class:`Contract`: everything needed to feed
the network and to read its output. ``bundle.py`` reads it; the converters write it;
``contract.schema.json`` beside this module is its JSON schema for programs in other languages.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesdk.errors import ContractError, InputError
from facesdk.files import read_regular
from facesdk.models import contract_rules
from facesdk.models.contract_fields import SCHEMA_VERSION

if TYPE_CHECKING:  # NumPy takes longer to import than all that a list of models needs
    import numpy as np
    from numpy.typing import NDArray

METADATA_NAME = "facesdk.json"

EMBEDDING_FIELDS = ("task", "input", "template", "dim", "flip_concatenation", "removed_direction")
"""Fields of a contract that decide what a model's embeddings are."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How pixels become the network's input: ``(pixel - mean) / scale``, float32 NHWC.

    Attributes:
        height: Rows; None if the network takes any number (a fully convolutional detector).
        width: Columns; None like ``height``.
        color: Channel order, ``"RGB"`` or ``"BGR"``; ``"any"`` with the task "other" only.
        mean: Subtracted from each pixel (0 to 255); -1e6 to 1e6.
        scale: Then divides it; 1e-6 to 1e6.
    """

    height: int | None
    width: int | None
    color: str
    mean: float
    scale: float

    def normalise(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels as the network takes them: in its channel order, ``(pixel - mean) / scale``.

        Args:
            crops: uint8 RGB ``(..., 3)``, or grey ``(..., 1)``, of the input's size.

        Returns:
            float32 in the same shape.
        """
        import numpy as np

        ordered = crops[..., ::-1] if self.color == "BGR" else crops
        values = ordered.astype(np.float32)
        if (self.mean, self.scale) != (0, 1):
            values = (values - np.float32(self.mean)) / np.float32(self.scale)
        return values


@dataclass(frozen=True, slots=True)
class Threshold:
    """A similarity threshold and the evidence for it.

    Attributes:
        fmr: The false match rate it aims at, above 0 and below 1.
        similarity: Two embeddings at or above it count as the same person.
        fnmr: The false non-match rate measured there, 0 to 1.
        positive_pairs: Number of pairs of one person it was measured on.
        negative_pairs: Number of pairs of two people it was measured on.
    """

    fmr: float
    similarity: float
    fnmr: float
    positive_pairs: int
    negative_pairs: int


@dataclass(frozen=True, slots=True)
class Probability:
    """From a similarity to the probability that two embeddings are of one person.

    A logistic curve, fitted where pairs of one and of two people weigh the same: it holds where
    either is as likely before the faces are looked at. For other odds o = P(one) / P(two) add
    ln(o) to the intercept.

    Attributes:
        slope: a of 1 / (1 + exp(-(a similarity + b))), above 0.
        intercept: b of it.
        positive_pairs: Number of pairs of one person it was fitted on.
        negative_pairs: Number of pairs of two people it was fitted on.
    """

    slope: float
    intercept: float
    positive_pairs: int
    negative_pairs: int

    def at(self, similarity: float) -> float:
        """The probability at a similarity, 0 to 1."""
        return 0.5 * (1.0 + math.tanh(0.5 * (self.slope * similarity + self.intercept)))


@dataclass(frozen=True, slots=True)
class Original:
    """How to get back a file from one that was given another contract.

    Attributes:
        bytes: Its length: so much of the file from its beginning.
        offset: What it has in the four bytes that say where the contract is.
    """

    bytes: int
    offset: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a model file was made from its source.

    Attributes:
        target: The verb of ``facesdk convert``, for example ``"lce"``.
        options: Its options that change the network, as on the command line; empty for none.
        verified: Whether the file's outputs were compared with the source's on real faces.
        min_cosine: The cosine that the outputs of each face reached at least, -1 to 1; of faces on
            which rounding turns signs, those of the layers, or none. None where they were not
            compared.
        median_cosine: The same for the median over the faces.
    """

    target: str
    options: str
    verified: bool
    min_cosine: float | None = None
    median_cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a model file says about itself.

    Attributes:
        name: The model's name, for example ``"compactfacenet-qb"``.
        task: ``"detection"``, ``"recognition"``, or ``"other"`` for a network that facesdk runs but
            does not use.
        architecture: Network family, for example ``"CompactFaceNet"`` or ``"MTCNN O-Net"``.
        variant: Variant of it: ``"QB"`` (1-bit weights and activations), ``"Q"`` (1-bit weights),
            ``"float"``.
        input: How pixels become the network's input.
        license: SPDX identifier, or words where none fits.
        source: Where the weights come from, in words.
        source_sha256: SHA-256 (hex) of the weights that were converted.
        template: Alignment template of the crop (recognition), a key of
            :data:`facesdk.models.templates.TEMPLATES`.
        dim: Length of the embedding (recognition).
        flip_concatenation: Whether the embedding is that of the crop and of its mirror image,
            concatenated (then ``dim`` counts both).
        removed_direction: What is taken out of an embedding before it is brought to length 1
            (recognition): ``dim`` numbers of -1 to 1, whose Euclidean length is of no account; None
            for nothing.
        full_norm: Euclidean norm from which on the network's output stands for a clear face
            (recognition), 1e-6 to 1e9. A face whose output is shorter gets an embedding as much
            shorter than 1, and so smaller similarities; None where every embedding has norm 1.
        thresholds: Recommended thresholds, ascending in FMR (recognition).
        thresholds_source: What the thresholds were measured on, in words.
        thresholds_pixels: Version of facesdk's pixel functions
            (:data:`facesdk.images.pixels.VERSION`) that cut the crops which the thresholds were
            measured on; None where the crops were given.
        thresholds_detector: What found the faces of these crops: its name, the digests of its
            weights and its settings (:attr:`facesdk.detection.detector.Detector.id`); None where
            the crops were given.
        probability: From a similarity to the probability that it is one person (recognition); None
            where it was not measured.
        training_data: What the model was trained on and under which terms, in words.
        original: The file before it was given this contract; None where it is the file itself.
        conversion: How the file was made; None where that is not recorded.
        schema_version: Version of this record.
    """

    name: str
    task: str
    architecture: str
    variant: str
    input: InputSpec
    license: str
    source: str
    source_sha256: str
    template: str | None = None
    dim: int | None = None
    flip_concatenation: bool = False
    removed_direction: tuple[float, ...] | None = None
    full_norm: float | None = None
    thresholds: tuple[Threshold, ...] = ()
    thresholds_source: str = ""
    thresholds_pixels: int | None = None
    thresholds_detector: str | None = None
    training_data: str = ""
    conversion: Conversion | None = None
    probability: Probability | None = None
    original: Original | None = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        contract_rules.check(self)

    def threshold_for(self, fmr: float) -> Threshold:
        """The threshold calibrated for a false match rate.

        Raises:
            InputError: The model has no threshold for that rate; the message lists those it has.
        """
        for threshold in self.thresholds:
            if math.isclose(threshold.fmr, fmr, rel_tol=1e-6):
                return threshold
        known = ", ".join(f"{t.fmr:g}" for t in self.thresholds) or "none"
        raise InputError(
            f"model {self.name} has no threshold for a false match rate of {fmr:g} "
            f"(it has: {known}); choose one of these or give a threshold"
        )

    def with_flip(self, flip: bool) -> Contract:
        """The same network with or without flip-concatenation.

        Thresholds and probability hold for the contract's own choice only, so another one has none.
        Two outputs of one norm have that times the square root of 2 when they are concatenated,
        and ``full_norm`` goes with it.

        Raises:
            ContractError: The model is not for recognition, or a direction is taken out of its
                embeddings, which are of another length then.
        """
        if flip == self.flip_concatenation:
            return self
        if self.removed_direction is not None:
            raise ContractError(
                f"embeddings of {self.name} lack a direction of {self.dim} numbers, and with or "
                "without the mirror image they have another length: `facesdk calibrate --center` "
                "finds a direction for it, with --flip or without"
            )
        self._require_recognition()
        dim, full = self.dim or 0, self.full_norm
        return replace(
            self.without_thresholds(),
            flip_concatenation=flip,
            dim=2 * dim if flip else dim // 2,
            full_norm=None if full is None else full * math.sqrt(2 if flip else 0.5),
        )

    def with_removed_direction(self, direction: Sequence[float]) -> Contract:
        """The same network with a direction taken out of its embeddings, and so no thresholds.

        Raises:
            ContractError: The direction is not one of ``dim`` numbers of -1 to 1, not all 0.
        """
        return replace(self.without_thresholds(), removed_direction=tuple(direction))

    def with_full_norm(self, norm: float) -> Contract:
        """The same network with another ``full_norm``, and so no thresholds.

        Raises:
            ContractError: The model is not for recognition, or the norm is not from 1e-6 to 1e9.
        """
        self._require_recognition()
        return replace(self.without_thresholds(), full_norm=norm)

    def _require_recognition(self) -> None:
        if self.task != "recognition":
            raise ContractError(
                f"{self.name} is a model for {self.task}, but one for recognition is needed"
            )

    def without_thresholds(self) -> Contract:
        """The same without what was measured on pairs of faces: of a network of other outputs."""
        return replace(
            self,
            thresholds=(),
            thresholds_source="",
            thresholds_pixels=None,
            thresholds_detector=None,
            probability=None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The record of ``contract.schema.json``."""
        record = asdict(self)
        return {
            key: value for key, value in record.items() if value is not None or key not in _LEFT_OUT
        }

    def to_json(self) -> str:
        """JSON text, keys sorted, so that equal contracts give equal bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, indent=1)

    @staticmethod
    def read(path: Path) -> Contract:
        """The contract in a JSON file.

        Raises:
            ContractError: The file cannot be read or is not a contract.
        """
        try:
            return Contract.from_json(read_regular(path))
        except OSError as error:
            raise ContractError(f"cannot read contract {path}: {error.strerror}") from None
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from None

    @staticmethod
    def from_json(text: str | bytes) -> Contract:
        """Parse and validate a contract.

        Raises:
            ContractError: Not JSON, an unknown schema version, or a field that is missing, unknown
                or out of its range.
        """
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ContractError(f"the model's contract is not valid JSON ({error})") from None
        if not isinstance(record, dict):
            raise ContractError("the model's contract must be a JSON object")
        version = record.get("schema_version")
        if type(version) is not int or version != SCHEMA_VERSION:
            raise ContractError(
                f"the model's contract has schema version {version!r}, this facesdk reads "
                f"{SCHEMA_VERSION}: upgrade facesdk or convert the model again"
            )
        thresholds = record.get("thresholds", [])
        if not isinstance(thresholds, list):
            raise ContractError("the model's contract: thresholds must be a list")
        built = dict(record)
        built["input"] = _build(InputSpec, record.get("input"), "input")
        for name, kind in _PARTS.items():
            if name in record:
                built[name] = _build(kind, record[name], name)
        if isinstance(direction := record.get("removed_direction"), list):
            built["removed_direction"] = tuple(direction)
        built["thresholds"] = tuple(_build(Threshold, row, "thresholds") for row in thresholds)
        contract: Contract = _build(Contract, built, "contract")
        return contract


_PARTS = {"conversion": Conversion, "probability": Probability, "original": Original}
"""Parts that a file leaves out where they are not known."""

_LEFT_OUT = (*_PARTS, "removed_direction", "full_norm", "thresholds_pixels", "thresholds_detector")
"""Fields that a file leaves out rather than saying null."""


def _build(kind: type, record: Any, where: str) -> Any:
    if not isinstance(record, dict):
        raise ContractError(f"the model's contract: {where} must be a JSON object")
    unknown = sorted(set(record) - {field.name for field in fields(kind)})
    if unknown:
        raise ContractError(f"the model's contract: {where} has unknown fields {unknown}")
    try:
        return kind(**record)
    except TypeError as error:
        raise ContractError(f"the model's contract: {where} is incomplete ({error})") from None
