"""The HTML report: complete, self-contained, and with the pictures it should show."""

from __future__ import annotations

import base64
import html.parser
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.evaluation.evaluation import Evaluation, evaluate
from facesdk.evaluation.report import WORST_PAIRS, html_report
from facesdk.evaluation.sets.people import people_set
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.evaluation.subject import Subject


@pytest.fixture(scope="module")
def measured() -> tuple[Evaluation, VerificationSet]:
    rng = np.random.default_rng(0)
    people = [f"p{number // 5}" for number in range(200)]
    names = [f"<b>{number}</b>.jpg" for number in range(200)]
    pairs = people_set(names, people)
    centres = rng.normal(size=(40, 16))
    vectors = centres.repeat(5, axis=0) + rng.normal(0, 0.8, (200, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    subject = Subject("<model>", "0" * 64, "aligned crops", "arcface-112x112", False)
    return evaluate(pairs, vectors, subject), pairs


def crop(number: int) -> np.ndarray:
    return np.full((112, 112, 3), number, np.uint8)


class Links(html.parser.HTMLParser):
    """Everything that a browser would load, and the tags that were opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "xlink:href", "data", "srcset", "action")
        ]


def test_nothing_is_loaded_from_anywhere(measured: tuple[Evaluation, VerificationSet]) -> None:
    text = html_report(*measured, crop)
    page = Links()
    page.feed(text)
    assert page.loaded
    assert all(link.startswith(("#", "data:image/jpeg;base64,")) for link in page.loaded)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert page.tags.count("svg") == 3
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]{1})", text)) <= {"#"}


def test_the_worst_pairs_are_shown_in_their_order(
    measured: tuple[Evaluation, VerificationSet],
) -> None:
    evaluation, pairs = measured
    page = Links()
    page.feed(html_report(evaluation, pairs, crop))
    pictures = [link for link in page.loaded if link.startswith("data:")]
    assert len(pictures) == 2 * 2 * WORST_PAIRS
    shown = [
        int(np.asarray(Image.open(io.BytesIO(base64.b64decode(link.split(",")[1])))).mean().round())
        for link in pictures
    ]
    expected = []
    for kind, sign in ((True, 1), (False, -1)):
        rows = [row for row in range(len(pairs.same)) if bool(pairs.same[row]) == kind]
        rows.sort(key=lambda row: sign * evaluation.similarities[row])
        for row in rows[:WORST_PAIRS]:
            expected += [int(pairs.first[row]), int(pairs.second[row])]
    assert shown == pytest.approx(expected, abs=1)


def test_figures_and_names_are_text_not_markup(
    measured: tuple[Evaluation, VerificationSet],
) -> None:
    evaluation, pairs = measured
    text = html_report(evaluation, pairs, None)
    assert "<img" not in text
    assert "&lt;model&gt;" in text and "<model>" not in text
    assert "<b>" not in text
    assert f"{evaluation.equal_error_rate:.4f}" in text
    assert f"{100 * evaluation.accuracy:.2f} %" in text


def test_the_device_needs_no_plotting_library(
    measured: tuple[Evaluation, VerificationSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    charts = re.findall('data-chart="([a-z]+)"', html_report(*measured, None))
    assert charts == ["roc", "det", "similarities"]


def test_the_roc_curve_passes_through_the_figures(
    measured: tuple[Evaluation, VerificationSet],
) -> None:
    """The places of the labels of the axes are where the curve must be."""
    evaluation, pairs = measured
    roc = html_report(evaluation, pairs, None).split('data-chart="roc"')[1].split("</figure>")[0]
    labels = {
        text: (float(x), float(y))
        for x, y, text in re.findall(
            r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="\w+">([\d.]+)</text>', roc
        )
    }
    (line,) = re.findall('<polyline [^>]*points="([^"]+)"', roc)
    places = np.array([point.split(",") for point in line.split()], float)
    point = next(row for row in evaluation.tar_at_far if row.far == 0.01)
    at = np.interp(labels["0.01"][0], places[:, 0], places[:, 1])
    low, high = labels["0.2"][1] - 3, labels["0.8"][1] - 3
    shown = 0.2 + 0.6 * (low - at) / (low - high)
    assert shown == pytest.approx(point.tar, abs=0.02)


@pytest.mark.parametrize("similarities", [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
def test_two_pairs_are_enough_for_a_page(similarities: list[float]) -> None:
    vectors = np.array([[1, 0]] + [[s, (1 - s * s) ** 0.5] for s in similarities], np.float32)
    pairs = VerificationSet(
        "few",
        ("a", "b", "c"),
        np.array([0, 0]),
        np.array([1, 2]),
        np.array([True, False]),
        np.array([-1, -1]),
    )
    subject = Subject("m", "", "", "", None)
    text = html_report(evaluate(pairs, vectors, subject), pairs, None)
    assert text.count("<svg") == 3
    assert "nan" not in text


def test_equal_evaluations_give_equal_files(measured: tuple[Evaluation, VerificationSet]) -> None:
    assert html_report(*measured, crop) == html_report(*measured, crop)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs the browser: apt install chromium")
def test_a_browser_without_a_network_shows_curves_and_pictures(
    measured: tuple[Evaluation, VerificationSet], tmp_path: Path
) -> None:
    colour = (200, 40, 160)
    page, shot = tmp_path / "page.html", tmp_path / "shot.png"
    page.write_text(html_report(*measured, lambda _: np.full((112, 112, 3), colour, np.uint8)))
    command = ["chromium", "--headless", "--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
    options = [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1100,2400"]
    subprocess.run(
        [*command, *options, f"--screenshot={shot}", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=300,
    )
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)

    def share(rgb: tuple[int, int, int]) -> float:
        return float((np.abs(pixels - rgb).max(axis=-1) <= 6).mean())

    assert share(colour) * pixels[..., 0].size > 20 * 112 * 112
    assert share((0x34, 0x98, 0xDB)) * pixels[..., 0].size > 100
