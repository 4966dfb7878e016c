"""How often the whole picture is searched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.live.schedule import Schedule


@given(st.floats(0.005, 0.5), st.floats(0.05, 1.0))
def test_searches_take_their_share_of_the_time_and_not_much_less(cost: float, share: float) -> None:
    schedule, gap, spent = Schedule(share), 0.02, 0.0
    pictures = 2000
    for number in range(pictures):
        if schedule.due(number * gap):
            spent += cost
            schedule.searched(number * gap, cost)
    seconds = pictures * gap
    assert spent <= share * seconds + 2 * cost
    assert spent >= min(cost / (cost / share + gap), cost / gap) * seconds * 0.9 - 2 * cost


def test_the_first_picture_is_searched() -> None:
    assert Schedule().due(123.0)


def test_a_fixed_number_of_pictures() -> None:
    schedule = Schedule(every=3)
    due = []
    for number in range(9):
        due.append(schedule.due(number / 25))
        if due[-1]:
            schedule.searched(number / 25, 100.0)
    assert due == [True, False, False] * 3


def test_one_slow_search_does_not_stop_the_searches() -> None:
    schedule = Schedule(0.5)
    schedule.searched(0.0, 0.01)
    schedule.searched(0.1, 10.0)
    assert schedule.cost == pytest.approx(2.008)
    assert schedule.due(0.1 + 2 * 2.008)


@pytest.mark.parametrize("options", [{"share": 0.0}, {"share": 1.1}, {"every": 0}])
def test_what_makes_no_sense_is_refused(options: dict) -> None:
    with pytest.raises(InputError, match="must be"):
        Schedule(**options)
