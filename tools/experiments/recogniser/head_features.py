"""Features below a recogniser's head, of crops as they are and spoilt, kept in parts.

A group is so many crops that are spoilt in one way, as the ``alike`` table of a run's configuration
draws it, or, one in six, each in its own way as the run's ``distortions`` have it. Which crops a
group has, and what is done to them, follows from its number alone.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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

Features = NDArray[np.float32]

GROUP = 64
"""Crops of a group."""

OWN_EVERY = 6
"""One of so many groups is distorted crop by crop."""

PART = 12
"""Groups of a file."""

_BATCH = 32
_HALF_MIRRORED = DistortionConfig("mirror", share=0.5)


@dataclass(frozen=True)
class Groups:
    """What the network below its head makes of groups of crops.

    Attributes:
        own: bool ``(G,)``, whether each crop is distorted in its own way.
        spoilt: float32 ``(G, N, F)``.
        undistorted: float32 ``(G, N, F)``, of the same crops as they are.
    """

    own: NDArray[np.bool_]
    spoilt: Features
    undistorted: Features

    @classmethod
    def joined(cls, parts: Sequence[Groups]) -> Groups:
        """All groups of several."""
        return cls(
            np.concatenate([part.own for part in parts]),
            np.concatenate([part.spoilt for part in parts]),
            np.concatenate([part.undistorted for part in parts]),
        )


def below_head(model: tf.keras.Model) -> tf.keras.Model:
    """The part of a network whose output the layer "embedding" takes."""
    import tensorflow as tf

    return tf.keras.Model(model.input, model.get_layer("embedding").input)


def as_file(body: tf.keras.Model, variant: str, workers: int = 1) -> Embedder:
    """What computes features fast: 1-bit kernels where the network has 1-bit layers."""
    with TemporaryDirectory() as name:
        source, output = Path(name) / "body.h5", Path(name) / "body.tflite"
        body.save(source)
        facts = Facts("body", "recognition", INPUT.color, INPUT.mean, INPUT.scale)
        target = targets.load("lce" if variant == "QB" else "float32")
        convert(Request(source, output, facts=facts), target)
        bundle = ModelBundle.load(output, trust=True)
        return Embedder(bundle, bundle.contract, workers=workers)


def features(embedder: Embedder, images: Sequence[NDArray[np.uint8]]) -> Features:
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
        embedder: The network below its head.
        crops: All crops.
        rows: int64, those of people who are not held out.
        config: Of the run.
    """

    embedder: Embedder
    crops: Crops
    rows: NDArray[np.int64]
    config: RunConfig

    @classmethod
    def of(cls, embedder: Embedder, crops: Crops, config: RunConfig) -> Source:
        """Of all crops but those of held-out people, by the split of training."""
        records = crops.records
        split = split_by_identity(records, None, validation_sets=SETS, validation_share=SHARE)
        if len(split.train) < GROUP:
            raise SystemExit(f"a group has {GROUP} crops, but there are {len(split.train)}")
        return cls(embedder, crops, split.train, config)

    def group(self, number: int) -> Groups:
        """One group, always the same by its number."""
        rng, own = np.random.default_rng(number), number % OWN_EVERY == 0
        images = [self.crops.image(row) for row in rng.choice(self.rows, GROUP, replace=False)]
        alike = self.config.alike.drawn(*rng.uniform(size=2).tolist())
        ways = self.config.distortions if own else (_HALF_MIRRORED, alike)
        size = self.embedder.contract.input.height, self.embedder.contract.input.width
        spoilt = [distorted(image, ways, *size, 0.0, rng) for image in images]
        made = (features(self.embedder, some)[np.newaxis] for some in (spoilt, images))
        return Groups(np.array([own]), *made)

    def key(self, body: tf.keras.Model) -> str:
        """SHA-256 (hex) of all that decides what groups are.

        Args:
            body: What the embedder was made of.
        """
        digest = hashlib.sha256(self.crops.digest.encode())
        ways = self.config.alike.rows, self.config.distortions
        digest.update(repr((GROUP, OWN_EVERY, PART, *ways)).encode())
        for values in body.get_weights():
            digest.update(values.tobytes())
        return digest.hexdigest()


def gathered(
    source: Source,
    folder: Path,
    minutes: float,
    workers: int = 1,
    progress: Progress = unwatched,
) -> Groups:
    """The groups of a folder, and as many more as there is time for.

    Args:
        source: Makes them.
        folder: Where parts are kept; made if missing.
        minutes: Time that all parts may take together, those of earlier calls included. There is
            one part at least, and the last is finished.
        workers: Threads.
        progress: Called with seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Groups] = []
    spent, limit = 0.0, 60 * minutes
    with ThreadPoolExecutor(workers) as pool:
        while True:
            path = folder / f"{len(parts):05d}.npz"
            if parts and spent >= limit and not path.exists():
                return Groups.joined(parts)
            if not path.exists():
                _write(path, source, range(len(parts) * PART, (len(parts) + 1) * PART), pool)
            kept = np.load(path)
            parts.append(Groups(kept["own"], kept["spoilt"], kept["undistorted"]))
            spent += float(kept["seconds"])
            progress(min(int(spent), int(limit)), int(limit), "features, seconds")


def _write(path: Path, source: Source, numbers: range, pool: ThreadPoolExecutor) -> None:
    begun = time.monotonic()
    made = Groups.joined(list(pool.map(source.group, numbers)))
    stream = io.BytesIO()
    np.savez(stream, **vars(made), seconds=time.monotonic() - begun)
    write_atomic(path, stream.getvalue())
