from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.files import ScratchFolder, make_folder, read_regular, sha256_of, write_atomic


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_atomic(path, b"content")
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("name", ["x" * 256, "none/file", "x" * 256 + "/file", "folder", "."])
def test_what_cannot_be_written_leaves_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_atomic(tmp_path / name, b"content")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/file")
    (tmp_path / "link to link").symlink_to(tmp_path / "link")
    (tmp_path / "dangling").symlink_to("far/new")
    for name, target in (("link to link", "file"), ("dangling", "new")):
        write_atomic(tmp_path / name, b"new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "far" / target).read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path / "far")) == ["file", "new"]


def linked(path: Path, folder: Path) -> tuple[Path, Path]:
    (folder / "link").symlink_to(path)
    return path, folder / "link"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in linked(pipe, tmp_path):
        writer = threading.Thread(target=write_atomic, args=(path, b"content"))
        writer.start()
        assert pipe.read_bytes() == b"content"
        writer.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_a_terminal_is_written_into(tmp_path: Path) -> None:
    master, slave = os.openpty()
    for path in linked(Path(os.ttyname(slave)), tmp_path):
        write_atomic(path, b"content\n")
        assert os.read(master, 100) == b"content\r\n"
        assert stat.S_ISCHR(path.stat().st_mode)
    os.close(master)
    os.close(slave)


def test_a_device_stays_one(tmp_path: Path) -> None:
    """Made here like /dev/null, /dev/full and a disk: a test must never risk the real ones."""
    null, full, disk = (tmp_path / name for name in ("null", "full", "disk"))
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(full, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        os.mknod(disk, stat.S_IFBLK | 0o666, os.makedev(7, 0))
    except PermissionError:
        pytest.skip("only root may make devices")
    for path in linked(null, tmp_path):
        write_atomic(path, b"content")
        assert stat.S_ISCHR(path.stat().st_mode)
    with pytest.raises(InputError, match=r"cannot write .*full: No space left"):
        write_atomic(full, b"content")
    with pytest.raises(InputError, match=r"cannot write .*disk: it is a block device"):
        write_atomic(disk, b"content")
    assert sorted(os.listdir(tmp_path)) == ["disk", "full", "link", "null"]


@pytest.mark.parametrize("name", ["/proc/self/fd/{}", "/dev/fd/{}", "link"])
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_an_open_file_of_this_process_is_written_into(name: str, kind: str, tmp_path: Path) -> None:
    reader, descriptor = (
        os.pipe() if kind == "pipe" else (-1, os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT))
    )
    (tmp_path / "link").symlink_to(f"/proc/self/fd/{descriptor}")
    os.write(descriptor, b"before, ")
    write_atomic(tmp_path / name.format(descriptor), b"content")
    os.write(descriptor, b", after")
    if kind == "file":
        reader = os.open(tmp_path / "out", os.O_RDONLY)
    assert os.read(reader, 100) == b"before, content, after"
    os.close(reader)
    os.close(descriptor)


def test_a_pipe_without_a_reader_is_told_from_other_failures() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write_atomic(f"/proc/self/fd/{writer}", b"content")
    os.close(writer)
    with pytest.raises(InputError, match="Bad file descriptor"):
        write_atomic(f"/proc/self/fd/{writer}", b"content")


KILLED = """
import os, signal, sys
from facesdk import files
os.fsync = lambda descriptor: os.kill(os.getpid(), getattr(signal, sys.argv[2]))
files.write_atomic(sys.argv[1], b"half a file")
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    others = [".facesdk-notes.txt", "mine.tmp", ".other.tmp"]
    for name in others:
        (tmp_path / name).touch()
    arguments = (sys.executable, "-c", KILLED, str(tmp_path / "file"))
    assert subprocess.run((*arguments, "SIGKILL")).returncode == -signal.SIGKILL
    (left,) = set(os.listdir(tmp_path)) - set(others)
    stopped = subprocess.Popen((*arguments, "SIGSTOP"))
    os.waitpid(stopped.pid, os.WUNTRACED)
    assert len(os.listdir(tmp_path)) == 4
    assert left not in os.listdir(tmp_path), "the second process removes what the first has left"
    write_atomic(tmp_path / "new", b"content")
    assert len(os.listdir(tmp_path)) == 5, "a process that still writes keeps its file"
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait() == 0
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "file", "new"])


def test_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(path)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)


def test_the_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * 5000
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_the_digest_of_a_folder_is_of_names_and_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "inner").mkdir(parents=True)
    for name in ("b", "a", "inner/a"):
        (first / name).write_bytes(name.encode())
    for name in ("inner/a", "a", "b"):
        (second / name).write_bytes(name.encode())
    os.utime(second / "a", (0, 0))
    assert sha256_of(first) == sha256_of(second)
    expected = hashlib.sha256(b"a\x001\x00ab\x001\x00binner/a\x007\x00inner/a").hexdigest()
    assert sha256_of(first) == expected
    (second / "inner" / "a").rename(second / "inner" / "c")
    assert sha256_of(first) != sha256_of(second)


def test_a_pipe_in_a_folder_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        sha256_of(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        sha256_of(tmp_path / "none")


def test_a_folder_is_made_once_and_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot create folder .*file/c: Not a directory"):
        make_folder(tmp_path / "file" / "c")


_HOLDER = """
import sys, time
from pathlib import Path
from facesdk.files import ScratchFolder
folder = ScratchFolder("facesdk-test-", Path(sys.argv[1]))
(folder.path / "inside").write_text("x")
print(folder.path, flush=True)
time.sleep(60)
"""


def _holder(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a scratch folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(parent)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_scratch_folder_outlives_its_process_only_until_the_next(tmp_path: Path) -> None:
    killed, left = _holder(tmp_path)
    alive, held = _holder(tmp_path)
    killed.kill()
    killed.wait()
    (tmp_path / "facesdk-test-link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    assert (left / "inside").exists(), "kill -9 leaves it behind"
    own = ScratchFolder("facesdk-test-", tmp_path)
    try:
        assert not left.exists()
        assert (held / "inside").exists(), "its process lives"
        assert (tmp_path / "elsewhere").is_dir()
    finally:
        alive.kill()
        alive.wait()
    own.close()
    assert not own.path.exists()
