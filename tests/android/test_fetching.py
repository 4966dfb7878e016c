"""Pinned files: the list, the cache, and registries that refuse or deliver something else."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path

import pytest

from android_demo.ci import artifacts, fetching
from android_demo.ci.errors import FetchError

CONTENT = b"a library"


def test_the_list_has_a_digest_and_a_version_for_every_file() -> None:
    rows = artifacts.artifacts()
    assert len({row.file for row in rows}) == len(rows) > 50
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{64}", row.sha256), row
        assert row.size > 0
        assert re.fullmatch(r"[\w.-]+==[\d.]+ \S+|[\w.-]+:[\w.-]+:[\w.-]+:(jar|aar)", row.source)


def test_an_unknown_group_names_the_groups() -> None:
    with pytest.raises(ValueError, match=r"unknown group 'x': choose from android, an"):
        artifacts.group("x")


@pytest.fixture
def one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of one file; returns the cache."""
    listing = tmp_path / "artifacts.tsv"
    digest = hashlib.sha256(CONTENT).hexdigest()
    listing.write_text(f"groups\tsource\tbytes\tsha256\nx\ta.b:c:1.2:jar\t9\t{digest}\n")
    monkeypatch.setattr(fetching, "group", lambda name: artifacts.group(name, listing))
    return tmp_path / "cache"


def client(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A Maven that runs a script; returns the file that counts its runs."""
    runs = folder / "runs"
    program = folder / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho run >> {runs}\nfor word; do case "$word" in '
        f"-DoutputDirectory=*) out=${{word#*=}};; esac; done\n{script}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return runs


def test_a_file_is_fetched_once(
    one_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = client(tmp_path, monkeypatch, f'printf %s "{CONTENT.decode()}" > "$out/c-1.2.jar"')
    for _ in range(2):
        found = fetching.fetch(["x"], one_file)
        assert found["c-1.2.jar"].read_bytes() == CONTENT
    assert runs.read_text() == "run\n"
    found["c-1.2.jar"].write_bytes(b"a damaged")  # in the cache: fetched again
    assert fetching.fetch(["x"], one_file)["c-1.2.jar"].read_bytes() == CONTENT
    assert runs.read_text() == "run\nrun\n"
    assert [path.name for path in one_file.iterdir()] == [hashlib.sha256(CONTENT).hexdigest()]


def test_two_versions_of_an_artifact_are_two_projects(
    one_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a project that names both, Maven delivers one."""
    digest = hashlib.sha256(b"a version").hexdigest()
    with (tmp_path / "artifacts.tsv").open("a") as listing:
        listing.write(f"x\ta.b:c:1.3:jar\t9\t{digest}\n")
    script = (
        f"cat $out/pom.xml >> {tmp_path}/poms; echo >> {tmp_path}/poms\n"
        f'printf %s "{CONTENT.decode()}" > "$out/c-1.2.jar"; printf "a version" > "$out/c-1.3.jar"'
    )
    runs = client(tmp_path, monkeypatch, script)
    assert set(fetching.fetch(["x"], one_file)) == {"c-1.2.jar", "c-1.3.jar"}
    assert runs.read_text() == "run\nrun\n"
    projects = (tmp_path / "poms").read_text().splitlines()
    assert [text.count("<artifactId>c<") for text in projects if text] == [1, 1]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no such file >&2; exit 1", r"Maven did not deliver .*\n.*no such file"),
        ("exit 0", r"a\.b:c:1\.2:jar was not delivered"),
        ('printf "a trojans" > "$out/c-1.2.jar"', r"c-1\.2\.jar has SHA-256 .* do not use it"),
        ('printf "short" > "$out/c-1.2.jar"', r"c-1\.2\.jar has 5 bytes, but 9 are pinned"),
    ],
)
def test_what_is_not_the_pinned_file_is_refused(
    one_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    client(tmp_path, monkeypatch, script)
    with pytest.raises(FetchError, match=f"(?s){message}"):
        fetching.fetch(["x"], one_file)
    assert list(one_file.iterdir()) == []


def test_the_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert fetching.main(["nothing"]) == 1
    assert capsys.readouterr().err.startswith("fetching: unknown group 'nothing'")
