r"""Strangers of one group, sex and age that pass, counted on FairFace's aligned crops.

    python -m tools.experiments.recogniser.groups compactfacenet-qb mobilefacenet-w7a8 \
        --placed-by MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --crops faces/fairface_val.zip --labels fairface_label_val.csv --cache build/accuracy

The crops in the archive are numbered anew and photos without a face are missing, so the labels of
each are found by :mod:`tools.experiments.recogniser.photo_order` with the embeddings of a model
that is not judged. Crops that are not certain to be of one photo are left out. All crops are taken
to be of different people. Told are the shares that pass at the thresholds of the files, and the
similarity at which one pair in a thousand would.
"""

from __future__ import annotations

import argparse
import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.images.decode import decode
from tools.experiments.accuracy_tables import AGES, MINORS, load, percent, table
from tools.experiments.recogniser.photo_order import place
from tools.experiments.recogniser.strangers_elsewhere import similarities

CERTAIN = 0.95
"""Probability of its photo from which a crop counts."""

FMR = 1e-3
"""For which a similarity is told."""

LEAST = 30_000
"""Pairs from which it is: thirty of them pass."""

Row = dict[str, str]


def read_crops(archive: Path) -> NDArray[np.uint8]:
    """All crops of an archive in the order of their names, ``(K, 112, 112, 3)``.

    Those that training leaves out, because they look like one of LFW, are among them.
    """
    with zipfile.ZipFile(archive) as opened:
        names = sorted(opened.namelist())
        return np.stack([decode(opened.open(name), name=name) for name in names])


def read_labels(path: Path) -> list[Row]:
    """Of all photos, in the order of their names, which the crops have."""
    with path.open(newline="") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["file"])
    return [{**row, "age": AGES.get(row["age"], row["age"])} for row in rows]


def indicators(rows: Sequence[Row]) -> NDArray[np.bool_]:
    """Which group, sex and age each photo has, ``(N, L)``."""
    columns = []
    for field in ("race", "gender", "age"):
        values = np.array([row[field] for row in rows])
        columns.append(values[:, np.newaxis] == np.unique(values))
    return np.concatenate(columns, axis=1)


def parts(rows: Sequence[Row]) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """By what, which, and who belongs to it."""
    grown = np.array([row["age"] not in MINORS for row in rows])
    race, sex, age = (np.array([row[field] for row in rows]) for field in ("race", "gender", "age"))
    both = np.array([f"{row['race']}, {row['gender']}" for row in rows])
    for by, values, among in (
        ("age", age, np.ones_like(grown)),
        ("sex, 20 and older", sex, grown),
        ("group, 20 and older", race, grown),
        ("group and sex, 20 and older", both, grown),
    ):
        for value in sorted(np.unique(values[among]), key=_by_number):
            yield by, value.replace("_", " "), among & (values == value)
    yield "any two, 20 and older", "", grown


def _by_number(value: str) -> tuple[int, str]:
    """Ages in their order, other values by the alphabet."""
    digits = re.findall(r"\d+", value)
    return int(digits[0]) if digits else 0, value


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="names or FILE[:CONTRACT]")
    parser.add_argument("--placed-by", required=True, help="FILE[:CONTRACT]")
    parser.add_argument("--crops", type=Path, required=True, help="archive of aligned crops")
    parser.add_argument("--labels", type=Path, required=True, help="FairFace's table")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.cache.mkdir(parents=True, exist_ok=True)
    models = [load(text, given.cache) for text in given.models]
    images = read_crops(given.crops)
    vectors = [model.vectors(f"all of {given.crops.stem}", images) for model in models]

    labels = read_labels(given.labels)
    shown = indicators(labels)
    placing = load(given.placed_by, given.cache).vectors(f"all of {given.crops.stem}", images)
    placement = place(placing, shown)
    chance = place(placing, shown[np.random.default_rng(0).permutation(len(shown))])
    certain = placement.certainty >= CERTAIN
    print(
        f"{len(images)} crops of {len(labels)} photos, {certain.sum()} certain, mean certainty "
        f"{placement.certainty[certain].mean():.4f} of these; {placement.gain:.2f} nats a crop "
        f"from the labels, {chance.gain:.2f} from shuffled ones"
    )
    rows = []
    for by, which, belongs in parts([labels[photo] for photo in placement.photos[certain]]):
        cells = [by, which, str(int(belongs.sum()))]
        for model, of_all in zip(models, vectors, strict=True):
            alike = similarities(of_all[certain][belongs])
            for threshold in model.embedder.contract.thresholds:
                cells.append(percent(float(np.mean(alike >= threshold.similarity)), 2))
            enough = len(alike) >= LEAST
            cells.append(f"{np.quantile(alike, 1 - FMR):.3f}" if enough else "")
        rows.append(tuple(cells))
    heads = [
        head
        for model in models
        for head in (
            *(f"{model.embedder.name}, FMR {row.fmr:g}, %"
              for row in model.embedder.contract.thresholds),
            f"similarity for {FMR:g}",
        )
    ]  # fmt: skip
    table(("by", "", "crops", *heads), rows)


if __name__ == "__main__":
    main()
