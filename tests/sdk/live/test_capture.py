"""Reading in a thread: what is dropped, what is mended, and what is an error."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from facesdk.errors import InputError, SourceLostError
from facesdk.live.capture import LONGEST_PAUSE, Capture, Captured, Notice, Pace, State
from facesdk.live.sources.repeated import Repeated
from sdk.live.films import FakeClock, Script, frames

LOST = SourceLostError("the cable is out")


class MortalClock(FakeClock):
    """A clock that ends what waits for the fiftieth time."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if len(self.waits) == 50:
            event.set()
        return super().wait(event, seconds)


def everything(capture: Capture) -> list[Captured | Notice]:
    capture.start()
    found = []
    while not capture.exhausted:
        came = capture.next(5.0)
        if came is not None:
            found.append(came)
    capture.stop()
    return found


def pictures(rows: list[Captured | Notice]) -> list[Captured]:
    return [row for row in rows if isinstance(row, Captured)]


def test_every_picture_of_a_file_comes_however_slow_the_reader_is() -> None:
    capture = Capture(Script(frames(30)))
    capture.start()
    levels = []
    while not capture.exhausted:
        came = capture.next(5.0)
        if isinstance(came, Captured):
            time.sleep(0.002)
            levels.append(int(came.frame.image[0, 0, 0]))
            assert came.read_ms >= 0
    assert levels == list(range(30))
    assert capture.dropped == 0


def test_of_a_camera_the_newest_picture_wins_and_the_others_are_counted() -> None:
    done = threading.Event()

    def before() -> None:
        if not source._now:
            done.set()

    source = Script(frames(20), paced=True, before=before)
    capture = Capture(source)
    capture.start()
    assert done.wait(5)
    while capture.state is not State.ENDED:
        time.sleep(0.001)
    rows = pictures([capture.next(1.0), capture.next(1.0), capture.next(1.0)])  # type: ignore[list-item]
    assert [row.number for row in rows] == [19]
    assert capture.dropped == 19


def test_a_file_in_real_time_comes_as_in_a_player() -> None:
    clock = FakeClock()
    capture = Capture(Script(frames(26)), pace=Pace.REAL_TIME, clock=clock, wait=clock.wait)
    capture.start()
    while capture.state is not State.ENDED:
        time.sleep(0.001)
    assert clock.now == pytest.approx(1.0)
    assert capture.dropped == 25
    capture.stop()


def test_a_lost_camera_is_opened_again_with_longer_and_longer_pauses() -> None:
    clock = FakeClock()
    source = Script([*frames(3), LOST], LOST, LOST, frames(2), paced=True)
    rows = everything(Capture(source, clock=clock, wait=clock.wait))
    assert clock.waits == [0.5, 1.0, 2.0]
    states = [row.state for row in rows if isinstance(row, Notice)]
    lost = [State.RECONNECTING] * 3
    assert [state for state in states if state is not State.ENDED] == [
        State.LIVE,
        *lost,
        State.LIVE,
    ]
    assert source.opened == 4
    assert source.closed >= 4


def test_the_pause_has_a_limit_and_a_camera_may_be_given_up() -> None:
    clock = FakeClock()
    source = Script(frames(1) + [LOST], LOST, paced=True)
    capture = Capture(source, give_up=200.0, clock=clock, wait=clock.wait)
    with pytest.raises(SourceLostError, match=r"the cable is out; given up after 200 seconds"):
        everything(capture)
    assert max(clock.waits) == LONGEST_PAUSE
    assert sum(clock.waits) >= 200
    assert capture.reconnects == len(clock.waits)
    assert capture.exhausted


@pytest.mark.parametrize("first", [0, 1])
def test_a_camera_that_opens_and_gives_no_picture_is_given_up_too(first: int) -> None:
    clock = MortalClock()
    source = Script([*frames(first), LOST], [LOST], paced=True)
    capture = Capture(source, give_up=200.0, clock=clock, wait=clock.wait)
    with pytest.raises(SourceLostError, match="given up after 200 seconds"):
        everything(capture)
    assert 200 <= clock.now < 200 + LONGEST_PAUSE
    assert max(clock.waits) == LONGEST_PAUSE


def test_a_camera_that_opens_and_hangs_is_not_asked_more_and_more_often() -> None:
    clock = MortalClock()

    def hang() -> None:
        clock.now += 5.0

    capture = Capture(
        Script([LOST], paced=True, before=hang), give_up=60.0, clock=clock, wait=clock.wait
    )
    with pytest.raises(SourceLostError):
        everything(capture)
    assert clock.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]


def test_times_go_on_after_a_loss_by_as_much_as_it_lasted() -> None:
    clock = FakeClock()
    wait_for_reader = threading.Semaphore(1)
    source = Script([*frames(3), LOST], frames(3), paced=True, before=wait_for_reader.acquire)
    capture = Capture(source, clock=clock, wait=clock.wait)
    capture.start()
    times = []
    while not capture.exhausted:
        came = capture.next(5.0)
        if isinstance(came, Captured):
            times.append(came.frame.time)
        wait_for_reader.release()
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == pytest.approx(0.5 + 2 / 25)


def test_a_camera_that_is_not_there_is_an_error_unless_one_waits_for_it() -> None:
    with pytest.raises(SourceLostError, match="cable"):
        everything(Capture(Script(LOST, frames(1), paced=True)))
    clock = FakeClock()
    rows = everything(
        Capture(Script(LOST, frames(1), paced=True), patient=True, clock=clock, wait=clock.wait)
    )
    assert len(pictures(rows)) == 1


def test_what_waiting_does_not_mend_is_an_error_at_once() -> None:
    wrong = InputError("a web page")
    with pytest.raises(InputError, match="a web page"):
        everything(Capture(Script(wrong, paced=True), patient=True))
    with pytest.raises(SourceLostError):
        everything(Capture(Script([*frames(1), LOST])))


def test_a_bug_in_a_source_is_not_swallowed() -> None:
    capture = Capture(Script([ZeroDivisionError("a bug")], paced=True))
    with pytest.raises(ZeroDivisionError):
        everything(capture)


@pytest.mark.parametrize("pace", Pace)
def test_it_stops_at_once_wherever_it_is(pace: Pace) -> None:
    capture = Capture(Script(frames(1000)), pace=pace)
    capture.start()
    capture.next(5.0)
    begun = time.monotonic()
    capture.stop()
    assert time.monotonic() - begun < 1.5
    assert capture.state is State.ENDED


def test_a_repeated_file_has_no_end_and_its_time_goes_on() -> None:
    source = Repeated(Script(frames(4)))
    source.open()
    times = [source.read().time for _ in range(12)]
    assert times == pytest.approx(np.arange(12) / 25)
    empty = Repeated(Script([]))
    empty.open()
    with pytest.raises(InputError, match="no picture"):
        empty.read()


def test_the_time_of_a_repeated_file_goes_on_also_with_one_picture_a_round() -> None:
    rows = frames(3)
    for rounds, expected in (
        ([rows[:1]], [0, 1, 2, 3, 4, 5]),
        ([rows[1:2]], [1, 3, 5, 7, 9, 11]),  # the first cannot be decoded
        ([rows[2:], rows, rows[:1]], [2, 3, 4, 5, 6, 7, 8]),
    ):
        source = Repeated(Script(*rounds))
        source.open()
        times = [source.read().time for _ in expected]
        assert times == pytest.approx(np.array(expected) / 25)
    slow = Repeated(Script(rows[:1]), 0.5)
    slow.open()
    assert [slow.read().time for _ in range(3)] == [0, 0.5, 1]


def test_a_camera_that_hangs_does_not_hold_up_the_end() -> None:
    hangs, over = threading.Event(), threading.Event()

    def before() -> None:
        hangs.set()
        over.wait(20)

    capture = Capture(Script(frames(3), paced=True, before=before))
    capture.start()
    assert hangs.wait(5)
    assert capture.next(0.01) is not None  # it is connected
    assert capture.next(0.01) is None
    begun = time.monotonic()
    capture.stop()
    assert time.monotonic() - begun < 5
    over.set()
