"""A gallery in a file: what it keeps, finds, refuses and forgets."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from facesdk.errors import EmbeddingMismatchError, GalleryError, InputError
from facesdk.gallery.check import check
from facesdk.gallery.gallery import NewTemplate
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.models.contract import Threshold
from facesdk.results import Embedding

from .people import CONTRACT, MODEL, OTHER_MODEL, STRICTEST, change, face, new_gallery, open_again

NOW = datetime.now(timezone.utc)


def files_of(folder):
    return b"".join(path.read_bytes() for path in folder.glob("gallery.db*"))


def stored(folder, number=1):
    base = sqlite3.connect(folder / "gallery.db")
    found = base.execute("SELECT sealed FROM template WHERE id = ?", (number,)).fetchone()[0]
    base.close()
    return found


def test_people_are_found_again_after_the_gallery_was_closed(tmp_path):
    with new_gallery(tmp_path, 20) as gallery:
        assert len(gallery) == 20
    with open_again(tmp_path, embedder=MODEL) as gallery:
        for person in range(20):
            found = gallery.identify(face(person, 1), threshold=0.5)
            assert found and found.person.name == f"person {person}"
            assert found.similarity == pytest.approx(
                float(face(person, 1).vector @ face(person).vector), abs=1e-6
            )
        stranger = gallery.identify(face(99))
        assert not stranger and stranger.person is None
        assert stranger.similarity == stranger.candidates[0].similarity < stranger.threshold


def test_the_record_of_a_search(tmp_path):
    with new_gallery(tmp_path, 3) as gallery:
        record = gallery.identify(face(1, 1), top=2).to_dict()
    assert list(record) == [
        "person", "similarity", "threshold", "fmr", "fpir", "comparisons", "note", "candidates",
    ]  # fmt: skip
    assert record["person"]["name"] == "person 1" and len(record["person"]["id"]) == 16
    assert [set(row) for row in record["candidates"]] == [{"id", "name", "similarity"}] * 2
    assert record["comparisons"] == 3


def test_an_empty_gallery_knows_nobody(tmp_path):
    with new_gallery(tmp_path) as gallery:
        found = gallery.identify(face(1))
        assert (found.person, found.similarity, found.candidates, found.fpir) == (None, None, (), 0)
        assert gallery.people() == () and gallery.person("Ada") is None


def test_a_gallery_too_large_for_the_model_says_so(tmp_path):
    with new_gallery(tmp_path) as gallery:
        gallery.enrol_many([NewTemplate(f"p{n}", face(n), 0.9) for n in range(300)])
        found = gallery.identify(face(5, 1))
    assert found.threshold == STRICTEST.similarity and found.fpir > 0.02
    assert "FPIR of 0.03 in 300 comparisons, not 0.01" in found.note


@pytest.mark.parametrize(("people", "said"), [(3, ""), (300, "FPIR of 0.03 in 300 .*; ")])
def test_an_unclear_face_is_less_like_anybody_and_a_note_says_so(tmp_path, people, said):
    with new_gallery(tmp_path) as gallery:
        gallery.enrol_many([NewTemplate(f"p{n}", face(n), 0.9) for n in range(people)])
        clear = gallery.identify(face(1, 1))
        probe = Embedding(0.25 * face(1, 1).vector, CONTRACT.name, face(1).model_id)
        unclear = gallery.identify(probe)
    assert (clear.person.name, unclear.person) == ("p1", None)
    assert unclear.similarity == pytest.approx(0.25 * clear.similarity)
    assert re.search(f"{said}the face is unclear to the model, .* smaller$", unclear.note)
    assert "unclear" not in clear.note


def test_templates_of_a_person_and_both_rules(tmp_path):
    with new_gallery(tmp_path) as gallery:
        first = gallery.enrol("Ada", face(1), quality=0.5)
        second = gallery.enrol("Ada", face(2), quality=0.7)
        assert first.person == second.person and (first.id, second.id) == (1, 2)
        (ada,) = gallery.people()
        assert (ada.templates, ada.name, ada.id) == (2, "Ada", first.person)
        assert gallery.identify(face(1)).similarity == pytest.approx(1)
        mean = (1 + float(face(1).vector @ face(2).vector)) / 2
        assert gallery.identify(face(1), rule="mean").similarity == pytest.approx(mean, abs=1e-6)


def test_a_name_is_the_same_however_it_is_written(tmp_path):
    with new_gallery(tmp_path) as gallery:
        one = gallery.enrol("Zo\u00eb", face(1), quality=1)
        two = gallery.enrol("  Zoe\u0308 ", face(2), quality=1)
        assert one.person == two.person
        assert gallery.person("Zoe\u0308").id == one.person
        assert gallery.forget("Zoe\u0308").templates == 2


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0", "\x1b[31m", "\udcff", "x" * 201])
def test_names_that_cannot_be_told(tmp_path, name):
    with new_gallery(tmp_path) as gallery:
        with pytest.raises(InputError, match="name"):
            gallery.enrol(name, face(1), quality=1)
        assert len(gallery) == 0


def test_nobody_is_enrolled_under_the_id_of_somebody(tmp_path):
    with new_gallery(tmp_path, 1) as gallery:
        (known,) = gallery.people()
        for new in ([known.id], ["Ada", f" {known.id} "]):
            with pytest.raises(InputError, match=f"^{known.id} is the id of somebody"):
                gallery.enrol_many([NewTemplate(name, face(5), 1) for name in new])
        assert gallery.people() == (known,)
        gallery.forget(known.id)
        assert gallery.enrol(known.id, face(5), quality=1).name == known.id


def test_an_id_counts_before_a_name(tmp_path, monkeypatch):
    with new_gallery(tmp_path, 1) as gallery, monkeypatch.context() as before:
        (meant,) = gallery.people()
        before.setattr("facesdk.gallery.sqlite.require_no_id", lambda names, ids: None)
        other = gallery.enrol(meant.id, face(5), quality=1)
        assert gallery.person(meant.id) == meant
        gallery.forget(meant.id)
        assert [person.id for person in gallery.people()] == [other.person]
        assert gallery.person(meant.id).id == other.person


def test_all_of_several_are_enrolled_or_none(tmp_path):
    with new_gallery(tmp_path) as gallery:
        good = NewTemplate("Ada", face(1), 0.5)
        for bad in (
            NewTemplate("Bob", face(2), 1.5),
            NewTemplate("Bob", face(2), float("nan")),
            NewTemplate("Bob", face(2), 0.5, datetime(2030, 1, 1)),
            NewTemplate("", face(2), 0.5),
        ):
            with pytest.raises(InputError):
                gallery.enrol_many([good, bad])
        assert len(gallery) == 0 and gallery.enrol_many([]) == ()


def test_an_expired_template_is_not_compared_and_can_be_removed(tmp_path):
    with new_gallery(tmp_path, 1) as gallery:
        gallery.enrol("guest", face(50), quality=1, expires=NOW - timedelta(seconds=5))
        gallery.enrol("host", face(51), quality=1, expires=NOW + timedelta(days=1))
        assert gallery.identify(face(50)).person is None
        assert gallery.identify(face(50)).comparisons == 2
        assert gallery.identify(face(51)).person.name == "host"
        assert gallery.person("guest").expires < NOW < gallery.person("host").expires
        assert gallery.forget_expired().to_dict() == {"people": 1, "templates": 1, "erased": True}
        assert gallery.person("guest") is None and len(gallery) == 2
        assert gallery.forget_expired().templates == 0


@pytest.mark.parametrize(
    ("last", "kept"),
    [
        (datetime.max.replace(tzinfo=timezone.utc), datetime.max.replace(microsecond=0)),
        (datetime(9999, 12, 31, tzinfo=timezone.utc), datetime(9999, 12, 31)),
    ],
)
def test_the_calendars_last_dates_are_kept(tmp_path, last, kept):
    with new_gallery(tmp_path) as gallery:
        done = gallery.enrol("Ada", face(1), quality=1, expires=last)
        assert done.expires == kept.replace(tzinfo=timezone.utc)
    with open_again(tmp_path) as gallery:
        assert gallery.people()[0].expires == gallery.snapshot()[0].expires == done.expires
        assert gallery.identify(face(1)).person.name == "Ada"


@pytest.mark.parametrize(
    "beyond",
    [
        {"expires": datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-12)))},
        {"created": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
    ],
)
def test_a_date_beyond_the_calendar_is_refused(tmp_path, beyond):
    with new_gallery(tmp_path) as gallery:
        with pytest.raises(InputError, match=rf"{next(iter(beyond))} must be in the years 1 to"):
            gallery.enrol_many([NewTemplate("Ada", face(1), 1, **beyond)])
        assert len(gallery) == 0


def test_a_file_of_before_with_a_date_beyond_the_calendar_is_read(tmp_path, monkeypatch):
    end = datetime.max.replace(microsecond=0, tzinfo=timezone.utc)
    with new_gallery(tmp_path) as gallery, monkeypatch.context() as before:
        before.setattr("facesdk.gallery.sqlite.seconds_of", lambda moment: 253402300800)
        gallery.enrol("Ada", face(1), quality=1, expires=end)
    with open_again(tmp_path) as gallery:
        (ada,) = gallery.people()
        assert ada.expires == gallery.snapshot()[0].expires == end
        assert gallery.identify(face(1)).person == ada
        assert gallery.enrol("Ada", face(2), quality=1).name == "Ada"
    assert check(tmp_path / "gallery.db", key=tmp_path / "keys")


def test_two_programs_see_each_others_changes(tmp_path):
    with new_gallery(tmp_path, 2) as one, open_again(tmp_path) as two:
        one.enrol("new", face(7), quality=1)
        assert two.identify(face(7)).person.name == "new"
        two.forget("person 0")
        assert one.identify(face(0)).person is None and len(one) == 2
        one.rotate_key()
        assert two.enrol("newer", face(8), quality=1).id == 4
        assert one.identify(face(8)).person.name == "newer"
    with open_again(tmp_path) as gallery:
        assert len(gallery) == 3


def test_threads_share_a_gallery(tmp_path):
    failures = []

    def work(gallery, thread):
        try:
            for turn in range(5):
                number = 100 * thread + turn
                gallery.enrol(f"p{number}", face(number), quality=1)
                assert gallery.identify(face(number)).person.name == f"p{number}"
            gallery.forget(f"p{100 * thread}")
        except BaseException as error:
            failures.append(error)

    with new_gallery(tmp_path) as gallery:
        threads = [threading.Thread(target=work, args=(gallery, n)) for n in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == [] and len(gallery) == 16


def test_a_forked_process_is_told_to_open_the_gallery(tmp_path):
    with new_gallery(tmp_path, 1) as gallery:
        child = os.fork()
        if not child:
            try:
                gallery.identify(face(0))
            except GalleryError as error:
                os._exit(0 if "forked" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert gallery.identify(face(0)).person


def test_the_thresholds_are_those_of_the_model_as_it_is_now(tmp_path):
    """Calibrating a model does not make it another, and a gallery goes by what it says now."""
    new_gallery(tmp_path, 1).close()
    calibrated = replace(CONTRACT, thresholds=(Threshold(1e-2, 0.123, 0.1, 100, 10_000),))
    now = replace(MODEL, contract=calibrated)
    with open_again(tmp_path, embedder=now) as gallery:
        assert gallery.identify(face(0)).threshold == pytest.approx(0.123)
    with open_again(tmp_path) as gallery:
        assert gallery.identify(face(0)).threshold != pytest.approx(0.123)


def test_another_model_is_refused_with_what_to_do(tmp_path):
    new_gallery(tmp_path, 1).close()
    with pytest.raises(EmbeddingMismatchError, match=r"enrol everybody again.*facesdk enrol NAME"):
        open_again(tmp_path, embedder=OTHER_MODEL)
    with open_again(tmp_path) as gallery:
        foreign = Embedding(face(0).vector, "another", "f" * 64)
        for use in (gallery.identify, lambda e: gallery.enrol("Ada", e, quality=1)):
            with pytest.raises(EmbeddingMismatchError, match="another"):
                use(foreign)
        short = Embedding(np.eye(1, 8)[0], CONTRACT.name, MODEL.model_id)
        with pytest.raises(EmbeddingMismatchError, match="8 values"):
            gallery.identify(short)
        with pytest.raises(TypeError, match="but got NoneType"):
            gallery.identify(None)


def test_what_is_stored_tells_no_face(tmp_path):
    with new_gallery(tmp_path, 1):
        content = files_of(tmp_path)
    vector = face(0).vector
    assert vector.tobytes() not in content
    assert not any(vector[at : at + 2].tobytes() in content for at in range(len(vector) - 1))
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_whoever_is_forgotten_leaves_the_files(tmp_path):
    with new_gallery(tmp_path, 5) as gallery:
        sealed = stored(tmp_path, 3)
        assert sealed in files_of(tmp_path)
        who = gallery.person("person 2")
        assert gallery.forget(who.id).to_dict() == {"people": 1, "templates": 1, "erased": True}
        content = files_of(tmp_path)
        assert sealed not in content and sealed[:32] not in content
        assert b"person 2" not in content
        with pytest.raises(InputError, match=r"nobody in .* has the name or id 'person 2'"):
            gallery.forget("person 2")


def test_bytes_that_a_reader_holds_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("facesdk.gallery.sqlite_file.READER_SECONDS", 0.1)
    gallery = new_gallery(tmp_path, 2)
    sealed = stored(tmp_path)
    reader = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM template").fetchone()
    done = gallery.forget("person 0")
    assert (done.templates, done.erased) == (1, False)
    assert gallery.identify(face(0)).person is None
    assert sealed in files_of(tmp_path)
    reader.close()
    gallery.close()
    assert sealed not in files_of(tmp_path)


def test_a_new_key_replaces_the_old_one(tmp_path):
    with new_gallery(tmp_path, 3) as gallery:
        old_key, sealed = (tmp_path / "keys").read_bytes(), stored(tmp_path)
        done = gallery.rotate_key()
        assert (done.templates, done.erased) == (3, True)
        assert gallery.identify(face(2)).person
    assert sealed not in files_of(tmp_path)
    assert (tmp_path / "keys").read_bytes() != old_key
    with open_again(tmp_path) as gallery:
        assert gallery.identify(face(2)).person.name == "person 2"
    (tmp_path / "keys").write_bytes(old_key)
    with pytest.raises(GalleryError, match=r"the key in key file .* does not open"):
        open_again(tmp_path)


def test_a_key_moves_to_another_place(tmp_path, monkeypatch):
    monkeypatch.setenv("DOOR_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    with new_gallery(tmp_path, 2) as gallery:
        gallery.rotate_key("env:DOOR_KEY")
        with pytest.raises(GalleryError, match="DOOR_KEY has the key that the gallery is"):
            gallery.rotate_key()
        assert len(gallery) == 2
    with pytest.raises(GalleryError, match=r"key file .* has no key for"):
        open_again(tmp_path)
    with open_again(tmp_path, key="env:DOOR_KEY") as gallery:
        assert gallery.identify(face(1)).person


def test_a_rotation_that_is_interrupted_leaves_a_gallery_that_opens(tmp_path):
    def stop(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    with new_gallery(tmp_path, 3) as gallery, pytest.raises(KeyboardInterrupt):
        gallery.rotate_key(progress=stop)
    with open_again(tmp_path) as gallery:
        assert gallery.identify(face(0)).person.name == "person 0"
        gallery.rotate_key()
        assert gallery.identify(face(2)).person.name == "person 2"
    assert (tmp_path / "keys").read_text().count("=") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE template SET sealed = zeroblob(length(sealed)) WHERE id = 2",
        "UPDATE template SET nonce = zeroblob(12) WHERE id = 2",
        "UPDATE template SET sealed = substr(sealed, 1, 100) WHERE id = 2",
        "UPDATE template SET sealed = 'text' WHERE id = 2",
        "UPDATE template SET name = 'person 0' WHERE id = 2",
        "UPDATE template SET person = (SELECT person FROM template WHERE id = 1) WHERE id = 2",
        "UPDATE template SET expires = 1 WHERE id = 2",
        "UPDATE template SET created = created + 1 WHERE id = 2",
        "UPDATE template SET quality = 1.0 WHERE id = 2",
        "UPDATE template SET model = 'x' WHERE id = 2",
        "UPDATE template SET algorithm = 7 WHERE id = 2",
        "UPDATE template SET id = 77 WHERE id = 2",
        "UPDATE template SET sealed = (SELECT sealed FROM template WHERE id = 1),"
        " nonce = (SELECT nonce FROM template WHERE id = 1) WHERE id = 2",
    ],
)
def test_a_changed_row_is_an_error_and_never_a_match(tmp_path, statement):
    new_gallery(tmp_path, 3).close()
    change(tmp_path, statement)
    with pytest.raises(GalleryError, match=r"template (2|77) of .* does not open: it was changed"):
        open_again(tmp_path)


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["DELETE FROM template WHERE id = 2"], "has 2 templates, but its audit log counts 3"),
        (["UPDATE about SET value = 'x' WHERE name = 'model_id'"], "does not open"),
        (["UPDATE about SET value = '00' WHERE name = 'gallery'"], "has no key for"),
        (["UPDATE about SET value = x'00' WHERE name = 'key_data'"], "does not open"),
        (["DELETE FROM about WHERE name = 'key_data'"], "it has no 'key_data'"),
        (["UPDATE audit SET record = replace(record, '3', '4') WHERE seq = 4"], "was changed"),
        (["DELETE FROM audit WHERE seq = 4"], "has lost its last 1 change"),
        (["DELETE FROM audit WHERE seq = 3"], "is missing"),
        (["DELETE FROM audit"], "has lost its last 4 change"),
        (["DROP TABLE template"], "no such table"),
        (["PRAGMA user_version = 0"], "older schema 0.*export it with the facesdk that made it"),
        (["PRAGMA user_version = 2"], "made by a newer facesdk .schema 2, this one reads 1"),
        (["PRAGMA application_id = 5"], "is not a gallery"),
    ],
)
def test_a_changed_file_is_an_error(tmp_path, statements, words):
    new_gallery(tmp_path, 3).close()
    change(tmp_path, *statements)
    with pytest.raises(GalleryError, match=words):
        open_again(tmp_path)


def test_thresholds_cannot_be_lowered_in_the_file(tmp_path):
    new_gallery(tmp_path, 1).close()
    said = repr(STRICTEST.similarity)
    change(
        tmp_path,
        f"UPDATE about SET value = replace(value, '{said}', '0.09') WHERE name = 'contract'",
    )
    with pytest.raises(GalleryError, match="description was changed"):
        open_again(tmp_path)


def test_a_row_of_another_gallery_does_not_open(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    new_gallery(tmp_path / "a", 2).close()
    new_gallery(tmp_path / "b", 2).close()
    change(
        tmp_path / "a",
        f"ATTACH '{tmp_path / 'b' / 'gallery.db'}' AS b",
        "DELETE FROM template WHERE id = 1",
        "INSERT INTO template SELECT * FROM b.template WHERE id = 1",
    )
    with pytest.raises(GalleryError, match=r"template 1 of .* does not open"):
        open_again(tmp_path / "a")


def test_a_wrong_or_missing_key_is_an_error(tmp_path):
    new_gallery(tmp_path, 1).close()
    (tmp_path / "other").mkdir()
    new_gallery(tmp_path / "other", 1).close()
    with pytest.raises(GalleryError, match=r"has no key for .*a copied gallery needs its key"):
        open_again(tmp_path, key=tmp_path / "other" / "keys")
    mine, theirs = [(tmp_path / name).read_text() for name in ("keys", "other/keys")]
    gallery = mine.splitlines()[1].split()[0]
    (tmp_path / "keys").write_text(f"{gallery} {theirs.splitlines()[1].split()[1]}\n")
    with pytest.raises(GalleryError, match=r"does not open .*it is another gallery's"):
        open_again(tmp_path)
    (tmp_path / "keys").unlink()
    with pytest.raises(GalleryError, match="has no key for"):
        open_again(tmp_path)


@pytest.mark.parametrize("cut", ["one byte", "half", "all", "flipped"])
def test_a_damaged_write_ahead_log_is_noticed(tmp_path, cut):
    """SQLite itself drops the last transactions without a word."""
    lost = tmp_path / "lost"
    lost.mkdir()
    with new_gallery(tmp_path, 10):
        for path in tmp_path.glob("*"):
            if path.is_file() and not path.name.endswith("-shm"):
                shutil.copy(path, lost)
    wal = lost / "gallery.db-wal"
    content = bytearray(wal.read_bytes())
    if cut == "flipped":
        content[len(content) // 2] ^= 1
    wal.write_bytes(
        {"one byte": content[:-1], "half": content[: len(content) // 2], "all": b""}.get(
            cut, bytes(content)
        )
    )
    with pytest.raises(GalleryError, match=r"has lost its last .* change"):
        open_again(lost)
    base = sqlite3.connect(lost / "gallery.db")
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    base.close()


def test_a_gallery_without_its_audit_log_is_noticed(tmp_path):
    new_gallery(tmp_path, 2).close()
    (tmp_path / "gallery.db.audit").rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(GalleryError, match="audit is missing or empty"):
            open_again(tmp_path)
    (tmp_path / "other").mkdir()
    new_gallery(tmp_path / "other", 2).close()
    shutil.copy(tmp_path / "other" / "gallery.db.audit", tmp_path)
    with pytest.raises(GalleryError, match="is not the audit log of"):
        open_again(tmp_path)


def test_an_audit_log_that_fell_behind_catches_up(tmp_path):
    new_gallery(tmp_path, 4).close()
    audit = tmp_path / "gallery.db.audit"
    whole = audit.read_bytes()
    lines = whole.splitlines(keepends=True)
    for kept in (whole[:-1], b"".join(lines[:2]), b"".join(lines[:3]) + lines[3][:9]):
        audit.write_bytes(kept)
        with open_again(tmp_path) as gallery:
            assert len(gallery) == 4
        assert audit.read_bytes() == whole


def test_the_audit_log_names_nobody(tmp_path):
    with new_gallery(tmp_path, 2) as gallery:
        who = gallery.person("person 1")
        gallery.forget("person 1")
    log = (tmp_path / "gallery.db.audit").read_text()
    assert "person 1" not in log and who.id in log
    assert log.count("\n") == 4 and '"removed":[2]' in log


def test_what_is_left_of_another_gallery_is_not_taken_over(tmp_path):
    new_gallery(tmp_path, 2).close()
    for name in ("gallery.db-wal", "gallery.db.audit"):
        (tmp_path / "gallery.db").unlink(missing_ok=True)
        (tmp_path / name).touch()
        keys = (tmp_path / "keys").read_text()
        with pytest.raises(GalleryError, match=f"is gone, but .*{name} of it is there"):
            new_gallery(tmp_path)
        assert (tmp_path / "keys").read_text() == keys
        (tmp_path / name).unlink()
        if name.endswith("-wal"):
            (tmp_path / "gallery.db.audit").touch()
    new_gallery(tmp_path).close()


def moved_away(folder):
    for path in list(folder.glob("gallery.db*")):
        path.rename(folder / "away" / path.name)


def restored(folder):
    """A copy of before is moved into its place, with its audit log."""
    for name in ("gallery.db", "gallery.db.audit"):
        os.replace(folder / "copy" / name, folder / name)


def linked_elsewhere(folder):
    link = folder / "link.db"
    link.unlink()
    link.symlink_to(folder / "copy" / "gallery.db")


DISPLACED = {
    "moved away": moved_away,
    "restored": restored,
    "a link leads elsewhere": linked_elsewhere,
    "without the file": lambda folder: (folder / "gallery.db").unlink(),
    "without the log": lambda folder: (folder / "gallery.db.audit").unlink(),
    "without SQLite's log": lambda folder: (folder / "gallery.db-wal").unlink(),
}


@pytest.mark.parametrize("displace", DISPLACED.values(), ids=DISPLACED)
def test_nothing_is_stored_where_nobody_would_find_it(tmp_path, displace):
    past = NOW - timedelta(days=1)
    (tmp_path / "away").mkdir()
    new_gallery(tmp_path, 1).close()
    shutil.copytree(tmp_path, tmp_path / "copy")
    (tmp_path / "link.db").symlink_to(tmp_path / "gallery.db")
    gallery = SqliteGallery.open(tmp_path / "link.db", key=tmp_path / "keys")
    gallery.enrol("Ada", face(1), quality=1, expires=past)
    displace(tmp_path)
    logs = {path: path.read_bytes() for path in tmp_path.rglob("*.audit")}
    keys = (tmp_path / "keys").read_bytes()
    for use in (
        lambda: gallery.enrol("Bob", face(2), quality=1),
        lambda: gallery.forget("Ada"),
        gallery.forget_expired,
        gallery.rotate_key,
        lambda: gallery.note("exported"),
        gallery.snapshot,
        gallery.people,
        lambda: gallery.identify(face(1)),
        lambda: gallery.holds(b"mark"),
    ):
        with pytest.raises(
            GalleryError, match=r"removed or replaced while .*: open the gallery again"
        ):
            use()
    assert logs == {path: path.read_bytes() for path in tmp_path.rglob("*.audit")}
    assert (tmp_path / "keys").read_bytes() == keys
    (last,) = gallery._file._base.execute("SELECT max(seq) FROM audit").fetchone()
    (rows,) = gallery._file._base.execute("SELECT count(*) FROM template").fetchone()
    gallery.close()
    assert (last, rows) == (3, 2)


def test_a_file_that_is_moved_meanwhile_is_noticed_at_the_end(tmp_path):
    place, away = tmp_path / "gallery.db", tmp_path / "away.db"
    with new_gallery(tmp_path, 2) as gallery:
        with pytest.raises(GalleryError, match="was removed or replaced while"):
            gallery.rotate_key(progress=lambda done, *_: done == 1 and place.rename(away))
        away.rename(place)
        assert gallery.identify(face(1)).person.name == "person 1"
    with open_again(tmp_path) as gallery:
        assert gallery.identify(face(1)).person.name == "person 1"


def test_a_gallery_is_found_after_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new_gallery(tmp_path, 1).close()
    with SqliteGallery.open("gallery.db", key=tmp_path / "keys") as gallery:
        monkeypatch.chdir("/")
        assert gallery.identify(face(0)).person.name == "person 0"


@pytest.mark.parametrize("create", [False, True])
def test_an_address_is_no_file(tmp_path, monkeypatch, create):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="got an address") as caught:
        SqliteGallery.open(
            "postgresql://door:secret@db/faces", key="keys", create=create, embedder=MODEL
        )
    assert "secret" not in str(caught.value) and not list(tmp_path.iterdir())


def test_files_that_are_no_galleries(tmp_path):
    (tmp_path / "text").write_text("no database, but long enough to have a header" * 20)
    (tmp_path / "empty").touch()
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t(x)").connection.close()
    for name, words in (
        ("text", "it is no SQLite database"),
        ("empty", "is not a gallery: it is empty"),
        ("other.db", "is not a gallery"),
        ("missing", "does not exist: `facesdk enrol"),
        (".", "is a folder: a gallery is a file"),
    ):
        with pytest.raises(GalleryError, match=words):
            SqliteGallery.open(tmp_path / name, key=tmp_path / "keys", create=name != "missing",
                               embedder=MODEL)  # fmt: skip


def test_a_file_that_cannot_be_made_leaves_nothing(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot create folder"):
        new_gallery(tmp_path / "file")
    with pytest.raises(InputError, match="needs the embedder"):
        SqliteGallery.open(tmp_path / "new.db", key=tmp_path / "keys", create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_busy_gallery_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr("facesdk.gallery.sqlite_connection.BUSY_SECONDS", 0.1)
    with new_gallery(tmp_path, 1) as gallery:
        writer = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryError, match=r"is busy: another program has been writing"):
            gallery.enrol("Ada", face(1), quality=1)
        writer.close()
        gallery.enrol("Ada", face(1), quality=1)
        assert len(gallery) == 2


def test_numbers_are_never_given_twice(tmp_path):
    with new_gallery(tmp_path, 3) as gallery:
        gallery.forget("person 2")
        assert gallery.enrol("person 2", face(2), quality=1).id == 4
