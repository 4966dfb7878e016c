"""Decoding: every disguise gives the same upright picture, every broken file one error."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from facesdk.errors import InputError
from facesdk.images import decode as decoder
from sdk import photos

RGB = photos.quadrants()


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Decoders must not write to the standard streams themselves."""
    yield
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def decode(data: bytes) -> NDArray[np.uint8]:
    return decoder.decode(io.BytesIO(data), name="photo")


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def opencv(data: bytes) -> NDArray[np.uint8]:
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM"])
def test_lossless_formats_give_the_exact_pixels(kind: str) -> None:
    decoded = decode(photos.encode(RGB, kind))
    assert np.array_equal(decoded, RGB)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    data = photos.exif_jpeg(RGB, orientation)
    decoded = decode(data)
    assert decoded.shape == RGB.shape
    assert difference(decoded, RGB) < 4
    assert difference(decoded, opencv(data)) < 1


@pytest.mark.parametrize("exif", [b"", b"MM junk", b"II*\0\xff\xff\xff\xff"])
def test_unreadable_exif_counts_as_upright(exif: bytes) -> None:
    assert difference(decode(photos.encode(RGB, "JPEG", exif=b"Exif\0\0" + exif)), RGB) < 4


def test_cmyk_keeps_its_colours() -> None:
    data = photos.cmyk_jpeg(RGB)
    assert difference(decode(data), RGB) < 4
    assert difference(decode(data), opencv(data)) < 4


def test_palette_png() -> None:
    palette = photos.Image.fromarray(RGB).quantize(16)
    assert np.array_equal(decode(photos.encode(palette, "PNG")), RGB)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_grey_is_repeated_over_the_channels(kind: str) -> None:
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
    decoded = decode(photos.encode(grey, kind))
    assert np.array_equal(decoded[..., 0], decoded[..., 1])
    assert np.array_equal(decoded[..., 0], decoded[..., 2])
    assert difference(decoded[..., 0], grey) < 1


def test_sixteen_bit_samples_keep_their_high_byte() -> None:
    assert np.array_equal(decode(photos.sixteen_bit_png(RGB)), RGB)
    grey = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64).astype(np.uint8)
    assert np.array_equal(decode(photos.sixteen_bit_png(grey))[..., 0], grey)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_level_of_grey_that_is_transparent_is_white(depth: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    rows = np.array([[0, 200], [0, 100]]) * (257 if depth == 16 else 1)
    raw = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in rows)
    content = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, depth, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", 0))
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )
    assert decoder.as_image(content)[..., 0].tolist() == [[255, 200], [255, 100]]


def test_a_premultiplied_image_of_pillow_is_one() -> None:
    image = Image.new("LA", (2, 2), (100, 255)).convert("La")
    assert decoder.as_image(image).tolist() == np.full((2, 2, 3), 100).tolist()


def test_transparent_pixels_lie_over_white() -> None:
    alpha = np.full(RGB.shape[:2], 255, np.uint8)
    alpha[:, :16] = 0
    alpha[:, 16:32] = 51
    decoded = decode(photos.rgba_png(RGB, alpha))
    assert (decoded[:, :16] == 255).all()
    blended = 255 + (RGB[:, 16:32].astype(float) - 255) * 51 / 255
    assert np.abs(decoded[:, 16:32] - blended).max() <= 1
    assert np.array_equal(decoded[:, 32:], RGB[:, 32:])


def test_one_pixel() -> None:
    assert decode(photos.encode(np.full((1, 1, 3), 7, np.uint8), "PNG")).tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("keep", [0.05, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_truncated_files_are_errors(kind: str, keep: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    whole = photos.encode(noise, kind)
    with pytest.raises(InputError, match=r"photo is (truncated or corrupt|not an image)"):
        decode(whole[: int(len(whole) * keep)])


@pytest.mark.parametrize("size", [(20_000, 20_000), (8_001, 8_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    data = photos.bomb_png(*size)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="larger than the limit of 64 megapixels"):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_largest_photo_passes_the_size_check() -> None:
    with pytest.raises(InputError, match="truncated"):
        decode(photos.bomb_png(8_000, 8_000))


@pytest.mark.parametrize("data", [b"hello, I am text", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM"])
def test_what_is_no_image_is_an_error(data: bytes) -> None:
    with pytest.raises(InputError, match="photo is"):
        decode(data)


def test_empty_file() -> None:
    with pytest.raises(InputError, match="photo is empty"):
        decode(b"")


def test_floating_point_samples_are_refused() -> None:
    with pytest.raises(InputError, match="floating-point"):
        decode(photos.float_pfm(np.zeros((2, 2), np.float32)))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM"]))
def test_damaged_files_decode_or_raise_input_error(data: st.DataObject, kind: str) -> None:
    damaged = bytearray(photos.encode(RGB, kind))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    message = ""
    try:
        decoded = decode(bytes(damaged))
    except InputError as error:
        message = str(error)
    else:
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3
        assert decoded.dtype == np.uint8
    assert "\n" not in message


def test_load_reads_a_file_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(photos.encode(RGB, "PNG"))
    assert np.array_equal(decoder.load(path), RGB)
    assert np.array_equal(decoder.load(str(path)), RGB)


def test_load_names_what_is_wrong_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.jpg does not exist"):
        decoder.load(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="is a directory"):
        decoder.load(tmp_path)
    with pytest.raises(InputError, match=r"cannot read .*too long"):
        decoder.load(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match="is not a file name: embedded null"):
        decoder.load("a\0b.jpg")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(InputError, match="not a regular file"):
        decoder.load(fifo)


def test_load_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(photos.encode(RGB, "PNG"))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match=r"cannot read .*secret.png: Permission denied"):
        decoder.load(path)


def test_as_image_takes_paths_and_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photos.encode(RGB, "PNG"))
    assert np.array_equal(decoder.as_image(path), RGB)
    assert np.shares_memory(decoder.as_image(RGB), RGB)
    assert decoder.as_image(RGB[:, ::-1]).flags.c_contiguous
    grey = decoder.as_image(RGB[..., 0])
    assert grey.shape == RGB.shape
    assert np.array_equal(grey[..., 2], RGB[..., 0])


@pytest.mark.parametrize(
    ("source", "got"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 with shape \(4, 4, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 with shape \(4, 4, 4\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"\(1, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        ([[1, 2], [3, 4]], "but got list"),
        (None, "but got NoneType"),
    ],
)
def test_as_image_says_what_it_got(source: object, got: str) -> None:
    with pytest.raises(InputError, match=f"must be .*{got}"):
        decoder.as_image(source)  # type: ignore[arg-type]
