"""1:N search in memory: every template, or those that a graph finds.

Similarities are products of a matrix and a vector in float32: exact, and fast enough for some
hundred thousand templates. Beyond, an index may have a graph of its templates
(:mod:`facesdk.gallery.search.graph`): a search then compares with the templates that it finds, and
with all that were added since. An index never changes: adding and removing make another one, so
that a search needs no lock. Adding shares the memory of the rows that are there, and the graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.gallery.search.graph import Graph
from facesdk.progress import Progress, unwatched
from facesdk.recognition.open_set import RULES
from facesdk.results import FloatArray

NEVER = math.inf
"""The time at which a template expires that does not."""

_TEMPLATES_PER_PERSON = 8
"""Templates that a graph is asked for, for each person that is wanted, before it is asked again."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A person of an index.

    Attributes:
        id: The person's id.
        name: The person's name.
    """

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of the templates of an index, a value for each.

    Attributes:
        ids: int64 ``(N,)``: the templates' numbers, rising.
        owners: int32 ``(N,)``: the person's place in the index's people.
        created: float64 ``(N,)``: seconds since 1970 (UTC).
        expires: float64 ``(N,)``: the same; :data:`NEVER` for never.
    """

    ids: NDArray[np.int64]
    owners: NDArray[np.int32]
    created: NDArray[np.float64]
    expires: NDArray[np.float64]

    def picked(self, rows: Any) -> Columns:
        """Some of the templates."""
        return Columns(self.ids[rows], self.owners[rows], self.created[rows], self.expires[rows])

    def followed_by(self, more: Columns) -> Columns:
        """These templates and some more."""
        return Columns(
            np.concatenate([self.ids, more.ids]),
            np.concatenate([self.owners, more.owners]),
            np.concatenate([self.created, more.created]),
            np.concatenate([self.expires, more.expires]),
        )


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found.

    Attributes:
        people: Places in the index's people, the most similar first.
        similarities: Their similarities, falling, -1 to 1.
        comparisons: Number of templates that were compared.
    """

    people: tuple[int, ...]
    similarities: tuple[float, ...]
    comparisons: int


class Index:
    """Templates and the people they are of.

    Args:
        vectors: float32 ``(N, dim)``, of norm 1 or less.
        columns: What is known of them.
        people: Whom they are of.
        room: float32 ``(capacity, dim)`` whose first N rows are ``vectors``; None to have none.
        graph: Of templates up to some number, some of which may be gone; None to compare with
            every template.
    """

    def __init__(
        self,
        vectors: FloatArray,
        columns: Columns,
        people: tuple[Owner, ...],
        room: FloatArray | None = None,
        graph: Graph | None = None,
    ) -> None:
        self.vectors = vectors
        self.columns = columns
        self.people = people
        self.graph = graph
        self._room = vectors if room is None else room
        self._taken = len(vectors)

    @classmethod
    def empty(cls, dim: int) -> Index:
        """An index of nobody."""
        columns = Columns(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0), np.empty(0))
        return cls(np.empty((0, dim), np.float32), columns, ())

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each person, by id."""
        return {owner.id: place for place, owner in enumerate(self.people)}

    @cached_property
    def names(self) -> dict[str, int]:
        """The place of each person, by name."""
        return {owner.name: place for place, owner in enumerate(self.people)}

    def place_of(self, name_or_id: str) -> int | None:
        """The place of a person, by id before by name; None where there is nobody of either."""
        place = self.places.get(name_or_id)
        return self.names.get(name_or_id) if place is None else place

    @cached_property
    def _groups(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows in the order of their people, and where each person begins there."""
        order = np.argsort(self.columns.owners, kind="stable")
        return order, np.searchsorted(self.columns.owners[order], np.arange(len(self.people)))

    @cached_property
    def _first_end(self) -> float:
        return float(self.columns.expires.min(initial=NEVER))

    def rows_of(self, place: int) -> NDArray[np.int64]:
        """The rows of a person."""
        order, starts = self._groups
        end = starts[place + 1] if place + 1 < len(starts) else len(order)
        return order[starts[place] : end]

    def with_more(self, vectors: FloatArray, columns: Columns, people: Sequence[Owner]) -> Index:
        """The templates that are there, and some more.

        Args:
            vectors: float32 ``(M, dim)``, which nobody changes any more.
            columns: What is known of them; ``owners`` counts the new people from those that are
                there.
            people: The new people.
        """
        if not len(self):  # nothing to copy: what was read at the start stays where it is
            return Index(vectors, columns, tuple(people))
        count, total = len(self), len(self) + len(vectors)
        room = self._room
        # A sibling of this index may have written the rows after ours: they are not ours to write.
        if total > len(room) or self._taken != count:
            room = np.empty((max(2 * count, total, 64), self.vectors.shape[1]), np.float32)
            room[:count] = self.vectors
        room[count:total] = vectors
        self._taken = total
        columns = self.columns.followed_by(columns)
        return Index(room[:total], columns, (*self.people, *people), room, self.graph)

    def with_graph(self, progress: Progress = unwatched) -> Index:
        """The same index with a graph of all its templates, at least one: searches approximately.

        Args:
            progress: Told how many templates are in the graph.

        Raises:
            DependencyError: faiss is not installed (extra ``index``), or broken.
        """
        graph = Graph.of(self.vectors, self.columns.ids, progress)
        return Index(self.vectors, self.columns, self.people, self._room, graph)

    @property
    def beside_graph(self) -> int:
        """Number of templates that came after the graph."""
        return len(self) - self._first_beside

    @cached_property
    def _first_beside(self) -> int:
        if self.graph is None:
            return 0
        return int(np.searchsorted(self.columns.ids, self.graph.last, side="right"))

    def without(self, ids: NDArray[np.int64]) -> Index:
        """The index without some templates, and without the people who then have none."""
        stay = ~np.isin(self.columns.ids, ids)
        columns = self.columns.picked(stay)
        places, owners = np.unique(columns.owners, return_inverse=True)
        people = tuple(self.people[place] for place in places)
        columns = Columns(
            columns.ids, owners.astype(np.int32).reshape(-1), columns.created, columns.expires
        )
        return Index(self.vectors[stay], columns, people, graph=self.graph)

    def search(self, probe: FloatArray, *, top: int, rule: str, now: float) -> Hits:
        """The most similar people.

        Args:
            probe: float32 ``(dim,)``, of norm 1 or less.
            top: Most people to return, at least 1.
            rule: ``"max"``: a person is as similar as the most similar template; ``"mean"``: as
                the templates on average.
            now: Seconds since 1970; templates that have expired by then are not compared.

        Raises:
            InputError: ``top`` or ``rule`` is out of its range.
        """
        if top < 1:
            raise InputError(f"top must be at least 1, but got {top}")
        if rule not in RULES:
            raise InputError(f"rule must be one of {', '.join(RULES)}, but got {rule!r}")
        if not len(self):
            return Hits((), (), 0)
        if self.graph is not None:
            if rule != "max":
                raise InputError("an approximate search has the rule max only")
            return self._near(self.graph, probe, top, now)
        order, starts = self._groups
        similarities = np.clip(self.vectors @ probe, -1, 1)[order]
        valid = len(self)
        lives = None
        if self._first_end <= now:
            lives = (self.columns.expires > now)[order]
            valid = int(np.count_nonzero(lives))
        scores = _scores(similarities, starts, lives, rule)
        best = _highest(scores, min(top, len(scores)))
        best = best[np.isfinite(scores[best])]
        return Hits(tuple(best.tolist()), tuple(scores[best].tolist()), valid)

    def _near(self, graph: Graph, probe: FloatArray, top: int, now: float) -> Hits:
        """The most similar people of the templates that the graph finds, and of those beside it."""
        first = self._first_beside
        rows = self._nearest(graph, probe, top, now)
        best = self._best(np.concatenate([rows, np.arange(first, len(self))]), probe, top, now)
        lives = len(self)
        if self._first_end <= now:
            lives = int(np.count_nonzero(self.columns.expires > now))
        return Hits(tuple(best), tuple(best.values()), lives)

    def _nearest(self, graph: Graph, probe: FloatArray, top: int, now: float) -> NDArray[np.int64]:
        """Rows of the graph near a probe: those that live are of ``top`` people, or are all."""
        first, asked = self._first_beside, top * _TEMPLATES_PER_PERSON
        ids = self.columns.ids[:first]
        while asked < first:
            found = graph.near(probe, asked)
            rows = np.searchsorted(ids, found)
            there = rows < first
            rows = rows[there][ids[rows[there]] == found[there]]
            living: NDArray[np.int64] = rows[self.columns.expires[rows] > now]
            if len(np.unique(self.columns.owners[living])) >= top:
                return living
            asked *= _TEMPLATES_PER_PERSON
        return np.arange(first)

    def _best(
        self, rows: NDArray[np.int64], probe: FloatArray, top: int, now: float
    ) -> dict[int, float]:
        """The most similar people of some rows, by place, falling; equal ones as enrolled."""
        rows = np.sort(rows[self.columns.expires[rows] > now])
        similarities = np.clip(self.vectors[rows] @ probe, -1, 1)
        best: dict[int, float] = {}
        for at in np.argsort(-similarities, kind="stable"):
            best.setdefault(int(self.columns.owners[rows[at]]), float(similarities[at]))
            if len(best) == top:
                break
        return best


def _scores(
    similarities: FloatArray,
    starts: NDArray[np.int64],
    lives: NDArray[np.bool_] | None,
    rule: str,
) -> NDArray[np.floating[Any]]:
    """A similarity for each person; minus infinity for those without a template that lives."""
    if rule == "max":
        if lives is not None:
            similarities = np.where(lives, similarities, np.float32(-np.inf))
        return np.maximum.reduceat(similarities, starts)
    counts = np.add.reduceat(np.ones(len(similarities)) if lives is None else lives * 1.0, starts)
    values = similarities if lives is None else np.where(lives, similarities, np.float32(0))
    sums = np.add.reduceat(values.astype(np.float64), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)


def _highest(scores: NDArray[np.floating[Any]], count: int) -> NDArray[np.int64]:
    """Places of the highest values, falling; of equal ones the first."""
    if count < len(scores):
        floor = np.partition(scores, len(scores) - count)[len(scores) - count]
        candidates = np.flatnonzero(scores >= floor)
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:count]
