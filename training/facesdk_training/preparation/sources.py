"""Where training photos come from: photos by person, or aligned crops with a manifest."""

from __future__ import annotations

import os
from pathlib import Path

from facesdk.errors import InputError
from facesdk.images.photo_source import Photo, PhotoSource, list_photos, open_photos
from facesdk_training.data.crops import MANIFEST, read_manifest


def open_source(path: str | os.PathLike[str], *, aligned: bool = False) -> PhotoSource:
    """List the photos of a source.

    A folder with ``manifest.csv`` holds aligned crops, as :mod:`facesdk_training.data.crops` says;
    anything else is read by :func:`facesdk.images.photo_source.open_photos`.

    Args:
        path: The folder or the zip file.
        aligned: Whether a folder of persons holds aligned crops.

    Raises:
        InputError: There is no such source, or it has no photo.
    """
    folder = Path(path)
    if (folder / MANIFEST).is_file():
        return _manifest_source(folder)
    return open_photos(folder, aligned=aligned)


def _manifest_source(folder: Path) -> PhotoSource:
    records = read_manifest(folder / MANIFEST)
    stamps: dict[str, dict[str, str]] = {}
    for name in sorted({record.set for record in records}):
        listed = list_photos(folder / f"{name}.zip").photos
        stamps[name] = {photo.member: photo.stamp for photo in listed}
    photos = {}
    for record in records:
        if record.file not in stamps[record.set]:
            raise InputError(
                f"{folder / MANIFEST} names {record.file}, which is no image in {record.set}.zip"
            )
        source = f"{record.set}/{record.file}"
        photos[source] = Photo(
            source,
            f"{record.set}/{record.identity}" if record.identity else "",
            str(folder / f"{record.set}.zip"),
            record.file,
            stamps[record.set][record.file],
            record.cos_to_identity,
        )
    if len(photos) != len(records) or not records:
        raise InputError(f"{folder / MANIFEST} names an image twice, or none")
    return PhotoSource(tuple(photos[name] for name in sorted(photos)), aligned=True)
