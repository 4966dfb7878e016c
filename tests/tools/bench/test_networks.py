"""The table of whole networks: columns, ratios."""

from __future__ import annotations

from tools.bench.markdown import Timing
from tools.bench.networks import BEFORE, OURS, PLAIN, XNNPACK, Row, builds_table, table

TIMES = {
    PLAIN: Timing(9.0, 10.0, 5),
    XNNPACK: Timing(8.0, 12.0, 5),
    OURS: Timing(2.0, 4.0, 5),
}


def test_ratios_are_those_of_lces_faster_path() -> None:
    assert Row("small", TIMES, 0.0).ratios == (4.0, 2.5)


def test_a_build_from_before_is_a_column_where_it_was_timed() -> None:
    plain = table([Row("small", TIMES, 1e-7)]).splitlines()
    assert plain[-1] == (
        "| small | 9.000 / 10.000 | 8.000 / 12.000 | 2.000 / 4.000 | 4.0, 2.5 | 1.0e-07 |"
    )
    assert BEFORE not in plain[0]
    both = table([Row("small", {**TIMES, BEFORE: Timing(3.0, 5.0, 5)}, 0.0)]).splitlines()
    assert "| before | ours |" in both[0]
    assert "| 3.000 / 5.000 | 2.000 / 4.000 |" in both[-1]


def test_builds_alone_are_compared_with_each_other() -> None:
    times = {BEFORE: Timing(3.0, 5.0, 5), OURS: Timing(2.0, 4.0, 5)}
    head, _, row = builds_table({"small": times}).splitlines()
    assert "LCE" not in head
    assert row == "| small | 3.000 / 5.000 | 2.000 / 4.000 | 1.500, 1.250 |"
