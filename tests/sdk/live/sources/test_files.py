"""Films and folders, whole and damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facesdk.bench.film import write_film
from facesdk.errors import InputError
from facesdk.live.sources.folder import FolderSource
from facesdk.live.sources.source import Frame, Source
from facesdk.live.sources.video import VideoSource
from sdk.photos import encode, truncated_jpeg


def levels(count: int) -> list[np.ndarray]:
    """Plain pictures, each redder, in blocks that a codec keeps."""
    return [np.full((48, 64, 3), (20 * i, 10, 200), np.uint8) for i in range(count)]


def read(source: Source) -> list[Frame]:
    source.open()
    found = []
    while (frame := source.read()) is not None:
        found.append(frame)
    source.close()
    source.close()
    return found


def test_a_film_gives_its_pictures_in_rgb_with_their_times(tmp_path: Path) -> None:
    film = VideoSource(write_film(tmp_path / "a:film.mp4", levels(10), fps=10))
    for _ in range(2):
        rows = read(film)
        assert [row.time for row in rows] == pytest.approx(np.arange(10) / 10, abs=1e-3)
        for number, row in enumerate(rows):
            assert row.image.dtype == np.uint8
            assert row.image.flags.c_contiguous
            means = row.image.reshape(-1, 3).mean(axis=0)
            assert means == pytest.approx((20 * number, 10, 200), abs=6)


def test_a_film_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(30)]
    path = write_film(tmp_path / "film.avi", noise)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert 5 <= len(read(VideoSource(path))) < 30


@pytest.mark.parametrize(
    "content", [b"", b"no film at all" * 100, b"\0\0\0\x18ftypmp42" + bytes(99)]
)
def test_what_is_no_film_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no video"):
        VideoSource(path).open()


def test_a_missing_film_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*No such file"):
        VideoSource(tmp_path / "none.mp4").open()
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="not a regular file"):
        VideoSource(tmp_path / "pipe.mp4").open()


def test_a_film_whose_path_is_not_utf8_is_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", levels(2))
    folder = tmp_path / os.fsdecode(b"d\xff")
    folder.mkdir()
    moved = film.rename(folder / "film.mp4")
    with pytest.raises(InputError, match="name in UTF-8"):
        VideoSource(moved)
    with pytest.raises(InputError, match="name in UTF-8"):
        write_film(folder / "other.mp4", levels(2))


def test_a_film_with_a_name_in_utf8_is_read_in_a_locale_without_it(tmp_path: Path) -> None:
    film = write_film(tmp_path / "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.mp4", levels(2))
    program = (
        "import sys; from pathlib import Path; from facesdk.live.sources.video import VideoSource; "
        "film = VideoSource(Path(sys.argv[1])); film.open(); assert film.read() is not None"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", program, film], env={**os.environ, **plain}, check=True)


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_goes_by_the_numbers_in_names_and_leaves_out_what_is_damaged(
    packed: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(levels(12)):
        (folder / f"frame{number}.png").write_bytes(encode(picture, "PNG"))
    (folder / "frame5.png").unlink()
    (folder / "frame5.jpg").write_bytes(truncated_jpeg(levels(1)[0]))
    (folder / "notes.txt").write_text("not a picture")
    path = folder
    if packed:
        path = tmp_path / "frames.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
    source = FolderSource(path, fps=10)
    rows = read(source)
    reds = [int(row.image[0, 0, 0]) for row in rows]
    assert reds == [20 * i for i in range(12) if i != 5]
    assert [row.time for row in rows] == pytest.approx([i / 10 for i in range(12) if i != 5])
    assert source.unreadable == 1


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no picture"):
        FolderSource(tmp_path).open()
    with pytest.raises(InputError, match="pictures per second"):
        FolderSource(tmp_path, fps=0)
