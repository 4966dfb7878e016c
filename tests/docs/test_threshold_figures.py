"""What a threshold costs is one figure: that of the packaged file, on every page that has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Threshold

ROOT = Path(__file__).parents[2]
NAME = registry.DEFAULT_RECOGNIZER


def thresholds(name: str) -> tuple[Threshold, ...]:
    return ModelBundle.load(registry.resolve(name)).contract.thresholds


def text(page: str) -> str:
    return (ROOT / page).read_text()


def on_lfw(row: Threshold, name: str = NAME) -> float:
    """Share of LFW's true pairs that the page of figures has."""
    found = re.search(
        rf"^\| {name} \| {row.similarity:.4f}, {row.fmr:g} \| [^|]+ \| ([0-9.]+) ",
        text("docs/numbers/accuracy.md"),
        re.MULTILINE,
    )
    assert found
    return float(found[1])


@pytest.mark.parametrize(
    ("name", "row"),
    [(name, row) for name in registry.ALIASES.values() for row in thresholds(name)],
    ids=lambda value: f"{value.fmr:g}" if isinstance(value, Threshold) else value,
)
def test_the_pages_have_the_figures_of_the_file(name: str, row: Threshold) -> None:
    turned_away = f"{100 * row.fnmr:.1f} %"
    lfw = f"{100 * on_lfw(row, name):.1f} %"
    verify = f"| {row.fmr:g} | {row.similarity:.4f} | {lfw} | {turned_away} |"
    assert verify in text("docs/use/verify.md")
    card = rf"\| 1e-\d (\(default\) )?\| {row.similarity:.4f} \| {row.fnmr:.3f} \|"
    assert re.search(card, text(f"docs/use/models/{name}.md"))


def test_the_readme_says_what_the_default_threshold_and_a_milder_one_turn_away() -> None:
    by_rate = {row.fmr: row for row in thresholds(NAME)}
    default, milder = by_rate[0.001], by_rate[0.01]
    readme = text("README.md")
    assert f"| {100 * on_lfw(default):.1f} %, {100 * default.fnmr:.1f} % |" in readme
    other = registry.ALIASES["accurate"]
    row = next(row for row in thresholds(other) if row.fmr == default.fmr)
    assert f"| {100 * on_lfw(row, other):.1f} %, {100 * row.fnmr:.1f} % |" in readme
    assert f"turns away {100 * on_lfw(milder):.1f} % of the true pairs of LFW" in readme


def test_what_models_show_prints_is_what_its_page_shows() -> None:
    page = text("docs/use/model-files.md")
    bundle = ModelBundle.load(registry.resolve(NAME))
    assert bundle.sha256 in page and bundle.model_id in page
    assert f"{len(bundle.content):,}" in page
