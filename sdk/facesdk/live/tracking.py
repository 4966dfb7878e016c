"""Which face of a picture is whose of the pictures before.

A track is one person in front of the camera. Its box moves by a Kalman filter (middle, width and
height: :mod:`facesdk.live.kalman`), with noise in proportion to the face, since a face that is
twice as near moves and jitters by twice as many pixels. Faces go to tracks by the cheapest
assignment (:mod:`facesdk.live.assignment`), with the cost of a pair

    (1 - IoU of the boxes) + mean distance of the five landmarks, in sizes of the face

IoU alone, as in SORT (A. Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016), cannot
tell two heads apart that touch: their boxes overlap by much, and eyes, nose and mouth do not. A
network that tells people apart by their looks would cost more than it gives here: the recognition
model looks at each track again and again anyway, and :mod:`facesdk.live.voting` notices a swap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facesdk.live.assignment import assign
from facesdk.live.kalman import Kalman, Numbers
from facesdk.results import Face

LEAST_OVERLAP, MOST_DISTANCE = 0.2, 0.4
"""A pair is possible with at least that IoU, or with landmarks at most that many sizes apart."""

_LOOK_ERROR = 0.04
"""Standard deviation of a box's place and sides as detected, in sizes of the face."""

_SPEED = 2.0
"""Standard deviation of a new track's velocity, in sizes per second."""

_UNREST, _GROWTH_UNREST = 4.0, 0.4
"""Spectral density of the noise of the velocity of place and of sides, in sizes^2 / s^3: within
half a second a head may change its speed by a size or two per second."""

_MISSED = 2.5
"""Times between pictures that a track outlives: a slow computer may miss a face once."""

_USUAL, _LONGEST = 1.0, 2.0
"""Seconds between pictures: assumed before any are known, and the most that counts as usual; a
longer time is a camera that was lost."""

_MEMORY = 0.8
"""Share of the old in the running mean of that time."""

_SMALLEST = 4.0
"""Least side of a box, in pixels: a prediction must not shrink to nothing."""


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """When a track begins and ends.

    Attributes:
        confirm: Looks that must find a face before its track counts: a false alarm of the detector
            seldom comes twice at one place.
        patience: Seconds for which a face may be hidden until its track ends; where pictures come
            slowly, the time of two and a half of them.
        doubt: The same for a track that does not count yet.
        most: Tracks at a time, at most; further faces are left alone, the smallest first.
    """

    confirm: int = 3
    patience: float = 1.0
    doubt: float = 0.4
    most: int = 32


class Track:
    """One person, as long as they are in the picture.

    Attributes:
        id: Its number, from 1.
        first, last: When the face was found first and last, in seconds of the source.
        hits: How often it was found.
        score: The detector's, when it was found last.
        confirmed: Whether it counts.
        found: The face as it was found in the picture of this moment; None where it is predicted.
    """

    def __init__(self, number: int, face: Face, time: float) -> None:
        self.id = number
        self.first = self.last = self._now = time
        self.hits = 1
        self.score = face.score
        self.confirmed = False
        self.found: Face | None = face
        seen = _measured(face)
        size = _size(seen)
        self._filter = Kalman(seen, (_LOOK_ERROR * size) ** 2, (_SPEED * size) ** 2)
        self._shape = _shape(face, seen)

    @property
    def face(self) -> Face:
        """The face now: its filtered box, and its landmarks, as found or else as predicted."""
        x, y, width, height = self._filter.position
        width, height = max(width, _SMALLEST), max(height, _SMALLEST)
        half = np.array([width, height]) / 2
        middle = np.array([x, y])
        box = np.concatenate([middle - half, middle + half]).astype(np.float32)
        if self.found is not None:
            return Face(box, self.score, self.found.landmarks)
        return Face(box, self.score, (middle + self._shape * 2 * half).astype(np.float32))

    @property
    def velocity(self) -> tuple[float, float]:
        """Of the middle, in pixels per second."""
        return float(self._filter.velocity[0]), float(self._filter.velocity[1])

    def predict(self, time: float) -> None:
        """Move to another time; one that is past changes nothing."""
        self.found = None
        seconds = time - self._now
        if seconds <= 0:
            return
        size = _size(self._filter.position)
        unrest = np.array([_UNREST, _UNREST, _GROWTH_UNREST, _GROWTH_UNREST])
        self._filter.predict(seconds, unrest * size**2)
        self._now = time

    def update(self, face: Face, time: float) -> None:
        """Take note of a face that is found now."""
        seen = _measured(face)
        self._filter.update(seen, (_LOOK_ERROR * _size(seen)) ** 2)
        self._shape = _shape(face, seen)
        self.found, self.score, self.last = face, face.score, time
        self.hits += 1


@dataclass(frozen=True, slots=True)
class Changes:
    """What a picture changed.

    Attributes:
        begun: Tracks that count from now on.
        ended: Tracks that have counted and are over.
    """

    begun: tuple[Track, ...]
    ended: tuple[Track, ...]


class Tracker:
    """All tracks.

    Args:
        settings: When one begins and ends.
    """

    def __init__(self, settings: TrackingSettings | None = None) -> None:
        self.settings = settings or TrackingSettings()
        self._tracks: list[Track] = []
        self._numbers = 0
        self._time: float | None = None
        self._usual: float | None = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Those that count, oldest first."""
        return tuple(track for track in self._tracks if track.confirmed)

    @property
    def candidates(self) -> tuple[Track, ...]:
        """All, those that do not count yet included."""
        return tuple(self._tracks)

    def predict(self, time: float) -> None:
        """Move every track to the time of a picture, before its faces are looked for.

        Args:
            time: In seconds of the source.
        """
        for track in self._tracks:
            track.predict(time)

    def update(self, faces: Iterable[Face], time: float, *, complete: bool) -> Changes:
        """Give the faces of a picture to the tracks; :meth:`predict` comes first.

        Args:
            faces: Faces that were found.
            time: Of the picture.
            complete: Whether the whole picture was searched: then a face that goes with no track
                begins one. Else only the surroundings of tracks were.

        Returns:
            The tracks that begin to count or are over.
        """
        ended = self._expired(time)  # first: after a long gap, whoever is there is somebody else
        self._note(time)
        rows = list(faces)
        taken = set()
        for number, which in assign(_costs(self._tracks, rows)):
            self._tracks[number].update(rows[which], time)
            taken.add(which)
        if complete:
            fresh = sorted(set(range(len(rows))) - taken, key=lambda i: -rows[i].area)
            for which in fresh[: max(self.settings.most - len(self._tracks), 0)]:
                self._numbers += 1
                self._tracks.append(Track(self._numbers, rows[which], time))
        return Changes(self._begun(), ended)

    def finish(self) -> tuple[Track, ...]:
        """End every track; those that counted."""
        ended = self.tracks
        self._tracks.clear()
        return ended

    def _begun(self) -> tuple[Track, ...]:
        begun = [t for t in self._tracks if not t.confirmed and t.hits >= self.settings.confirm]
        for track in begun:
            track.confirmed = True
        return tuple(begun)

    def _note(self, time: float) -> None:
        """Learn how far apart pictures usually are."""
        if self._time is not None:
            seconds = min(max(time - self._time, 0.0), _LONGEST)
            before = seconds if self._usual is None else self._usual
            self._usual = _MEMORY * before + (1 - _MEMORY) * seconds
        self._time = time

    def _expired(self, time: float) -> tuple[Track, ...]:
        slow = _MISSED * (_USUAL if self._usual is None else self._usual)

        def over(track: Track) -> bool:
            patience = self.settings.patience if track.confirmed else self.settings.doubt
            return time - track.last > max(patience, slow)

        ended = tuple(track for track in self._tracks if track.confirmed and over(track))
        self._tracks = [track for track in self._tracks if not over(track)]
        return ended


def overlap(a: Face, b: Face) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    left, top = np.maximum(a.box[:2], b.box[:2])
    right, bottom = np.minimum(a.box[2:], b.box[2:])
    inside = max(float(right - left), 0.0) * max(float(bottom - top), 0.0)
    union = a.area + b.area - inside
    return inside / union if union > 0 else 0.0


def landmark_distance(a: Face, b: Face) -> float:
    """Mean distance of the landmarks of two faces, in sizes of the larger."""
    apart = np.linalg.norm(a.landmarks - b.landmarks, axis=1).mean()
    size = max(np.sqrt(max(a.area, b.area)), _SMALLEST)
    return float(apart / size)


def _costs(tracks: Sequence[Track], faces: Sequence[Face]) -> list[list[float]]:
    table = []
    for track in tracks:
        expected = track.face
        row = []
        for face in faces:
            shared, apart = overlap(expected, face), landmark_distance(expected, face)
            possible = shared >= LEAST_OVERLAP or apart <= MOST_DISTANCE
            row.append(1 - shared + apart if possible else np.inf)
        table.append(row)
    return table


def _measured(face: Face) -> Numbers:
    """Middle x and y, width and height of a box."""
    left, top, right, bottom = face.box.tolist()
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


def _size(measured: Numbers) -> float:
    width, height = np.maximum(measured[2:], _SMALLEST)
    return float(np.sqrt(width * height))


def _shape(face: Face, measured: Numbers) -> Numbers:
    """Landmarks relative to the box: its middle is 0, its sides are 1 long."""
    points = face.landmarks.astype(np.float64)
    return np.asarray((points - measured[:2]) / np.maximum(measured[2:], _SMALLEST))
