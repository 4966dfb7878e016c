"""Which counts of instructions differ from the recorded ones, and that the page says these."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools.emulation.recorded_counts import PROCESSORS, NetworkCount, difference, recorded

PAGE = Path(__file__).parents[2] / "docs" / "numbers" / "raspberry-pi.md"
BEFORE = NetworkCount("aarch64", "cortex-a72", "neon", 45_000_000)


@pytest.mark.parametrize("instructions", [43_700_000, 45_000_000, 46_300_000])
def test_a_small_difference_is_none(instructions: int) -> None:
    assert difference(replace(BEFORE, instructions=instructions), BEFORE) is None


@pytest.mark.parametrize(
    ("instructions", "said"),
    [
        (46_400_000, "46.40 million instructions on cortex-a72, 3.1% more than 45.00"),
        (43_600_000, "43.60 million instructions on cortex-a72, 3.1% fewer than 45.00"),
    ],
)
def test_more_and_fewer_are_said_with_what_to_do(instructions: int, said: str) -> None:
    line = difference(replace(BEFORE, instructions=instructions), BEFORE)
    assert line is not None and said in line
    assert "recorded_counts --record" in line


def test_other_kernels_are_not_compared() -> None:
    line = difference(replace(BEFORE, path="portable"), BEFORE)
    assert line == "cortex-a72 ran the kernels portable, not neon"


def test_each_processor_is_recorded_and_on_the_page() -> None:
    page = PAGE.read_text()
    assert [(row.machine, row.cpu) for row in recorded()] == list(PROCESSORS)
    for row in recorded():
        assert f"| {row.cpu} | `{row.path}` | {row.instructions / 1e6:.2f} |" in page
