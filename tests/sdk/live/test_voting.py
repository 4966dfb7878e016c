"""Verdicts of many looks: when there is one, and that it does not flicker."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from facesdk.gallery.gallery import Identification, Person
from facesdk.live.voting import Voting, VotingSettings

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
ADA, BEA = (Person(name[0] * 16, name, 1, NOW, None) for name in ("Ada", "Bea"))


def found(person: Person | None, similarity: float = 0.6) -> Identification:
    return Identification(person, similarity, 0.4, 1e-4, 0.01, 1, "", ())


def verdicts(
    ballots: list[tuple[Person | None, float]], settings: VotingSettings | None = None
) -> list[str]:
    """The names of the verdicts, in the order in which they were given."""
    votes, given = Voting(settings or VotingSettings()), []
    for number, (person, quality) in enumerate(ballots):
        verdict = votes.cast(found(person), quality, number / 10)
        if verdict is not None:
            given.append("unknown" if verdict.person is None else verdict.person.name)
    return given


def test_one_lucky_look_names_nobody_and_two_do() -> None:
    votes = Voting(VotingSettings())
    assert votes.cast(found(ADA, 0.5), 1.0, 0.0) is None
    verdict = votes.cast(found(ADA, 0.7), 1.0, 0.1)
    assert verdict is not None
    assert (verdict.person, verdict.similarity, verdict.ballots) == (ADA, 0.7, 2)
    assert (verdict.threshold, verdict.fpir) == (0.4, 0.01)
    assert votes.cast(found(ADA), 1.0, 0.2) is None  # told once
    assert votes.verdict is not None
    assert votes.verdict.ballots == 3


def test_unknown_needs_one_more() -> None:
    assert verdicts([(None, 1.0)] * 2) == []
    assert verdicts([(None, 1.0)] * 3) == ["unknown"]


def test_one_of_another_kind_changes_nothing() -> None:
    some = [(ADA, 0.9)] * 3 + [(None, 0.6), (ADA, 0.9), (BEA, 0.6)] * 10
    assert verdicts(some) == ["Ada"]


def test_a_swap_of_two_people_is_noticed() -> None:
    assert verdicts([(ADA, 0.9)] * 8 + [(BEA, 0.9)] * 6) == ["Ada", "Bea"]
    assert verdicts([(None, 0.9)] * 8 + [(BEA, 0.9)] * 6) == ["unknown", "Bea"]


def test_better_pictures_weigh_more() -> None:
    assert verdicts([(None, 0.5), (None, 0.5), (ADA, 1.0), (ADA, 1.0), (None, 0.5)]) == ["Ada"]


@given(st.lists(st.floats(0.5, 1.0), max_size=60))
def test_what_alternates_does_not_flicker(qualities: list[float]) -> None:
    ballots = [((ADA, BEA)[i % 2], quality) for i, quality in enumerate(qualities)]
    assert len(verdicts(ballots)) <= 2


@given(
    st.lists(st.tuples(st.sampled_from([ADA, BEA, None]), st.floats(0.0, 1.0)), max_size=80),
    st.integers(2, 12),
)
def test_each_verdict_has_the_ballots_that_it_needs(
    ballots: list[tuple[Person | None, float]], window: int
) -> None:
    settings = VotingSettings(window=window, agree=2, unknown=3)
    votes, told = Voting(settings), None
    for number, (person, quality) in enumerate(ballots):
        verdict = votes.cast(found(person), quality, number / 10)
        recent = ballots[max(number + 1 - window, 0) : number + 1]
        if verdict is not None:
            agreeing = [row for row in recent if row[0] == verdict.person]
            assert len(agreeing) == verdict.ballots >= (3 if verdict.person is None else 2)
            share = sum(max(q, 1e-3) for _, q in agreeing) / sum(max(q, 1e-3) for _, q in recent)
            assert share > (0.5 if told is None else 2 / 3)
            assert told is None or told != (verdict.person,)
            told = (verdict.person,)


def test_when_another_look_is_wanted() -> None:
    votes = Voting(VotingSettings(gap=0.1, refresh=2.0, improvement=1.1))
    assert votes.wants(0.6, 0.0)
    votes.cast(found(ADA), 0.6, 0.0)
    assert not votes.wants(0.9, 0.05)  # too soon, however good
    assert votes.wants(0.5, 0.1)  # no verdict yet
    votes.cast(found(ADA), 0.5, 0.1)
    assert not votes.wants(0.65, 0.3)  # hardly better than the best
    assert votes.wants(0.67, 0.3)  # better
    assert votes.wants(0.5, 2.1)  # long ago
    votes.cast(found(BEA), 0.6, 2.1)
    assert votes.wants(0.5, 2.2)  # in doubt


def test_nobody_enrolled_is_unknown() -> None:
    votes = Voting(VotingSettings())
    for number in range(3):
        verdict = votes.cast(found(None, similarity=None), 1.0, number / 10)  # type: ignore[arg-type]
    assert verdict is not None
    assert verdict.similarity is None
    assert verdict.person is None


def test_votes_are_forgotten_after_the_window() -> None:
    votes = Voting(VotingSettings(window=4))
    for number in range(1000):
        votes.cast(found(ADA), 1.0, number / 10)
    assert votes.verdict is not None
    assert votes.verdict.ballots == 4
