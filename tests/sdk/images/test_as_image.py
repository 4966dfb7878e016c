"""A photo in whatever a program has it in is the same photo."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.samples import OBAMA

CONTENT = Path(OBAMA).read_bytes()
PIXELS = decode.load(OBAMA)


@pytest.mark.parametrize(
    "source",
    [
        str(OBAMA),
        Path(OBAMA),
        CONTENT,
        bytearray(CONTENT),
        memoryview(CONTENT),
        io.BytesIO(CONTENT),
        Image.open(OBAMA),
        Image.fromarray(PIXELS),
        PIXELS,
    ],
    ids=lambda source: type(source).__name__,
)
def test_every_source_gives_the_same_pixels(source: object) -> None:
    np.testing.assert_array_equal(decode.as_image(source), PIXELS)  # type: ignore[arg-type]


def test_an_open_file_that_cannot_be_rewound_is_read() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self._stream = io.BytesIO(CONTENT)

        def read(self, size: int = -1) -> bytes:
            return self._stream.read(size)

    np.testing.assert_array_equal(decode.as_image(Pipe()), PIXELS)  # type: ignore[arg-type]


def test_bgr_is_turned() -> None:
    bgr = PIXELS[..., ::-1].copy()
    found = decode.as_image(bgr, color="BGR")
    np.testing.assert_array_equal(found, PIXELS)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(decode.as_image(OBAMA, color="BGR"), PIXELS)
    grey = PIXELS[..., 0].copy()
    np.testing.assert_array_equal(decode.as_image(grey, color="BGR"), decode.as_image(grey))


def test_an_image_of_pillow_is_turned_upright() -> None:
    stream = io.BytesIO()
    image = Image.fromarray(PIXELS)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(stream, "PNG", exif=exif)
    np.testing.assert_array_equal(
        decode.as_image(Image.open(stream)), decode.as_image(stream.getvalue())
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("https://example.com/a.jpg", "^https://example.com/a.jpg is a URL: download the photo"),
        (Path("https://example.com/a.jpg"), "^https://example.com/a.jpg is a URL: download the"),
        ("data:image/png;base64,AAAA", "is a URL"),
        ("photos/*.jpg", "for a pattern give each file that glob.glob finds"),
        (b"", "image is empty"),
        (b"no image", "image is"),
        (io.StringIO("text"), "opened as a binary file"),
        (Image.open(io.BytesIO(CONTENT[: len(CONTENT) // 2])), "truncated or corrupt"),
        (3, "an image must be a path, the bytes of a file, an open file"),
        ([OBAMA], "but got list"),
    ],
)
def test_what_is_no_photo_is_one_clear_line(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        decode.as_image(source)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_url_is_one_on_the_command_line_too() -> None:
    """Where it has become a path, which has one slash for two."""
    with pytest.raises(InputError, match=r"^https://example\.com/a\.jpg is a URL: download"):
        decode.load_photo(Path("https://example.com/a.jpg"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory: give an image file"):
        decode.as_image(tmp_path)


def test_a_file_may_have_the_name_of_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "a[1]*.jpg"
    path.write_bytes(CONTENT)
    np.testing.assert_array_equal(decode.as_image(path), PIXELS)


def test_another_order_of_colours_is_refused() -> None:
    with pytest.raises(InputError, match="color must be one of RGB, BGR, but got 'bgr'"):
        decode.as_image(PIXELS, color="bgr")
