"""Prepared face crops: a folder of TFRecord shards and ``dataset.json``, which names them.

``facesdk data prepare`` writes such a folder, training reads it. Each record is a
``tf.train.Example`` (TensorFlow, "TFRecord and tf.train.Example"; a record carries a CRC-32C of its
own) with these features, one value each:

===============  =====  ===========================================================================
feature          type   value
===============  =====  ===========================================================================
image            bytes  the crop as JPEG or PNG, RGB, ``size`` x ``size`` pixels
label            int64  number of the identity in ``dataset.json``; -1 where unlabelled
identity         bytes  name of the identity, UTF-8; empty where unlabelled
source           bytes  path of the photo inside the source, UTF-8
sha256           bytes  SHA-256 of the photo's file, 32 bytes
cos_to_identity  float  cosine to the mean embedding of its identity; NaN where it is not known
===============  =====  ===========================================================================

The five landmarks of the ``arcface-112x112`` template lie at their place in the central 112x112
pixels of every crop, so that a dataset of 128x128 crops serves 112x112 and 112x96 networks as well.

``dataset.json`` has the keys ``format``, ``version``, ``size``, ``identities`` (names by label),
``splits`` (for "train" and "validation" the list of shards, each with ``file``, ``examples``,
``bytes`` and ``sha256``) and ``options`` (what the crops were prepared from, and how). It is
written last: a folder that has it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesdk.errors import InputError
from facesdk.files import read_regular, sha256_of, write_atomic

if TYPE_CHECKING:
    import tensorflow as tf

DATASET = "dataset.json"
FORMAT, VERSION = "facesdk-faces", 1
SPLITS = ("train", "validation")
UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """One crop, its image still encoded; see the module for the fields."""

    image: bytes
    label: int
    identity: str
    source: str
    sha256: bytes
    cos_to_identity: float


@dataclass(frozen=True, slots=True)
class Shard:
    """A TFRecord file.

    Attributes:
        file: Its name in the dataset's folder.
        examples: Number of records.
        bytes: Size of the file.
        sha256: Digest of the file, hex.
    """

    file: str
    examples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class FaceDataset:
    """A complete folder of shards.

    Attributes:
        folder: Where it is.
        size: Side of the crops, in pixels.
        identities: Names of the people; the label of a crop is an index of it.
        splits: The shards of "train" and of "validation".
        options: What it was prepared from, and how.
    """

    folder: Path
    size: int
    identities: tuple[str, ...]
    splits: dict[str, tuple[Shard, ...]]
    options: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def open(folder: str | os.PathLike[str]) -> FaceDataset:
        """Read ``dataset.json`` and check that its shards are there.

        Raises:
            InputError: The folder is no complete dataset of this version, or a shard is missing or
                has another size than it was written with.
        """
        folder = Path(folder)
        try:
            record = json.loads(read_regular(folder / DATASET))
        except OSError as error:
            raise InputError(
                f"{folder} is no complete dataset: cannot read {DATASET} ({error.strerror}); "
                "make one with `facesdk data prepare`"
            ) from None
        except ValueError as error:
            raise InputError(f"{folder / DATASET} is not valid JSON ({error})") from None
        if not isinstance(record, dict) or (record.get("format"), record.get("version")) != (
            FORMAT,
            VERSION,
        ):
            raise InputError(
                f"{folder / DATASET} is not of format {FORMAT} {VERSION}: prepare the data again"
            )
        try:
            dataset = FaceDataset(
                folder,
                int(record["size"]),
                tuple(record["identities"]),
                {name: tuple(Shard(**row) for row in record["splits"][name]) for name in SPLITS},
                dict(record["options"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder / DATASET} is damaged: {error!r}") from None
        for shard in dataset.shards:
            path = folder / shard.file
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise InputError(
                    f"{path} is missing or has not {shard.bytes} bytes: prepare the data again"
                )
        return dataset

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards of all splits."""
        return tuple(shard for name in SPLITS for shard in self.splits[name])

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything in the dataset: equal for equal content."""
        return hashlib.sha256(self._to_json()).hexdigest()

    def count(self, split: str) -> int:
        """Number of crops in "train" or "validation"."""
        return sum(shard.examples for shard in self.splits[split])

    def paths(self, split: str) -> list[str]:
        """The files of a split, in order."""
        return [str(self.folder / shard.file) for shard in self.splits[split]]

    def verify(self) -> None:
        """Compare every shard with its checksum.

        Raises:
            InputError: A shard is not what was written.
        """
        for shard in self.shards:
            if sha256_of(self.folder / shard.file) != shard.sha256:
                raise InputError(
                    f"{self.folder / shard.file} is damaged (its SHA-256 is another): "
                    "prepare the data again"
                )

    def save(self) -> None:
        """Write ``dataset.json``, which makes the folder a complete dataset.

        Raises:
            InputError: It cannot be written.
        """
        write_atomic(self.folder / DATASET, self._to_json())

    def _to_json(self) -> bytes:
        record = {
            "format": FORMAT,
            "version": VERSION,
            "size": self.size,
            "options": self.options,
            "splits": {name: [asdict(row) for row in self.splits[name]] for name in SPLITS},
            "identities": self.identities,
        }
        return (json.dumps(record, indent=1) + "\n").encode()


def tf_dataset(dataset: FaceDataset, split: str) -> tf.data.Dataset:
    """The crops of a split, decoded, in the order of the files (which is a random one).

    Args:
        dataset: Where they are.
        split: "train" or "validation".

    Returns:
        A ``tf.data.Dataset`` of dictionaries: ``image`` uint8 ``(size, size, 3)`` RGB, ``label``
        int64, ``cos_to_identity`` float32 and the strings ``identity``, ``source``, ``sha256``.
        Use ``.shard``, ``.shuffle``, ``.repeat`` and ``.batch`` of it.
    """
    import tensorflow as tf

    features = _features()

    def decode(serialised: Any) -> dict[str, Any]:
        example: dict[str, Any] = tf.io.parse_single_example(serialised, features)
        image = tf.io.decode_image(example["image"], channels=3, expand_animations=False)
        return {**example, "image": tf.ensure_shape(image, (dataset.size, dataset.size, 3))}

    return tf.data.TFRecordDataset(dataset.paths(split)).map(
        decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def read_records(dataset: FaceDataset, split: str) -> Iterator[FaceRecord]:
    """The crops of a split, still encoded, in the order of the files.

    Raises:
        InputError: A shard is damaged.
    """
    import tensorflow as tf

    features = _features()
    try:
        for serialised in tf.data.TFRecordDataset(dataset.paths(split)):
            row = {
                name: value.numpy()
                for name, value in tf.io.parse_single_example(serialised, features).items()
            }
            yield FaceRecord(
                row["image"],
                int(row["label"]),
                row["identity"].decode(),
                row["source"].decode(errors="surrogateescape"),
                row["sha256"],
                float(row["cos_to_identity"]),
            )
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as e:
        raise InputError(f"a shard of {dataset.folder} is damaged: {e.message}") from None


def write_shard(path: Path, records: Sequence[FaceRecord]) -> Shard:
    """Write one TFRecord file in one step.

    Args:
        path: Where to; an existing file is replaced.
        records: Its content.

    Raises:
        InputError: The file cannot be written.
    """
    import tensorflow as tf

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in records:
                writer.write(_serialise(record))
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        shard = Shard(path.name, len(records), temporary.stat().st_size, sha256_of(temporary))
        temporary.replace(path)
    except (OSError, tf.errors.OpError) as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error}") from None
    return shard


def _features() -> dict[str, Any]:
    import tensorflow as tf

    kinds = {
        "image": tf.string,
        "label": tf.int64,
        "identity": tf.string,
        "source": tf.string,
        "sha256": tf.string,
        "cos_to_identity": tf.float32,
    }
    return {name: tf.io.FixedLenFeature((), kind) for name, kind in kinds.items()}


def _serialise(record: FaceRecord) -> bytes:
    import tensorflow as tf

    def blob(value: bytes) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    example = tf.train.Example(
        features=tf.train.Features(
            feature={
                "image": blob(record.image),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[record.label])),
                "identity": blob(record.identity.encode()),
                "source": blob(record.source.encode(errors="surrogateescape")),
                "sha256": blob(record.sha256),
                "cos_to_identity": tf.train.Feature(
                    float_list=tf.train.FloatList(value=[record.cos_to_identity])
                ),
            }
        )
    )
    return bytes(example.SerializeToString(deterministic=True))
