"""The tracker on motions whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.live.tracking import (
    Tracker,
    TrackingSettings,
    landmark_distance,
    overlap,
)
from facesdk.results import Face
from sdk.live.films import face

FPS = 25.0
Path = Callable[[float], tuple[float, float]]


def follow(
    paths: list[Path],
    seconds: float,
    *,
    noise: float = 1.0,
    missed: float = 0.0,
    side: float = 60.0,
    alarms: float = 0.0,
    seed: int = 0,
) -> tuple[Tracker, list[dict[int, int]], int]:
    """Run a tracker over noisy sights of paths.

    Returns:
        It; for each picture the track of each path that has one by its true place (the nearest
        counting track within half a face); how many tracks ever began to count.
    """
    rng = np.random.default_rng(seed)
    tracker, rows, begun = Tracker(), [], 0
    for number in range(int(seconds * FPS)):
        time = number / FPS
        seen = []
        for path in paths:
            if rng.random() >= missed:
                x, y = np.array(path(time)) + rng.normal(0, noise, 2)
                seen.append(face(x, y, side * (1 + rng.normal(0, 0.02))))
        if rng.random() < alarms:
            seen.append(face(*rng.uniform(0, 600, 2), side=30))
        order = rng.permutation(len(seen))
        tracker.predict(time)
        begun += len(tracker.update([seen[i] for i in order], time, complete=True).begun)
        row = {}
        for which, path in enumerate(paths):
            x, y = path(time)
            for track in tracker.tracks:
                middle = (track.face.box[:2] + track.face.box[2:]) / 2
                if np.hypot(*(middle - (x, y))) < side / 2 and track.found is not None:
                    row[which] = track.id
        rows.append(row)
    return tracker, rows, begun


def test_each_person_keeps_their_number() -> None:
    paths: list[Path] = [
        lambda t: (100 + 60 * t, 200 + 40 * np.sin(2 * t)),
        lambda t: (500 - 50 * t, 350),
        lambda t: (300, 80 + 20 * np.cos(3 * t)),
    ]
    _, rows, begun = follow(paths, 6, missed=0.2)
    assert begun == 3
    for which in range(3):
        assert len({row[which] for row in rows if which in row}) == 1
    assert all(len(set(row.values())) == len(row) for row in rows)


def test_two_who_pass_each_other_keep_their_numbers() -> None:
    paths: list[Path] = [lambda t: (100 + 80 * t, 200), lambda t: (500 - 80 * t, 225)]
    for seed in range(8):
        _, rows, begun = follow(paths, 5, noise=1.5, seed=seed)
        assert begun == 2
        first, last = rows[5], rows[-1]
        assert first == last


def test_one_who_is_hidden_for_a_moment_keeps_their_number() -> None:
    tracker = Tracker()
    ids = set()
    for number in range(100):
        time = number / FPS
        hidden = 40 <= number < 60
        tracker.predict(time)
        there = face(100 + 3 * number, 200)
        changes = tracker.update([] if hidden else [there], time, complete=True)
        assert changes.ended == ()
        ids |= {track.id for track in tracker.tracks}
        if number == 59:
            (track,) = tracker.tracks
            assert track.found is None
            assert overlap(track.face, there) > 0.6
    assert ids == {1}


def test_one_who_is_gone_leaves_after_the_patience() -> None:
    tracker = Tracker(TrackingSettings(patience=0.5))
    ended_at = None
    for number in range(60):
        time = number / FPS
        tracker.predict(time)
        seen = [face(100, 100)] if number < 20 else []
        changes = tracker.update(seen, time, complete=True)
        if changes.ended:
            ended_at = time
            assert changes.ended[0].last == pytest.approx(19 / FPS)
    assert ended_at == pytest.approx(19 / FPS + 0.5, abs=1.5 / FPS)
    assert tracker.candidates == ()


@pytest.mark.parametrize("interval", [0.5, 1.0, 1.9])
def test_slow_pictures_are_followed_too(interval: float) -> None:
    """A slow computer gives a picture per second, and may miss the face in one."""
    tracker, begun, ended = Tracker(), 0, 0
    for number in range(12):
        time = number * interval
        seen = [] if number == 8 else [face(100 + 2 * number, 100, 60)]
        tracker.predict(time)
        changes = tracker.update(seen, time, complete=True)
        begun, ended = begun + len(changes.begun), ended + len(changes.ended)
    assert (begun, ended) == (1, 0)


def test_whoever_is_there_after_a_long_gap_is_somebody_else() -> None:
    tracker = Tracker(TrackingSettings(confirm=1, patience=1.0))
    tracker.update([face(100, 100)], 0.0, complete=True)
    tracker.predict(5.0)
    changes = tracker.update([face(100, 100)], 5.0, complete=True)
    assert [track.id for track in changes.ended] == [1]
    assert [track.id for track in changes.begun] == [2]


def test_false_alarms_begin_no_visit() -> None:
    _, _, begun = follow([lambda t: (300, 300)], 20, alarms=0.3)
    assert begun == 1


def test_the_box_is_nearer_the_truth_than_the_detector() -> None:
    rng = np.random.default_rng(1)
    tracker, raw, smooth, speeds = Tracker(), [], [], []
    for number in range(200):
        time = number / FPS
        truth = np.array([100 + 40 * time, 200.0])
        seen = truth + rng.normal(0, 3.0, 2)
        tracker.predict(time)
        tracker.update([face(*seen)], time, complete=True)
        if number > 20:
            box = tracker.tracks[0].face.box
            raw.append(np.sum((seen - truth) ** 2))
            smooth.append(np.sum(((box[:2] + box[2:]) / 2 - truth) ** 2))
            speeds.append(tracker.tracks[0].velocity)
    assert np.mean(smooth) < 0.5 * np.mean(raw)
    assert np.mean(speeds, axis=0) == pytest.approx((40, 0), abs=4)


def test_landmarks_decide_where_boxes_do_not() -> None:
    """Two boxes with the same overlap: the one whose eyes are where they should be is the face."""
    tracker = Tracker(TrackingSettings(confirm=1))
    tracker.update([face(100, 100)], 0.0, complete=True)
    tracker.predict(0.04)
    right, left = face(106, 100), face(94, 100)
    turned = Face(left.box, left.score, left.landmarks + (25, 0))
    tracker.update([turned, right], 0.04, complete=True)
    assert tracker.candidates[0].found is right


def test_a_look_at_the_surroundings_begins_no_track() -> None:
    tracker = Tracker()
    tracker.update([face(100, 100)], 0.0, complete=False)
    assert tracker.candidates == ()


def test_there_are_never_more_tracks_than_allowed() -> None:
    tracker = Tracker(TrackingSettings(confirm=1, most=4))
    crowd = [face(100 * i, 50, side=20 + i) for i in range(10)]
    tracker.update(crowd, 0.0, complete=True)
    assert [round(track.face.width) for track in tracker.tracks] == [29, 28, 27, 26]
    assert len(tracker.finish()) == 4
    assert tracker.candidates == ()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_whatever_comes_numbers_are_never_used_twice_and_memory_is_bounded(
    counts: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tracker, begun, ended = Tracker(TrackingSettings(most=5)), [], []
    for number, count in enumerate(counts):
        time = number / 10
        tracker.predict(time)
        faces = [face(*rng.uniform(0, 300, 2), side=rng.uniform(5, 90)) for _ in range(count)]
        changes = tracker.update(faces, time, complete=bool(rng.integers(2)))
        begun += [track.id for track in changes.begun]
        ended += [track.id for track in changes.ended]
        assert len(tracker.candidates) <= 5
        assert all(np.isfinite(track.face.box).all() for track in tracker.tracks)
    ended += [track.id for track in tracker.finish()]
    assert len(set(begun)) == len(begun)
    assert sorted(begun) == sorted(ended)


def test_time_that_stands_still_or_goes_back_changes_no_place() -> None:
    tracker = Tracker(TrackingSettings(confirm=1))
    tracker.update([face(100, 100)], 5.0, complete=True)
    before = tracker.tracks[0].face.box.copy()
    for time in (5.0, 4.0):
        tracker.predict(time)
        assert np.array_equal(tracker.tracks[0].face.box, before)


def test_overlap_and_distance_of_known_boxes() -> None:
    assert overlap(face(0, 0), face(0, 0)) == 1
    assert overlap(face(0, 0, 10), face(5, 0, 10)) == pytest.approx(1 / 3)
    assert overlap(face(0, 0), face(500, 0)) == 0
    assert landmark_distance(face(0, 0, 10), face(5, 0, 10)) == pytest.approx(0.5)
