"""Which photos are read, by what their names end in and by what their files begin with."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from PIL import features

READ = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TIFF": (".tif", ".tiff"),
}
"""Formats that are always read, in Pillow's names, and the endings of their files."""

_AVIF = ("AVIF", (".avif", ".avifs"))
_HEIF = ("HEIF", (".heic", ".heif", ".heics", ".heifs", ".hif"))

HEIF_DECODER = "pip install 'facesdk-edge[photos]'"
"""What makes HEIC and HEIF readable."""

_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC (HEIF)"
    ),
    b"crx ": "a raw photo (CR3)",
    **dict.fromkeys((b"isom", b"mp41", b"mp42", b"qt  ", b"M4V "), "a video"),
}
"""Brands of files of ISO base media (ISO 14496-12, 23008-12; AV1 Image File Format)."""

_BEGINNINGS = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"%PDF-", "PDF"),
    (b"8BPS", "a Photoshop document (PSD)"),
    (b"II\xbc", "JPEG XR"),
    (b"FUJIFILM", "a raw photo (RAF)"),
    (b"\x00\x00\x01\x00", "an icon (ICO)"),
    (b"qoif", "QOI"),
    (b"<svg", "a drawing (SVG)"),
)


@cache
def readable() -> dict[str, tuple[str, ...]]:
    """The formats that this installation reads, as in :data:`READ`.

    AVIF is among them where Pillow can (from 11.3 on), HEIF where pillow-heif is installed.
    """
    found = dict(READ)
    if "avif" in features.modules and features.check("avif"):
        found.update([_AVIF])
    if find_spec("pillow_heif") is not None:
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False)
        found.update([_HEIF])
    return found


@cache
def endings() -> frozenset[str]:
    """The endings, in lower case, of the files that are taken for photos in a folder."""
    return frozenset(ending for names in readable().values() for ending in names)


def refusal(beginning: bytes) -> str:
    """What to say of a file that no decoder takes.

    Args:
        beginning: Its first bytes, 32 at least where it has as many.
    """
    kind = _kind(beginning)
    if kind is None:
        return f"is not an image that can be read (one of {', '.join(readable())})"
    if {"AVIF": "AVIF", "HEIC (HEIF)": "HEIF"}.get(kind) in readable():
        return f"is truncated or corrupt (the parts of a file in {kind} are not all there)"
    decoder = f"{HEIF_DECODER}, or " if kind == "HEIC (HEIF)" else ""
    return f"is {kind}, which is not read here: {decoder}save it as JPEG or PNG"


def _kind(beginning: bytes) -> str | None:
    if beginning[4:8] == b"ftyp":
        brands = [beginning[8:12], *(beginning[at : at + 4] for at in range(16, 32, 4))]
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return next((kind for start, kind in _BEGINNINGS if beginning.startswith(start)), None)
