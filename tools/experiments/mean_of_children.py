r"""Takes what small children share out of a recogniser's last layer.

    python -m tools.experiments.mean_of_children RUN \
        --placed-by MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --crops faces/fairface_val.zip --labels fairface_label_val.csv --cache build/accuracy

Networks that have learned from celebrities see of a child first that it is one, so two children
pass for one another many times as often as two adults. The direction of the mean of their
embeddings says no more than that. It is projected out behind the map of RUN, whose
``compensation.npz`` is written anew; ``latent.npz`` stays. Call it once: a second call would take
another direction out. Who is a child is said by FairFace's labels, which people guessed: those up
to nine years (:mod:`.recogniser.groups`).

Told is how alike strangers are among children before and after, of one half without the direction
of the other half's mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.weights import restore_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record
from tools.experiments.accuracy_tables import load
from tools.experiments.package_recogniser import COMPENSATION
from tools.experiments.recogniser.groups import CERTAIN, indicators, read_crops, read_labels
from tools.experiments.recogniser.last_layers import unit
from tools.experiments.recogniser.photo_order import place
from tools.experiments.recogniser.strangers_elsewhere import similarities
from tools.experiments.recogniser.train_last import change_of, embeddings, name_stale

AGES = ("0-2", "3-9")
"""Labels of those whose mean is taken out."""

_SHARES = (1e-2, 1e-3)
_LEAST = 4


def projection(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The map that takes the mean of embeddings out.

    Args:
        vectors: float32 ``(N, D)``, of any length.

    Returns:
        float32 ``(D, D)``, symmetric, of rank D - 1: a row vector times it has no part along the
        mean of the directions of ``vectors``.
    """
    mean = unit(vectors).mean(axis=0, dtype=np.float64)
    mean /= np.linalg.norm(mean)
    return (np.eye(len(mean)) - np.outer(mean, mean)).astype(np.float32)


def told(name: str, vectors: NDArray[np.float32]) -> None:
    alike = similarities(unit(vectors))
    highest = (f"{np.quantile(alike, 1 - share):.3f}" for share in _SHARES)
    print(f"{name}: mean similarity {alike.mean():.3f}, of 1 and 0.1 %", *highest, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--placed-by", required=True, help="FILE[:CONTRACT]")
    parser.add_argument("--crops", type=Path, required=True, help="archive of aligned crops")
    parser.add_argument("--labels", type=Path, required=True, help="FairFace's table")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.cache.mkdir(parents=True, exist_ok=True)
    config = run_record.config_of(given.run)
    model = build_embedder(config.final_network)
    if missing := restore_latent(given.run / run_folder.LATENT, model):
        raise SystemExit(f"{given.run / run_folder.LATENT} lacks {', '.join(missing)}")
    images, labels = read_crops(given.crops), read_labels(given.labels)
    placing = load(given.placed_by, given.cache).vectors(f"all of {given.crops.stem}", images)
    placement = place(placing, indicators(labels))
    young = np.array([labels[photo]["age"] in AGES for photo in placement.photos])
    children = images[young & (placement.certainty >= CERTAIN)]
    if len(children) < _LEAST:
        raise SystemExit(f"{given.crops} has {len(children)} crops that surely show a child")
    change = change_of(given.run, config.final_network.embedding_length)
    vectors = embeddings(model, change, children)
    fitted, others = vectors[::2], vectors[1::2]
    told(f"{len(others)} of {len(children)} children", others)
    told("without the others' mean", others @ projection(fitted))
    np.savez_compressed(given.run / COMPENSATION, compensation=change @ projection(vectors))
    name_stale(given.run)


if __name__ == "__main__":
    main()
