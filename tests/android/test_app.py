"""The demo app on Robolectric: its JUnit tests, and its screens beside the kept pictures.

With FACESDK_KEEP_SCREENSHOTS=1 the pictures taken replace the kept ones; look at them then.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image, ImageFilter

from android_demo.ci import build, project, robolectric
from facesdk.engine import FaceEngine
from facesdk.images.decode import as_image
from facesdk.samples import OBAMA, OBAMA2

KEPT = project.APP / "src" / "test" / "screenshots"
SCHEMA = project.ROOT / "sdk" / "facesdk" / "bench" / "report" / "bench.schema.json"
MIN_FACE = 40
DETECTOR = "finder"
"""Those of the app (``FaceWork``)."""
MOST_DIFFERENT = 0.004
"""Share of pixels that may differ: anti-aliasing of a few glyphs."""
LEAST_STEP = 48
"""Levels from which on a pixel counts as different, after a slight blur."""

pytestmark = [pytest.mark.slow, pytest.mark.android, pytest.mark.robolectric]


@pytest.fixture(scope="module")
def outcome(built: build.Built, tmp_path_factory: pytest.TempPathFactory) -> robolectric.Outcome:
    photos = tmp_path_factory.mktemp("photos")
    for photo in (OBAMA, OBAMA2):
        Image.fromarray(as_image(photo)).save(photos / f"{photo.stem}.png")
    match = FaceEngine.load(detector=DETECTOR, min_face=MIN_FACE).verify(OBAMA, OBAMA2).match
    return robolectric.run_tests(
        built.aar.parent,
        tmp_path_factory.mktemp("robolectric"),
        {"similarity": repr(match.similarity), "photos": str(photos)},
    )


def test_junit(outcome: robolectric.Outcome) -> None:
    written = sum(
        len(re.findall(r"^    @Test$", path.read_text(), re.MULTILINE))
        for path in robolectric.TESTS.rglob("*Test.java")
    )
    assert outcome.passed == written > 15


def test_the_shared_report_follows_the_schema(outcome: robolectric.Outcome) -> None:
    report = json.loads((outcome.pictures / "bench.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert report["kind"] == "pipeline"


def different(a: Path, b: Path) -> float:
    """Share of pixels that differ visibly between two pictures; 1 if their sizes do."""
    first, second = (
        np.asarray(Image.open(path).convert("RGB").filter(ImageFilter.BoxBlur(1)), np.int16)
        for path in (a, b)
    )
    if first.shape != second.shape:
        return 1.0
    return float((np.abs(first - second).max(axis=2) >= LEAST_STEP).mean())


def test_screens_are_as_kept(outcome: robolectric.Outcome, keep_screenshots: bool) -> None:
    taken = {path.name: path for path in outcome.pictures.glob("*.png")}
    if keep_screenshots:
        KEPT.mkdir(exist_ok=True)
        for path in KEPT.glob("*.png"):
            path.unlink()
        for name, path in taken.items():
            Image.open(path).convert("RGB").quantize(128).save(KEPT / name, optimize=True)
    kept = {path.name: path for path in KEPT.glob("*.png")}
    assert sorted(taken) == sorted(kept)
    assert len(kept) >= 28
    shares = {name: different(path, kept[name]) for name, path in taken.items()}
    assert not {name: share for name, share in shares.items() if share > MOST_DIFFERENT}


def test_the_comparison_sees_a_moved_word(tmp_path: Path) -> None:
    from PIL import ImageDraw

    for name, left in (("a", 40), ("b", 40), ("c", 60)):
        picture = Image.new("RGB", (360, 720), "white")
        ImageDraw.Draw(picture).rectangle((left, 100, left + 120, 124), "black")
        picture.save(tmp_path / f"{name}.png")
    assert different(tmp_path / "a.png", tmp_path / "b.png") == 0
    assert different(tmp_path / "a.png", tmp_path / "c.png") > MOST_DIFFERENT / 2
