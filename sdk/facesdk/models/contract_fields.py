"""The fields of a contract: what each may hold, what it means, and who may change it.

One table. :mod:`facesdk.models.contract_rules` validates a contract by it and writes its JSON
schema, and :mod:`facesdk.models.contract_editing` goes by its last column.
"""

from __future__ import annotations

from dataclasses import dataclass

from facesdk.models.contract_kinds import (
    Choice,
    Constant,
    Direction,
    Kind,
    Number,
    Part,
    Text,
    Truth,
)
from facesdk.models.templates import TEMPLATES

SCHEMA_VERSION = 1
TASKS = ("detection", "recognition", "other")
COLORS = ("RGB", "BGR")
ANY_COLOR = "any"
"""The channel order of a network of the task "other" that has none, or does not tell."""

NEEDED = object()
"""The default of a field that must be given."""

_TRAINED = (
    "the network was trained with it and gives wrong results with anything else; convert it again "
    "if the file says it wrong"
)
_MEASURED = "it is measured: `facesdk calibrate` finds it on your photos and writes it"
_WRITTEN = "`facesdk convert` writes it, as evidence of what the file was made from"
_GOES_BY = "facesdk goes by it"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a contract or of a part of it.

    Attributes:
        name: Its name.
        kind: What it may hold.
        meaning: What it says, for people.
        default: Its value where a file leaves it out; :data:`NEEDED` if none may.
        fixed: Why nobody changes it by hand; empty where anybody may.
    """

    name: str
    kind: Kind
    meaning: str
    default: object = NEEDED
    fixed: str = ""


_LONGEST = 1 << 16
_SIDE = Number(1, 1 << 14, whole=True, null=True)
_PAIRS = Number(1, 1 << 60, whole=True)
_COSINE = Number(-1, 1, null=True)
_OFFSET = Number(0, (1 << 32) - 1, whole=True)

CONTRACT = (
    Field("schema_version", Constant(SCHEMA_VERSION), "Version of this record.", fixed=_GOES_BY),
    Field("name", Text(line=True), "The model's name, one line."),
    Field(
        "task",
        Choice(TASKS),
        '"other" is a network that facesdk runs but does not use.',
        fixed=_TRAINED,
    ),
    Field(
        "architecture",
        Text(),
        'Network family, for example "CompactFaceNet".',
        fixed=_GOES_BY,
    ),
    Field(
        "variant",
        Text(),
        '"QB" (1-bit weights and activations), "Q" (1-bit weights), "float".',
        fixed="it states what the network computes with",
    ),
    Field("input", Part("input"), "How pixels become the network's input.", fixed=_TRAINED),
    Field("license", Text(), "SPDX identifier, or words where none fits."),
    Field("source", Text(), "Where the weights come from, in words."),
    Field(
        "source_sha256",
        Text(),
        "SHA-256 (hex) of the weights that were converted.",
        fixed=_WRITTEN,
    ),
    Field(
        "template",
        Choice((*TEMPLATES, None)),
        "Alignment template of the crop: height x width.",
        None,
        fixed=_TRAINED,
    ),
    Field(
        "dim",
        Number(1, _LONGEST, whole=True, null=True),
        "Length of the embedding.",
        None,
        fixed=_TRAINED,
    ),
    Field(
        "flip_concatenation",
        Truth(),
        "Whether the embedding is that of the crop and of its mirror image, concatenated (then "
        "dim counts both).",
        False,
        fixed="its embeddings are of another length; `facesdk calibrate --flip` makes another "
        "model with both",
    ),
    Field(
        "removed_direction",
        Direction(_LONGEST),
        "What is taken out of an embedding, its length of no account: what the photos of one place "
        "have in common. Null: nothing.",
        None,
        fixed="it is measured, and embeddings with and without it do not compare; `facesdk "
        "calibrate --center` makes another model with it",
    ),
    Field(
        "full_norm",
        Number(1e-6, 1e9, null=True),
        "Euclidean norm from which on the network's output stands for a clear face; a shorter one "
        "gives an embedding as much shorter than 1. Null: every embedding has norm 1.",
        None,
        fixed="it is measured: `facesdk calibrate --unclear` finds it on your photos and writes it",
    ),
    Field(
        "thresholds",
        Part("threshold", many=True),
        "Recommended thresholds.",
        (),
        fixed=_MEASURED,
    ),
    Field(
        "thresholds_source",
        Text(),
        "What the thresholds were measured on, in words.",
        "",
        fixed=_MEASURED,
    ),
    Field(
        "thresholds_pixels",
        Number(1, 1 << 31, whole=True, null=True),
        "Version of facesdk's pixel functions that cut the crops of the thresholds; "
        "null or left out where the crops were given.",
        None,
        fixed=_MEASURED,
    ),
    Field(
        "thresholds_detector",
        Text(null=True),
        "What found the faces of these crops: name, digests of the weights, settings; null or left "
        "out where the crops were given.",
        None,
        fixed=_MEASURED,
    ),
    Field(
        "probability",
        Part("probability", null=True),
        "From a similarity to the probability that it is one person; left out where it was not "
        "measured.",
        None,
        fixed=_MEASURED,
    ),
    Field(
        "training_data",
        Text(),
        "What the model was trained on and under which terms, in words.",
        "",
    ),
    Field(
        "conversion",
        Part("conversion", null=True),
        "How the file was made from its source; left out where that is not recorded.",
        None,
        fixed=_WRITTEN,
    ),
    Field(
        "original",
        Part("original", null=True),
        "The file as it was before it was given this contract; left out where that is the file "
        "itself. The id of its embeddings is the SHA-256 of the original.",
        None,
        fixed="it states what the file was, and with it the id of its embeddings",
    ),
)
"""The fields of a contract."""

PARTS = {
    "input": (
        Field("height", _SIDE, "Rows in pixels; null if the network takes any number."),
        Field("width", _SIDE, "Columns, like height."),
        Field(
            "color",
            Choice((*COLORS, ANY_COLOR)),
            f'Channel order; "{ANY_COLOR}" only where task is "other".',
        ),
        Field("mean", Number(-1_000_000, 1_000_000), "Subtracted from each pixel (0 to 255)."),
        Field("scale", Number(1e-6, 1_000_000), "Then divides it."),
    ),
    "threshold": (
        Field("fmr", Number(0, 1, between=True), "The false match rate it aims at."),
        Field(
            "similarity",
            Number(-1, 1),
            "Two embeddings at or above it count as the same person.",
        ),
        Field("fnmr", Number(0, 1), "The false non-match rate measured there."),
        Field("positive_pairs", _PAIRS, "Pairs of one person that it was measured on."),
        Field("negative_pairs", _PAIRS, "Pairs of two people that it was measured on."),
    ),
    "probability": (
        Field(
            "slope",
            Number(0, 1_000_000, between=True),
            "a of 1 / (1 + exp(-(a x similarity + b))).",
        ),
        Field("intercept", Number(-1_000_000, 1_000_000), "b of it."),
        Field("positive_pairs", _PAIRS, "Pairs of one person that it was fitted on."),
        Field("negative_pairs", _PAIRS, "Pairs of two people that it was fitted on."),
    ),
    "original": (
        Field("bytes", _OFFSET, "Its length: so much of the file from its beginning."),
        Field(
            "offset",
            _OFFSET,
            "What its contract's buffer has where this file has the offset of this contract.",
        ),
    ),
    "conversion": (
        Field("target", Text(), "The verb of `facesdk convert`."),
        Field(
            "options",
            Text(),
            "Its options that change the network, as on the command line.",
        ),
        Field(
            "verified",
            Truth(),
            "Whether the file's outputs were compared with the source's on real faces.",
        ),
        Field(
            "min_cosine",
            _COSINE,
            "The cosine that the outputs of each face reached at least.",
            None,
        ),
        Field("median_cosine", _COSINE, "The same for the median over the faces.", None),
    ),
}
"""The fields of its parts."""

MEANINGS = {
    "input": "How pixels become the network's input: (pixel - mean) / scale, float32 NHWC.",
    "threshold": "A similarity threshold and the evidence for it.",
    "probability": "A logistic fit, for pairs that are as likely of one person as of two.",
    "original": "How to get back the file before its contract was changed.",
    "conversion": "How the file was made from its source.",
}
"""What its parts are."""
