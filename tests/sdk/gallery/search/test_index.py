"""Search in memory against lists and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import DependencyError, InputError
from facesdk.gallery.search.index import NEVER, Columns, Index, Owner

DIM = 8


def unit(seed):
    vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


class Naive:
    """What an index does, by lists and loops."""

    def __init__(self):
        self.rows = []  # id, person, expires, vector

    def add(self, rows):
        self.rows = [*self.rows, *rows]

    def remove(self, ids):
        self.rows = [row for row in self.rows if row[0] not in ids]

    def scores(self, probe, rule, now):
        by_person = {}
        for _, person, expires, vector in self.rows:
            if expires > now:
                value = sum(float(a) * float(b) for a, b in zip(vector, probe, strict=True))
                by_person.setdefault(person, []).append(min(1.0, max(-1.0, value)))
        join = max if rule == "max" else lambda values: sum(values) / len(values)
        return {person: join(values) for person, values in by_person.items()}


def added(index, rows):
    places, new = dict(index.places), []
    for _, person, *_ in rows:
        if person not in places:
            places[person] = len(places)
            new.append(Owner(person, f"name of {person}"))
    columns = Columns(
        np.array([row[0] for row in rows], np.int64),
        np.array([places[row[1]] for row in rows], np.int32),
        np.arange(len(rows), dtype=float),
        np.array([row[2] for row in rows], float),
    )
    vectors = np.array([row[3] for row in rows], np.float32).reshape(-1, DIM)
    return index.with_more(vectors, columns, new)


STEPS = st.lists(
    st.one_of(
        st.lists(
            st.tuples(st.integers(0, 5), st.sampled_from([NEVER, NEVER, 50.0, 150.0])),
            min_size=0,
            max_size=6,
        ),
        st.sets(st.integers(0, 30), max_size=5),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(
    STEPS,
    st.integers(0, 99),
    st.sampled_from(["max", "mean"]),
    st.integers(1, 9),
    st.sets(st.integers(0, 7)),
)
def test_search_finds_what_loops_find(steps, seed, rule, top, builds):
    """With a graph too: of so few templates that it finds all."""
    index, naive, number = Index.empty(DIM), Naive(), 0
    for turn, step in enumerate(steps):
        if isinstance(step, set):
            index = index.without(np.array(sorted(step), np.int64))
            naive.remove(step)
        else:
            rows = [
                (number + at, f"p{person}", expires, unit(number + at))
                for at, (person, expires) in enumerate(step)
            ]
            number += len(rows)
            index = added(index, rows)
            naive.add(rows)
        if turn in builds and rule == "max" and len(index):
            index = index.with_graph()
            assert index.beside_graph == 0
    probe = unit(1000 + seed)
    for now in (0.0, 100.0, 200.0):
        expected = naive.scores(probe, rule, now)
        hits = index.search(probe, top=top, rule=rule, now=now)
        assert hits.comparisons == sum(row[2] > now for row in naive.rows)
        found = [index.people[place].id for place in hits.people]
        assert len(found) == min(top, len(expected)) == len(set(found))
        assert list(hits.similarities) == sorted(hits.similarities, reverse=True)
        for person, similarity in zip(found, hits.similarities, strict=True):
            assert similarity == pytest.approx(expected[person], abs=1e-5)
        rest = [value for person, value in expected.items() if person not in found]
        if found and rest:
            assert max(rest) <= hits.similarities[-1] + 1e-5


def test_an_index_never_changes_whatever_is_made_of_it():
    row = lambda number, person: (number, person, NEVER, unit(number))  # noqa: E731
    first = added(Index.empty(DIM), [row(1, "a")])
    second = added(first, [row(2, "b")])
    sibling = added(first, [row(3, "c")])
    grown = added(second, [row(number, "d") for number in range(4, 200)])
    assert [owner.id for owner in second.people] == ["a", "b"]
    for index, person, number in ((first, "a", 1), (second, "b", 2), (sibling, "c", 3)):
        hits = index.search(unit(number), top=1, rule="max", now=0.0)
        assert index.people[hits.people[0]].id == person
        assert hits.similarities[0] == pytest.approx(1, abs=1e-6)
    assert len(grown) == 198 and len(second) == 2


def test_a_person_leaves_with_the_last_template():
    rows = [(1, "a", NEVER, unit(1)), (2, "b", NEVER, unit(2)), (3, "a", NEVER, unit(3))]
    index = added(Index.empty(DIM), rows).without(np.array([2]))
    assert [owner.id for owner in index.people] == ["a"]
    assert index.place_of("b") is None and index.place_of("name of a") == 0
    assert index.columns.ids[index.rows_of(0)].tolist() == [1, 3]
    assert len(index.without(np.array([1, 3])).people) == 0


def test_equal_similarities_come_in_the_order_of_enrolment():
    index = added(Index.empty(DIM), [(at, f"p{at}", NEVER, unit(7)) for at in range(20)])
    hits = index.search(unit(7), top=5, rule="max", now=0.0)
    assert hits.people == (0, 1, 2, 3, 4)


def test_nobody_is_found_where_nobody_is():
    hits = Index.empty(DIM).search(unit(1), top=3, rule="max", now=0.0)
    assert (hits.people, hits.similarities, hits.comparisons) == ((), (), 0)
    gone = added(Index.empty(DIM), [(1, "a", 10.0, unit(1))])
    for rule in ("max", "mean"):
        hits = gone.search(unit(1), top=3, rule=rule, now=10.0)
        assert (hits.people, hits.comparisons) == ((), 0)
        assert not math.isnan(sum(hits.similarities))


def test_a_graph_finds_the_mates_of_probes():
    rng = np.random.default_rng(0)
    count = 4_000
    vectors = rng.standard_normal((count, 32), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = tuple(Owner(f"p{number}", f"name {number}") for number in range(count))
    columns = Columns(
        10 * np.arange(count), np.arange(count, dtype=np.int32), np.zeros(count),
        np.full(count, NEVER),
    )  # fmt: skip
    told = []
    exact = Index(vectors, columns, people)
    index = exact.with_graph(lambda *step: told.append(step))
    assert told[-1] == (count, count, "templates in the graph") and exact.graph is None
    probes = vectors[::20] + 0.7 / 32**0.5 * rng.standard_normal((200, 32), dtype=np.float32)
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    same = 0
    for number, probe in enumerate(probes):
        wanted = exact.search(probe, top=3, rule="max", now=0.0)
        hits = index.search(probe, top=3, rule="max", now=0.0)
        assert hits.comparisons == count and len(hits.people) == 3
        assert all(
            similarity == pytest.approx(float(vectors[place] @ probe), abs=1e-6)
            for place, similarity in zip(hits.people, hits.similarities, strict=True)
        )
        same += hits.people[0] == wanted.people[0] == 20 * number
    assert same >= 196  # of 200
    later = index.without(10 * np.arange(1, count))
    more = Columns(np.array([10 * count]), np.array([1], np.int32), np.zeros(1), np.full(1, NEVER))
    later = later.with_more(vectors[1:2], more, [Owner("again", "again")])
    assert (len(later), later.beside_graph, len(later.graph)) == (2, 1, count)
    hits = later.search(vectors[1], top=2, rule="max", now=0.0)
    assert [later.people[place].id for place in hits.people] == ["again", "p0"]


@pytest.mark.parametrize("ends", [NEVER, 50.0])
def test_who_is_enrolled_beside_a_graph_hides_nobody_who_is_in_it(ends):
    """The eight templates that the graph finds first are gone, or have expired."""
    probe = unit(5)
    twins = [(number, "twin", ends, probe) for number in range(8)]
    mate = (8, "mate", NEVER, (probe + 0.5 * unit(6)) / np.linalg.norm(probe + 0.5 * unit(6)))
    others = [(number, f"p{number}", NEVER, -unit(number)) for number in range(100, 400)]
    others = [row for row in others if row[3] @ probe < 0.5]
    index = added(Index.empty(DIM), [*twins, mate, *others]).with_graph()
    if ends == NEVER:
        index = index.without(np.arange(8))
    for number in range(500, 503):
        index = added(index, [(number, f"visitor {number}", NEVER, -probe)])
        hits = index.search(probe, top=1, rule="max", now=100.0)
        assert [index.people[place].id for place in hits.people] == ["mate"]
    assert index.beside_graph == 3


def test_a_graph_of_which_less_is_left_than_it_would_be_asked_for_is_not_asked(monkeypatch):
    index = added(Index.empty(DIM), [(at, f"p{at}", NEVER, unit(at)) for at in range(50)])
    index = index.with_graph().without(np.arange(4, 50))
    monkeypatch.setattr(type(index.graph), "near", lambda *_: pytest.fail("asked"))
    hits = index.search(unit(2), top=1, rule="max", now=0.0)
    assert [index.people[place].id for place in hits.people] == ["p2"]


def test_an_approximate_search_has_no_mean():
    index = added(Index.empty(DIM), [(1, "a", NEVER, unit(1))]).with_graph()
    with pytest.raises(InputError, match="rule max only"):
        index.search(unit(1), top=1, rule="mean", now=0.0)


def test_a_missing_faiss_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    index = added(Index.empty(DIM), [(1, "a", NEVER, unit(1))])
    with pytest.raises(DependencyError, match=r"faiss.*\[index\]"):
        index.with_graph()


@pytest.mark.parametrize("options", [{"top": 0, "rule": "max"}, {"top": 1, "rule": "median"}])
def test_values_out_of_range(options):
    with pytest.raises(InputError):
        Index.empty(DIM).search(unit(1), now=0.0, **options)
