"""Crops that ranges of fixed-point activations are measured on: as they are, and spoilt.

Of a network that was measured on good photos alone, activations of bad ones leave the range, and
embeddings of two strangers become alike that the float network tells apart.

    python -m tools.experiments.recogniser.spoilt_crops training/runs/accurate faces out/
    facesdk convert fixed-point training/runs/accurate -o net.tflite --calibrate-on out/
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from facesdk.images import encode
from facesdk_converters.targets.calibration_inputs import CALIBRATION_PHOTOS
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import CROP_SIZE, FaceCrops
from facesdk_training.data.distortions import distorted
from facesdk_training.data.split import split_by_identity
from facesdk_training.runs import record as run_record
from tools.experiments.degraded_strangers import SETS, SHARE

_SET = "celeba_wild"
_AS_THEY_ARE = CALIBRATION_PHOTOS // 3


def write(folder: Path, faces: Path, config: RunConfig) -> None:
    """Writes as many crops as a conversion takes, of people who are not held out.

    A third is as it is; the others have the rows of ``alike`` of the run, each at its least and at
    its largest strength.

    Args:
        folder: Where to; made if missing.
        faces: Folder with manifest.csv.
        config: Of the run that is converted.
    """
    crops = FaceCrops(faces)
    split = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=SHARE)
    rng = np.random.default_rng(0)
    known = [row for row in split.train if crops.records[row].set == _SET]
    ways = [
        replace(row, share=1.0, least=strength, most=strength)
        for row in config.alike.rows
        for strength in row.strength
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rng.permutation(known)[:CALIBRATION_PHOTOS]):
        way = ways[number % len(ways)] if ways and number >= _AS_THEY_ARE else None
        image = distorted(
            *(crops.image(row), () if way is None else (way,), CROP_SIZE, CROP_SIZE), 0.0, rng
        )
        encode.save(folder / f"{number:02d}.png", image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path, help="folder with manifest.csv")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    write(given.folder, given.faces, run_record.config_of(given.run))


if __name__ == "__main__":
    main()
