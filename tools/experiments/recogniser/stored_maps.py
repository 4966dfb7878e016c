"""What a layer of a recogniser makes of crops, as they are and spoilt, kept in parts.

A group is so many crops of one :class:`Kind`. Which crops it has, and what is done to them, follows
from its number alone.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.files import write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.recognition.alignment import central
from facesdk.recognition.embedding import Embedder
from facesdk_converters.convert import Request, convert
from facesdk_converters.sources.facts import Facts
from facesdk_converters.targets import registry as targets
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import INPUT, Crops
from facesdk_training.data.distortions import distorted
from facesdk_training.data.split import split_by_identity
from tools.experiments.degraded_strangers import SETS, SHARE

if TYPE_CHECKING:
    import tensorflow as tf

GROUP = 64
"""Crops of a group."""

PART = 12
"""Groups of a file."""

LAST = "embedding"
"""The last layer; hidden units of a head stand beside it."""

_BATCH = 32
_HALF_MIRRORED = DistortionConfig("mirror", share=0.5)


class Kind(IntEnum):
    """What is done to the crops of a group, half of which are mirrored if not their own way is."""

    PLAIN = 0
    """Nothing."""
    OWN = 1
    """Each is distorted in its own way, as the run's ``distortions`` have it."""
    ALIKE = 2
    """All are spoilt in one way, as the run's ``alike`` table draws it."""


KINDS = (Kind.OWN, Kind.ALIKE, Kind.PLAIN, Kind.ALIKE)
"""Of groups one after the other."""


@dataclass(frozen=True)
class Groups:
    """What a layer makes of groups of crops.

    Attributes:
        kinds: int64 ``(G,)``, the :class:`Kind` of each.
        rows: int64 ``(G, N)``, which crops they have.
        maps: G times float16 ``(N, ...)``: one array of all would be a second copy.
    """

    kinds: NDArray[np.int64]
    rows: NDArray[np.int64]
    maps: Sequence[NDArray[np.float16]]

    @classmethod
    def joined(cls, parts: Sequence[Groups]) -> Groups:
        """All groups of several."""
        return cls(
            np.concatenate([part.kinds for part in parts]),
            np.concatenate([part.rows for part in parts]),
            [maps for part in parts for maps in part.maps],
        )

    def of(self, kind: Kind) -> NDArray[np.int64]:
        """The numbers of groups of a kind."""
        return np.flatnonzero(self.kinds == kind)


def parted(model: tf.keras.Model, layer: str) -> tuple[tf.keras.Model, tf.keras.Model]:
    """A network up to a layer, and from there to what :data:`LAST` takes.

    Args:
        model: Which.
        layer: Its name; :data:`LAST` parts before that layer.
    """
    import tensorflow as tf

    try:
        found = model.get_layer(layer)
        cut = found.input if layer == LAST else found.output
        end = tf.keras.layers.Activation("linear")(model.get_layer(LAST).input)
        return tf.keras.Model(model.input, cut), tf.keras.Model(cut, end)
    except ValueError:
        raise SystemExit(f"{layer} is no layer that all paths to {LAST} go through") from None


def as_file(body: tf.keras.Model, variant: str, workers: int = 1) -> Embedder:
    """What computes maps fast: 1-bit kernels where the network has 1-bit layers."""
    import tensorflow as tf

    flat = tf.keras.Model(body.input, tf.keras.layers.Flatten()(body.output))
    with TemporaryDirectory() as name:
        source, output = Path(name) / "body.h5", Path(name) / "body.tflite"
        flat.save(source)
        facts = Facts("body", "recognition", INPUT.color, INPUT.mean, INPUT.scale)
        target = targets.load("lce" if variant == "QB" else "float32")
        convert(Request(source, output, facts=facts), target)
        bundle = ModelBundle.load(output, trust=True)
        return Embedder(bundle, bundle.contract, workers=workers)


def features(embedder: Embedder, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """float32 ``(N, F)`` of square crops or of those of the network's size."""
    spec = embedder.contract.input
    rows = []
    for start in range(0, len(images), _BATCH):
        some = [central(image, spec.height, spec.width) for image in images[start : start + _BATCH]]
        rows.append(embedder.forward(spec.normalise(np.stack(some))))
    return np.concatenate(rows)


@dataclass(frozen=True)
class Source:
    """Makes groups of crops.

    Attributes:
        embedder: The network up to the layer.
        shape: Of the layer's map, of one crop.
        crops: All crops.
        rows: int64, those of people who are not held out.
        config: Of the run.
        workers: Threads.
    """

    embedder: Embedder
    shape: tuple[int, ...]
    crops: Crops
    rows: NDArray[np.int64]
    config: RunConfig
    workers: int = 1

    @classmethod
    def of(cls, body: tf.keras.Model, crops: Crops, config: RunConfig, workers: int = 1) -> Source:
        """Of all crops but those of held-out people, by the split of training."""
        records = crops.records
        split = split_by_identity(records, None, validation_sets=SETS, validation_share=SHARE)
        if len(split.train) < GROUP:
            raise SystemExit(f"a group has {GROUP} crops, but there are {len(split.train)}")
        embedder = as_file(body, config.final_network.variant, workers)
        return cls(embedder, body.output_shape[1:], crops, split.train, config, workers)

    def group(self, number: int) -> Groups:
        """One group, always the same by its number."""
        rng, kind = np.random.default_rng(number), KINDS[number % len(KINDS)]
        rows = rng.choice(self.rows, GROUP, replace=False)
        alike = self.config.alike.drawn(*rng.uniform(size=2).tolist())
        ways = {
            Kind.PLAIN: (_HALF_MIRRORED,),
            Kind.OWN: self.config.distortions,
            Kind.ALIKE: (_HALF_MIRRORED, alike),
        }[kind]
        size = self.embedder.contract.input.height, self.embedder.contract.input.width
        images = [distorted(self.crops.image(row), ways, *size, 0.0, rng) for row in rows]
        maps = features(self.embedder, images).reshape(GROUP, *self.shape)
        return Groups(np.array([kind]), rows[np.newaxis], [maps.astype(np.float16)])

    def key(self, body: tf.keras.Model) -> str:
        """SHA-256 (hex) of all that decides what groups are.

        Args:
            body: What the embedder was made of.
        """
        digest = hashlib.sha256(self.crops.digest.encode())
        ways = self.config.alike.rows, self.config.distortions
        digest.update(repr((GROUP, KINDS, PART, self.shape, *ways)).encode())
        for values in body.get_weights():
            digest.update(values.tobytes())
        return digest.hexdigest()


def gathered(
    source: Source,
    folder: Path,
    minutes: float,
    progress: Progress = unwatched,
) -> Groups:
    """The groups of a folder, and as many more as there is time for.

    Args:
        source: Makes them.
        folder: Where parts are kept; made if missing.
        minutes: Time that all parts may take together, those of earlier calls included. There is
            one part at least, and the last is finished.
        progress: Called with seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Groups] = []
    spent, limit = 0.0, 60 * minutes
    with ThreadPoolExecutor(source.workers) as pool:
        while True:
            path = folder / f"{len(parts):05d}.npz"
            if parts and spent >= limit and not path.exists():
                return Groups.joined(parts)
            if not path.exists():
                _write(path, source, range(len(parts) * PART, (len(parts) + 1) * PART), pool)
            kept = np.load(path)
            parts.append(Groups(kept["kinds"], kept["rows"], kept["maps"]))
            spent += float(kept["seconds"])
            progress(min(int(spent), int(limit)), int(limit), "maps, seconds")


def _write(path: Path, source: Source, numbers: range, pool: ThreadPoolExecutor) -> None:
    begun = time.monotonic()
    made = Groups.joined(list(pool.map(source.group, numbers)))
    stream = io.BytesIO()
    np.savez(stream, **vars(made), seconds=time.monotonic() - begun)
    write_atomic(path, stream.getvalue())
