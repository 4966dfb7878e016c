"""The list of a release's files, against ``sha256sum``, and what is wrong with one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.release import checksums
from tools.release.checksums import SUMS, ChecksumError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name in ("b.whl", "a.tar.gz", "b.cdx.json"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    checksums.write(tmp_path, ["b.whl", "a.tar.gz", "b.cdx.json"])
    return tmp_path


def test_the_list_is_what_sha256sum_writes_and_checks(release: Path) -> None:
    names = sorted(["b.whl", "a.tar.gz", "b.cdx.json"])
    wanted = subprocess.run(["sha256sum", *names], cwd=release, capture_output=True, check=True)
    assert (release / SUMS).read_bytes() == wanted.stdout
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=release, check=True)
    assert checksums.check(release) == names


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: (folder / "b.whl").write_bytes(b"other"), "b.whl is not the file"),
        (lambda folder: (folder / "b.whl").unlink(), "b.whl is listed, but not there"),
        (lambda folder: (folder / "c.whl").touch(), "c.whl is not listed"),
        (lambda folder: (folder / SUMS).unlink(), "cannot be read"),
        (lambda folder: (folder / SUMS).write_text(""), "is empty"),
        (lambda folder: (folder / SUMS).write_bytes(b"\xff\n"), "cannot be read"),
        (lambda folder: (folder / SUMS).write_text("0" * 64 + "  ../a\n"), "line 1"),
        (lambda folder: (folder / SUMS).write_text("abc  a\n"), "line 1"),
    ],
)
def test_what_is_wrong_is_named(release: Path, harm, words: str) -> None:
    harm(release)
    with pytest.raises(ChecksumError, match=words):
        checksums.check(release)


def test_the_command_line(release: Path) -> None:
    command = [sys.executable, "-m", "tools.release.checksums", str(release)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 files are as released; the signature was not looked at" in done.stdout
    (release / "b.whl").write_bytes(b"other")
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "checksums: b.whl is not the file that was released\n"


def test_without_minisign_it_says_what_to_install(release: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(release))
    with pytest.raises(ChecksumError, match="apt-get install minisign"):
        checksums.sign(release / SUMS, release / "key", "a test")


@pytest.mark.slow
def test_a_signature_is_of_one_list_and_one_key(release: Path) -> None:
    assert shutil.which("minisign"), "make test-slow installs it"
    for name in ("ours", "other"):
        command = ["minisign", "-G", "-W", "-p", f"{name}.pub", "-s", f"{name}.key"]
        subprocess.run(command, cwd=release, check=True, capture_output=True)
    sums = release / SUMS
    checksums.sign(sums, release / "ours.key", "facesdk-edge 1.2.3")
    checksums.check_signature(sums, release / "ours.pub")
    with pytest.raises(ChecksumError, match="minisign: "):
        checksums.check_signature(sums, release / "other.pub")
    sums.write_text(sums.read_text().replace("a", "b", 1))
    with pytest.raises(ChecksumError, match="minisign: "):
        checksums.check_signature(sums, release / "ours.pub")
