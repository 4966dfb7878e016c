"""Face crops for training: a folder with ``manifest.csv`` and a zip of images for each set.

The manifest has the columns

    set              name of a zip in the folder, without ``.zip``
    identity         label within the set; may be empty (unlabelled)
    file             path of the image inside the zip
    cos_to_identity  cosine of the crop's embedding to the mean of its identity's; low or empty
                     means that the label is doubtful
    max_cos_lfw      not read here

Crops are 112x112 images aligned to the ``arcface-112x112`` template.
"""

from __future__ import annotations

import csv
import hashlib
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.images.photo_source import ZIP_ERRORS
from facesdk.models.contract import InputSpec
from facesdk_training.data.records import SPLITS, FaceDataset, read_records

MANIFEST = "manifest.csv"
CROP_SIZE = 112
INPUT = InputSpec(None, None, color="RGB", mean=127.5, scale=128.0)
"""How pixels become the input of every network that is trained here, whatever its size."""


@dataclass(frozen=True, slots=True)
class CropRecord:
    """One row of the manifest.

    Attributes:
        set: Name of a zip, without ``.zip``.
        identity: Label within the set; empty where unlabelled.
        file: Path inside the zip.
        cos_to_identity: Cosine of the crop's embedding to the mean of its identity's, -1 to 1;
            None where it is not known.
    """

    set: str
    identity: str
    file: str
    cos_to_identity: float | None


class Crops(Protocol):
    """Aligned crops by row.

    Attributes:
        records: What is known of each.
        keys: SHA-256 of each, 32 bytes.
        digest: SHA-256 (hex) over all that training can see.
    """

    records: list[CropRecord]
    keys: list[bytes]
    digest: str

    def __len__(self) -> int: ...

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decodes a crop: uint8 [S, S, 3], RGB; InputError if it cannot be."""


class FaceCrops:
    """The crops of a data folder, held in memory as encoded images and decoded on access.

    Attributes:
        records: The manifest's rows.
        keys: SHA-256 of each encoded crop, 32 bytes.
        digest: SHA-256 (hex) over the manifest and the keys.
    """

    def __init__(
        self, folder: Path, sets: tuple[str, ...] = (), *, labelled_only: bool = False
    ) -> None:
        """Reads the manifest and the encoded crops.

        Args:
            folder: Where they are.
            sets: Sets to read; all of them if empty.
            labelled_only: Whether to leave out crops without an identity.

        Raises:
            InputError: The folder, a set, a column, a zip or a file in it is missing or unreadable.
        """
        manifest = folder / MANIFEST
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: give one of prepared crops")
        if not manifest.is_file():
            raise InputError(
                f"{folder} has no {MANIFEST}: give a folder of prepared crops, which `facesdk data "
                f"prepare {folder} -o records` makes of a folder of photos per person"
            )
        self.records = read_manifest(manifest)
        if missing := set(sets) - {record.set for record in self.records}:
            raise InputError(f"{manifest} has no set {', '.join(sorted(missing))}")
        if sets:
            self.records = [record for record in self.records if record.set in sets]
        if labelled_only:
            self.records = [record for record in self.records if record.identity]
        self._encoded: list[bytes] = [b""] * len(self.records)
        rows_of_set: dict[str, list[int]] = {}
        for row, record in enumerate(self.records):
            rows_of_set.setdefault(record.set, []).append(row)
        for name, rows in sorted(rows_of_set.items()):
            try:
                with zipfile.ZipFile(folder / f"{name}.zip") as archive:
                    for row in rows:
                        self._encoded[row] = archive.read(self.records[row].file)
            except (OSError, *ZIP_ERRORS) as error:
                raise InputError(f"cannot read the crops of set {name}: {error}") from error
        self.keys = [hashlib.sha256(encoded).digest() for encoded in self._encoded]
        self.digest = hashlib.sha256(manifest.read_bytes() + b"".join(self.keys)).hexdigest()

    def __len__(self) -> int:
        return len(self.records)

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decodes a crop.

        Returns:
            uint8 [112, 112, 3], RGB.

        Raises:
            InputError: The file is not an image of that size.
        """
        record = self.records[row]
        return _decode(self._encoded[row], CROP_SIZE, f"{record.file} of set {record.set}")


class PreparedCrops:
    """The crops of a prepared dataset, held in memory as encoded images and decoded on access.

    The set of a record is its split, "train" or "validation".

    Attributes:
        records: Its records, first those of "train".
        keys: SHA-256 of each encoded crop, 32 bytes.
        digest: The dataset's.
    """

    def __init__(self, dataset: FaceDataset, *, labelled_only: bool = False) -> None:
        """Reads the shards.

        Args:
            dataset: Where they are.
            labelled_only: Whether to leave out crops without an identity.

        Raises:
            InputError: A shard is damaged.
        """
        self.records: list[CropRecord] = []
        self._encoded: list[bytes] = []
        for split in SPLITS:
            for record in read_records(dataset, split):
                if labelled_only and not record.identity:
                    continue
                known = not math.isnan(record.cos_to_identity)
                cosine = record.cos_to_identity if known else None
                self.records.append(CropRecord(split, record.identity, record.source, cosine))
                self._encoded.append(record.image)
        self.keys = [hashlib.sha256(encoded).digest() for encoded in self._encoded]
        self.digest = dataset.digest
        self._size = dataset.size

    def __len__(self) -> int:
        return len(self.records)

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decodes a crop.

        Returns:
            uint8 [size, size, 3], RGB, of the dataset's size.

        Raises:
            InputError: The record holds no image of that size.
        """
        record = self.records[row]
        return _decode(self._encoded[row], self._size, f"{record.file} of split {record.set}")


def _decode(encoded: bytes, size: int, name: str) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape != (size, size, 3):
        raise InputError(f"{name} is not a {size}x{size} image")
    return np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)


def read_manifest(path: Path) -> list[CropRecord]:
    """The rows of a manifest.

    Raises:
        InputError: It cannot be read, or a column or number in it is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {"set", "identity", "file", "cos_to_identity"} - set(reader.fieldnames or ())
            if missing:
                raise InputError(f"{path} lacks the columns {', '.join(sorted(missing))}")
            return [_record(row, path, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file: {error}") from None


def _record(row: dict[str, str], path: Path, line: int) -> CropRecord:
    cosine = row["cos_to_identity"]
    try:
        number = float(cosine) if cosine else None
    except ValueError:
        raise InputError(f"{path}, line {line}: cos_to_identity is {cosine!r}") from None
    return CropRecord(row["set"], row["identity"], row["file"], number)
