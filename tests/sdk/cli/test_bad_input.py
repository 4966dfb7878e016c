"""Photos in every disguise give the same face; broken ones give one clear line and status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from facesdk import samples
from facesdk.cli.main import app
from facesdk.images import decode, encode
from sdk import photos

OTHER = samples.OBAMA2

Bytes = Callable[[NDArray[np.uint8]], bytes]


def portrait() -> NDArray[np.uint8]:
    """The head and shoulders of a sample photo, 384x384."""
    crop = decode.load(samples.OBAMA)[0:576, 202:778]
    return np.asarray(Image.fromarray(crop).resize((384, 384), Image.Resampling.BOX))


PORTRAIT = portrait()
OPAQUE = np.full(PORTRAIT.shape[:2], 255, np.uint8)


def grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(rgb).convert("L"))


DISGUISES: dict[str, Bytes] = {
    **{f"exif{n}": lambda rgb, n=n: photos.exif_jpeg(rgb, n) for n in range(1, 9)},  # type: ignore
    "cmyk": photos.cmyk_jpeg,
    "rgba": lambda rgb: photos.rgba_png(rgb, OPAQUE),
    "sixteen-bit": photos.sixteen_bit_png,
    "sixteen-bit-grey": lambda rgb: photos.sixteen_bit_png(grey(rgb)),
    "grey": lambda rgb: photos.encode(grey(rgb), "JPEG"),
    "palette": lambda rgb: photos.encode(Image.fromarray(rgb).quantize(256), "PNG"),
    "webp": lambda rgb: photos.encode(rgb, "WEBP"),
    "bmp": lambda rgb: photos.encode(rgb, "BMP"),
}

BROKEN: dict[str, tuple[Bytes, str]] = {
    "empty": (lambda rgb: b"", "is empty"),
    "text": (lambda rgb: b"I am a letter, not a photo.\n" * 40, "is not an image"),
    "truncated": (photos.truncated_jpeg, "is truncated or corrupt"),
    "bomb": (lambda rgb: photos.bomb_png(), "is larger than the limit of 64 megapixels"),
    "float": (lambda rgb: photos.float_pfm(rgb[..., 0] / 255), "has floating-point samples"),
}

VERBS = {
    "detect": ["detect", "PHOTO", "--picture", "OUT"],
    "align": ["align", "PHOTO", "-o", "OUT"],
    "embed": ["embed", "PHOTO"],
    "verify": ["verify", "PHOTO", str(OTHER), "--picture", "OUT/verdict.png"],
    "verify-second": ["verify", str(OTHER), "PHOTO", "--picture", "OUT/verdict.png"],
}
NEEDS_A_FACE = [verb for verb in VERBS if verb != "detect"]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def detected(path: Path) -> dict[str, Any]:
    result = invoke("detect", str(path), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    record: dict[str, Any] = json.loads(result.stdout)
    return record


def fails(verb: str, photo: Path, folder: Path, message: str, *, status: int = 2) -> None:
    """Run a verb on a bad photo; one line on stderr, its status, and nothing else anywhere."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    arguments = [word.replace("PHOTO", str(photo)).replace("OUT", str(out)) for word in VERBS[verb]]
    result = invoke(*arguments, "--json")
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"facesdk: {photo}")
    assert message in result.stderr
    assert os.listdir(out) == []


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return plain(PORTRAIT, tmp_path_factory)


@pytest.fixture(scope="module")
def grey_original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return plain(np.repeat(grey(PORTRAIT)[..., None], 3, axis=2), tmp_path_factory)


def plain(rgb: np.ndarray, folders: pytest.TempPathFactory) -> dict[str, Any]:
    path = folders.mktemp("original") / "portrait.png"
    path.write_bytes(photos.encode(rgb, "PNG"))
    return detected(path)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_changes_nothing(
    disguise: str, original: dict[str, Any], grey_original: dict[str, Any], tmp_path: Path
) -> None:
    """A grey photo is as its grey pixels are in three channels; without colours O-Net itself places
    points 0.03 to 0.06 eye distances elsewhere."""
    path = tmp_path / f"{disguise}.jpg"
    path.write_bytes(DISGUISES[disguise](PORTRAIT))
    record = detected(path)
    assert (record["width"], record["height"]) == (384, 384)
    wanted = grey_original if "grey" in disguise else original
    landmarks, expected = (np.array(found["faces"][0]["landmarks"]) for found in (record, wanted))
    assert np.linalg.norm(landmarks - expected, axis=1).max() < 3


@pytest.mark.parametrize("disguise", ["exif6", "cmyk", "rgba", "sixteen-bit", "grey"])
def test_a_disguise_is_the_same_person(disguise: str, tmp_path: Path) -> None:
    path = tmp_path / f"{disguise}.jpg"
    path.write_bytes(DISGUISES[disguise](PORTRAIT))
    # The card says that this pair is below the default threshold once colour is gone.
    rate = ["--fmr", "0.01"] if disguise == "grey" else []
    result = invoke("verify", str(path), str(OTHER), "--json", *rate)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["same"] is True


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", BROKEN)
def test_broken_photos(case: str, verb: str, tmp_path: Path) -> None:
    data, message = BROKEN[case]
    path = tmp_path / f"{case}.jpg"
    path.write_bytes(data(PORTRAIT))
    fails(verb, path, tmp_path, message)


@pytest.mark.parametrize("verb", VERBS)
def test_paths_that_are_no_file(verb: str, tmp_path: Path) -> None:
    fails(verb, tmp_path / "none.jpg", tmp_path, "does not exist")
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    fails(verb, folder, tmp_path, "is a directory")


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", ""),
        ("detect", str(OTHER), ""),
        ("detect", str(OTHER), "--picture", ""),
        ("verify", "", str(OTHER)),
        ("embed", str(OTHER), "--contract", ""),
        ("evaluate", "folder", "fast", "--images", ""),
        ("gallery", "check", "--gallery", ""),
    ],
)
def test_an_empty_path_is_not_the_working_directory(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(photos.encode(PORTRAIT, "PNG"))
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the path is empty" in result.stderr


@pytest.mark.parametrize("size", [(1, 1), (200, 300)])
def test_no_face_is_an_empty_list(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    encode.save(path, np.full((*size, 3), 127, np.uint8))
    record = detected(path)
    assert record.pop("detector").startswith("finder ")
    assert record == {"image": str(path), "width": size[1], "height": size[0], "faces": []}


@pytest.mark.parametrize("verb", NEEDS_A_FACE)
def test_no_face_is_an_error_where_one_is_needed(verb: str, tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    encode.save(path, np.full((1, 1, 3), 127, np.uint8))
    fails(verb, path, tmp_path, "no face", status=5)


def test_a_photo_that_cannot_be_read_outweighs_one_without_a_face(tmp_path: Path) -> None:
    blank, text = tmp_path / "blank.png", tmp_path / "text.png"
    encode.save(blank, np.full((30, 30, 3), 127, np.uint8))
    text.write_text("no photo")
    for paths, status in (([blank], 5), ([blank, OTHER], 5), ([text, blank], 2)):
        assert invoke("embed", *map(str, paths), "--json").exit_code == status


@pytest.mark.parametrize("case", ["truncated", "bomb"])
def test_a_real_process_prints_one_line_and_no_traceback(case: str, tmp_path: Path) -> None:
    """Native libraries write to descriptor 2 behind Python's back."""
    path = tmp_path / "bad.jpg"
    path.write_bytes(BROKEN[case][0](PORTRAIT))
    done = subprocess.run(
        [sys.executable, "-m", "facesdk", "verify", str(path), str(OTHER), "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"facesdk: {path}")
    assert done.stderr.count("\n") == 1


def test_a_picture_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "portrait.png"
    path.write_bytes(photos.encode(PORTRAIT, "PNG"))
    target = tmp_path / "none" / "verdict.png"
    result = invoke("verify", str(path), str(OTHER), "--picture", str(target), "--json")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert f"cannot write {target}" in result.stderr
    assert os.listdir(tmp_path) == ["portrait.png"]
