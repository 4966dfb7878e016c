"""Reports as CSV, Chrome trace and HTML."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from facesdk import FaceEngine
from facesdk.bench.film import write_people
from facesdk.bench.live import Film, bench_live
from facesdk.bench.live_report import LiveReport
from facesdk.bench.model import Parts, bench_models
from facesdk.bench.model_report import ModelReport
from facesdk.bench.ops import OpsReport, bench_ops
from facesdk.bench.pipeline import Case, bench_pipeline, collage
from facesdk.bench.pipeline_report import PipelineReport
from facesdk.bench.report import report as reports
from facesdk.bench.report import spreadsheet, trace
from facesdk.bench.report.baseline import compare
from facesdk.bench.report.page import to_html
from facesdk.live.loop import Settings
from facesdk.live.sources.video import VideoSource
from facesdk.measure import flags
from facesdk.measure.timing import Policy
from facesdk.models import registry

SCHEMA = json.loads(Path(reports.__file__).with_name("bench.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FEW = Policy(4, 0, 0.0, lead=0)
Reports = tuple[ModelReport, PipelineReport, OpsReport, LiveReport]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    recogniser = registry.resolve(registry.DEFAULT_RECOGNIZER)
    engine = FaceEngine.load(min_face=60)
    image = collage(160, 120, 1, engine)
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    write_people(film, 1, 4, engine, width=320, height=240)
    return (
        bench_models([recogniser], FEW, parts=Parts(1, True, (1, 2), peaks=True)),
        bench_pipeline(engine, [Case("<one> & only", lambda: image)], FEW, min_face=60),
        bench_ops(registry.resolve("mtcnn-rnet"), FEW),
        bench_live(
            engine,
            [Film("<a> film", VideoSource(film))],
            FEW,
            gallery=None,
            settings=Settings(),
            min_face=60,
        ),
    )


def test_json_is_as_its_schema_says(reports: Reports) -> None:
    for report in reports:
        record = json.loads(json.dumps(report.to_dict()))
        VALIDATOR.validate(record)
        VALIDATOR.validate({**record, "baseline": compare(record, record).to_dict()})
        optional = {"detector"} & record.keys()  # reports of before, and Android's, have none
        for key in record.keys() - optional:
            with pytest.raises(jsonschema.ValidationError):
                VALIDATOR.validate({name: row for name, row in record.items() if name != key})
        for other in ({"unknown": 1}, *({key: 1} for key in optional)):
            with pytest.raises(jsonschema.ValidationError):
                VALIDATOR.validate({**record, **other})


def test_every_flag_is_in_the_schema() -> None:
    source = Path(flags.__file__).read_text()
    codes = set(re.findall(r'Flag\(\s*"([a-z0-9-]+)"', source))
    assert codes == set(SCHEMA["$defs"]["flag"]["properties"]["code"]["enum"])


def test_csv_has_a_line_for_each_time(reports: Reports) -> None:
    for report in reports:
        text = spreadsheet.to_csv(report)
        rows = list(csv.DictReader(io.StringIO(text)))
        assert tuple(rows[0]) == spreadsheet.COLUMNS
        assert all(row["mean"] and float(row["mean"]) >= 0 for row in rows)
    models, pipeline, ops, live = (
        list(csv.DictReader(io.StringIO(spreadsheet.to_csv(r)))) for r in reports
    )
    table = reports[0].models[0].operators
    assert table is not None
    assert [row["section"] for row in models] == [
        "latency",
        "scaling",
        "scaling",
        *["operator"] * len(table.rows),
    ]
    assert [row["name"] for row in pipeline] == ["detect", "align", "embed", "match", "total"]
    assert pipeline[0]["subject"] == "<one> & only"
    assert len(ops) == len(reports[2].shapes)
    assert [row["name"] for row in live][-1] == "frame"
    assert {row["name"] for row in live} >= {"read", "detect", "track", "frame"}


def test_traces_are_complete_events_that_nest(reports: Reports) -> None:
    for report in reports:
        record = json.loads(trace.to_trace(report))
        assert record["otherData"]["schema"] == "facesdk.bench"
        names = [e for e in record["traceEvents"] if e["ph"] == "M"]
        events = [e for e in record["traceEvents"] if e["ph"] == "X"]
        assert names
        assert events
        assert all(e["ts"] >= 0 and e["dur"] >= 0 for e in events)
        assert {e["tid"] for e in events} <= {e["tid"] for e in names}
        ends = [(e["ts"], e["ts"] + e["dur"]) for e in events]
        for a, b in ends:  # two events follow each other or one lies in the other
            assert all(d <= a + 0.01 or b <= c + 0.01 or (a <= c + 0.01 and d <= b + 0.01)
                       or (c <= a + 0.01 and b <= d + 0.01) for c, d in ends)  # fmt: skip
    pipeline = json.loads(trace.to_trace(reports[1]))["traceEvents"]
    assert {"stage", "network", "operator"} <= {e.get("cat") for e in pipeline}


class Page(HTMLParser):
    """Checks that tags close, and collects charts and anything that would load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.charts: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object") or {"src", "href"} & set(facts):
            self.loads.append(tag)
        if chart := facts.get("data-chart"):
            self.charts.append(chart)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "br"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_pages_have_their_charts_and_load_nothing(reports: Reports) -> None:
    models, pipeline, ops, live = (Page(to_html(report)) for report in reports)
    assert models.charts == ["histogram", "waterfall", "threads", "operators", "roofline"]
    assert pipeline.charts == ["waterfall", "spans", "histogram"]
    assert ops.charts == ["operators"]
    assert live.charts == ["waterfall", "histogram"]
    for page in (models, pipeline, ops, live):
        assert page.loads == []


def test_a_page_shows_names_as_text_and_the_comparison(reports: Reports) -> None:
    record = reports[1].to_dict()
    text = to_html(reports[1], compare(record, record))
    assert "&lt;one&gt; &amp; only" in text
    assert "<one>" not in text
    assert "now / then" in text
    assert text.count(">same<") == 5
    for flag in reports[1].flags:
        assert flag.code in text


@pytest.mark.slow
def test_pages_in_a_real_browser(reports: Reports, tmp_path: Path, browser: Any) -> None:
    record = reports[0].to_dict()
    for number, report in enumerate(reports):
        path = tmp_path / f"{number}.html"
        path.write_text(to_html(report, compare(record, record) if number == 0 else None))
        page = browser.new_page(viewport={"width": 360, "height": 800})
        messages: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message, seen=messages: seen.append(message.text))
        page.on("pageerror", lambda error, seen=messages: seen.append(str(error)))
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.goto(path.as_uri())
        assert messages == []
        assert requests == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        figures = page.locator("figure")
        assert figures.count() > 0
        for place in range(figures.count()):
            box = figures.nth(place).bounding_box()
            assert 300 <= box["width"] <= 360
            assert box["height"] > 40
        small = page.evaluate(
            "[...document.querySelectorAll('svg text, .row span, td, p, figcaption')].filter("
            "e => e.textContent.trim() && e.getBoundingClientRect().height < 9).length"
        )
        assert small == 0
        outside = page.evaluate(
            "[...document.querySelectorAll('figure *')].filter("
            "e => e.getBoundingClientRect().right > 361).length"
        )
        assert outside == 0
        page.close()
