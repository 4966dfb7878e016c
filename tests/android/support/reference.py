"""What Python says of the sample photos, in files that Java reads.

A value is a line of ``values.properties``; arrays are raw files: pixels as bytes, the rest as
little-endian float32.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from android.support import contract_reference, measure_reference
from facesdk.engine import FaceEngine
from facesdk.errors import FaceSDKError, InputError
from facesdk.gallery.values import checked_name, normal
from facesdk.images import decode, pixels
from facesdk.quality.selection import select
from facesdk.recognition.operating_points import point_for
from facesdk.results import Embedding, Face
from facesdk.samples import BIDEN, OBAMA, OBAMA2
from native.support.operator_models import input_values

PHOTOS = {"obama": OBAMA, "obama2": OBAMA2, "biden": BIDEN}
MIN_FACE = 40


def write(folder: Path) -> None:
    """Write the reference of all samples into a new folder."""
    folder.mkdir(parents=True)
    engine = FaceEngine.load(detector="mtcnn", min_face=MIN_FACE)
    contract = engine.embedder.contract
    values: dict[str, object] = {
        "photos": ",".join(PHOTOS),
        "min_face": MIN_FACE,
        "model": contract.name,
        "model_id": engine.embedder.model_id,
        "template": contract.template,
        "dim": contract.dim,
        "license": contract.license,
        "thresholds": len(contract.thresholds),
    }
    for index, row in enumerate(contract.thresholds):
        values[f"threshold.{index}"] = f"{row.fmr!r} {row.similarity!r} {row.positive_pairs}"
    rates = (1e-5, 3e-5, 1e-4, 2e-4, 1e-3, 0.0042, 1e-2, 0.07)
    values["points"] = ",".join(
        f"{rate!r}:{point_for(contract, rate).similarity!r}" for rate in rates
    )
    for name, path in PHOTOS.items():
        _photo(folder, engine, name, decode.as_image(path), values)
    for a in PHOTOS:
        for b in PHOTOS:
            match = engine.verify(PHOTOS[a], PHOTOS[b]).match
            values[f"verify.{a}.{b}"] = f"{match.same} {match.similarity!r} {match.threshold!r}"
    _small(folder, values)
    _choices(folder, engine, values)
    _names(values)
    measure_reference.write(folder, engine, decode.as_image(OBAMA), values)
    contract_reference.write(folder / "contracts", engine, engine.align(OBAMA), values)
    values.update(_sentences(engine))
    lines = (f"{key}={value}\n" for key, value in values.items())
    (folder / "values.properties").write_text("".join(lines), encoding="latin-1")


def _photo(
    folder: Path, engine: FaceEngine, name: str, pixels: np.ndarray, values: dict[str, object]
) -> None:
    height, width = pixels.shape[:2]
    values[f"{name}.size"] = f"{width} {height}"
    (folder / f"{name}.rgb").write_bytes(np.ascontiguousarray(pixels).tobytes())
    faces = engine.detect(pixels).faces
    (folder / f"{name}.faces").write_bytes(np.array([row(f) for f in faces], "<f4").tobytes())
    finder = FaceEngine.load(min_face=MIN_FACE, detector="finder")
    for end, most in (("faces", None), ("largest", 1)):
        rows = [row(face) for face in finder.detect(pixels, most).faces]
        (folder / f"{name}.finder.{end}").write_bytes(np.array(rows, "<f4").tobytes())
    (folder / f"{name}.crop").write_bytes(engine.align(pixels, faces[0]).tobytes())
    (folder / f"{name}.vector").write_bytes(engine.embed(pixels).vector.astype("<f4").tobytes())


NAMES = (
    " Ada\u00a0", "\u3000Ada\u2003", "\u3000", "", "\u200bAda", "a\u2028b\u2029", "\x1c\x85Ada\x1f",
    "e\u0301ve", "\u1112\u1161\u11ab", "\ud83d", "a\ud83e", "a\x7fb", "a\tb", "a\n", "\u0378",
    "\U0001f600" * 200, "\U0001f600" * 201, "\u180eAda", "e\u0301" * 200, "x" * 201,
)  # fmt: skip


def _names(values: dict[str, object]) -> None:
    """Names, and what is stored for them or why they are refused; as hexadecimal code points."""
    values["names"] = len(NAMES)
    for index, name in enumerate(NAMES):
        try:
            outcome = _points(checked_name(name))
        except InputError as error:
            outcome = f"refused: {str(error).partition(', but')[0]}"
        values[f"name.{index}"] = f"{_points(name)};;{_points(normal(name))};;{outcome}"


def _points(text: str) -> str:
    return " ".join(f"{ord(character):x}" for character in text)


def _small(folder: Path, values: dict[str, object]) -> None:
    """Every third pixel of two photos and their largest face, for emulated processors."""
    for detector in ("finder", "mtcnn"):
        engine = FaceEngine.load(detector=detector, min_face=MIN_FACE)
        crops = []
        for name in ("obama", "obama2"):
            pixels = np.ascontiguousarray(decode.as_image(PHOTOS[name])[::3, ::3])
            values[f"{name}.small.size"] = f"{pixels.shape[1]} {pixels.shape[0]}"
            face = engine.detect(pixels, 1).faces[0]
            crops.append(engine.align(pixels, face))
            vector = engine.embed_aligned(crops[-1]).vector
            (folder / f"{name}.small.rgb").write_bytes(pixels.tobytes())
            for kind, content in (
                ("faces", np.array(row(face), "<f4")),
                ("crop", crops[-1]),
                ("vector", vector.astype("<f4")),
            ):
                (folder / f"{name}.{detector}.small.{kind}").write_bytes(content.tobytes())
        match = engine.compare(*map(engine.embed_aligned, crops))
        values[f"{detector}.small.verify"] = (
            f"{match.same} {match.similarity!r} {match.threshold!r}"
        )


def _choices(folder: Path, engine: FaceEngine, values: dict[str, object]) -> None:
    """Pictures of several faces, blurred and dark ones, and which face Python compares."""
    obama, biden = (decode.as_image(path)[::2, ::2] for path in (OBAMA, BIDEN))
    coarse = pixels.resize_area(obama, len(obama) // 16, obama.shape[1] // 16)
    blurred = pixels.resize_bilinear(coarse, *obama.shape[:2])
    pictures = {
        "dim": (obama // 7).astype(np.uint8),
        "two": _beside(obama, biden),
        "blurred": blurred,
        "blurred_two": _beside(blurred, biden[::2, ::2]),
        "nobody": np.full((90, 120, 3), 40, np.uint8),
    }
    values["choices"] = ",".join(pictures)
    for name, picture in pictures.items():
        picture = np.ascontiguousarray(picture)
        values[f"{name}.size"] = f"{picture.shape[1]} {picture.shape[0]}"
        (folder / f"{name}.rgb").write_bytes(picture.tobytes())
        found = engine.detect(picture)
        (folder / f"{name}.finds").write_bytes(np.array([row(f) for f in found], "<f4").tobytes())
        values[f"{name}.choice"] = "none"
        choice = select(engine.detector, picture)
        if choice is not None:
            verdict = choice.quality.acceptable
            values[f"{name}.choice"] = f"{choice.number};;{choice.reason};;{verdict}"


def _beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two pictures beside each other, grey below the lower one."""
    both = np.full((max(len(left), len(right)), left.shape[1] + right.shape[1], 3), 127, np.uint8)
    both[: len(left), : left.shape[1]] = left
    both[: len(right), left.shape[1] :] = right
    return both


def write_corpus(corpus: Path, folder: Path) -> None:
    """The recorded operator models with their inputs, and the bytes that LCE computes.

    Left out are the few whose zero padding only LCE's reference kernels can compute: a delegate on
    Android takes no such option.
    """
    folder.mkdir(parents=True)
    for file in sorted(corpus.glob("*.tflite")):
        content, recorded = file.read_bytes(), np.load(file.with_suffix(".npz"))
        if "optimized" not in recorded:
            continue
        (folder / file.name).write_bytes(content)
        (folder / f"{file.stem}.out").write_bytes(recorded["optimized"].tobytes())
        (folder / f"{file.stem}.in").write_bytes(input_values(file.stem, content).tobytes())


def row(face: Face) -> list[float]:
    """A face as the native library gives it: box, score, landmarks."""
    return [*face.box.tolist(), face.score, *face.landmarks.ravel().tolist()]


def _sentences(engine: FaceEngine) -> dict[str, str]:
    """What Python's errors say, which Java's must say too."""
    vector = np.eye(1, engine.embedder.dim, dtype=np.float32)[0]
    other = Embedding(vector, "other", "0" * 64)
    short = Embedding(vector[:1], engine.embedder.name, engine.embedder.model_id)
    own = Embedding(vector, engine.embedder.name, engine.embedder.model_id)
    pixels = Embedding(vector, own.model, f"{own.model_id}-pixels2")
    wrong: dict[str, Callable[[], object]] = {
        "no_face": lambda: engine.embed(np.zeros((80, 60, 3), np.uint8)),
        "fmr": lambda: engine.compare(own, own, fmr=0.37),
        "fmr_near": lambda: engine.compare(own, own, fmr=1e-6),
        "threshold": lambda: engine.compare(own, own, threshold=1.5),
        "other_model": lambda: engine.compare(other, own),
        "other_pixels": lambda: engine.compare(pixels, own),
        "others_pixels": lambda: engine.compare(own, pixels),
        "other_length": lambda: engine.compare(own, short),
        "min_face": lambda: FaceEngine.load(min_face=11),
        "max_faces": lambda: FaceEngine.load(max_faces=0),
        "threads": lambda: FaceEngine.load(threads=65),
        "coincide": lambda: engine.align(
            np.zeros((80, 60, 3), np.uint8), Face(np.zeros(4), 1.0, np.full((5, 2), 7.0))
        ),
    }
    said = {}
    for name, call in wrong.items():
        try:
            call()
        except FaceSDKError as error:
            said[f"error.{name}"] = str(error).replace("the array (", "the frame (")
    assert len(said) == len(wrong), said
    return said
