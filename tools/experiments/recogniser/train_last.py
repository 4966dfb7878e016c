r"""Trains the last layers of a recogniser alone, in minutes on a CPU.

    python -m tools.experiments.recogniser.train_last RUN --faces faces --cache build/last \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json --minutes 20

RUN has ``config.json`` and ``latent.npz`` of a CompactFaceNet or a MobileFaceNet, with
``network.head_units``, rows of ``alike`` and ``distortions``; ``latent.npz`` need not have the
hidden units yet. Strangers meet where both photos are spoilt alike. A linear layer that takes out
what such photos have in common changes good photos, too; hidden units can be 0 for these, so what
spoilt photos have in common is taken out of them alone. So only these units are trained, beginning
anew, and nothing is to be added to undistorted crops; all crops are to have the embedding that the
network without the units has of the undistorted crop. That takes minutes on a CPU, since the
network below is computed only once, by 1-bit kernels where it has any: what it makes of crops is
kept in the cache, and a second call with more minutes goes on (:mod:`.stored_maps`).

    python -m tools.experiments.recogniser.train_last RUN ... --after stage3_unit1_project_bn \
        --set layer_rate=2e-4 --set relation=8

trains all layers behind one as well, towards the teacher: the mean direction of what it has of each
undistorted crop and of its mirror image. Several that are named, each with a ``--teacher``, teach
together. ``--less utkface=0.4`` takes so much of what crops of a set have in common out of these
targets. ``--set`` changes a setting of :class:`.last_layers.Settings`.

What was trained is written to ``latent.npz``. Where RUN has ``compensation.npz``, embeddings are
those that this map leaves. TAR is told on all pairs of the held-out people, before and after.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.cli.output import progress_bar
from facesdk.evaluation.calibration import all_pairs
from facesdk.recognition.alignment import central
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import INPUT, FaceCrops
from facesdk_training.data.validation import figures
from facesdk_training.keras.loading import predict
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.weights import restore_latent, save_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record
from tools.experiments.accuracy_tables import HeldOut, held_out, load
from tools.experiments.package_recogniser import COMPENSATION
from tools.experiments.recogniser.last_layers import (
    CORRECTION,
    HIDDEN,
    LAST,
    Figures,
    Settings,
    Trainer,
    train,
    unit,
)
from tools.experiments.recogniser.last_targets import directions, kept_as_is, taught_by, without
from tools.experiments.recogniser.stored_maps import Source, as_file, gathered, parted

if TYPE_CHECKING:
    import tensorflow as tf

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
    missing = set(restore_latent(run / run_folder.LATENT, model)) - {HIDDEN, CORRECTION}
    if missing:
        raise SystemExit(f"{run / run_folder.LATENT} lacks {', '.join(sorted(missing))}")
    return config, model


def forget_units(model: tf.keras.Model) -> None:
    """Lets hidden units add nothing."""
    layer = model.get_layer(CORRECTION)
    layer.set_weights([np.zeros_like(values) for values in layer.get_weights()])


def change_of(run: Path, length: int) -> NDArray[np.float32]:
    """The compensation, or the identity."""
    kept = run / COMPENSATION
    change = np.load(kept)["compensation"] if kept.exists() else np.eye(length)
    return np.asarray(change, np.float32)


def name_stale(run: Path) -> None:
    """Names what no longer belongs to a run whose network has changed."""
    stale = [name for name in MADE_OF_IT if (run / name).exists()]
    if stale:
        print(f"of the network before, to be removed: {', '.join(stale)}")


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


def embeddings(
    model: tf.keras.Model, change: NDArray[np.float32], crops: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """float32 ``(N, D)`` of crops ``(N, 112, 112, 3)``, multiplied with a map, not normalised."""
    _, height, width, _ = model.input_shape
    images = np.stack([central(crop, height, width) for crop in crops])
    return predict(model, INPUT.normalise(images)) @ change


def told(name: str, model: tf.keras.Model, change: NDArray[np.float32], people: HeldOut) -> None:
    vectors = unit(embeddings(model, change, people.crops))
    found = figures(all_pairs(vectors, people.people))
    print(name, {key: round(value, 4) for key, value in found.items()}, flush=True)


def setting(text: str) -> tuple[str, float]:
    """Of ``name=value``."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=NUMBER") from None


def settings_of(given: Sequence[tuple[str, float]]) -> Settings:
    known = {field.name: field.type for field in dataclasses.fields(Settings)}
    for name, value in given:
        if name not in known:
            raise SystemExit(f"--set: there is no {name}; there are {', '.join(known)}")
        if known[name] == "int" and not value.is_integer():
            raise SystemExit(f"--set: {name} is a whole number, not {value:g}")
    values = {name: int(value) if known[name] == "int" else value for name, value in given}
    try:
        return Settings(**values)
    except ValueError as error:
        raise SystemExit(f"--set: {error}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument(
        "--teacher",
        action="append",
        required=True,
        metavar="FILE[:CONTRACT]",
        help="MobileFaceNet's first, which tells who is held out; several teach together",
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--after", default=LAST, help="the layer whose maps are kept")
    parser.add_argument("--minutes", type=float, default=20.0, help="for maps, of all calls")
    parser.add_argument("--less", type=setting, action="append", default=[], metavar="SET=SHARE")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args(arguments)
    settings, less = settings_of(given.set), dict(given.less)
    for name, share in less.items():
        if not 0 <= share <= 1:
            raise SystemExit(f"--less: a share is 0 to 1, but {name} has {share:g}")
    config, model = network_of(given.run)
    below, above = parted(model, given.after)
    given.cache.mkdir(parents=True, exist_ok=True)
    workers = os.cpu_count() or 1
    teachers = [load(teacher, given.cache, workers) for teacher in given.teacher]
    length, most = config.final_network.embedding_length, sum(one.embedder.dim for one in teachers)
    if settings.layer_rate and most < length:
        raise SystemExit(
            f"teachers have embeddings of {most} numbers, {given.run} of {length}, so they can "
            "teach no layers: leave layer_rate at 0"
        )
    people = held_out(given.faces, teachers[0])
    source = Source.of(below, FaceCrops(given.faces), config, workers)
    if strange := set(less) - {source.crops.records[row].set for row in source.rows}:
        raise SystemExit(f"--less: no training crop is from {' or '.join(sorted(strange))}")
    with progress_bar("maps") as progress:
        kept = given.cache / f"maps-{source.key(below)[:16]}"
        groups = gathered(source, kept, given.minutes, progress)
    print(f"{len(groups.kinds)} groups")
    forget_units(model)
    change = change_of(given.run, length)
    told("before", model, change, people)
    if settings.layer_rate:
        embed = partial(embeddings, model, change)
        targets = taught_by([one.embedder for one in teachers], embed, source, given.cache, length)
    else:
        own = as_file(model, config.final_network.variant, workers)
        embed = kept_as_is(own, change)
        name = own.model_id + hashlib.sha256(change.tobytes()).hexdigest()
        targets = directions(embed, source, given.cache, name)
    targets = without(targets, source, less)
    trainer = Trainer(groups, targets, model, above, change, config.alike, settings)
    train(trainer, logging(given.run))
    told("after", model, change, people)
    save_latent(given.run / run_folder.LATENT, model)
    name_stale(given.run)


if __name__ == "__main__":
    main()
