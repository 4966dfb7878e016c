r"""From a trained float network to the packaged file: fixed-point weights, thresholds, probability.

    python -m tools.experiments.package_recogniser run mobilefacenet-w7a8.tflite --bits 7 \
        --width depthwise=8 --width stem=8 --faces faces --teacher MobileFaceNet.tflite

RUN has ``config.json`` and ``latent.npz``, as a run leaves them; ``weights.h5`` and
``calibration.json`` are made where they are missing. Ranges of activations are measured on crops of
which most are spoilt (:mod:`.recogniser.spoilt_crops`). Nuisances of the configuration are taken
out as a file has them, whose rounding adds to them. Thresholds and probability are those of the
file itself, not of the float network, on all pairs of the held-out people: the split of training,
which MobileFaceNet as the teacher helps to make. Prints what a model card needs.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.evaluation.calibration import (
    FMRS,
    PairSimilarities,
    all_pairs,
    balanced_accuracy,
    calibrate,
    probability,
)
from facesdk.files import write_atomic
from facesdk.models import packed
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.recognition.alignment import central
from facesdk.recognition.embedding import CropEmbedder, Embedder
from facesdk_converters.convert import Converted, Facts, Request, convert
from facesdk_converters.targets.fixed_point.target import target
from facesdk_converters.tflite.tree import write_contract
from facesdk_training.config.run import RunConfig
from facesdk_training.data.batches import BatchSampler, CropBatches
from facesdk_training.data.compensation import pools
from facesdk_training.data.crops import INPUT, FaceCrops
from facesdk_training.data.split import split_by_identity
from facesdk_training.data.validation import calibration_of, figures
from facesdk_training.keras.compensation import Embed, compensate, fold
from facesdk_training.keras.loading import load, predict
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.weights import restore_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record
from tools.experiments.accuracy_tables import HeldOut, Model, held_out
from tools.experiments.degraded_strangers import SETS, SHARE
from tools.experiments.recogniser import spoilt_crops

if TYPE_CHECKING:
    import tensorflow as tf

COMPENSATION = "compensation.npz"
"""The map in a run folder: float32 [D, D]."""

_BATCH = 32


def finish(
    run: Path, people: HeldOut, faces: Path, file_of: Callable[[Path], CropEmbedder] | None = None
) -> None:
    """Makes a run's weights.h5 of its latent.npz, and its calibration.json.

    The map that takes nuisances out is kept beside them, and taken where there is one.

    Args:
        run: The run folder.
        people: Whose pairs are calibrated on.
        faces: Folder with manifest.csv: the crops by which nuisances are taken out.
        file_of: Converts a run folder. Nuisances are then those of the file's embeddings, by
            default those of the float network's.
    """
    if (run / run_folder.WEIGHTS).exists() and (run / run_folder.CALIBRATION).exists():
        return
    config = run_record.config_of(run)
    model = build_embedder(config.final_network)
    missing = restore_latent(run / run_folder.LATENT, model)
    if missing:
        raise SystemExit(f"{run / run_folder.LATENT} lacks the layers {', '.join(missing)}")
    kept = run / COMPENSATION
    if kept.exists():
        fold(model, np.load(kept)["compensation"])
    elif config.nuisances:
        embed = None
        if file_of is not None:
            with TemporaryDirectory() as name:
                before = Path(name)
                shutil.copy(run / run_folder.CONFIG, before)
                _write(model, before, people)
                embed = _of_normalised(file_of(before))
        change = compensate(model, config.nuisances, trained_on(faces, config).copies, embed)
        np.savez_compressed(kept, compensation=change.astype(np.float32))
    found = _write(model, run, people)
    print("float network", {key: round(value, 5) for key, value in found.items()})


def _write(model: tf.keras.Model, run: Path, people: HeldOut) -> dict[str, float]:
    """Writes weights.h5 and calibration.json; how well held-out people are told apart."""
    model.save_weights(run / run_folder.WEIGHTS)
    _, height, width, _ = model.input_shape
    images = np.stack([central(crop, height, width) for crop in people.crops])
    vectors = predict(model, INPUT.normalise(images))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = all_pairs(vectors, people.people)
    count = {"crops": len(people.crops), "identities": int(people.people.max()) + 1}
    found = figures(pairs)
    run_folder.write_record(
        run / run_folder.CALIBRATION, {**count, **found, **calibration_of(pairs)}
    )
    return found


def _of_normalised(embedder: CropEmbedder) -> Embed:
    return lambda images: embedder.embed(
        np.rint(images * INPUT.scale + INPUT.mean).astype(np.uint8)
    )


def trained_on(faces: Path, config: RunConfig) -> CropBatches:
    """The crops, but those of held-out people."""
    crops = FaceCrops(faces)
    split = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=SHARE)
    sampler = BatchSampler(split.train, _BATCH, config.seed)
    size = config.final_network.input_height, config.final_network.input_width
    copied = pools(config.nuisances, crops.records, split.train)
    return CropBatches(crops, split.train, sampler, config.augmentation, *size, copied=copied)


def similarities(embedder: CropEmbedder, people: HeldOut) -> PairSimilarities:
    size = embedder.contract.input.height, embedder.contract.input.width
    rows = []
    for start in range(0, len(people.crops), _BATCH):
        some = people.crops[start : start + _BATCH]
        rows.append(embedder.embed(np.stack([central(crop, *size) for crop in some])))
    return all_pairs(np.concatenate(rows), people.people)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--width", action="append", default=[], metavar="NAME=BITS")
    parser.add_argument("--ranges", default="extremes", help="extremes or least-squares")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--teacher", type=Path, required=True, help="MobileFaceNet.tflite")
    parser.add_argument("--cache", type=Path, required=True, help="folder for embeddings")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    contract = Contract.read(Path("tools/peers/mobilefacenet.contract.json"))
    teacher = Model(Embedder.load(arguments.teacher, contract, trust=True), arguments.cache)
    people = held_out(arguments.faces, teacher)
    name = arguments.output.name.partition(".")[0]
    measured_on = arguments.cache / "spoilt-crops"
    shutil.rmtree(measured_on, ignore_errors=True)
    spoilt_crops.write(measured_on, arguments.faces, run_record.config_of(arguments.run))

    def converted(run: Path, output: Path) -> tuple[ModelBundle, Converted]:
        made = convert(
            Request(run, output, facts=Facts(name=name)),
            target(
                bits=arguments.bits,
                activations=8,
                filter_scales="free",
                storage="int8",
                calibrate_on=measured_on,
                widths=tuple(arguments.width),
                ranges=arguments.ranges,
            ),
        )
        return ModelBundle.load(output, trust=True), made

    def file_of(run: Path) -> CropEmbedder:
        bundle, _ = converted(run, run / arguments.output.name)
        return Embedder(bundle, bundle.contract)

    finish(arguments.run, people, arguments.faces, file_of)
    bundle, made = converted(arguments.run, arguments.output)
    bundle = ModelBundle.load(arguments.output, trust=True)
    pairs = similarities(Embedder(bundle, bundle.contract), people)
    source = run_folder.read_record(arguments.run / run_folder.CALIBRATION)
    written = dataclasses.replace(
        bundle.contract,
        thresholds=calibrate(pairs, FMRS),
        thresholds_source=f"all pairs of {source['crops']} crops of {source['identities']} "
        "identities kept out of training, of this file",
        probability=probability(pairs),
    )
    content = write_contract(bundle, written)
    write_atomic(arguments.output, content)
    final = ModelBundle.load(arguments.output, trust=True)
    print(f"{arguments.output}: {len(content):,} bytes, {len(packed.pack(content)):,} packed")
    print(f"SHA-256 {final.sha256}, {made.agreement}")
    print(f"held-out accuracy {balanced_accuracy(pairs):.4f}")
    for row in written.thresholds:
        print(f"FMR {row.fmr:g}: {row.similarity:.4f}, TAR {1 - row.fnmr:.4f}")
    print(written.probability)
    network = load(arguments.run).model
    print(f"{network.count_params():,} weights and statistics")


if __name__ == "__main__":
    main()
