"""The contract of enrol, identify, people and forget for scripts, on real photos."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timezone

import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk import samples
from facesdk.cli.main import app
from facesdk.gallery.bulk import KEEPS_ITS_DATE
from facesdk.images import decode, encode

OBAMA, OBAMA2, BIDEN = map(str, (samples.OBAMA, samples.OBAMA2, samples.BIDEN))


class Shell:
    """Runs verbs on one gallery."""

    def __init__(self, folder):
        self.folder = folder
        self.places = ["--gallery", str(folder / "door.db"), "--key", str(folder / "keys")]

    def __call__(self, verb, *arguments):
        if verb in ("enrol", "identify"):  # smaller faces take most of the time
            arguments = (*arguments, "--min-face", 100)
        return CliRunner().invoke(app, [verb, *map(str, arguments), *self.places])

    def json(self, verb, *arguments):
        done = self(verb, *arguments, "--json")
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """A gallery with both presidents, which no test changes."""
    shell = Shell(tmp_path_factory.mktemp("door"))
    assert shell("enrol", "Barack Obama", OBAMA).exit_code == 0
    assert shell("enrol", "Joe Biden", BIDEN).exit_code == 0
    return shell


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A photo of two people: the larger one first."""
    first, second = decode.load(OBAMA2), decode.load(BIDEN)
    height = max(first.shape[0], second.shape[0])
    canvas = np.zeros((height, first.shape[1] + second.shape[1], 3), np.uint8)
    canvas[: first.shape[0], : first.shape[1]] = first
    canvas[: second.shape[0], first.shape[1] :] = second
    path = tmp_path_factory.mktemp("team") / "team.png"
    encode.save(path, canvas)
    return path


def test_an_enrolment_is_a_record_per_photo(shell):
    status, (one, two) = shell.json("enrol", "Barack", OBAMA, OBAMA2, "--expires", "2099-01-31")
    assert status == 0
    assert list(one) == ["image", "enrolled", "stored", "quality", "reasons", "warnings"]
    assert (one["image"], one["enrolled"], one["reasons"], one["warnings"]) == (OBAMA, True, [], [])
    assert list(one["stored"]) == ["number", "person", "created", "expires", "quality_score"]
    assert one["stored"]["person"] == two["stored"]["person"]
    assert one["stored"]["expires"] == "2099-01-31T00:00:00+00:00"
    status, (person,) = shell.json("people")
    assert status == 0 and person["name"] == "Barack" and person["templates"] == 2
    assert list(person) == ["id", "name", "templates", "created", "expires"]


def test_a_photo_that_has_expired_is_enrolled_again(shell, monkeypatch):
    status, (done,) = shell.json("enrol", "Barack", OBAMA, "--expires", "2099-01-31")
    assert (status, done["warnings"]) == (0, [])
    status, (done,) = shell.json("enrol", "Barack", OBAMA, "--expires", "2100-01-31")
    assert (status, done["stored"]) == (0, None)
    assert done["warnings"] == [KEEPS_ITS_DATE]
    monkeypatch.setattr("time.time", lambda: datetime(2099, 2, 1, tzinfo=timezone.utc).timestamp())
    status, (done,) = shell.json("enrol", "Barack", OBAMA, "--expires", "2100-01-31")
    assert (status, done["warnings"]) == (0, [])
    assert done["stored"]["expires"] == "2100-01-31T00:00:00+00:00"
    assert shell("identify", OBAMA2).exit_code == 0


def test_a_date_that_has_come_is_refused(shell):
    done = shell("enrol", "Barack", OBAMA, "--expires", "2026-01-01")
    assert done.exit_code == 2
    assert "--expires 2026-01-01 has come" in done.stderr
    assert not (shell.folder / "door.db").exists()


def test_a_gallery_behind_a_link_is_the_gallery(shell):
    """SQLite's files and the audit log lie where it is, and a link stays one."""
    (shell.folder / "volume").mkdir()
    link = shell.folder / "door.db"
    link.symlink_to(shell.folder / "volume" / "faces.db")
    assert shell("enrol", "Barack", OBAMA).exit_code == 0
    assert link.is_symlink()
    assert sorted(path.name for path in (shell.folder / "volume").iterdir()) == [
        "faces.db",
        "faces.db.audit",
    ]
    assert [row["name"] for row in shell.json("people")[1]] == ["Barack"]
    assert shell("gallery", "check").exit_code == 0
    assert not (shell.folder / "door.db.audit").exists()


def test_a_gallery_may_have_a_name_that_is_not_utf8(shell, tmp_path):
    shell.places[1] = str(tmp_path / os.fsdecode(b"g\xff?%41#.db"))
    assert shell("enrol", "Barack", OBAMA).exit_code == 0
    assert shell.json("people")[1][0]["name"] == "Barack"
    assert shell.json("gallery", "check")[0] == 0
    assert {os.fsencode(path.name) for path in tmp_path.glob("g*.db")} == {b"g\xff?%41#.db"}


@pytest.mark.parametrize("scheme", ["postgresql", "PostgreSQL", "postgres", "mysql"])
@pytest.mark.parametrize(
    "verb",
    [
        ["serve"],
        ["live", "film"],
        ["bench", "live"],
        ["rotate-key"],
        ["gallery", "check"],
        ["gallery", "check", "--accept-loss"],
        ["export", "out"],
        ["import", "out"],
    ],
    ids=" ".join,
)
def test_a_verb_that_works_on_files_takes_no_address(tmp_path, monkeypatch, verb, scheme):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*verb, "--gallery", f"{scheme}://door:secret@db/faces"])
    assert done.exit_code == 2 and "secret" not in done.output
    assert "enrol, identify, people and forget take that of a server" in done.stderr
    assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://door:secret@db/faces", "that of a gallery on a server is postgresql://USER@"),
        ("postgresql:/door:secret@db/faces", "that of a gallery on a server is postgresql://USER@"),
        ("PostgreSQL://door:secret@[::1/faces", "cannot be read as one"),
        ("POSTGRES://door:secret@127.0.0.1:1/faces", "facesdk on 127.0.0.1/faces cannot be used"),
    ],
)
def test_an_address_is_no_file_and_its_password_is_not_shown(tmp_path, monkeypatch, address, words):
    monkeypatch.chdir(tmp_path)
    for verb in (["enrol", "Ada", OBAMA], ["people"]):
        done = CliRunner().invoke(app, [*verb, "--gallery", address])
        assert done.exit_code == 2 and "secret" not in done.output
        assert words in done.stderr and not list(tmp_path.iterdir())


def test_somebody_who_is_enrolled_is_known(door):
    status, (found,) = door.json("identify", OBAMA2)
    assert status == 0
    assert list(found) == [
        "image", "person", "similarity", "threshold", "fmr", "fpir", "comparisons", "note",
        "candidates", "faces",
    ]  # fmt: skip
    assert found["person"]["name"] == "Barack Obama"
    assert found["similarity"] == found["candidates"][0]["similarity"] >= found["threshold"]
    assert [row["name"] for row in found["candidates"]] == ["Barack Obama", "Joe Biden"]
    assert 0 < found["fpir"] <= 0.01 and found["comparisons"] == 2


def test_the_similarity_is_that_of_verify(door):
    _, (found,) = door.json("identify", OBAMA2)
    verified = CliRunner().invoke(app, ["verify", OBAMA, OBAMA2, "--json", "--min-face", "100"])
    assert found["similarity"] == pytest.approx(json.loads(verified.stdout)["similarity"], abs=2e-6)


def test_somebody_who_is_not_enrolled_is_unknown(shell):
    shell("enrol", "Joe Biden", BIDEN)
    status, (found, *_) = shell.json("identify", OBAMA)
    assert status == 1 and found["person"] is None
    assert found["candidates"][0]["name"] == "Joe Biden"
    assert "unknown" in shell("identify", OBAMA).stdout


def test_an_object_per_face_the_largest_first(door, team):
    status, found = door.json("identify", team)
    areas = [
        (right - left) * (bottom - top)
        for left, top, right, bottom in (row["faces"][0]["box"] for row in found)
    ]
    assert status == 0 and areas == sorted(areas, reverse=True)
    assert {row["person"]["name"] for row in found} == {"Barack Obama", "Joe Biden"}


def test_a_threshold_of_ones_own(door):
    status, (found,) = door.json("identify", OBAMA2, "--threshold", "0.99")
    assert (status, found["person"], found["threshold"]) == (1, None, 0.99)
    status, (found,) = door.json("identify", OBAMA2, "--fmr", "0.001", "--top", "1")
    assert status == 0 and found["fmr"] == 0.001 and len(found["candidates"]) == 1


def test_a_threshold_that_is_too_lax_is_said(door):
    done = door("identify", OBAMA2, "--fpir", "1e-6")
    assert done.exit_code == 0 and "gives an FPIR of 0.0002 in 2 comparisons" in done.stderr
    assert json.loads(door("identify", OBAMA2, "--fpir", "1e-6", "--json").stdout)["note"]


def test_a_refused_photo_has_reasons_and_the_others_are_enrolled(shell, team, tmp_path):
    black = tmp_path / "black.png"
    encode.save(black, np.zeros((200, 200, 3), np.uint8))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    dark = tmp_path / "dark.png"
    encode.save(dark, decode.load(OBAMA) // 8)
    photos = (black, team, broken, tmp_path / "missing.jpg", dark, OBAMA)
    done = shell("enrol", "Barack", *photos, "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 2 and [row["enrolled"] for row in records] == [False] * 5 + [True]
    said = ("no face found", "2 faces", "broken.jpg", "missing.jpg", "dark")
    for row, words in zip(records[:5], said, strict=True):
        assert words in row["reasons"][0] and words in done.stderr and row["stored"] is None
    assert records[0]["quality"] is None and not records[4]["quality"]["acceptable"]
    assert shell.json("people")[1][0]["templates"] == 1


def test_a_face_of_several_is_enrolled_by_its_number(shell, team):
    status, (done,) = shell.json("enrol", "Second", team, "--face", "1")
    assert status == 0 and done["enrolled"]
    status, found = shell.json("identify", team)
    assert [row["person"] and row["person"]["name"] for row in found] == [None, "Second"]
    for photo, number in ((team, 2), (OBAMA, 5)):
        done = shell("enrol", "Third", photo, "--face", number)
        assert done.exit_code == 2 and f"there is no face {number}" in done.stderr
    assert [row["name"] for row in shell.json("people")[1]] == ["Second"]


def test_one_person_under_two_names_and_two_under_one_are_warned_of(shell):
    shell("enrol", "Barack", OBAMA)
    done = shell("enrol", "Obama", OBAMA2)
    assert done.exit_code == 0 and "looks like Barack, who is enrolled already" in done.stderr
    done = shell("enrol", "Barack", BIDEN)
    assert done.exit_code == 0 and "does not look like the Barack who is enrolled" in done.stderr


def test_a_folder_of_photos_is_enrolled(shell, tmp_path):
    (tmp_path / "photos").mkdir()
    for name, photo in (("b.jpg", OBAMA2), ("a.jpg", OBAMA)):
        shutil.copy(photo, tmp_path / "photos" / name)
    status, records = shell.json("enrol", "Barack", tmp_path / "photos")
    assert status == 0
    assert [row["image"].rpartition("/")[2] for row in records] == ["a.jpg", "b.jpg"]
    (tmp_path / "none").mkdir()
    done = shell("enrol", "Barack", tmp_path / "none")
    assert done.exit_code == 2 and "has no photo in it" in done.stderr


def test_forget_removes_by_name_and_by_id(shell):
    shell("enrol", "Barack", OBAMA, OBAMA2)
    shell("enrol", "Joe", BIDEN)
    _, (barack, joe) = shell.json("people")
    status, (done,) = shell.json("forget", "Barack")
    assert (status, done) == (0, {"people": 1, "templates": 2, "erased": True})
    assert shell.json("identify", OBAMA)[0] == 1
    assert shell("forget", joe["id"]).stdout == "removed 1 template(s), 1 person(s)\n"
    done = shell("forget", barack["id"])
    assert done.exit_code == 2 and "nobody in" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["identify", OBAMA], "does not exist: `facesdk enrol"),
        (["people"], "does not exist"),
        (["forget", "x"], "does not exist"),
        (["forget"], "name or id, or --expired"),
        (["forget", "x", "--expired"], "name or id, or --expired"),
        (["enrol", "", OBAMA], "a person needs a name"),
        (["enrol", "Ada", OBAMA, "--workers", "65"], "without --ray at most 64 workers"),
    ],
)
def test_bad_input_is_a_line_and_status_2(shell, arguments, words):
    done = shell(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_a_photo_without_a_face_is_status_5(door, tmp_path):
    encode.save(tmp_path / "black.png", np.zeros((200, 200, 3), np.uint8))
    done = door("identify", tmp_path / "black.png")
    assert done.exit_code == 5 and "no face found" in done.stderr


def test_everybody_of_a_folder_is_enrolled_and_an_interrupted_run_goes_on(shell, tmp_path):
    staff = tmp_path / "staff"
    for name, photo in (("Barack/a.jpg", OBAMA), ("Barack/b.jpg", OBAMA2), ("Joe/a.jpg", BIDEN)):
        (staff / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, staff / name)
    encode.save(staff / "Joe" / "black.png", np.zeros((200, 200, 3), np.uint8))
    shutil.copy(OBAMA, staff / "nobody.jpg")
    assert shell("enrol", "Joe", staff / "Joe" / "a.jpg").exit_code == 0
    done = shell("enrol", "--people", staff, "--workers", "2")
    assert done.exit_code == 2 and "left out 1 photo(s) that are in no person's folder" in (
        done.stderr
    )
    assert "2 photo(s) enrolled, 1 enrolled before, 1 refused" in done.stdout
    assert [(row["name"], row["templates"]) for row in shell.json("people")[1]] == [
        ("Barack", 2),
        ("Joe", 1),
    ]
    (staff / "Joe" / "black.png").unlink()
    status, records = shell.json("enrol", "--people", staff)
    assert status == 0 and [row["stored"] for row in records] == [None] * 3
    assert all(row["enrolled"] and "enrolled already" in row["warnings"][0] for row in records)


def test_folders_whose_names_are_nobodys_are_reported_and_the_others_enrolled(shell, tmp_path):
    staff = tmp_path / "staff"
    long = "/".join(["x" * 100] * 2)
    names = {
        " ": "folder ' ': a person needs a name",
        "a\tb": r"folder 'a\tb': a name has no control characters",
        os.fsdecode(b"\xff"): r"folder '\udcff': a name has no control characters",
        long: f"folder '{long}': a name has 200 characters at most, but got 201",
        "Barack": "",
    }
    for name in names:
        (staff / name).mkdir(parents=True)
        shutil.copy(OBAMA, staff / name / "1.jpg")
    shutil.copy(OBAMA2, staff / "a\tb" / "2.jpg")
    done = shell("enrol", "--people", staff, "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 4
    assert [row["enrolled"] for row in records] == [False] * 5 + [True]
    assert r"2 photo(s) in folder 'a\tb'" in done.stderr
    for words in names.values():
        assert words in done.stderr
        assert words in "".join(reason for row in records for reason in row["reasons"])
    again = shell("enrol", "--people", staff)
    assert again.exit_code == 2 and "0 photo(s) enrolled, 1 enrolled before, 5 refused" in (
        again.stdout
    )
    assert [row["name"] for row in shell.json("people")[1]] == ["Barack"]


def test_a_folder_named_like_somebodys_id_is_refused_and_the_others_enrolled(shell, tmp_path):
    shell("enrol", "Barack", OBAMA)
    meant = shell.json("people")[1][0]["id"]
    for name, photo in ((meant, OBAMA2), ("Joe", BIDEN)):
        (tmp_path / "staff" / name).mkdir(parents=True)
        shutil.copy(photo, tmp_path / "staff" / name)
    done = shell("enrol", "--people", tmp_path / "staff")
    assert done.exit_code == 2 and f"{meant} is the id of somebody" in done.stderr
    assert [row["name"] for row in shell.json("people")[1]] == ["Barack", "Joe"]


def test_one_photo_may_be_enrolled_as_two_people(shell):
    assert shell.json("enrol", "Barack", OBAMA)[1][0]["stored"]["number"] == 1
    assert shell.json("enrol", "Obama", OBAMA)[1][0]["stored"]["number"] == 2
    assert shell.json("enrol", "Obama", OBAMA)[1][0]["stored"] is None


def test_a_gallery_moves_under_a_passphrase(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("WORDS", "correct horse battery")
    shell("enrol", "Barack", OBAMA)
    out = tmp_path / "out"
    status, (done,) = shell.json("export", out, "--passphrase", "env:WORDS")
    assert (status, done) == (0, {"templates": 1})
    (tmp_path / "new").mkdir()
    other = Shell(tmp_path / "new")
    (tmp_path / "words").write_text("correct horse battery\nmore\n")
    status, (done,) = other.json("import", out, "--passphrase", tmp_path / "words")
    assert (status, done) == (0, {"templates": 1, "skipped": 0, "people": 1})
    assert other.json("identify", OBAMA2)[0] == 0
    monkeypatch.setenv("WORDS", "incorrect horse battery")
    done = other("import", out, "--passphrase", "env:WORDS")
    assert done.exit_code == 2 and "the passphrase is another" in done.stderr
    for where, words in (("env:NONE", "NONE is not set"), ("none", "cannot read the passphrase")):
        done = shell("export", out, "--passphrase", where)
        assert done.exit_code == 2 and words in done.stderr


@pytest.fixture
def typed(monkeypatch):
    """What is typed in a terminal, line by line; an exception is raised in its place."""
    lines = []

    def answer(_):
        line = lines.pop(0)
        if isinstance(line, BaseException):
            raise line
        return line

    monkeypatch.setattr("getpass.getpass", answer)
    return lines


def test_a_passphrase_is_asked_for_until_it_is_typed_twice(shell, tmp_path, typed):
    shell("enrol", "Barack", OBAMA)
    right, wrong = "correct horse battery", "correct horse batery"
    typed += [right, wrong, right, right]
    done = shell("export", tmp_path / "out")
    assert (done.exit_code, done.stderr) == (0, "facesdk: the two differ\n")
    typed += [right]
    assert shell("import", tmp_path / "out").exit_code == 0
    assert typed == []


@pytest.mark.parametrize("verb", ["export", "import"])
def test_who_types_no_passphrase_is_told_of_the_option(verb, shell, tmp_path, typed):
    typed += [EOFError(), KeyboardInterrupt()]
    done = shell(verb, tmp_path / "out")
    assert done.exit_code == 2
    assert "--passphrase" in done.stderr and len(done.stderr.splitlines()) == 1
    done = shell(verb, tmp_path / "out")
    assert (done.exit_code, done.stderr) == (130, "\nfacesdk: interrupted\n")


@pytest.mark.parametrize(
    ("given", "status"),
    [("", 2), ("correct horse battery\n" * 2, 0), ("correct horse battery\n", 2)],
)
def test_without_a_terminal_a_passphrase_is_read_from_a_pipe(given, status, shell, tmp_path):
    shell("enrol", "Barack", OBAMA)
    command = [sys.executable, "-m", "facesdk", "export", str(tmp_path / "out"), *shell.places]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, start_new_session=True
    )
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == (1 if status else 0)
    assert ("--passphrase" in done.stderr) == bool(status)


def test_a_key_is_changed(shell, tmp_path):
    shell("enrol", "Barack", OBAMA)
    before = (tmp_path / "keys").read_text()
    status, (done,) = shell.json("rotate-key")
    assert (status, done) == (0, {"templates": 1, "erased": True})
    assert (tmp_path / "keys").read_text() != before
    assert shell.json("identify", OBAMA2)[0] == 0
    assert shell("rotate-key", "--new-key", tmp_path / "elsewhere").exit_code == 0
    done = shell("people")
    assert done.exit_code == 2 and "has no key for" in done.stderr


def test_a_gallery_is_checked(shell, tmp_path):
    shell("enrol", "Barack", OBAMA, OBAMA2)
    status, (done,) = shell.json("gallery", "check")
    assert status == 0 and done["problems"] == [] and done["templates"] == 2
    base = sqlite3.connect(tmp_path / "door.db")
    base.execute("DELETE FROM template WHERE id = 1")
    base.commit()
    base.close()
    done = shell("people")
    assert done.exit_code == 2 and "`facesdk gallery check --gallery" in done.stderr
    done = shell("gallery", "check")
    assert done.exit_code == 2 and "1 template(s) are missing: 1 (person" in done.stderr
    assert shell("gallery", "check", "--accept-loss").exit_code == 0
    assert shell("gallery", "check").exit_code == 0
    assert shell.json("people")[1][0]["templates"] == 1


def test_a_person_is_enrolled_from_a_source_of_pictures(shell, tmp_path):
    film = tmp_path / "film"
    film.mkdir()
    picture = decode.load(OBAMA2)[::2, ::2].copy()
    for number in range(12):
        encode.save(film / f"{number:02d}.png", picture if number else np.zeros_like(picture))
    status, records = shell.json("enrol", "Barack", "--source", film, "--pictures", "1")
    assert status == 0 and [row["enrolled"] for row in records] == [False, True]
    done = shell("enrol", "Barack", "--source", film, "--pictures", "30")
    assert done.exit_code == 2 and "of 30 picture(s) enrolled" in done.stderr
    for arguments in (
        ["Barack", "--source", film, OBAMA],
        ["--source", film],
        ["--people", film, "--source", film],
        ["Barack"],
        [],
    ):
        done = shell("enrol", *arguments)
        assert done.exit_code == 2 and "give a NAME and photos, a NAME and --source" in done.stderr
    assert "alone" in shell("enrol", "B", "--source", film, "--face", "1").stderr
