"""Who the followed people are: the best pictures of each are looked for in a gallery."""

from __future__ import annotations

from collections.abc import Sequence

from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.gallery.gallery import DEFAULT_FPIR, Gallery
from facesdk.images.decode import RgbImage
from facesdk.images.decoded import DecodedPhoto
from facesdk.live.tracking import Track
from facesdk.live.voting import Verdict, Voting, VotingSettings
from facesdk.results import Quality
from facesdk.tracing import stage

_MOST_ASSESSED = 2
"""Faces whose quality is measured in one picture, at most; of them one is embedded."""


class Recogniser:
    """Gives tracks their verdicts.

    One face per picture is embedded at most, so that a crowd does not hold up the pictures: those
    without a verdict come first, then those who were not looked at for longest.

    Args:
        engine: Assesses and embeds.
        gallery: Who is enrolled, by the engine's model.
        settings: How ballots make a verdict.
        fpir: The false positive identification rate that each ballot aims at.
    """

    def __init__(
        self,
        engine: FaceEngine,
        gallery: Gallery,
        settings: VotingSettings | None = None,
        fpir: float = DEFAULT_FPIR,
    ) -> None:
        self._engine, self._gallery = engine, gallery
        self._settings, self._fpir = settings or VotingSettings(), fpir
        self._votes: dict[int, Voting] = {}
        self._quality: dict[int, Quality] = {}
        self._assessed: dict[int, float] = {}

    def see(
        self, image: RgbImage, tracks: Sequence[Track], time: float
    ) -> list[tuple[Track, Verdict]]:
        """Look at the faces of a picture.

        Args:
            image: uint8 RGB ``(H, W, 3)``.
            tracks: All that count; those that are found in it are looked at.
            time: Of the picture, in seconds of the source.

        Returns:
            The tracks whose verdict is new or another one.

        Raises:
            GalleryError: The gallery cannot be read any more.
        """
        changed = []
        for track in self._in_turn(tracks, time)[:_MOST_ASSESSED]:
            votes, self._assessed[track.id] = self._votes[track.id], time
            face = track.found
            assert face is not None
            try:
                with stage("assess"):
                    quality = self._engine.quality(image, face)
            except InputError:  # landmarks that are no face's: the detector errs in this picture
                continue
            self._quality[track.id] = quality
            if not (quality.acceptable and votes.wants(quality.score, time)):
                continue
            embedding = self._engine.embed(DecodedPhoto.of(image), face)
            with stage("identify"):
                found = self._gallery.identify(embedding, fpir=self._fpir, top=1)
            verdict = votes.cast(found, quality.score, time)
            if verdict is not None:
                changed.append((track, verdict))
            break
        return changed

    def verdict(self, track: int) -> Verdict | None:
        """Who somebody is, by the number of their track; None while that is open."""
        votes = self._votes.get(track)
        return None if votes is None else votes.verdict

    def quality(self, track: int) -> Quality | None:
        """How good the last picture of a track was that was assessed; None before the first."""
        return self._quality.get(track)

    def forget(self, track: int) -> None:
        """Let go what is known of a track that is over."""
        self._votes.pop(track, None)
        self._quality.pop(track, None)
        self._assessed.pop(track, None)

    def _in_turn(self, tracks: Sequence[Track], time: float) -> list[Track]:
        for track in tracks:
            self._votes.setdefault(track.id, Voting(self._settings))

        def rank(track: Track) -> tuple[bool, float]:
            return self._votes[track.id].verdict is not None, self._assessed.get(track.id, -1.0)

        def due(track: Track) -> bool:
            before = self._assessed.get(track.id)
            return before is None or time - before >= self._settings.gap

        return sorted((track for track in tracks if track.found and due(track)), key=rank)
