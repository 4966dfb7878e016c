"""What `gallery check` finds, and how a gallery goes on afterwards."""

from __future__ import annotations

import re
import shutil

import pytest

from facesdk.errors import GalleryError
from facesdk.gallery.check import accept_loss, check

from .people import change, face, new_gallery, open_again


def checked(folder):
    return check(folder / "gallery.db", key=folder / "keys")


def accepted(folder):
    return accept_loss(folder / "gallery.db", key=folder / "keys")


def test_a_gallery_that_is_whole(tmp_path):
    with new_gallery(tmp_path, 4) as gallery:
        gallery.forget("person 1")
        gallery.rotate_key()
        gallery.enrol("person 9", face(9), quality=1)
        found = checked(tmp_path)
    assert found and found.problems == ()
    assert (found.templates, found.records, found.keys) == (4, 8, 1)
    log = (tmp_path / "gallery.db.audit").read_bytes()
    assert found.last_mac.encode() == log.splitlines()[-1].split()[1]
    before = log
    assert accepted(tmp_path) == found
    assert (tmp_path / "gallery.db.audit").read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM template WHERE id = 2", r"1 template.* missing: 2 \(person [0-9a-f]{16}\)"),
        ("UPDATE template SET sealed = zeroblob(99) WHERE id = 2", "template 2 does not open"),
        ("UPDATE template SET name = 'x' WHERE id = 2", "template 2 does not open"),
        ("DELETE FROM audit WHERE seq = 3", "record 3 of the audit log is missing"),
        ("UPDATE audit SET mac = zeroblob(32) WHERE seq = 3", "record 3 of .* was changed"),
        ("DELETE FROM audit WHERE seq = 4", r"change 4 of 20.* \(enrolled\) is lost"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_the_gallery_goes_on(tmp_path, statement, words):
    new_gallery(tmp_path, 3).close()
    change(tmp_path, statement)
    with pytest.raises(GalleryError):
        open_again(tmp_path)
    found = checked(tmp_path)
    assert not found
    assert any(re.search(words, problem) for problem in found.problems)
    assert checked(tmp_path) == found
    assert accepted(tmp_path) == found
    assert checked(tmp_path)
    with open_again(tmp_path) as gallery:
        assert len(gallery) == (2 if "template" in statement else 3)
        assert gallery.identify(face(0)).person.name == "person 0"
        assert gallery.enrol("new", face(8), quality=1).id == 4
    assert len(list(tmp_path.glob("gallery.db.audit-2*"))) == 1
    assert "loss accepted" in (tmp_path / "gallery.db.audit").read_text()


def test_templates_that_a_cut_log_has_lost_are_named(tmp_path):
    lost = tmp_path / "lost"
    lost.mkdir()
    with new_gallery(tmp_path, 5):
        for name in ("gallery.db", "gallery.db-wal", "gallery.db.audit", "keys"):
            shutil.copy(tmp_path / name, lost)
    wal = lost / "gallery.db-wal"
    wal.write_bytes(wal.read_bytes()[: wal.stat().st_size // 2])
    problems = " ".join(checked(lost).problems)
    assert "change 6 of" in problems and "5 (person" in problems
    accepted(lost)
    with open_again(lost) as gallery:
        assert 0 < len(gallery) < 5


def test_an_audit_log_that_is_gone_or_foreign(tmp_path):
    new_gallery(tmp_path, 2).close()
    (tmp_path / "other").mkdir()
    new_gallery(tmp_path / "other", 2).close()
    audit = tmp_path / "gallery.db.audit"
    shutil.copy(tmp_path / "other" / "gallery.db.audit", audit)
    assert "record 1 of" in checked(tmp_path).problems[0]
    audit.write_bytes(b"nonsense\n")
    assert "is damaged, or is no audit log" in checked(tmp_path).problems[0]
    audit.unlink()
    assert checked(tmp_path).problems == (f"{audit} is missing",)
    accepted(tmp_path)
    assert checked(tmp_path)
    with open_again(tmp_path) as gallery:
        assert len(gallery) == 2


def test_a_row_that_no_record_knows(tmp_path):
    """A row can only be brought back by who has an older copy: it opens, and is noticed."""
    with new_gallery(tmp_path, 2) as gallery:
        old = tmp_path / "old"
        old.mkdir()
        gallery._file.checkpoint()
        shutil.copy(tmp_path / "gallery.db", old)
        gallery.forget("person 1")
        gallery.enrol("person 5", face(5), quality=1)
    change(
        tmp_path,
        f"ATTACH '{old / 'gallery.db'}' AS old",
        "INSERT INTO template SELECT * FROM old.template WHERE id = 2",
    )
    assert any("1 template(s) are in no record: 2" in one for one in checked(tmp_path).problems)
    with pytest.raises(GalleryError, match="has 3 templates, but its audit log counts 2"):
        open_again(tmp_path)


def test_a_wrong_key_says_no_more(tmp_path):
    new_gallery(tmp_path, 1).close()
    with pytest.raises(GalleryError, match="has no key for"):
        check(tmp_path / "gallery.db", key=tmp_path / "none")
