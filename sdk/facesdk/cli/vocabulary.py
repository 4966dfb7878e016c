"""What verbs print with ``--json``: one list of names, and which of them each verb has.

A name has one type and one meaning wherever it stands, since its entry is the only one there is.
Types: ``text``, ``whole``, ``number``, ``flag``, ``any``, or a key of :data:`RECORDS`; with ``[]``
a list of such, with ``{}`` a map from texts to such, with ``?`` null is possible.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEYS: dict[str, tuple[str, str]] = {
    "acceptable": ("flag", "whether no measure is below its floor"),
    "architecture": ("text", "what kind of network it is"),
    "best": ("number?{}", "best value of each figure on held-out people"),
    "bits": ("text?", "bits of weights x activations"),
    "bound": ("text", "at most, or at least, where the similarity is beyond what was measured"),
    "box": ("number[]", "left, top, right, bottom, in pixels of the upright photo"),
    "bytes": ("whole", "bytes of the file at path, unpacked unless the verb packs"),
    "candidates": ("candidate[]", "the most similar people, the most similar first"),
    "chosen": ("flag", "whether verify and embed take this face"),
    "compared": ("run[]", "the runs that are compared"),
    "comparisons": ("whole", "templates that a face was compared with"),
    "confidence": ("confidence?", "what the similarity says, whatever the threshold"),
    "constants": ("whole{}", "bytes of constants, by their type"),
    "contract": ("contract?", "the model's contract: `facesdk schema contract`"),
    "count": ("whole", "how many there are"),
    "cpu": ("any", "the processor"),
    "created": ("text", "when, ISO 8601 with the time zone"),
    "crops": ("crop[]", "the crops that were cut out"),
    "detector": ("text", "what found the faces: method, weights and settings"),
    "differences": ("any{}", "keys that differ, each with its value in every run"),
    "dim": ("whole?", "length of the embedding"),
    "dtype": ("text", "type of the numbers"),
    "embedding": ("number[]", "the vector, of length 1"),
    "erased": ("flag", "whether the bytes left the files"),
    "expires": ("text?", "from when on it is not compared any more"),
    "files": ("any[]", "each file that was left out"),
    "face": ("whole", "number of the face in its photo, by size from 0"),
    "faces": ("face[]", "faces, the largest first; of verify the one of each photo"),
    "facesdk": ("text", "version of facesdk"),
    "fmr": ("number?", "false match rate: the share of strangers that pass"),
    "fnmr": ("number", "share of true pairs that are turned away"),
    "folder": ("text", "path of a folder"),
    "fpir": ("number?", "share of searches for strangers that give a name, at most"),
    "height": ("whole", "height of the upright photo, in pixels"),
    "id": ("text", "identifies a person"),
    "image": ("text", "the photo, as it was given"),
    "images": ("text[]", "both photos"),
    "inputs": ("port[]", "what goes into the network"),
    "kinds": ("whole{}", "how many of each kind"),
    "landmarks": ("number[][]", "x, y of the eyes, the nose tip and the mouth corners"),
    "left_out": ("left_out", "files that were not used"),
    "libraries": ("text?{}", "versions of the libraries that are installed"),
    "license": ("text", "terms"),
    "macs": ("whole{}", "multiply-adds of a run, by the bits multiplied"),
    "measures": ("number{}", "measures of quality, see docs/use/quality.md"),
    "missing": ("text", "what the model's contract lacks, in words; else empty"),
    "model": ("text", "name of the recognition model; of the processor in cpu"),
    "model_id": ("text?", "what embeddings go by: only those with equal ids compare"),
    "models": ("model[]", "packaged models"),
    "name": ("text", "name of what the record is of"),
    "negative_pairs": ("whole", "pairs of two people that were compared"),
    "network": ("text", "architecture and variant"),
    "note": ("text", "what to know of the threshold, in a sentence; else empty"),
    "objective": ("text", "what was minimised"),
    "operator_library": ("flag", "whether the model needs the operator library"),
    "operators": ("operator[]", "operators of the graph, by kind"),
    "ops": ("any", "the operator library"),
    "other_bytes": ("whole", "bytes that are no constants"),
    "outputs": ("port[]", "what comes out of the network"),
    "packed_bytes": ("whole?", "bytes of the packed file"),
    "path": ("text", "path of the file that the record is of"),
    "people": ("whole", "number of people"),
    "person": ("person?", "who it is; null for somebody who is not enrolled"),
    "picture": ("text", "path of the annotated picture that was written"),
    "platform": ("text", "operating system and processor"),
    "positive_pairs": ("whole", "pairs of one person that were compared"),
    "probability": ("number?", "that it is one person, if that was as likely as not"),
    "problems": ("text[]", "what is wrong, and what to do"),
    "python": ("text", "version of Python"),
    "qualities": ("quality[]", "of each photo's face, where one is not fit to be compared"),
    "quality": ("quality", "how fit the face is to be compared"),
    "reason": ("text", "why this face"),
    "reasons": ("text[]", "what is wrong, a sentence each"),
    "runs": ("flag", "whether one inference of the model worked"),
    "runtime": ("any", "the TFLite runtime"),
    "same": ("flag?", "whether similarity >= threshold; null where faces were not compared"),
    "score": ("number", "0 to 1: the detector's, or that of the quality"),
    "seconds": ("number", "how long it took"),
    "sha256": ("text", "SHA-256 of the file at path, unpacked"),
    "shape": ("whole[]", "shape of an array"),
    "similarity": ("number?", "cosine of two embeddings, -1 to 1, never rounded"),
    "state": ("text", "finished, begun, or figures only"),
    "steps": ("whole", "steps of training"),
    "stored_macs": ("whole{}", "multiply-adds of one input, by the bits stored"),
    "task": ("text", "what the model is for"),
    "template": ("text", "how faces are aligned"),
    "templates": ("whole", "number of enrolled embeddings"),
    "threshold": ("number", "the similarity from which on it is one person, never rounded"),
    "thresholds": ("threshold[]", "calibrated thresholds"),
    "timings_ms": ("number{}", "milliseconds of each stage, and their total"),
    "unknown_operators": ("text[]", "custom operators that facesdk does not have"),
    "unpacked_bytes": ("whole", "bytes of the model in the packed file"),
    "variant": ("text", "which form of the architecture"),
    "warnings": ("text[]", "what to know, a sentence each"),
    "width": ("whole", "width of the upright photo, in pixels"),
}
"""Every name of the records in :data:`VERBS`: its type, and what it means."""

RECORDS: dict[str, str] = {
    "candidate": "id name similarity",
    "confidence": "probability fmr bound missing",
    "crop": "face path box score landmarks reason? quality?",
    "face": "box score landmarks chosen? reason? face? quality?",
    "left_out": "count kinds files?",
    "model": "name task path sha256 model_id bytes dim thresholds architecture variant license "
    "runs?",
    "operator": "name count bits",
    "person": "id name",
    "port": "name shape dtype",
    "quality": "score acceptable reasons measures",
    "run": "folder state network objective steps seconds best",
    "threshold": "fmr similarity fnmr positive_pairs negative_pairs",
}
"""Names in each record; those with ``?`` may be left out."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a verb prints.

    Attributes:
        names: Names in the record, as in :data:`RECORDS`.
        form: How records are printed.
        otherwise: Names in the record that takes its place where there is no result; empty where
            none does.
    """

    names: str
    form: str = "one object"
    otherwise: str = ""


LINES = "an object per line and photo"
LIST = "one array of objects"

VERBS: dict[str, Output] = {
    "detect": Output("image width height detector faces", LINES),
    "align": Output("image template crops", LINES),
    "embed": Output("image model model_id dim embedding faces", LINES),
    "verify": Output(
        "same similarity threshold fmr model confidence note faces timings_ms",
        otherwise="same qualities",
    ),
    "demo": Output(
        "images picture same similarity threshold fmr model confidence note faces timings_ms",
        "an object per line and pair",
    ),
    "identify": Output(
        "image faces person similarity threshold fmr fpir comparisons note candidates",
        "an object per line and face",
    ),
    "people": Output("id name templates created expires", "an object per line and person"),
    "forget": Output("people templates erased"),
    "doctor": Output("facesdk python platform cpu libraries runtime ops models problems"),
    "models": Output(RECORDS["model"], LIST),
    "models show": Output(
        "path bytes packed_bytes sha256 model_id contract inputs outputs operators macs "
        "stored_macs constants other_bytes operator_library unknown_operators"
    ),
    "models edit": Output("path contract"),
    "models set-contract": Output("path model_id contract"),
    "models pack": Output("path bytes unpacked_bytes"),
    "models unpack": Output("path bytes packed_bytes"),
    "calibrate": Output("path model_id contract warnings left_out"),
    "train list": Output(RECORDS["run"], LIST),
    "train compare": Output("compared differences"),
}
"""The record of each verb that this list covers."""

FILES = {
    "bench": "bench/report/bench.schema.json",
    "contract": "models/contract.schema.json",
}
"""Schemas that are files of their own: of all reports of ``bench``, and of contracts."""

_PLAIN: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "contract": {"type": "object"},
    "any": {},
}


def schema(verb: str) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of what a verb prints with ``--json``.

    Args:
        verb: A key of :data:`VERBS` or :data:`FILES`.
    """
    if verb in FILES:
        text = (Path(__file__).parents[1] / FILES[verb]).read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found
    output = VERBS[verb]
    record = _record(output.names)
    if output.otherwise:
        record = {"anyOf": [record, _record(output.otherwise)]}
    if output.form == LIST:
        record = {"type": "array", "items": record}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"facesdk {verb} --json",
        "description": f"Printed as {output.form}.",
        **record,
    }


def _record(names: str) -> dict[str, Any]:
    words = names.split()
    return {
        "type": "object",
        "required": [word for word in words if not word.endswith("?")],
        "additionalProperties": False,
        "properties": {
            name: {"description": KEYS[name][1], **_type(KEYS[name][0])}
            for name in (word.rstrip("?") for word in words)
        },
    }


def _type(words: str) -> dict[str, Any]:
    if words.endswith("[]"):
        return {"type": "array", "items": _type(words[:-2])}
    if words.endswith("{}"):
        return {"type": "object", "additionalProperties": _type(words[:-2])}
    if words.endswith("?"):
        return {"anyOf": [_type(words[:-1]), {"type": "null"}]}
    return _PLAIN[words] if words in _PLAIN else _record(RECORDS[words])
