"""A report that no verb makes, in each form: renderers know the protocol and nothing more."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from facesdk.bench.report import page, spreadsheet, table, trace
from facesdk.bench.report.elements import (
    BITS,
    FLOATS,
    OTHER,
    Duration,
    Durations,
    Event,
    Figures,
    Histogram,
    Roofline,
    Section,
    Table,
    Track,
    one_after_the_other,
)
from facesdk.bench.report.report import Setting
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import describe_environment
from facesdk.measure.flags import Flag
from facesdk.measure.timing import Clock, Policy

TIMES = np.array([1.0, 2.0, 4.0])
NAME = "a [bold] & <b>"


@dataclass(frozen=True)
class Stub:
    """Two subjects whose lines come in turn, and one of everything that a page can show."""

    setting: Setting
    title: str = f"Title of {NAME}"
    facts: tuple[tuple[str, str], ...] = (("subject", NAME),)
    notes: tuple[str, ...] = ("a note",)
    flags: tuple[Flag, ...] = (Flag("busy", "others ran"),)

    def to_dict(self) -> dict[str, Any]:
        return {**self.setting.to_dict(), "kind": "stub", "flags": []}

    def tables(self) -> tuple[Table, ...]:
        latency = Distribution.of(TIMES)
        return (
            Table(NAME, ("what", "ms"), ((NAME, "1.5"),), remarks=(f"remark {NAME}",),
                  records=({"section": "one", "subject": NAME, **spreadsheet.times(latency)},
                           {"section": "one", "subject": "other"})),
            Table("second", ("n",), (("3",),), words=0,
                  records=({"section": "two", "subject": NAME, "count": 7},)),
        )  # fmt: skip

    def events(self) -> tuple[Track, ...]:
        return (
            Track(NAME, (Event("net", "network", 0.0, 5.0), Event("op", "operator", 1.25, 2.0))),
            Track("other", (Event("net", "network", 0.0, 1.0, {"kernels": "neon"}),)),
        )

    def charts(self) -> tuple[Section, ...]:
        latency = Distribution.of(TIMES)
        kinds = tuple(Duration(kind, "", 1.0, kind=kind) for kind in (BITS, FLOATS, OTHER, ""))
        return (
            Section("", (f"{NAME} {'0' * 64}", "second line"), ()),
            Section(NAME, (), (
                Figures(((NAME, latency),)),
                Table("", ("", "ratio"), ((NAME, "2.00"),)),
                Histogram(latency, TIMES),
                Durations("kinds", kinds, "Kinds."),
                one_after_the_other({"load": 3.0, "run": 1.0}, "Stages."),
                Roofline(((NAME, BITS, 2.0, 1e9),), 1e10, (("float32", FLOATS, 1e11),), "Roofs."),
            )),
        )  # fmt: skip


@pytest.fixture(scope="module")
def stub() -> Stub:
    reading = read_conditions()
    conditions = Conditions(reading, read_conditions())
    created = time.strftime("%Y")
    return Stub(Setting(created, describe_environment(), conditions, Clock("", 1, 1), Policy(), 1))


def test_text_shows_facts_tables_remarks_notes_and_flags(stub: Stub) -> None:
    for colour in (False, True):
        text = table.to_text(stub, colour=colour)
        for words in (f"subject  {NAME}", f"remark {NAME}", "note: a note", "flag busy: others"):
            assert words in text
        assert text.count(NAME) == 4


def test_csv_keeps_the_lines_of_a_subject_together(stub: Stub) -> None:
    rows = list(csv.DictReader(io.StringIO(spreadsheet.to_csv(stub))))
    assert [(row["section"], row["subject"]) for row in rows] == [
        ("one", NAME),
        ("two", NAME),
        ("one", "other"),
    ]
    assert (rows[0]["median"], rows[0]["n"]) == ("2.0", "3")
    assert (rows[1]["count"], rows[1]["median"]) == ("7", "")


def test_a_trace_has_a_thread_for_each_track(stub: Stub) -> None:
    events = json.loads(trace.to_trace(stub))["traceEvents"]
    assert [(e["ph"], e["tid"]) for e in events] == [
        ("M", 0), ("X", 0), ("X", 0), ("M", 1), ("X", 1),
    ]  # fmt: skip
    assert [e["args"].get("name") for e in events if e["ph"] == "M"] == [NAME, "other"]
    assert (events[2]["ts"], events[2]["dur"], events[2]["cat"]) == (1.25, 2.0, "operator")
    assert events[4]["args"] == {"kernels": "neon"}


def test_a_page_shows_every_element(stub: Stub) -> None:
    text = page.to_html(stub)
    assert "<b>" not in text
    assert f"<code>{'0' * 64}</code><br>second line</p>" in text
    for chart in ("histogram", "kinds", "waterfall", "roofline"):
        assert f'data-chart="{chart}"' in text
    bars = text.split('data-chart="kinds"')[1].split("</figure>")[0]
    assert [part[0] for part in bars.split('<i class="')[1:]] == ["c", "a", "b", "a"]
    stages = text.split('data-chart="waterfall"')[1].split("</figure>")[0]
    assert "left:0.000%;width:75.000%" in stages
    assert "left:75.000%;width:25.000%" in stages
