"""A gallery with a graph, which is built once it is large, and is whole at every moment."""

from __future__ import annotations

import pytest

from facesdk.errors import InputError
from facesdk.gallery import sqlite
from facesdk.gallery.gallery import NewTemplate

from .people import MODEL, face, new_gallery, open_again

PEOPLE = 200


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(sqlite, "LEAST_APPROXIMATE", 100)


def enrol(gallery, people):
    gallery.enrol_many([NewTemplate(f"person {n}", face(n), 0.9) for n in people])


@pytest.fixture
def folder(tmp_path):
    with new_gallery(tmp_path) as gallery:
        enrol(gallery, range(PEOPLE))
    return tmp_path


def named(gallery, person):
    found = gallery.identify(face(person, 1), threshold=0.5)
    return found.person and found.person.name


def graph(gallery):
    return gallery._index.graph


def test_it_finds_people_and_says_how_far_it_is(folder, small):
    told = []
    with open_again(
        folder, embedder=MODEL, approximate=True, progress=lambda *step: told.append(step)
    ) as gallery:
        assert len(graph(gallery)) == PEOPLE
        assert told[-1] == (PEOPLE, PEOPLE, "templates in the graph")
        assert [named(gallery, person) for person in range(PEOPLE)] == [
            f"person {person}" for person in range(PEOPLE)
        ]
        assert gallery.identify(face(3)).comparisons == PEOPLE
        with pytest.raises(InputError, match="rule max only"):
            gallery.identify(face(3), rule="mean")
    with open_again(folder) as exact:
        assert graph(exact) is None


def test_below_the_least_it_is_exact(folder):
    with open_again(folder, approximate=True) as gallery:
        assert graph(gallery) is None and named(gallery, 7) == "person 7"


def test_who_is_enrolled_or_forgotten_later_is_so_at_once(folder, small):
    with open_again(folder, approximate=True) as gallery, open_again(folder) as other:
        first = graph(gallery)
        gallery.enrol("Ada", face(1000), quality=1.0)
        other.enrol("Bob", face(1001), quality=1.0)
        assert named(gallery, 1000) == "Ada" and named(gallery, 1001) == "Bob"
        gallery.forget("person 5")
        other.forget("person 6")
        assert named(gallery, 5) is None and named(gallery, 6) is None
        assert named(gallery, 7) == "person 7"
        assert graph(gallery) is first and len(gallery) == PEOPLE


def test_it_is_built_anew_when_most_came_later(folder, small):
    with open_again(folder, approximate=True) as gallery:
        enrol(gallery, range(PEOPLE, 2 * PEOPLE))
        assert len(graph(gallery)) == PEOPLE
        assert named(gallery, PEOPLE + 3) == f"person {PEOPLE + 3}"
        enrol(gallery, [2 * PEOPLE])
        assert len(graph(gallery)) == 2 * PEOPLE + 1
        assert [named(gallery, person) for person in range(0, 2 * PEOPLE, 7)] == [
            f"person {person}" for person in range(0, 2 * PEOPLE, 7)
        ]


def test_one_that_grows_has_a_graph_when_it_is_large(tmp_path, small):
    new_gallery(tmp_path).close()
    with open_again(tmp_path, approximate=True) as gallery:
        enrol(gallery, range(99))
        assert graph(gallery) is None
        enrol(gallery, [99])
        assert len(graph(gallery)) == 100 and named(gallery, 99) == "person 99"
