r"""Trains the hidden units in the head of a recogniser alone, in minutes on a CPU.

    python -m tools.experiments.recogniser.train_head RUN --faces faces \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --cache build/head --minutes 20

RUN has ``config.json`` and ``latent.npz`` of a CompactFaceNet or a MobileFaceNet, with
``network.head_units``, rows of ``alike`` and ``distortions``; ``latent.npz`` need not have the
branch yet. Strangers meet where both photos are spoilt alike. A linear layer that takes out what
such photos have in common changes good photos, too; hidden units can be 0 for these, so what spoilt
photos have in common is taken out of them alone. All other weights stay as they are, and so do
embeddings of good photos: each crop is to have the embedding that the network without the branch
has of the undistorted crop. That takes minutes on a CPU, since the network below the head is
computed by 1-bit kernels and only once: its features of crops are kept in the cache, and a second
call with more minutes goes on (:mod:`.head_features`).

The branch begins anew, whatever ``latent.npz`` has; it is written there. Where RUN has
``compensation.npz``, embeddings are those that this map leaves. TAR is told on all pairs of the
held-out people, by these features, without the branch and with it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.cli.output import progress_bar
from facesdk.evaluation.calibration import all_pairs
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.validation import figures
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.weights import restore_latent, save_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record
from tools.experiments.accuracy_tables import held_out, load
from tools.experiments.package_recogniser import COMPENSATION
from tools.experiments.recogniser.head_branch import (
    Branch,
    Figures,
    Last,
    Settings,
    Trainer,
    train,
    unit,
)
from tools.experiments.recogniser.head_features import (
    Features,
    Source,
    as_file,
    below_head,
    features,
    gathered,
)

if TYPE_CHECKING:
    import tensorflow as tf

BRANCH = ("head_hidden", "head_correction")
"""The layers that are trained."""

MADE_OF_IT = (run_folder.WEIGHTS, run_folder.CALIBRATION)
"""What the packaging makes of latent.npz where it is missing."""


def network_of(run: Path) -> tuple[RunConfig, tf.keras.Model]:
    """A run's configuration, and its network with the weights of latent.npz."""
    config = run_record.config_of(run)
    network = config.final_network
    if not isinstance(network, (CompactFaceNetConfig, MobileFaceNetConfig)):
        raise SystemExit(f"{run}: a {network.architecture} has no hidden units in its head")
    if not network.head_units:
        raise SystemExit(f"{run}: network.head_units is 0, so there is nothing to train")
    if not sum(row.share for row in config.alike.rows):
        raise SystemExit(f"{run} has no alike.rows: there is nothing to spoil crops with")
    if not config.alike.weight:
        raise SystemExit(f"{run}: alike.weight is 0, so strangers may be as alike as they are")
    model = build_embedder(network)
    missing = set(restore_latent(run / run_folder.LATENT, model)) - set(BRANCH)
    if missing:
        raise SystemExit(f"{run / run_folder.LATENT} lacks {', '.join(sorted(missing))}")
    return config, model


def last_of(model: tf.keras.Model, run: Path) -> Last:
    kernel, bias = model.get_layer("embedding").get_weights()
    kept = run / COMPENSATION
    change = np.load(kept)["compensation"] if kept.exists() else np.eye(len(bias))
    return Last(kernel, bias, change.astype(np.float32))


def write(run: Path, model: tf.keras.Model, branch: Branch) -> None:
    """Writes latent.npz anew, with the branch."""
    hidden, correction = (model.get_layer(name) for name in BRANCH)
    hidden.set_weights([branch.hidden, branch.bias])
    correction.set_weights([branch.correction])
    save_latent(run / run_folder.LATENT, model)


def logging(run: Path) -> Callable[[int, Figures], None]:
    """Writes to a run's log, as of a stage after those that it has."""
    rows, begun = run_folder.read_log(run), time.monotonic()
    before, stage = (rows[-1]["step"], rows[-1]["stage"] + 1) if rows else (0, 0)

    def note(step: int, found: Figures) -> None:
        nonlocal begun
        now = time.monotonic()
        place = {"step": before + step, "stage": stage, "seconds": round(now - begun, 1)}
        run_folder.append_log(run, {**place, **found})
        begun = now

    return note


def told(name: str, embeddings: Features, people: NDArray[np.int64]) -> None:
    found = figures(all_pairs(unit(embeddings), people))
    print(name, {key: round(value, 4) for key, value in found.items()}, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--teacher", required=True, help="FILE[:CONTRACT], for the split")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0, help="for features, of all calls")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    given = parser.parse_args(arguments)
    config, model = network_of(given.run)
    given.cache.mkdir(parents=True, exist_ok=True)
    people = held_out(given.faces, load(given.teacher, given.cache))
    body, workers = below_head(model), os.cpu_count() or 1
    embedder = as_file(body, config.final_network.variant, workers)
    source = Source.of(embedder, FaceCrops(given.faces), config)
    with progress_bar("features") as progress:
        kept = given.cache / f"features-{source.key(body)[:16]}"
        groups = gathered(source, kept, given.minutes, workers, progress)
    print(f"{len(groups.own)} groups, {groups.own.sum()} of them distorted crop by crop")
    last, judged = last_of(model, given.run), features(embedder, list(people.crops))
    told("without the branch", last(judged), people.people)
    settings = Settings(steps=given.steps, seed=given.seed)
    units = model.get_layer(BRANCH[0]).units
    trainer = Trainer(groups, last, units, config.alike, settings)
    branch = train(trainer, logging(given.run))
    told("with it", last(judged, branch), people.people)
    write(given.run, model, branch)
    stale = [name for name in MADE_OF_IT if (given.run / name).exists()]
    if stale:
        print(f"of the network before, to be removed: {', '.join(stale)}")


if __name__ == "__main__":
    main()
