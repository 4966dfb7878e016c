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
    "accuracy": (
        "number?",
        "share of pairs told rightly, the mean of the folds; null without folds",
    ),
    "architecture": ("text", "what kind of network it is"),
    "at": ("text", "when, UTC, ISO 8601"),
    "at_fpir": ("search{}", "by FPIR"),
    "at_recommended_thresholds": (
        "rates{}",
        "what the model's own thresholds give, by the FMR they are for",
    ),
    "at_scores": ("by_score[]", "what the finds of a score or more are"),
    "average_precision": ("number?", "area under precision over recall"),
    "ballots": ("whole", "looks into the gallery that the verdict rests on"),
    "best": ("number?{}", "best value of each figure on held-out people"),
    "bits": ("text?", "bits of weights x activations"),
    "bound": ("text", "at most, or at least, where the similarity is beyond what was measured"),
    "box": ("number[]", "left, top, right, bottom, in pixels of the upright photo"),
    "by_layers": ("whole", "those of the unstable inputs whose layers were compared"),
    "bytes": ("whole", "bytes of the file at path, unpacked unless the verb packs"),
    "bytes_saved": ("whole", "bytes that the file has less than with float32 weights"),
    "candidates": ("candidate[]", "the most similar people, the most similar first"),
    "center": ("mean?", "what --center took out; null without it"),
    "chosen": ("flag", "whether verify and embed take this face"),
    "compared": ("run[]", "the runs that are compared"),
    "comparisons": ("whole", "templates that a face was compared with"),
    "confidence": ("confidence?", "what the similarity says, whatever the threshold"),
    "constants": ("whole{}", "bytes of constants, by their type"),
    "contract": ("contract?", "the model's contract: `facesdk schema contract`"),
    "count": ("whole", "how many there are"),
    "counts": ("whole{}", "events, by their kind"),
    "cpu": ("any", "the processor"),
    "created": ("text", "when, ISO 8601 with the time zone"),
    "crops": ("crop[]", "the crops that were cut out"),
    "description": ("text[]", "what the target did, a line each"),
    "det": ("search[]", "FNIR over FPIR, a point each"),
    "detector": ("text", "what found the faces: method, weights and settings"),
    "differences": ("any{}", "keys that differ, each with its value in every run"),
    "dim": ("whole?", "length of the embedding"),
    "dropped": ("any", "pictures that came too early; photos that are not used, by reason"),
    "dtype": ("text", "type of the numbers"),
    "embedding": ("number[]", "the vector, of norm 1, or less of an unclear face"),
    "enrolled": ("flag", "whether it is in the gallery now"),
    "equal_error_rate": ("number", "where FMR and FNMR meet"),
    "equal_error_rate_interval": ("number[]", "95 %"),
    "erased": ("flag", "whether the bytes left the files"),
    "event": ("text", "seen, identified, left, source or summary"),
    "expires": ("text?", "from when on it is not compared any more"),
    "explanation": ("any", "each operator of the file"),
    "face": ("whole", "number of the face in its photo, by size from 0"),
    "faceless_photos": ("whole", "photos without a face"),
    "faces": ("face[]", "faces, the largest first; of verify the one of each photo"),
    "facesdk": ("text", "version of facesdk"),
    "false": ("whole", "finds that are no face"),
    "false_in_faceless_photos": ("whole", "of these, those in photos without a face"),
    "false_per_photo": ("number", "the same per photo"),
    "files": ("any[]", "each file that was left out"),
    "fingerprint": ("text?", "SHA-256 of the certificate"),
    "float16": ("half?", "what --float16 or --float16-head did; null without both"),
    "float_weights": ("whole", "weights of the float layers"),
    "flip": (
        "flag?",
        "whether an embedding is that of the crop and its mirror image; null: unknown",
    ),
    "fmr": ("number?", "false match rate: the share of strangers that pass"),
    "fmr_interval": ("number[]", "95 %"),
    "fnir": ("number", "share of searches for enrolled people that do not give their name"),
    "fnir_interval": ("number[]", "95 %"),
    "fnmr": ("number", "share of true pairs that are turned away"),
    "fnmr_interval": ("number[]", "95 %"),
    "fold_accuracies": ("number[]", "of each fold"),
    "folder": ("text", "path of a folder"),
    "folds": ("whole", "number of folds"),
    "found": ("whole", "faces that were found"),
    "fpir": ("number?", "share of searches for strangers that give a name, at most"),
    "fpir_interval": ("number[]", "95 %"),
    "fps": ("number", "pictures per second that were looked at"),
    "frames": ("whole", "pictures that were looked at"),
    "gallery": ("text", "path of the gallery"),
    "height": ("whole", "height of the upright photo, in pixels"),
    "id": ("text", "identifies a person"),
    "image": ("text", "the photo, as it was given"),
    "images": ("text[]", "both photos"),
    "inputs": ("port[]", "what goes into the network"),
    "kernel_path": ("text?", "which kernels of the operator library ran"),
    "keys": ("whole", "keys that open the gallery"),
    "kinds": ("whole{}", "how many of each kind"),
    "labelled": ("whole", "faces that there are"),
    "landmarks": ("number[][]", "x, y of the eyes, the nose tip and the mouth corners"),
    "last_mac": ("text", "seal of the last record of the audit log"),
    "least": ("whole", "where the range begins"),
    "left_out": ("left_out", "files that were not used"),
    "libraries": ("text?{}", "versions of the libraries that are installed"),
    "license": ("text", "terms"),
    "macs": ("whole{}", "multiply-adds of a run, by the bits multiplied"),
    "mated_probes": ("whole", "searches for enrolled people"),
    "max_difference": ("number", "largest difference of an output, or of a unit embedding"),
    "measures": ("number{}", "measures of quality, see docs/use/quality.md"),
    "median_cosine": ("number", "of the outputs of the two that are compared"),
    "memory_bytes": ("whole?", "memory of the process"),
    "message": ("text", "why, in a line"),
    "min_cosine": ("number", "of the two that are compared: outputs, or layers for by_layers"),
    "min_output_cosine": ("number", "of the outputs of the two, for any input, none left out"),
    "missing": ("text", "what the model's contract lacks, in words; else empty"),
    "model": ("text", "name of the recognition model; of the processor in cpu"),
    "model_id": ("text?", "what embeddings go by: only those with equal ids compare"),
    "models": ("model[]", "packaged models"),
    "name": ("text", "name of what the record is of"),
    "negative_pairs": ("whole", "pairs of two people that were compared"),
    "network": ("text", "architecture and variant"),
    "non_mated_probes": ("whole", "searches for strangers"),
    "note": ("text", "what to know of the threshold or of a face, in a sentence; else empty"),
    "number": ("whole", "number of a template in its gallery; never given twice"),
    "objective": ("text", "what was minimised"),
    "operator_library": ("flag", "whether the model needs the operator library"),
    "operators": ("operator[]", "operators of the graph, by kind"),
    "ops": ("any", "the operator library"),
    "other_bytes": ("whole", "bytes that are no constants"),
    "outputs": ("port[]", "what comes out of the network"),
    "outputs_compared": ("whole", "outputs that were compared; the figures are the worst of them"),
    "overlap": ("number", "least overlap of a find with a face"),
    "packed_bytes": ("whole?", "bytes of the packed file"),
    "pairs": ("whole", "pairs that were compared"),
    "parity": ("parity?", "how source and file agree; null where they were not compared"),
    "path": ("text", "path of the file that the record is of"),
    "people": ("number", "number of people"),
    "person": ("person?", "who it is; null for somebody who is not enrolled"),
    "photos": ("whole", "number of photos"),
    "picture": ("text", "path of the annotated picture that was written"),
    "pictures": ("whole", "pictures in which the face was found"),
    "platform": ("text", "operating system and processor"),
    "positive_pairs": ("whole", "pairs of one person that were compared"),
    "predicted_fpir": ("number", "1 - (1 - FMR)^N"),
    "probability": ("number?", "that it is one person, if that was as likely as not"),
    "problems": ("text[]", "what is wrong, and what to do"),
    "protocol": ("text", "the set, and how it is counted"),
    "python": ("text", "version of Python"),
    "qualities": ("quality[]", "of each photo's face, where one is not fit to be compared"),
    "quality": ("quality?", "how fit the face is to be compared; null where there is no face"),
    "quality_score": ("number", "quality of the face, 0 to 1"),
    "rank1": ("number", "share of searches for enrolled people with the right name first"),
    "rank1_interval": ("number[]", "95 %"),
    "real_faces": ("flag", "whether aligned faces were compared; else noise"),
    "reason": ("text", "why this face"),
    "reasons": ("text[]", "what is wrong, a sentence each"),
    "recall": ("number?", "share of the faces that were found"),
    "recall_interval": ("number[]?", "95 %"),
    "reconnects": ("whole", "how often the source came back"),
    "records": ("whole", "records of the audit log"),
    "rolls": ("range[]", "recall by how far heads are turned, in degrees"),
    "rule": ("text", "how a person's templates make one similarity"),
    "runs": ("flag", "whether one inference of the model worked"),
    "runtime": ("any", "the TFLite runtime"),
    "same": ("flag?", "whether similarity >= threshold; null where faces were not compared"),
    "score": ("number", "0 to 1: the detector's, or that of the quality"),
    "seconds": ("number", "how long it took, or somebody was there"),
    "sha256": ("text", "SHA-256 of the file at path, unpacked"),
    "shape": ("whole[]", "shape of an array"),
    "shared": ("number", "length of the mean of the people's embeddings, 0 to 1"),
    "similarity": ("number?", "cosine of two embeddings, -1 to 1, never rounded"),
    "sizes": ("range[]", "recall by the longer side of faces, in pixels"),
    "skipped": ("whole", "templates that were there already"),
    "source_fps": ("number", "pictures per second that the source gave"),
    "stages_ms": ("any", "times of each stage, in milliseconds"),
    "state": ("text", "of a run: finished, begun, figures only; of a source: live, reconnecting"),
    "std": ("number?", "standard deviation of the folds"),
    "steps": ("whole", "steps of training"),
    "stored": ("template?", "what was enrolled; null where nothing was"),
    "stored_weights": ("whole", "float weights that are stored as float16"),
    "stored_macs": ("whole{}", "multiply-adds of one input, by the bits stored"),
    "tar_at_far": ("number{}", "share of true pairs that pass, by the false accept rate"),
    "tar_at_far_interval": ("number[]{}", "95 %"),
    "target": ("text?", "what it was converted to"),
    "task": ("text", "what the model is for"),
    "temperature_c": ("number?", "of the processor"),
    "template": ("text", "how faces are aligned; empty: unknown"),
    "templates": ("whole", "number of enrolled embeddings"),
    "templates_per_person": ("number", "enrolled embeddings per person"),
    "threshold": (
        "number?",
        "the similarity from which on it is one person, never rounded; null: none is high enough",
    ),
    "threshold_mean": ("number?", "mean of the folds' thresholds"),
    "threshold_std": ("number?", "their standard deviation"),
    "thresholds": ("threshold[]", "calibrated thresholds"),
    "thresholds_without": ("threshold[]", "those of the same photos if nothing is taken out"),
    "throttled": ("text[]", "why the processor was slowed down"),
    "time": ("number", "seconds since the source began"),
    "timings_ms": ("number{}", "milliseconds of each stage, and their total"),
    "token": ("text?", "what programs must send; shown once, when it is made"),
    "track": ("whole", "number of a visit"),
    "tried": ("whole", "inputs on which source and file were compared"),
    "undetected": ("whole?", "photos without a detected face; null: unknown"),
    "unknown_operators": ("text[]", "custom operators that facesdk does not have"),
    "unpacked_bytes": ("whole", "bytes of the model in the packed file"),
    "unreadable": ("whole", "pictures that could not be read"),
    "unstable": ("whole", "inputs on which rounding turns signs: compared by layers, or left out"),
    "url": ("text", "where the service listens"),
    "variant": ("text", "which form of the architecture"),
    "warnings": ("text[]", "what to know, a sentence each"),
    "width": ("whole", "width of the upright photo, in pixels"),
    "yaws": ("range[]", "recall by how far faces look to a side, in degrees"),
}
"""Every name of the records in :data:`VERBS`: its type, and what it means."""

RECORDS: dict[str, str] = {
    "by_score": "score found recall false false_in_faceless_photos",
    "candidate": "id name similarity",
    "confidence": "probability fmr bound missing",
    "crop": "face path box score landmarks reason? quality?",
    "face": "box score landmarks chosen? reason? face? quality?",
    "half": "stored_weights float_weights bytes_saved min_cosine? median_cosine?",
    "left_out": "count kinds files?",
    "model": "name task path sha256 model_id bytes dim thresholds architecture variant license "
    "runs?",
    "mean": "shared people thresholds_without",
    "operator": "name count bits",
    "parity": "tried outputs_compared unstable by_layers real_faces max_difference min_cosine "
    "median_cosine min_output_cosine",
    "person": "id name",
    "port": "name shape dtype",
    "quality": "score acceptable reasons measures",
    "range": "least labelled found recall_interval",
    "rates": "threshold fmr? fmr_interval? fnmr? fnmr_interval? fpir? fpir_interval? fnir? "
    "fnir_interval? predicted_fpir?",
    "run": "folder state network objective steps seconds best",
    "search": "threshold fpir fnir fpir_interval? fnir_interval?",
    "template": "number person created expires quality_score",
    "threshold": "fmr similarity fnmr positive_pairs negative_pairs",
}
"""Names in each record; those with ``?`` may be left out."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a verb prints.

    Attributes:
        names: Names in the record, as in :data:`RECORDS`.
        form: How records are printed.
        otherwise: Names in each of the records that may take its place.
    """

    names: str
    form: str = "one object"
    otherwise: tuple[str, ...] = ()


LINES = "an object per line and photo"
LIST = "one array of objects"


def _optional(names: str) -> str:
    return " ".join(f"{name}?" for name in names.split())


_SUBJECT = "model model_id detector template flip"
_EVALUATION = Output(
    f"protocol {_SUBJECT} accuracy std folds fold_accuracies threshold_mean threshold_std pairs "
    "positive_pairs negative_pairs photos undetected equal_error_rate equal_error_rate_interval "
    "tar_at_far tar_at_far_interval at_recommended_thresholds left_out"
)
_EVENT = "event at time"
_VERDICT = "person similarity threshold fpir ballots"
_CONVERTED = Output(
    "path bytes packed_bytes name task target parity float16 description explanation? left_out?"
)

VERBS: dict[str, Output] = {
    "detect": Output("image width height detector faces", LINES),
    "align": Output("image template crops", LINES),
    "embed": Output("image model model_id dim embedding faces", LINES),
    "verify": Output(
        "same similarity threshold fmr model confidence note faces timings_ms",
        otherwise=("same qualities",),
    ),
    "demo": Output(
        "images picture same similarity threshold fmr model confidence note faces timings_ms",
        "an object per line and pair",
    ),
    "enrol": Output("image enrolled stored quality reasons warnings", LINES),
    "identify": Output(
        "image faces person similarity threshold fmr fpir comparisons note candidates",
        "an object per line and face",
    ),
    "people": Output("id name templates created expires", "an object per line and person"),
    "forget": Output("people templates erased"),
    "export": Output("templates"),
    "import": Output("templates skipped people"),
    "rotate-key": Output("templates erased"),
    "gallery check": Output("gallery model templates records last_mac keys problems"),
    "live": Output(
        f"{_EVENT} track box score landmarks",
        "an object per line and event",
        (
            f"{_EVENT} track {_VERDICT} quality_score box score landmarks",
            f"{_EVENT} track seconds pictures {_optional(_VERDICT)}",
            f"{_EVENT} state message",
            "event counts stages_ms fps source_fps frames dropped unreadable reconnects "
            "temperature_c throttled memory_bytes kernel_path",
        ),
    ),
    "serve": Output("url token fingerprint", "one object, once it listens"),
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
    "calibrate": Output("path model_id contract center warnings left_out"),
    "evaluate lfw": _EVALUATION,
    "evaluate bin": _EVALUATION,
    "evaluate folder": _EVALUATION,
    "evaluate identification": Output(
        f"{_SUBJECT} rule people templates_per_person mated_probes non_mated_probes undetected "
        "rank1 rank1_interval at_fpir at_recommended_thresholds det left_out"
    ),
    "evaluate detection": Output(
        "detector overlap photos faceless_photos labelled found recall recall_interval false "
        "false_per_photo false_in_faceless_photos average_precision at_scores sizes rolls yaws"
    ),
    "convert": _CONVERTED,
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
        record = {"anyOf": [record, *map(_record, output.otherwise)]}
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
