"""Charts: where things are drawn, against places computed from the definition."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.pages import charts, html
from facesdk.pages.axes import Scale
from facesdk.pages.charts import Bar, Curve

LEFT, RIGHT, BASE, TOP = 40, 332, 170, 20
"""The corners of the axes of :func:`curves`."""


def points(text: str, tag: str = "polyline") -> list[list[tuple[float, float]]]:
    found = re.findall(rf'<{tag} [^>]*points="([^"]*)"', text)
    return [[tuple(map(float, pair.split(","))) for pair in row.split()] for row in found]  # type: ignore[misc]


@pytest.mark.parametrize("samples", [[1.0], [1.0, 1.0, 1.0], [0.001, 5000.0], list(range(1, 300))])
def test_a_histogram_counts_every_sample(samples: list[float]) -> None:
    text = charts.histogram(np.asarray(samples, float), [("median", 1.0)], "times")
    assert "nan" not in text
    assert text.count("<rect") >= 1
    heights = [float(part.split('"')[1]) for part in text.split("height=")[1:] if "fill" in part]
    assert all(height >= 0 for height in heights)


def test_a_histogram_takes_any_unit_and_refuses_nothing_to_count() -> None:
    text = charts.histogram([0.5, 0.75], [], "cosines", unit="")
    assert ">0.5<" in text
    assert " ms" not in text
    with pytest.raises(ValueError, match="at least one sample"):
        charts.histogram([], [], "")


@pytest.mark.parametrize("length", [0.0, 1e-9, 5.0])
def test_bars_stay_inside_their_track(length: float) -> None:
    text = charts.bars("x", [Bar("a", "", 0.0, length), Bar("b", "", length, length)], "")
    for part in text.split('style="')[1:]:
        facts = dict(item.split(":") for item in part.split('"')[0].split(";"))
        left, width = (float(facts[key].rstrip("%")) for key in ("left", "width"))
        assert 0 <= left <= 100
        assert left + width <= 100.01


def test_a_curve_goes_through_its_points() -> None:
    line = Curve("loss", [0.0, 5.0, 10.0], [1.0, 0.25, 0.0])
    text = charts.curves("loss", [line], Scale("step", 0, 10), Scale("loss", 0, 1), "Loss.")
    ((first, middle, last),) = points(text)
    assert first == (LEFT, TOP)
    assert middle == pytest.approx(((LEFT + RIGHT) / 2, BASE - (BASE - TOP) / 4), abs=0.1)
    assert last == (RIGHT, BASE)


def test_a_logarithmic_axis_gives_each_power_of_ten_the_same_width() -> None:
    x, y = [1e-3, 1e-2, 1e-1, 1.0], [0.1, 0.2, 0.3, 0.4]
    text = charts.curves(
        "roc", [Curve("", x, y)], Scale("FMR", 1e-3, 1, "log"), Scale("TAR", 0, 1), "ROC"
    )
    places = [place for place, _ in points(text)[0]]
    assert places == pytest.approx(np.linspace(LEFT, RIGHT, 4), abs=0.1)
    for label in ("0.001", "0.01", "0.1", "1"):
        assert f">{label}</text>" in text


def test_an_axis_by_the_normal_deviate_makes_normal_scores_a_straight_line() -> None:
    """Deviates of 0.05, 0.2 and 0.5 from a printed table: -1.64485, -0.84162, 0."""
    rates = [0.05, 0.2, 0.5, 0.8, 0.95]
    scale = Scale("", 0.05, 0.95, "deviate")
    text = charts.curves("det", [Curve("", rates, rates[::-1])], scale, scale, "DET")
    deviates = np.array([-1.64485, -0.84162, 0, 0.84162, 1.64485]) / (2 * 1.64485) + 0.5
    row = np.array(points(text)[0])
    np.testing.assert_allclose(row[:, 0], LEFT + deviates * (RIGHT - LEFT), atol=0.1)
    np.testing.assert_allclose(row[:, 1], TOP + deviates * (BASE - TOP), atol=0.1)


def test_a_curve_ends_where_its_axes_end() -> None:
    line = Curve("", [-10.0, 10.0, 30.0], [0.0, 1.0, 0.0])
    text = charts.curves("x", [line], Scale("", 0, 20), Scale("", 0, 0.75), "")
    left, right = points(text)
    middle = (LEFT + RIGHT) / 2
    quarter = (RIGHT - LEFT) / 4
    assert left == [(LEFT, pytest.approx(BASE - 2 / 3 * (BASE - TOP), abs=0.1)),
                    (pytest.approx(middle - quarter, abs=0.1), TOP)]  # fmt: skip
    assert right[0] == (pytest.approx(middle + quarter, abs=0.1), TOP)
    assert right[-1][0] == RIGHT
    outside = Curve("", [-3.0, -1.0], [0.1, 0.2])
    assert points(charts.curves("x", [outside], Scale("", 0, 1), Scale("", 0, 1), "")) == []


def test_rates_of_nought_do_not_break_a_logarithmic_axis() -> None:
    text = charts.curves(
        "roc", [Curve("", [0.0, 0.0, 1.0], [0.0, 0.5, 1.0])], Scale("", 1e-4, 1, "log"),
        Scale("", 0, 1), "",
    )  # fmt: skip
    assert "nan" not in text
    assert points(text)[-1][-1] == (RIGHT, TOP)


def test_lines_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        charts.curves("x", [Curve("", [1, 2], [1])], Scale("", 0, 1), Scale("", 0, 1), "")


def test_each_density_has_an_area_of_one() -> None:
    random = np.random.default_rng(0)
    groups = [
        ("same", "c", random.normal(0.6, 0.1, 500)),
        ("different", "b", random.normal(0, 0.1, 80)),
    ]
    text = charts.densities("scores", groups, "cosine", "Scores.")
    values = np.concatenate([group[2] for group in groups])
    edges = np.linspace(values.min(), values.max(), 81)
    tallest = max(np.histogram(group[2], edges, density=True)[0].max() for group in groups)
    for polygon in points(text, "polygon"):
        x, y = np.array(polygon).T
        pixels = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        area = pixels * np.ptp(values) / (RIGHT - LEFT) * tallest / (BASE - TOP)
        assert area == pytest.approx(1, abs=0.02)
    assert "same</span>" in text
    assert "different</span>" in text
    assert "nan" not in charts.densities("x", [("a", "a", [1.0]), ("b", "b", [])], "", "")


def test_the_label_of_a_roof_at_the_top_is_not_cut_off() -> None:
    text = charts.roofline([("x", "c", 3.0, 2e9)], 1e10, [("float32", "a", 1e11)], "")
    (height,) = re.findall(r'y="([\d.]+)">float32<', text)
    assert float(height) >= 10


def every_chart() -> dict[str, str]:
    x = np.linspace(0, 1, 50)
    return {
        "histogram": charts.histogram(x, [("median", 0.5)], "<b> & times"),
        "roofline": charts.roofline([("<b> 1", "c", 3.0, 2e9)], 1e10, [("f", "a", 1e11)], "<b>"),
        "curves": charts.curves("curves", [Curve("<b>", x, x), Curve("c", x, x**2, "b")],
                                Scale("<b> fmr", 0, 1), Scale("tar \udc80", 0, 1), "<b>"),
        "densities": charts.densities("densities", [("<b>", "a", x)], "cosine", "<b>"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", every_chart())
def test_names_are_text_and_a_chart_is_also_a_file_of_its_own(kind: str) -> None:
    chart = every_chart()[kind]
    assert "<b>" not in chart
    content = charts.svg_file(chart).encode()
    assert b"href" not in content
    root = ElementTree.fromstring(content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox") == "0 0 340 200"
    used = set(re.findall(r"var\((--[a-z]+)\)", chart))
    defined = set(re.findall(r"(--[a-z]+):", charts.svg_file(chart)))
    assert used <= defined


def test_bars_are_no_file_of_their_own() -> None:
    with pytest.raises(ValueError, match="only a chart that is an SVG"):
        charts.svg_file(charts.bars("x", [Bar("a", "", 0.0, 1.0)], ""))


@pytest.mark.slow
def test_charts_in_a_real_browser(tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "page.html"
    path.write_text(html.page("Charts", every_chart().values(), style=charts.STYLE), "utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("figure").count() == 4
    outside = page.evaluate(
        "[...document.querySelectorAll('figure *')].filter("
        "e => e.getBoundingClientRect().right > 361).length"
    )
    assert outside == 0
    overlapping = page.evaluate(
        """[...document.querySelectorAll('svg')].map(svg => {
            const boxes = [...svg.querySelectorAll('text')].map(e => e.getBoundingClientRect());
            return boxes.filter((a, i) => boxes.slice(i + 1).some(b => a.left < b.right - 1 &&
                b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)).length;
        })"""
    )
    assert overlapping == [0] * 4
    page.close()


def test_pareto_keeps_what_nothing_beats() -> None:
    """Against every pair compared."""
    rng = np.random.default_rng(3)
    places = [tuple(row) for row in rng.integers(0, 12, (60, 2)).astype(float).tolist()]
    kept = charts.pareto(places)
    expected = {
        one
        for one in places
        if not any(other[0] <= one[0] and other[1] >= one[1] and other != one for other in places)
    }
    assert set(kept) == expected
    assert kept == sorted(kept)


def test_a_scatter_places_its_points_and_names_the_front() -> None:
    rows = [("small <1>", "a", 1.0, 0.5), ("large", "b", 3.0, 1.0), ("far", "a", 9.0, 1.0)]
    axes = Scale("MB", 0.0, 4.0), Scale("TAR", 0.0, 1.0)
    text = charts.scatter("front", rows, [(1.0, 0.5), (3.0, 1.0)], *axes, "what it shows")
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', text)
    assert [tuple(map(float, pair)) for pair in circles] == [(113.0, 95.0), (259.0, 20.0)]
    assert text.count("small &lt;1&gt;</text>") == text.count(">large</text>") == 1
    assert points(text) == [[(113.0, 95.0), (259.0, 20.0)]]
