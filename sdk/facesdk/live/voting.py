"""One verdict of many looks: who a person is, so that it does not flicker.

Each embedding of a track is a ballot: for a person of the gallery, or for *unknown*, with the
quality of its picture as weight. The last :attr:`VotingSettings.window` ballots count. The first
verdict needs some ballots that agree and more than half of the weight. Another one needs more than
two thirds of it: of ballots that alternate, whatever their weights, none can overturn a verdict of
the other again and again.

Two agreeing pictures are asked for because each look is a search of the whole gallery: one lucky
similarity to a stranger in a visit of a hundred pictures must not give a name. *Unknown* needs one
more, since a face that is turned or blurred is like nobody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from facesdk.gallery.gallery import Identification, Person

_OVERTURN = 2 / 3


@dataclass(frozen=True, slots=True)
class VotingSettings:
    """How ballots make a verdict, and when another one is wanted.

    Attributes:
        window: The last so many ballots count.
        agree: Ballots for one person that a verdict needs at least.
        unknown: The same for unknown.
        gap: Seconds between two ballots, at least: pictures that follow each other are alike.
        refresh: Seconds after which another ballot is wanted in any case.
        improvement: Another is wanted where the quality is so many times the best so far.
    """

    window: int = 8
    agree: int = 2
    unknown: int = 3
    gap: float = 0.1
    refresh: float = 2.0
    improvement: float = 1.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who a person is.

    Attributes:
        person: Whom of the gallery; None for somebody unknown.
        similarity: The largest of the ballots that agree, -1 to 1; None if nobody is enrolled.
        threshold: From which similarity a ballot is for a person.
        fpir: The rate of false names of one ballot, at most; None where the model does not tell.
        ballots: How many ballots agree.
    """

    person: Person | None
    similarity: float | None
    threshold: float
    fpir: float | None
    ballots: int


@dataclass(frozen=True, slots=True)
class _Ballot:
    found: Identification
    weight: float

    @property
    def choice(self) -> str | None:
        return None if self.found.person is None else self.found.person.id


class Voting:
    """The ballots of one track.

    Attributes:
        verdict: The verdict; None while there is none.

    Args:
        settings: How they are counted.
    """

    def __init__(self, settings: VotingSettings) -> None:
        self.verdict: Verdict | None = None
        self._settings = settings
        self._ballots: deque[_Ballot] = deque(maxlen=settings.window)
        self._best = 0.0
        self._last: float | None = None

    def wants(self, quality: float, time: float) -> bool:
        """Whether a picture is worth an embedding.

        Args:
            quality: Of the face in it, 0 to 1.
            time: Of the picture, in seconds of the source.
        """
        if self._last is None:
            return True
        if time - self._last < self._settings.gap:
            return False
        if self.verdict is None or self._doubtful():
            return True
        better = quality >= self._best * self._settings.improvement
        return better or time - self._last >= self._settings.refresh

    def cast(self, found: Identification, quality: float, time: float) -> Verdict | None:
        """Take note of a ballot.

        Args:
            found: What the gallery said of the picture's face.
            quality: Of the face, 0 to 1.
            time: Of the picture.

        Returns:
            The verdict, if it is another one than before.
        """
        self._ballots.append(_Ballot(found, max(quality, 1e-3)))
        self._best, self._last = max(self._best, quality), time
        choice = self._decided()
        if choice is None:
            return None
        agreeing = [ballot.found for ballot in self._ballots if ballot.choice == choice[0]]
        was = self.verdict
        newest = agreeing[-1]
        similarities = [row.similarity for row in agreeing if row.similarity is not None]
        self.verdict = Verdict(
            newest.person,
            max(similarities, default=None),
            newest.threshold,
            newest.fpir,
            len(agreeing),
        )
        same = was is not None and _id(was.person) == _id(newest.person)
        return None if same else self.verdict

    def _decided(self) -> tuple[str | None] | None:
        """The choice that the ballots give; None where they leave things as they are."""
        weights: dict[str | None, float] = {}
        counts: dict[str | None, int] = {}
        for ballot in self._ballots:
            weights[ballot.choice] = weights.get(ballot.choice, 0.0) + ballot.weight
            counts[ballot.choice] = counts.get(ballot.choice, 0) + 1
        leader = max(weights, key=lambda choice: weights[choice])
        share = weights[leader] / sum(weights.values())
        needed = self._settings.unknown if leader is None else self._settings.agree
        stays = self.verdict is not None and _id(self.verdict.person) == leader
        least = 0.5 if self.verdict is None or stays else _OVERTURN
        return (leader,) if counts[leader] >= needed and share > least else None

    def _doubtful(self) -> bool:
        """Whether the last ballot was for somebody else than the verdict: then more are wanted."""
        return self.verdict is not None and self._ballots[-1].choice != _id(self.verdict.person)


def _id(person: Person | None) -> str | None:
    return None if person is None else person.id
