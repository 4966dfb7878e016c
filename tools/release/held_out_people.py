r"""The crops of the people kept out of training as photos, a folder for each, for ``calibrate``.

    python -m tools.release.held_out_people kept-out-of-training --faces faces \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --cache build/accuracy
    facesdk calibrate compactfacenet-qb kept-out-of-training --aligned --unclear 0.005 \
        --fmr 0.0001 --fmr 0.001 --fmr 0.01 -o compactfacenet-qb.tflite

The packaged ``mobilefacenet-w7a8`` is made alike, with ``--unclear 0.0005``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from facesdk.images import encode
from tools.experiments.accuracy_tables import HeldOut, held_out, load


def write(folder: Path, people: HeldOut) -> None:
    """Writes ``<person>/<crop>.png``, numbers both.

    Args:
        folder: Where to; must not be there.
        people: Their crops.
    """
    folder.mkdir(parents=True)
    for number, (crop, person) in enumerate(zip(people.crops, people.people, strict=True)):
        own = folder / f"{person:04d}"
        own.mkdir(exist_ok=True)
        encode.save(own / f"{number:05d}.png", crop)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="the folder to write")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--teacher", required=True, help="FILE[:CONTRACT], for the split")
    parser.add_argument("--cache", type=Path, required=True, help="folder for embeddings")
    given = parser.parse_args(arguments)
    given.cache.mkdir(parents=True, exist_ok=True)
    people = held_out(given.faces, load(given.teacher, given.cache))
    write(given.output, people)
    print(f"{given.output}: {len(people.crops)} crops of {people.people.max() + 1} people")


if __name__ == "__main__":
    main()
