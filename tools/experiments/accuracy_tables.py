r"""Every recogniser on every set: docs/numbers/accuracy.md and docs/numbers/degraded-photos.md.

    python -m tools.experiments.accuracy_tables compactfacenet-qb w8a8.tflite \
        MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --faces faces --lfw lfw_deepfunneled_pairs.zip pairs.txt \
        --fairface val fairface_label_val.csv --cache /tmp/accuracy

A model is a name or a file, with a contract after a colon where it carries none. Embeddings are
kept in the cache by model and crops, so that a table is made anew in seconds, and an interrupted
run goes on. Thresholds are those of the contract; a model without any gets those that the held-out
people give, by the rule of ``facesdk calibrate``.

Sets: all pairs of the held-out people (the split of training, which the teacher helps to make);
copies of every fourth of these people, degraded on both sides of a pair; LFW's 6,000 pairs; and
FairFace's validation photos by group, whose people are not known: all photos are taken to be of
different people, so its rates are at most a little too high.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.cli.output import progress_bar
from facesdk.detection.registry import load_detector
from facesdk.evaluation.calibration import FMRS, PairSimilarities, all_pairs, calibrate, probability
from facesdk.evaluation.identification import measure, search_scores
from facesdk.evaluation.intervals import wilson
from facesdk.evaluation.sets.lfw_pairs import read_pairs
from facesdk.evaluation.sets.lfw_photos import LfwPhotos
from facesdk.evaluation.sets.verification_set import lfw_set
from facesdk.evaluation.subject import Subject
from facesdk.evaluation.verification import cross_validate, equal_error_rate, error_curve
from facesdk.images import decode
from facesdk.models import registry
from facesdk.models.contract import Contract, Probability, Threshold
from facesdk.quality.selection import select
from facesdk.recognition.alignment import align_square, central
from facesdk.recognition.embedding import Embedder
from facesdk.results import FloatArray
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.split import split_by_identity
from tools.experiments.degraded.levels import DEGRADED, SIDE
from tools.experiments.degraded_strangers import SETS, SHARE

Crops = NDArray[np.uint8]

EVERY = 4
"""One of so many held-out people is degraded."""

PER_GROUP = 400
"""Photos of each of FairFace's seven groups."""

AGES = {"3-Sep": "3-9", "9-Mar": "3-9", "03-Sep": "3-9", "10-19": "10-19", "19-Oct": "10-19"}
"""What spreadsheets make of ages."""

MINORS = ("0-2", "3-9", "10-19")


@dataclass(frozen=True)
class HeldOut:
    """People that no network here was trained on.

    Attributes:
        crops: uint8 ``(N, 112, 112, 3)``.
        people: int64 ``(N,)``, a number for each person.
    """

    crops: Crops
    people: NDArray[np.int64]

    def part(self) -> HeldOut:
        """Every fourth person."""
        chosen = self.people % EVERY == 0
        return HeldOut(self.crops[chosen], self.people[chosen])


@dataclass(frozen=True)
class Photos:
    """Photos of a set, one face each.

    Attributes:
        crops: uint8 ``(N, 112, 112, 3)``; grey where no face was found.
        found: bool ``(N,)``.
        quality: float ``(N,)``, the score of :mod:`facesdk.quality`; 0 where no face was found.
    """

    crops: Crops
    found: NDArray[np.bool_]
    quality: NDArray[np.float64]


@dataclass
class Model:
    """A recogniser with what it made of each set so far."""

    embedder: Embedder
    cache: Path

    def vectors(self, name: str, crops: Crops) -> FloatArray:
        """Embeddings of crops, kept in the cache by the name of their set and their pixels."""
        pixels = hashlib.sha256(np.ascontiguousarray(crops)).hexdigest()
        full = self.embedder.contract.full_norm
        model = self.embedder.model_id[:16] + ("" if full is None else f"-{full:g}")
        kept = f"{model}-{name}-{pixels[:16]}.npy"
        path = self.cache / kept.replace("/", " ")
        if path.exists():
            return np.load(path)
        size = self.embedder.contract.input.height, self.embedder.contract.input.width
        parts = [crops[start : start + 32] for start in range(0, len(crops), 32)]
        rows = []
        with progress_bar(f"{self.embedder.name}: {name}") as progress:
            for number, part in enumerate(parts):
                rows.append(self.embedder.embed(np.stack([central(crop, *size) for crop in part])))
                progress(number + 1, len(parts), name)
        made = np.concatenate(rows)
        np.save(path, made)
        return made


def load(text: str, cache: Path, workers: int = 1) -> Model:
    name, _, contract = text.partition(":")
    said = Contract.read(Path(contract)) if contract else None
    return Model(Embedder.load(registry.resolve(name), said, workers=workers, trust=True), cache)


def held_out(folder: Path, teacher: Model) -> HeldOut:
    """The split of training: the teacher's mean of a crop and its mirror image tells people."""
    crops = FaceCrops(folder, SETS, labelled_only=True)
    alone = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=SHARE)
    images = np.stack([crops.image(row) for row in alone.validation])
    sums = teacher.vectors("split", images) + teacher.vectors("split-mirrored", images[:, :, ::-1])
    vectors = np.zeros((len(crops), sums.shape[1]), np.float32)
    vectors[alone.validation] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    split = split_by_identity(crops.records, vectors, validation_sets=SETS, validation_share=SHARE)
    kept = np.stack([crops.image(row) for row in split.validation])
    return HeldOut(kept, split.validation_identities)


def degraded(people: HeldOut) -> Iterator[tuple[str, str, Crops]]:
    """Kind, level and crops; noise is drawn anew for each level."""
    for kind, levels in DEGRADED.items():
        for level, change in levels.items():
            rng = np.random.default_rng(1)
            yield kind, level, np.stack([change(crop.copy(), rng) for crop in people.crops])


def look(photos: Sequence[tuple[str, bytes]], cache: Path, of_one_person: bool) -> Photos:
    """The face of each photo, as ``facesdk evaluate`` takes it."""
    if cache.exists():
        kept = np.load(cache)
        return Photos(kept["crops"], kept["found"], kept["quality"])
    detector = load_detector()
    crops = np.full((len(photos), SIDE, SIDE, 3), 128, np.uint8)
    found, quality = np.zeros(len(photos), bool), np.zeros(len(photos))
    with progress_bar(cache.stem) as progress:
        for number, (name, content) in enumerate(photos):
            image = decode.decode(io.BytesIO(content), name=name)
            choice = select(detector, image, of_one_person=of_one_person)
            if choice is not None:
                found[number], quality[number] = True, choice.quality.score
                crops[number] = align_square(image, choice.face.landmarks, SIDE)
            progress(number + 1, len(photos), cache.stem)
    np.savez(cache, crops=crops, found=found, quality=quality)
    return Photos(crops, found, quality)


def thresholds_of(model: Model, clean: PairSimilarities) -> tuple[Threshold, ...]:
    return model.embedder.contract.thresholds or calibrate(clean, FMRS)


def rates(pairs: PairSimilarities, threshold: float) -> tuple[float, float]:
    """FMR and FNMR."""
    return float(np.mean(pairs.negatives >= threshold)), float(np.mean(pairs.positives < threshold))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"


@dataclass(frozen=True)
class Given:
    """What a tool about recognisers and held-out people was given.

    Attributes:
        models: The recognisers.
        people: The held-out people.
        faces: The folder with manifest.csv.
    """

    models: tuple[Model, ...]
    people: HeldOut
    faces: Path


def from_command_line(documentation: str, arguments: Sequence[str] | None) -> Given:
    """Reads the command line of a tool that has no options of its own."""
    parser = argparse.ArgumentParser(description=documentation.splitlines()[0])
    parser.add_argument("models", nargs="+", help="names or FILE[:CONTRACT]")
    parser.add_argument("--teacher", required=True, help="FILE[:CONTRACT], for the split")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--cache", type=Path, required=True)
    found = parser.parse_args(arguments)
    found.cache.mkdir(parents=True, exist_ok=True)
    people = held_out(found.faces, load(found.teacher, found.cache))
    return Given(tuple(load(text, found.cache) for text in found.models), people, found.faces)


def held_out_tables(models: Sequence[Model], people: HeldOut) -> None:
    print(f"## Held-out people\n\n{len(people.crops)} crops of {people.people.max() + 1} people\n")
    rows, found = [], []
    for model in models:
        vectors = model.vectors("held-out", people.crops)
        pairs = all_pairs(vectors, people.people)
        for row in thresholds_of(model, pairs):
            fmr, fnmr = rates(pairs, row.similarity)
            said = f"{row.similarity:.4f}, {row.fmr:g}"
            rows.append((model.embedder.name, said, percent(fmr, 3), percent(fnmr)))
        found.append(identification(model, vectors, people))
    table(("model", "threshold, for an FMR of", "FMR, %", "FNMR, %"), rows)
    print("## Identification\n")
    head = ("model", "enrolled", "probes of them", "of strangers", "rank 1, %")
    table((*head, "FNIR at FPIR 1e-2, %", "threshold"), found)


def identification(model: Model, vectors: FloatArray, people: HeldOut) -> tuple[str, ...]:
    """One photo of every other person is enrolled; the rest are probes or strangers, in turn."""
    embedder = model.embedder
    subject = Subject(embedder.name, embedder.model_id, "", embedder.template, False)
    found = measure(search_scores(vectors, [f"{number:05d}" for number in people.people]), subject)
    point = dict(found.points)[1e-2]
    low, high = point.fnir_interval
    return (
        embedder.name, f"{found.people:g}", str(found.mated), str(found.non_mated),
        percent(found.rank1), f"{percent(point.fnir)} ({percent(low)} to {percent(high)})",
        f"{point.threshold:.4f}",
    )  # fmt: skip


def degraded_tables(models: Sequence[Model], people: HeldOut) -> None:
    some = people.part()
    whole = {id(model): all_pairs(model.vectors("held-out", people.crops), people.people)
             for model in models}  # fmt: skip
    points = {id(model): thresholds_of(model, whole[id(model)]) for model in models}
    pairs = all_pairs(np.zeros((len(some.people), 1), np.float32), some.people)
    print(f"## Degraded\n\n{len(some.crops)} crops of {len(set(some.people))} people: "
          f"{len(pairs.positives)} pairs of one, {len(pairs.negatives)} of two\n")  # fmt: skip
    rows: dict[str, list[tuple[str, ...]]] = {}
    one_spoilt = {id(model): 0.0 for model in models}
    conditions = [("as they are", "", some.crops), *degraded(some)]
    for kind, level, crops in conditions:
        cells = []
        for model in models:
            vectors = model.vectors(f"{kind} {level}", crops)
            made = all_pairs(vectors, some.people)
            for row in points[id(model)]:
                fmr, fnmr = rates(made, row.similarity)
                cells.append(f"{percent(fmr, 2)} / {percent(fnmr)}")
            threshold = {row.fmr: row.similarity for row in points[id(model)]}[1e-3]
            mixed = mixed_fmr(model.vectors("as they are ", some.crops), vectors, some, threshold)
            one_spoilt[id(model)] = max(one_spoilt[id(model)], mixed)
        rows.setdefault(kind, []).append((level, *cells))
    for model in models:
        worst = percent(one_spoilt[id(model)], 2)
        print(f"{model.embedder.name}: with one photo spoilt at most {worst} % pass at 1e-3")
    print()
    head = [f"{model.embedder.name}, {row.fmr:g}" for model in models for row in points[id(model)]]
    clean = rows.pop("as they are")[0]
    for kind, levels in rows.items():
        table((kind, *head), [("as they are", *clean[1:]), *levels])


def mixed_fmr(clean: FloatArray, spoilt: FloatArray, people: HeldOut, threshold: float) -> float:
    """The share of strangers that pass where one photo of two is spoilt."""
    strangers = people.people[:, None] != people.people
    return float(np.mean((clean @ spoilt.T)[strangers] >= threshold))


def lfw_tables(models: Sequence[Model], people: HeldOut, photos: Path, pairs: Path,
               cache: Path) -> None:  # fmt: skip
    protocol = read_pairs(pairs)
    source = LfwPhotos(photos, protocol.photos)
    test = lfw_set(protocol, source)
    found = look([(name, source.read(name)) for name in protocol.photos], cache / "lfw.npz", True)
    print(f"## LFW\n\n{(~found.found).sum()} of {len(found.found)} photos without a face\n")
    rows, overall, sure = [], [], []
    for model in models:
        vectors = model.vectors("lfw", found.crops)
        vectors[~found.found] = 0
        similarity = np.einsum("nd,nd->n", vectors[test.first], vectors[test.second])
        curve = error_curve(similarity, test.same)
        folds = cross_validate(similarity, test.same, test.folds)
        overall.append((model.embedder.name, f"{percent(folds.mean, 2)} ± {percent(folds.std, 2)}",
                        f"{equal_error_rate(curve):.4f}"))  # fmt: skip
        clean = all_pairs(model.vectors("held-out", people.crops), people.people)
        labelled = PairSimilarities(similarity[test.same], similarity[~test.same])
        for row in thresholds_of(model, clean):
            fmr, fnmr = rates(labelled, row.similarity)
            rows.append((model.embedder.name, f"{row.similarity:.4f}, {row.fmr:g}",
                         f"{fmr:.4f} ({_interval(fmr, len(labelled.negatives))})",
                         f"{fnmr:.3f} ({_interval(fnmr, len(labelled.positives))})"))  # fmt: skip
        curve_of = model.embedder.contract.probability or probability(clean)
        if curve_of is not None:
            sure += reliability(model.embedder.name, curve_of, similarity, test.same)
    table(("model", "accuracy, %", "EER"), overall)
    table(("model", "threshold, for an FMR of", "FMR", "FNMR"), rows)
    print("### How sure it is\n")
    table(("model", "probability said", "pairs", "share of one person"), sure)


def reliability(name: str, curve: Probability, similarity: NDArray[np.float64],
                same: NDArray[np.bool_]) -> list[tuple[str, ...]]:  # fmt: skip
    said = np.array([curve.at(value) for value in similarity])
    ends = (0, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0)
    rows = []
    for low, high in pairwise(ends):
        chosen = (said >= low) & ((said < high) | (high == 1.0))
        if chosen.any():
            rows.append((name, f"{low:g} to {high:g} (mean {said[chosen].mean():.3f})",
                         str(int(chosen.sum())), f"{same[chosen].mean():.3f}"))  # fmt: skip
    return rows


def _interval(share: float, count: int) -> str:
    low, high = wilson(share, count)
    return f"{low:.4f} to {high:.4f}"


def group_tables(models: Sequence[Model], people: HeldOut, folder: Path, labels: Path,
                 cache: Path) -> None:  # fmt: skip
    chosen = _labelled(labels)
    photos = [(row["file"], (folder / Path(row["file"]).name).read_bytes()) for row in chosen]
    found = look(photos, cache / "fairface.npz", True)
    print(f"## Groups\n\n{len(photos)} photos of FairFace\n")
    columns = {
        "group": [row["race"] for row in chosen],
        "sex": [row["gender"] for row in chosen],
        "age": [AGES.get(row["age"], row["age"]) for row in chosen],
    }
    grown = [value not in MINORS for value in columns["age"]]
    columns["group, 20 and older"] = [
        f"{row['race']}, {row['gender']}" if adult else ""
        for row, adult in zip(chosen, grown, strict=True)
    ]
    rows = []
    for name, values in columns.items():
        for value in sorted(set(values) - {""}):
            here = np.array([one == value for one in values])
            kept = here & found.found
            quality = found.quality[kept]
            cells = [
                name,
                value.replace("_", " "),
                str(int(here.sum())),
                percent(kept.sum() / here.sum()),
                f"{np.median(quality):.2f}",
                percent(float(np.mean(quality < 0.5))),
            ]
            for model in models:
                cells.append(_false_matches(model, found, kept, people))
            rows.append(tuple(cells))
    head = ["by", "", "photos", "with a face, %", "quality, median", "below the floors, %"]
    table([*head, *(f"{model.embedder.name}: false matches at FMR 1e-3, %" for model in models)],
          rows)  # fmt: skip


def _false_matches(model: Model, found: Photos, kept: NDArray[np.bool_], people: HeldOut) -> str:
    clean = all_pairs(model.vectors("held-out", people.crops), people.people)
    threshold = next(row.similarity for row in thresholds_of(model, clean) if row.fmr == 1e-3)
    vectors = model.vectors("fairface", found.crops)[kept]
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    return f"{percent(float(np.mean(pairs >= threshold)), 2)} of {len(pairs):,}"


def _labelled(labels: Path) -> list[dict[str, str]]:
    """The first photos of each group in the order of the file."""
    chosen: dict[str, list[dict[str, str]]] = {}
    with labels.open(newline="") as stream:
        for row in csv.DictReader(stream):
            group = chosen.setdefault(row["race"], [])
            if len(group) < PER_GROUP:
                group.append(row)
    return [row for group in chosen.values() for row in group]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="name or FILE[:CONTRACT]")
    parser.add_argument("--teacher", required=True, help="FILE[:CONTRACT], for the split")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--lfw", type=Path, nargs=2, metavar=("ZIP", "PAIRS"))
    parser.add_argument("--fairface", type=Path, nargs=2, metavar=("FOLDER", "CSV"))
    parser.add_argument("--no-degraded", action="store_true", help="leave that table out")
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    models = [load(text, arguments.cache) for text in arguments.models]
    people = held_out(arguments.faces, load(arguments.teacher, arguments.cache))
    held_out_tables(models, people)
    if arguments.lfw:
        lfw_tables(models, people, *arguments.lfw, arguments.cache)
    if arguments.fairface:
        group_tables(models, people, *arguments.fairface, arguments.cache)
    if not arguments.no_degraded:
        degraded_tables(models, people)


if __name__ == "__main__":
    main()
