"""Files as cameras, scanners and old programs write them: pixels decide, and nothing else does."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facesdk.errors import InputError
from facesdk.images import decode as decoder
from facesdk.images import formats, jpeg, png
from facesdk.results import Face
from sdk import photos

RGB = photos.quadrants()
NOISE = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)


def decode(data: bytes) -> NDArray[np.uint8]:
    return decoder.decode(io.BytesIO(data), name="photo")


def chunk(kind: bytes, data: bytes, *, sound: bool = True) -> bytes:
    checksum = zlib.crc32(kind + data) ^ (not sound)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def with_chunk(extra: bytes, where: bytes = b"IDAT") -> bytes:
    """The PNG of the quadrants with a chunk put in before another."""
    whole = photos.encode(RGB, "PNG")
    at = whole.index(where) - 4
    return whole[:at] + extra + whole[at:]


LONG = b"text " * 600_000
CHUNKS = {
    "zTXt": b"Comment\0\0" + zlib.compress(LONG),
    "iTXt": b"Comment\0\1\0\0\0" + zlib.compress(LONG),
    "tEXt": b"Comment\0" + LONG,
    "iCCP": b"profile\0\0" + zlib.compress(LONG),
    "zTXt orientation": b"Raw profile type exif\0\0" + zlib.compress(LONG),
    "iTXt orientation": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG),
    "pHYs": b"\0",
    "gAMA": b"",
    "cHRM": b"short",
    "tIME": b"\xff" * 7,
    "tRNS": b"\0",
    "eXIf": b"no exif",
    "acTL": b"\0\0\0\2\0\0\0\0",
    "abCd": b"a private chunk",
}


@pytest.mark.parametrize("where", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("name", CHUNKS)
@pytest.mark.parametrize("sound", [True, False])
def test_an_ancillary_chunk_never_decides(name: str, where: bytes, sound: bool) -> None:
    content = with_chunk(chunk(name[:4].encode(), CHUNKS[name], sound=sound), where)
    assert np.array_equal(decode(content), RGB)


@settings(max_examples=200)
@given(
    kind=st.from_regex(rb"[a-z][a-zA-Z]{3}", fullmatch=True),
    data=st.binary(max_size=400),
    sound=st.booleans(),
    where=st.sampled_from([b"IDAT", b"IEND"]),
)
def test_any_ancillary_chunk_is_passed_over(
    kind: bytes, data: bytes, sound: bool, where: bytes
) -> None:
    decoded = decode(with_chunk(chunk(kind, data, sound=sound), where))
    assert decoded.shape[2] == 3
    if kind not in (b"tRNS", b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
        assert np.array_equal(decoded, RGB)


def test_damage_where_it_matters_is_still_refused() -> None:
    whole = photos.encode(NOISE, "PNG")
    header = bytearray(whole)
    header[20] ^= 1
    pixels = bytearray(whole)
    pixels[len(whole) // 2] ^= 1
    for content in (header, pixels, whole[: len(whole) // 2], whole[:-200]):
        with pytest.raises(InputError, match=r"truncated or corrupt|not an image"):
            decode(bytes(content))


def test_a_png_that_lacks_only_its_end_is_read() -> None:
    assert np.array_equal(decode(photos.encode(RGB, "PNG")[:-12]), RGB)


def test_a_wrong_checksum_of_the_packed_pixels_does_not_decide() -> None:
    whole = photos.encode(RGB, "PNG")
    at = whole.index(b"IDAT") + 4
    packed = whole[at : at + int.from_bytes(whole[at - 8 : at - 4], "big")]
    wrong = chunk(b"IDAT", packed[:-4] + b"fdEC" + b"more")
    assert np.array_equal(decode(whole[: at - 8] + wrong + chunk(b"IEND", b"")), RGB)
    for damage in (
        chunk(b"IDAT", packed[:-4] + b"fdEC", sound=False),
        chunk(b"IDAT", packed[:-9]),
        chunk(b"IDAT", packed[:9] + b"\xff" * 9),
    ):
        with pytest.raises(InputError, match="truncated or corrupt"):
            decode(whole[: at - 8] + damage + chunk(b"IEND", b""))


def webps() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 1
    extras = {"exif": exif.tobytes(), "icc_profile": b"\xff" * 301, "xmp": b"<x:xmpmeta"}
    kinds: dict[str, dict[str, Any]] = {
        "lossy": {},
        "lossless": {"lossless": True},
        "alpha": {"lossless": True, "exact": True},
    }
    found = {}
    for name, how in kinds.items():
        image = Image.fromarray(NOISE).convert("RGBA" if name == "alpha" else "RGB")
        found[name] = photos.encode(image, "WEBP", **how)
        found[f"{name}, extras"] = photos.encode(image, "WEBP", **how, **extras)
    return found


WEBPS = webps()


@pytest.mark.parametrize("kind", WEBPS)
def test_what_is_around_the_picture_of_a_webp_never_decides(kind: str) -> None:
    whole = WEBPS[kind]
    expected = decode(WEBPS[kind.partition(",")[0]])
    assert np.array_equal(decode(whole), expected)
    assert np.array_equal(decode(whole + b"ABCD\xff\0\0\0tail"), expected)
    for length in (0, 40, 1 << 30):
        assert np.array_equal(decode(whole[:4] + struct.pack("<I", length) + whole[8:]), expected)
    if "extras" in kind:
        assert np.array_equal(decode(whole[:-5]), expected)


@pytest.mark.parametrize("kind", WEBPS)
@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_a_webp_that_lacks_pixels_is_refused(kind: str, keep: float) -> None:
    whole = WEBPS[kind.partition(",")[0]]
    with pytest.raises(InputError, match="truncated or corrupt"):
        decode(whole[: int(keep * len(whole))])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["eXIf", "text", "TIFF"])
def test_the_orientation_is_kept(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(photos.STORED_AS[orientation](RGB))
    if form == "TIFF":
        content = photos.encode(stored, "TIFF", tiffinfo={274: orientation})
    elif form == "eXIf":
        content = photos.encode(stored, "PNG", exif=exif)
    else:
        data = exif.tobytes()
        text = f"\nexif\n{len(data):8d}\n{data.hex()}\n".encode()
        whole = photos.encode(stored, "PNG")
        at = whole.index(b"IDAT") - 4
        zipped = b"Raw profile type exif\0\0" + zlib.compress(text)
        content = whole[:at] + chunk(b"zTXt", zipped) + whole[at:]
    assert np.array_equal(decode(content), RGB)


def jpegs() -> dict[str, bytes]:
    grey = Image.fromarray(NOISE).convert("L")
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "baseline": (NOISE, {}),
        "4:4:4": (NOISE, {"subsampling": 0}),
        "grey": (grey, {}),
        "progressive": (NOISE, {"progressive": True}),
        "progressive grey": (grey, {"progressive": True}),
        "restarts": (NOISE, {"restart_marker_blocks": 3}),
        "restarts in rows": (NOISE, {"restart_marker_rows": 1, "subsampling": 0}),
        "CMYK": (Image.fromarray(NOISE).convert("CMYK"), {}),
    }
    return {name: photos.encode(image, "JPEG", **how) for name, (image, how) in kinds.items()}


JPEGS = jpegs()


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0" * 100, b"\0\0\xff", b"\xff\xff"])
def test_a_jpeg_that_lacks_only_its_end_mark_is_read(kind: str, tail: bytes) -> None:
    whole = JPEGS[kind]
    assert whole.endswith(jpeg.END)
    assert np.array_equal(decode(whole[:-2] + tail), decode(whole))


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_a_pixel_is_refused(kind: str) -> None:
    """Cut everywhere: what is read has all the pixels of the whole file."""
    whole, expected = JPEGS[kind], decode(JPEGS[kind])
    refused = []
    step = max(1, len(whole) // 150)
    cuts = {*range(2, len(whole) - 2, step), *range(len(whole) - 60, len(whole) - 2)}
    restarts = {place for place in range(2, len(whole) - 1) if whole[place] == 0xFF}
    for cut in sorted(cuts | restarts):
        try:
            assert np.array_equal(decode(whole[:cut]), expected), cut
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert all("truncated" in message or "not an image" in message for message in refused)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_cut_jpeg_with_an_end_mark_is_refused(kind: str) -> None:
    whole = JPEGS[kind]
    data = whole.rindex(b"\xff\xda") + 20
    cut = whole[: data + (len(whole) - data) * 2 // 3].rstrip(b"\xff")
    if kind.startswith(("progressive", "restarts")):  # then decoders make up what is missing
        decode(cut + jpeg.END)
    else:
        with pytest.raises(InputError, match="pixels are missing"):
            decode(cut + jpeg.END)


def test_a_whole_jpeg_with_a_flat_corner_is_read() -> None:
    pixels = NOISE.copy()
    pixels[32:, 48:] = 255
    whole = photos.encode(pixels, "JPEG")
    assert (decode(whole)[-8:, -8:] == 255).all()


@settings(max_examples=60)
@given(st.integers(0, 2), st.data())
def test_a_cut_jpeg_is_whole_or_refused(kind: int, data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    seed = data.draw(st.integers(0, 100))
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    options = ({}, {"progressive": True}, {"restart_marker_blocks": 1})[kind]
    whole = photos.encode(pixels, "JPEG", **options)
    cut = data.draw(st.integers(2, len(whole) - 1))
    try:
        decoded = decode(whole[:cut])
    except InputError:
        assert cut < len(whole) - 2 or cut == 2
    else:
        assert np.array_equal(decoded, decode(whole))


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize(
    "extra",
    [
        segment(0xFE, b"a comment"),
        segment(0xE1, b"Exif\0\0broken"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta"),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + b"\xff" * 1000),
        segment(0xE2, b"MPF\0II*\0\xff\xff\xff\x7f"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff"),
        segment(0xEC, b"Ducky") * 50,
        segment(0xEB, b""),
        segment(0xE0, b"JFIF"),
        segment(0xE0, b"JFIF\0\1"),
        segment(0xEE, b"Adobe\0"),
        segment(0xE1, b"Exif\0\0II*"),
    ],
)
def test_application_data_never_decides(kind: str, extra: bytes) -> None:
    whole = JPEGS[kind]
    at = whole.index(b"\xff\xdb")
    assert np.array_equal(decode(whole[:at] + extra + whole[at:]), decode(whole))


def test_a_photo_of_two_pictures_gives_the_first() -> None:
    first, second = (Image.fromarray(pixels) for pixels in (RGB, NOISE))
    stream = io.BytesIO()
    first.save(stream, "MPO", save_all=True, append_images=[second], quality=95)
    assert np.array_equal(decode(stream.getvalue()), decode(photos.encode(RGB, "JPEG")))


def many_scans(count: int) -> bytes:
    """The last scan of a progressive file again and again, which refines nothing."""
    whole = photos.encode(Image.new("L", (64, 64)), "JPEG", progressive=True)
    at = whole.rindex(b"\xff\xda")
    return whole[:at] + whole[at:-2] * count + jpeg.END


def test_the_number_of_scans_is_limited() -> None:
    assert jpeg.essential(many_scans(jpeg.MAX_SCANS)).scans > jpeg.MAX_SCANS
    with pytest.raises(InputError, match=r"has \d+ scans, more than the limit of 100"):
        decode(many_scans(jpeg.MAX_SCANS))
    assert decode(many_scans(3)).shape == (64, 64, 3)


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1), (1, 64_000_000), (2, 32_000_000)])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
def test_a_strip_is_refused_before_it_is_decoded(size: tuple[int, int], kind: str) -> None:
    content = photos.encode(Image.new("L", (2, 2)), kind)
    if kind == "PNG":
        content = photos.png(*size, 8, 1, b"")
    elif kind == "PPM":
        content = b"P5\n%d %d\n255\n" % size
    elif kind == "BMP":
        content = content[:18] + struct.pack("<ii", *size) + content[26:]
    else:
        for tag, value in zip((256, 257), size, strict=True):
            at = content.find(struct.pack("<H", tag))
            content = content[:at] + struct.pack("<HHII", tag, 4, 1, value) + content[at + 12 :]
    with pytest.raises(InputError, match=r"has \d+x\d+ pixels, more than the limit of 65,535 on a"):
        decode(content)


def claiming(size: tuple[int, int], *, progressive: bool) -> bytes:
    """A JPEG of 8x8 pixels that says it has others."""
    whole = photos.encode(Image.new("L", (8, 8)), "JPEG", progressive=progressive)
    at = whole.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", *size) + whole[at + 4 :]


@pytest.mark.parametrize(
    ("size", "progressive", "limit"),
    [
        ((16_000, 8_001), True, 128),
        ((40_000, 40_000), True, 128),
        ((31_623, 31_623), False, 1000),
        ((65_535, 65_535), False, 1000),
    ],
)
def test_a_jpeg_is_refused_by_its_own_limit(
    size: tuple[int, int], progressive: bool, limit: int
) -> None:
    """Of a progressive one all coefficients must be held, whatever the size of the result."""
    with pytest.raises(InputError, match=f"larger than the limit of {limit} megapixels"):
        decode(claiming(size, progressive=progressive))


@given(
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    times=st.sampled_from((1, 2, 4, 8)),
    orientation=st.integers(1, 8),
)
@settings(max_examples=60, deadline=None)
def test_a_very_large_jpeg_is_reduced_while_it_is_decoded(
    height: int, width: int, times: int, orientation: int
) -> None:
    """Pillow's own reduced decoding is the oracle; sizes are those of the file."""
    picture = photos.quadrants(height + 1, width + 1)[:height, :width]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = photos.encode(picture, "JPEG", exif=exif.tobytes())
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(decoder, "MAX_JPEG_PIXELS", -(-height * width // times**2))
        found = decoder.decode_photo(io.BytesIO(content), name="photo")
    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (width // times, height // times))
        wanted = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(found.pixels, wanted)
    lying = orientation > 4
    assert (found.height, found.width) == ((width, height) if lying else (height, width))
    assert found.scale == (times, times)
    assert found.pixels.shape[0] == -(-found.height // times)


def test_a_face_of_a_reduced_photo_is_told_in_pixels_of_the_file() -> None:
    photo = decoder.DecodedPhoto(np.zeros((50, 100, 3), np.uint8), (2.0, 4.0), 200, 200)
    face = Face(np.array([1, 2, 3, 4]), 0.9, np.arange(10).reshape(5, 2))
    told = photo.of_photo(face)
    assert told.box.tolist() == [2, 8, 6, 16]
    assert told.landmarks[1].tolist() == [4, 12]
    assert photo.of_pixels(told) == face
    whole = decoder.DecodedPhoto.of(photo.pixels)
    assert whole.of_photo(face) == whole.of_pixels(face) == face


@pytest.mark.slow
def test_a_jpeg_beyond_pillows_own_limit() -> None:
    """Pillow takes twice its limit, 179 megapixels, for an attack."""
    content = photos.encode(Image.new("L", (20_000, 9_001), 77), "JPEG")
    found = decoder.decode_photo(io.BytesIO(content), name="photo")
    assert (found.height, found.width) == (9_001, 20_000)
    assert found.pixels.shape == (4_501, 10_000, 3)
    assert (found.pixels == 77).all()


def test_a_large_photo_is_copied_in_strips() -> None:
    tall = np.random.default_rng(0).integers(0, 256, (1025, 3, 3), dtype=np.uint8)
    assert np.array_equal(decode(photos.encode(tall, "PNG")), tall)


def test_the_longest_strip_is_read() -> None:
    assert decode(photos.encode(Image.new("RGB", (decoder.MAX_SIDE, 1)), "PNG")).shape[1] == 65_535


@pytest.mark.parametrize("mode", ["BMP", "PNG", "WEBP", "TIFF"])
def test_an_alpha_of_zero_everywhere_says_nothing(mode: str) -> None:
    alpha = np.zeros(RGB.shape[:2], np.uint8)
    how = {"lossless": True, "exact": True} if mode == "WEBP" else {}
    whole = photos.encode(np.dstack([RGB, alpha]), mode, **how)
    assert np.array_equal(decode(whole), RGB)
    alpha[0, 0] = 255
    assert (decode(photos.encode(np.dstack([RGB, alpha]), mode, **how))[1:] == 255).all() == (
        mode != "BMP"
    )


def screen_grab(alpha: int, masks: tuple[int, ...]) -> bytes:
    """A 32-bit BMP with a BITMAPV4HEADER and bit fields."""
    height, width = RGB.shape[:2]
    values = np.full((height, width), 0, "<u4")
    for band, mask in zip((*np.moveaxis(RGB, 2, 0), alpha), masks, strict=True):
        values |= np.asarray(band, "<u4") << np.uint32((mask & -mask).bit_length() - 1)
    pixels = values[::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<4I", *masks) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels


@pytest.mark.parametrize(
    "masks",
    [(0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF, 0xFF00, 0xFF0000, 0xFF000000)],
)
@pytest.mark.parametrize("alpha", [0, 255])
def test_a_screen_grab_shows_its_colours(alpha: int, masks: tuple[int, ...]) -> None:
    assert np.array_equal(decode(screen_grab(alpha, masks)), RGB)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "colour PNG", "RGBA PNG", "LA PNG"])
def test_samples_are_read_by_their_range(bits: int, kind: str) -> None:
    ramp = np.linspace(0, (1 << bits) - 1, 48 * 64).astype(np.uint16).reshape(48, 64)
    if kind == "PNG":
        content = photos.png(64, 48, 16, 1, ramp.astype(">u2").tobytes())
    elif kind == "TIFF":
        content = photos.encode(Image.fromarray(ramp), "TIFF")
    elif kind == "PPM":
        content = b"P5\n64 48\n65535\n" + ramp.astype(">u2").tobytes()
    elif kind == "colour PNG":
        content = photos.png(64, 48, 16, 3, np.repeat(ramp, 3).astype(">u2").tobytes())
    else:
        samples = np.repeat(ramp[..., None], 4 if kind == "RGBA PNG" else 2, axis=2)
        samples[..., -1] = 65535 if bits % 4 else (1 << bits) - 1
        content = photos.png(64, 48, 16, samples.shape[2], samples.astype(">u2").tobytes())
    expected = (ramp >> (bits - 8)).astype(np.uint8)
    coarse = (1 << (16 - bits)) - 1 if kind not in ("PNG", "TIFF", "PPM") else 0
    if bits > 8 or not coarse:
        assert np.abs(decode(content)[..., 0].astype(int) - expected).max() <= coarse


def test_a_dark_photo_of_stated_bits_stays_dark() -> None:
    dark = np.full((8, 8), 300, np.uint16)
    content = photos.png(8, 8, 16, 1, dark.astype(">u2").tobytes())
    at = content.index(b"IDAT") - 4
    assert decode(content)[0, 0, 0] == 300 >> 2
    stated = content[:at] + chunk(b"sBIT", b"\x0c") + content[at:]
    assert decode(stated)[0, 0, 0] == 300 >> 4
    full = photos.png(8, 8, 16, 1, (dark << 7).astype(">u2").tobytes())
    scaled = full[:at] + chunk(b"sBIT", b"\x0c") + full[at:]
    assert decode(scaled)[0, 0, 0] == (300 << 7) >> 8


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"compression": "tiff_lzw"},
        {"compression": "packbits"},
        {"compression": "tiff_adobe_deflate"},
        {"compression": "jpeg", "quality": 95},
    ],
)
def test_tiff_of_scanners(how: dict[str, Any]) -> None:
    content = photos.encode(Image.fromarray(RGB), "TIFF", **how) if "quality" not in how else b""
    if not content:
        stream = io.BytesIO()
        Image.fromarray(RGB).save(stream, "TIFF", **how)
        content = stream.getvalue()
    most = 12 if "quality" in how else 0
    assert np.abs(decode(content).astype(int) - RGB).mean() <= most
    grey = Image.fromarray(RGB).convert("L")
    assert np.array_equal(decode(photos.encode(grey, "TIFF"))[..., 0], np.asarray(grey))
    with pytest.raises(InputError, match=r"truncated or corrupt|not an image"):
        decode(content[: len(content) // 2])


def test_tiff_pages_and_odd_samples() -> None:
    stream = io.BytesIO()
    pages = [Image.fromarray(RGB), Image.fromarray(NOISE)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    assert np.array_equal(decode(stream.getvalue()), RGB)
    black_and_white = Image.fromarray(RGB).convert("1")
    assert set(np.unique(decode(photos.encode(black_and_white, "TIFF")))) == {0, 255}
    cmyk = decode(photos.encode(Image.fromarray(RGB).convert("CMYK"), "TIFF"))
    assert np.abs(cmyk.astype(int) - RGB).max() <= 1
    for samples, message in (
        (np.ones((4, 4), np.float32), "floating-point"),
        (np.full((4, 4), 1 << 20, np.int32), "samples of 32 bits"),
    ):
        with pytest.raises(InputError, match=message):
            decode(photos.encode(Image.fromarray(samples), "TIFF"))


def iso(brand: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + brand + b"\0\0\0\0" + b"".join(others)
    return struct.pack(">I", len(body) + 4) + body + b"\0" * 100


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (iso(b"heic", b"mif1", b"heic"), r"HEIC \(HEIF\)"),
        (iso(b"heix"), r"HEIC \(HEIF\)"),
        (iso(b"mif1", b"heic"), r"HEIC \(HEIF\)"),
        (iso(b"msf1", b"hevc"), r"HEIC \(HEIF\)"),
        (iso(b"crx ", b"isom"), "CR3"),
        (iso(b"isom", b"mp41"), "a video"),
        (iso(b"qt  "), "a video"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "JPEG 2000"),
        (b"\xff\x4f\xff\x51" + bytes(50), "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
        (b"\xff\x0a" + bytes(50), "JPEG XL"),
        (b"%PDF-1.7\n" + bytes(50), "PDF"),
        (b"8BPS\0\1" + bytes(50), "PSD"),
        (b"FUJIFILMCCD-RAW " + bytes(50), "RAF"),
    ],
)
def test_what_is_not_read_is_named_with_the_remedy(content: bytes, named: str) -> None:
    if "HEIF" in formats.readable() and "HEIF" in named:
        named = "truncated or corrupt"
    with pytest.raises(InputError, match=named) as error:
        decode(content)
    if "truncated" not in named:
        assert "save it as JPEG or PNG" in str(error.value)
        assert ("facesdk-edge[photos]" in str(error.value)) == ("HEIC" in named)


def test_avif_is_read_where_pillow_can() -> None:
    if "AVIF" not in formats.readable():
        with pytest.raises(InputError, match="is AVIF, which is not read here"):
            decode(iso(b"avif"))
        return
    assert np.abs(decode(photos.encode(RGB, "AVIF", quality=95)).astype(int) - RGB).mean() < 4
    with pytest.raises(InputError, match=r"AVIF|truncated or corrupt"):
        decode(iso(b"avif"))


def test_heic_is_read_with_the_extra() -> None:
    pytest.importorskip("pillow_heif", reason="needs the extra `photos`")
    assert "HEIF" in formats.readable()
    content = photos.encode(RGB, "HEIF", quality=95)
    assert np.abs(decode(content).astype(int) - RGB).mean() < 4


def test_a_file_is_not_read_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MAX_FILE_BYTES", 100)
    with pytest.raises(InputError, match="photo is larger than the limit of 1e-07 GB"):
        decode(photos.encode(RGB, "PNG"))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), kind=st.sampled_from([*JPEGS, "PNG", "TIFF", "BMP"]))
def test_damaged_files_decode_or_raise_input_error(data: st.DataObject, kind: str) -> None:
    damaged = bytearray(JPEGS[kind] if kind in JPEGS else photos.encode(RGB, kind))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    keep = data.draw(st.integers(len(damaged) // 2, len(damaged)))
    message = ""
    try:
        decoded = decode(bytes(damaged[:keep]))
    except InputError as error:
        message = str(error)
    else:
        assert decoded.ndim == 3 and decoded.dtype == np.uint8
    assert "\n" not in message


@pytest.mark.parametrize("place", [11, 12])
def test_a_jpeg_whose_frame_cannot_be_counted_is_left_to_the_decoder(place: int) -> None:
    """A scan of a component that the frame does not have, or a sampling factor of 0."""
    content = bytearray(photos.encode(RGB[..., 0], "JPEG", restart_marker_blocks=1))
    frame = content.index(b"\xff\xc0")
    content[frame + place - 1 : frame + place] = b"\x00" if place == 12 else b"\x77"
    with pytest.raises(InputError):
        decode(bytes(content))


def test_what_is_kept_of_a_sound_png_is_the_same_picture() -> None:
    """A palette with transparency keeps both."""
    image = Image.fromarray(RGB).quantize(4)
    content = photos.encode(image, "PNG", transparency=bytes([255, 255, 255, 0]))
    assert png.essential(content).content.count(b"tRNS") == 1
    assert (decode(content) == 255).all(axis=2).any()


@pytest.mark.parametrize(
    ("size", "message"), [((8_001, 8_000), "64 megapixels"), ((1, 65_536), "65,535 on a side")]
)
def test_a_picture_of_pillow_has_the_same_limits(size: tuple[int, int], message: str) -> None:
    image = Image.open(io.BytesIO(photos.png(*size, 8, 1, b"")))
    with pytest.raises(InputError, match=message):
        decoder.as_image(image)
