r"""LFW against the width of weights: convert a float network to each width and evaluate the files.

    python -m tools.experiments.fixed_point_lfw MobileFaceNet.tflite \
        --contract tools/peers/mobilefacenet.contract.json --calibrate-on faces/celeba_wild.zip \
        --images lfw.zip --pairs pairs.txt --widths 8/8 4/8 3/32 --files build/fixed-point

A width is weights/activations in bits. Photos are detected (cached landmarks are used), aligned and
held in memory once; each row is printed when it is done. Weights are stored in int8 here, whose
kernels are the fastest: a smaller type holds the same numbers. LFW decides nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.evaluation.evaluation import Evaluation, evaluate
from facesdk.evaluation.sets.lfw_pairs import read_pairs
from facesdk.evaluation.sets.lfw_photos import LfwPhotos
from facesdk.evaluation.sets.verification_set import VerificationSet, lfw_set
from facesdk.evaluation.subject import Subject, embed
from facesdk.files import cache_folder
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.recognition.embedding import Embedder
from facesdk.results import FloatArray
from facesdk_converters.inspection import faces
from facesdk_converters.targets.calibration_inputs import CALIBRATION_PHOTOS
from facesdk_converters.targets.fixed_point.conversion import (
    FixedPointOptions,
    calibrate,
    convert,
)
from facesdk_converters.tflite.tree import write_contract


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the float32 .tflite file")
    parser.add_argument("--contract", type=Path, required=True)
    parser.add_argument("--calibrate-on", type=Path, required=True, help="folder or zip of crops")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--widths", nargs="+", default=[f"{bits}/8" for bits in range(8, 0, -1)])
    parser.add_argument("--files", type=Path, required=True, help="folder for the converted files")
    parser.add_argument("--json", type=Path, help="append each row to this file as a line of JSON")
    arguments = parser.parse_args()

    contract = Contract.from_json(arguments.contract.read_text())
    protocol = read_pairs(arguments.pairs)
    pairs = lfw_set(protocol, LfwPhotos(arguments.images, protocol.photos))
    source = Embedder.load(arguments.model, contract)
    subject, embedded = embed(pairs, source, cache=cache_folder("evaluation"))
    crops = np.stack([embedded.crop(number) for number in range(len(pairs.names))])
    arguments.files.mkdir(parents=True, exist_ok=True)
    calibration = faces.load(arguments.calibrate_on, limit=CALIBRATION_PHOTOS)
    network = calibrate(ModelBundle.load(arguments.model), [contract.input.normalise(calibration)])
    print("| weights | activations | bytes | accuracy | TAR@FAR 1e-3 | EER | cosine |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    row("32", "32", arguments.model, evaluate(pairs, embedded.vectors, subject), 1.0)
    for width in arguments.widths:
        bits, activations = (int(number) for number in width.split("/"))
        options = FixedPointOptions(bits, activations, storage="int8")
        path = arguments.files / f"w{bits}a{activations}.tflite"
        bundle = ModelBundle.from_bytes(convert(network, options), path)
        path.write_bytes(write_contract(bundle, contract))
        model = Embedder.load(path)
        vectors = np.concatenate([model.embed(part) for part in np.array_split(crops, 100)])
        cosine = float(np.median(np.sum(vectors * embedded.vectors, axis=1)))
        result = measured(pairs, vectors, model, subject.detector)
        row(str(bits), str(activations), path, result, cosine)
        if arguments.json:
            line = {"width": width, "bytes": path.stat().st_size, **result.to_dict()}
            with arguments.json.open("a") as stream:
                stream.write(json.dumps(line) + "\n")


def measured(
    pairs: VerificationSet, vectors: FloatArray, model: Embedder, detector: str
) -> Evaluation:
    subject = Subject(model.name, model.model_id, detector, model.template, False)
    return evaluate(pairs, vectors, subject)


def row(bits: str, activations: str, path: Path, result: Evaluation, cosine: float) -> None:
    tar = next(point.tar for point in result.tar_at_far if point.far == 1e-3)
    print(
        f"| {bits} | {activations} | {path.stat().st_size:,} | {100 * result.accuracy:.2f} % ± "
        f"{100 * result.std:.2f} | {tar:.3f} | {result.equal_error_rate:.4f} | {cosine:.4f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
