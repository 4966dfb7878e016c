r"""The tables of docs/numbers/compression.md: every compression method on one trained network.

    python -m tools.experiments.compression_table data small --faces faces \
        --teacher MobileFaceNet.tflite --network source
    python -m tools.experiments.compression_table rows table --network source --data small
    python -m tools.experiments.compression_table file table --network source --data small \
        --file compactfacenet-qb.tflite
    python -m tools.experiments.compression_table time table
    python -m tools.experiments.compression_table lfw table --images lfw.zip --pairs pairs.txt
    python -m tools.experiments.compression_table page table
    python -m tools.experiments.compression_table blocks blocks --network source

``data`` chooses crops: the people whom training held out, and some of those it saw. ``rows`` goes
on where it stopped: a JSON file per row, and the model file; ``file`` adds a row for any model
file with a contract. Every figure of accuracy is of the
``.tflite`` file, on all pairs of the held-out people. ``time`` runs each file in turn with the
network's own, ``lfw`` judges the last file of each row on LFW's 6,000 pairs, once, and ``page``
prints tables and draws the chart.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import facesdk_training  # noqa: F401  # isort: skip (chooses Keras 2 before TensorFlow is imported)
import tensorflow as tf

from facesdk.cli.output import progress_bar
from facesdk.errors import FaceSDKError
from facesdk.evaluation.calibration import all_pairs
from facesdk.evaluation.evaluation import evaluate
from facesdk.evaluation.sets.lfw_pairs import read_pairs
from facesdk.evaluation.sets.lfw_photos import LfwPhotos
from facesdk.evaluation.sets.verification_set import lfw_set
from facesdk.evaluation.subject import Subject as Judged
from facesdk.evaluation.subject import embed
from facesdk.files import cache_folder, make_folder, write_atomic
from facesdk.measure.timing import Policy
from facesdk.models import packed
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.pages import charts
from facesdk.pages.axes import Scale
from facesdk.recognition.alignment import central
from facesdk.recognition.embedding import Embedder
from facesdk.results import FloatArray
from facesdk_converters.compression import files
from facesdk_converters.compression.files import latency_ratio
from facesdk_converters.compression.pipeline import config_of
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.fixed_point.target import target as fixed_point
from facesdk_converters.targets.target import Target
from facesdk_converters.tflite.tree import write_contract
from facesdk_training.architectures.registry import configure
from facesdk_training.compression.counts import counts
from facesdk_training.compression.frame.method import NOTES, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain, retraining_config
from facesdk_training.compression.steps import step
from facesdk_training.config.run import LossConfig
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.material import Material, gather
from facesdk_training.data.records import FaceDataset, FaceRecord, write_shard
from facesdk_training.data.split import Split, split_by_identity
from facesdk_training.data.validation import figures
from facesdk_training.keras import loading
from facesdk_training.keras.embedder import load_keras
from facesdk_training.keras.networks import compact_blocks
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record
from facesdk_training.runs.contract import contract_of
from tools.experiments.accuracy_tables import Model, held_out
from tools.experiments.degraded_strangers import SETS

TRAINED = 3000
"""Crops that are trained on, of people with five or more."""
WATCHED = 12
"""Retraining looks at the crops of every so many held-out people while it goes on."""
JUDGED = 3
"""The table's figures are of the crops of every so many held-out people."""
RETRAINING = {"steps": 40, "batch_size": 16, "learning_rate": 1e-3}
NONE = {"steps": 0}
WAYS = ("before", "after")
BATCH = 32
POLICY = Policy(runs=30, warm_up=5, warm_up_seconds=0.2, lead=2)

Convert = Callable[[Path], Target]


def floats(_: Path) -> Target:
    return floating.float32()


def fixed(bits: int, activations: int, *, trained: bool, storage: str = "smallest") -> Convert:
    def make(_: Path) -> Target:
        return fixed_point(
            bits=bits,
            activations=activations,
            filter_scales="free",
            storage=storage,
            calibrate_on=None,
            trained=trained,
        )

    return make


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        name: What its files are called.
        steps: Methods with their settings; retraining is added.
        convert: What the network becomes.
        retrained: Settings of retraining by which the row differs from the others.
    """

    name: str
    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    convert: Convert = floats
    retrained: Mapping[str, Any] | None = None


def _row(name: str, method: str, convert: Convert = floats, /, **settings: Any) -> Row:
    return Row(name, ((method, settings),), convert)


ENDS_IN_RETRAINING = frozenset(
    {"filters", "apoz", "taylor", "slimming", "group-sparsity", "thinet", "channels-lasso", "amc"}
    | {"svd", "spatial", "tucker", "cp"}
)
"""Methods that change a network first and retrain it as it then is: the choice is made once."""
HALF = ("filters", {"share": 0.5})
KEPT = fixed(8, 32, trained=True)
PRUNE_DISTIL_BINARY = Row(
    "prune-distil-binary",
    (("filters", {"share": 0.33}), ("distil-hints", {}), ("fixed-point", {"bits": 1})),
    KEPT,
)

MOBILE = (
    Row("float", ()),
    Row("w8a8", (), fixed(8, 8, trained=False, storage="int8")),
    _row("filters-25", "filters", share=0.25),
    _row("magnitude-50", "magnitude", share=0.5),
    _row("k-means-5", "k-means", bits=5, dense_bits=4),
    _row("fixed-4", "fixed-point", KEPT, bits=4),
    _row("svd-90", "svd", energy=0.9),
    _row("filters-50", "filters", share=0.5),
    Row(
        "deep-compression",
        (("magnitude", {"share": 0.5}), ("k-means", {"bits": 5, "dense_bits": 4})),
    ),
    _row("twn", "twn", KEPT),
    _row("thinet-25", "thinet", share=0.25),
    _row("lasso-25", "channels-lasso", share=0.25),
    _row("taylor-25", "taylor", share=0.25),
    _row("apoz-25", "apoz", share=0.25),
    _row("slimming-25", "slimming", share=0.25, sparsifying=RETRAINING),
    _row("group-sparsity-25", "group-sparsity", share=0.25, sparsifying=RETRAINING),
    _row("magnitude-80", "magnitude", share=0.8),
    _row("fixed-2", "fixed-point", KEPT, bits=2),
    _row("mixed-10", "mixed-widths", KEPT, share=0.1),
    _row("inq-4", "inq", KEPT, bits=4, shares=[0.5, 1.0]),
    _row("ttq", "ttq"),
    _row("amc-70", "amc", budget=0.7, episodes=60, crops=16),
    _row("amc-70-error", "amc", budget=0.7, episodes=60, crops=16, reward="error"),
    Row("filters-50-hints", (HALF, ("distil-hints", {}))),
    Row("filters-50-attention", (HALF, ("distil-attention", {}))),
    Row("filters-50-similarity", (HALF, ("distil-similarity", {}))),
    Row("filters-50-soft-targets", (HALF, ("distil-soft-targets", {}))),
    _row("neurons-50", "distil-neurons", share=0.5),
    _row("product", "product"),
    _row("hashed", "hashed", share=0.25),
    _row("circulant", "circulant"),
    _row("svd-evbmf", "svd", rule="evbmf"),
    _row("spatial-90", "spatial", energy=0.9),
    _row("tucker-90", "tucker", energy=0.9),
    _row("cp-90", "cp", energy=0.9),
    PRUNE_DISTIL_BINARY,
)
RESIDUAL = (
    Row("float", ()),
    Row("w8a8", (), fixed(8, 8, trained=False, storage="int8")),
    Row("w4a8", (), fixed(4, 8, trained=False, storage="int8")),
    _row("filters-25", "filters", share=0.25),
    _row("filters-50", "filters", share=0.5),
    _row("magnitude-50", "magnitude", share=0.5),
    _row("k-means-4", "k-means", bits=4, dense_bits=4),
    _row("tucker-90", "tucker", energy=0.9),
    _row("fixed-1", "fixed-point", KEPT, bits=1),
    _row("twn", "twn", KEPT),
    _row("fixed-4", "fixed-point", KEPT, bits=4),
    _row("svd-90", "svd", energy=0.9),
    _row("spatial-90", "spatial", energy=0.9),
    _row("cp-90", "cp", energy=0.9),
    _row("taylor-25", "taylor", share=0.25),
    Row(
        "deep-compression",
        (("magnitude", {"share": 0.5}), ("k-means", {"bits": 4, "dense_bits": 4})),
    ),
    _row("product", "product"),
    _row("hashed", "hashed", share=0.25),
    _row("circulant", "circulant"),
    PRUNE_DISTIL_BINARY,
)
PLANS = {"mobile": MOBILE, "residual": RESIDUAL}


def make_data(out: Path, faces: Path, teacher: Path, network: Path) -> None:
    """Held-out people as ``validation``, some of the others as ``train``."""
    contract = Contract.read(Path("tools/peers/mobilefacenet.contract.json"))
    make_folder(out)
    model = Model(Embedder.load(teacher, contract, trust=True), out)
    kept = {row.tobytes() for row in held_out(faces, model).crops}
    crops = FaceCrops(faces, SETS, labelled_only=True)
    alone = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=0.12)
    validation = [int(row) for row in alone.validation if crops.image(int(row)).tobytes() in kept]
    names = [f"{record.set}/{record.identity}" for record in crops.records]
    rows_of: dict[str, list[int]] = {}
    for row in alone.train:
        rows_of.setdefault(names[row], []).append(int(row))
    people = sorted(name for name, rows in rows_of.items() if len(rows) >= 5)
    order = np.random.default_rng(1).permutation(len(people))
    chosen: list[int] = []
    for place in order:
        if len(chosen) < TRAINED:
            chosen += rows_of[people[place]][:10]
    chosen = _unlike(chosen, validation, crops, load_keras(network, None, None))
    splits = {"train": chosen, "validation": validation}
    known = sorted({names[row] for rows in splits.values() for row in rows})
    shards = {}
    for split, rows in splits.items():
        records = [
            FaceRecord(
                crops._encoded[row],
                known.index(names[row]),
                names[row],
                crops.records[row].file,
                crops.keys[row],
                crops.records[row].cos_to_identity or 0.0,
            )
            for row in rows
        ]
        shards[split] = (write_shard(out / f"{split}-00000.tfrecord", records),)
        print(f"{split}: {len(rows)} crops of {len({names[row] for row in rows})} people")
    FaceDataset(out, 112, tuple(known), shards, {"chosen by": "compression_table data"}).save()


def _unlike(chosen: list[int], validation: list[int], crops: FaceCrops, network: Any) -> list[int]:
    """Crops that the network doesn't take for a held-out person, by the bound of training."""

    def units(rows: list[int]) -> FloatArray:
        parts = []
        for start in range(0, len(rows), BATCH):
            some = [central(crops.image(row), 112, 96) for row in rows[start : start + BATCH]]
            parts.append(network.embed(np.stack(some)))
        found = np.concatenate(parts)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    names = np.array([f"{crops.records[row].set}/{crops.records[row].identity}"
                      for row in validation])  # fmt: skip
    held = units(validation)
    centres = np.stack([held[names == name].mean(axis=0) for name in np.unique(names)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    nearest = (units(chosen) @ centres.T).max(axis=1)
    return [row for row, cosine in zip(chosen, nearest, strict=True) if cosine <= 0.6]


def file_of(
    model: tf.keras.Model, contract: Contract, convert: Convert, path: Path
) -> tuple[Embedder, dict[str, int]]:
    """A network as a model file, with its sizes."""
    said = dataclasses.replace(
        contract, dim=int(model.output_shape[-1]), thresholds=(), probability=None
    )
    source = Source(path, KerasNetwork(model), contract.source_sha256, said, documented=True)
    target = convert(path)
    content = write_contract(target.convert(source), said)
    write_atomic(path, content)
    bundle = ModelBundle.load(path, trust=True)
    sizes = {"file_bytes": len(content), "packed_bytes": len(packed.pack(content))}
    return Embedder(bundle, said), sizes


def accuracy(embedder: Embedder, material: Material) -> dict[str, float]:
    """Figures of a file on all pairs of the held-out people."""
    rows, vectors = material.split.validation, []
    size = embedder.contract.input.height, embedder.contract.input.width
    for start in range(0, len(rows), BATCH):
        images = [central(material.crops.image(row), *size) for row in rows[start : start + BATCH]]
        vectors.append(embedder.embed(np.stack(images)))
    pairs = all_pairs(np.concatenate(vectors), material.split.validation_identities)
    return {name: round(value, 5) for name, value in figures(pairs).items()}


def material_of(network: Path, data: Path, cache: Path) -> tuple[Any, Material]:
    config = run_record.config_of(network)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, folder=str(data)))
    asked = retraining_config(config, Retraining(), LossConfig(), network)
    teacher = load_keras(network, None, None)
    with progress_bar("teacher") as progress:
        found = gather(asked, cache, progress, teacher=teacher, lookalikes=False)
    names = [f"{row.set}/{row.identity}" for row in found.crops.records]
    _, labels = np.unique(names, return_inverse=True)
    return config, dataclasses.replace(found, labels=labels.astype(np.int64))


def some_people(material: Material, every: int, first: int = 0) -> Material:
    """The material with the crops of every so many held-out people."""
    split = material.split
    chosen = split.validation_identities % every == first
    return dataclasses.replace(
        material,
        split=Split(split.train, split.validation[chosen], split.validation_identities[chosen], 0),
    )


def apply_row(row: Row, retraining: Mapping[str, Any], subject: Subject) -> tuple[Subject, Any]:
    """The row's network, and what its methods noted."""
    now, notes = subject, None
    for number, (name, settings) in enumerate(row.steps):
        asked = step(name, {**settings, "retraining": retraining})
        work = subject.work / f"{number}-{name}"
        make_folder(work)
        model = now.model if number else loading.load(subject.original).model
        now = dataclasses.replace(now, model=model, work=work)
        with progress_bar(row.name) as progress:
            model = asked.method.apply(now, asked.settings, progress)
        now = dataclasses.replace(now, model=model, config=config_of(now.config, model))
        if (work / NOTES).exists():
            notes = run_folder.read_record(work / NOTES)
    return now, notes


def make_row(
    row: Row,
    ways: tuple[str, ...],
    subject: Subject,
    whole: Material,
    contract: Contract,
    out: Path,
) -> None:
    """JSON files and model files of a row, before and after retraining, where they are missing."""
    changed = None
    for way in ways:
        path = out / f"{row.name}.{way}.json"
        if path.exists() or (way == "after" and not row.steps):
            continue
        retraining = NONE if way == "before" else {**RETRAINING, **(row.retrained or {})}
        record: dict[str, Any] = {
            "steps": [{"method": name, **settings} for name, settings in row.steps],
            "retraining": retraining,
        }
        used = time.process_time()
        once = len(row.steps) == 1 and row.steps[0][0] in ENDS_IN_RETRAINING
        work = dataclasses.replace(subject, work=out / "work" / f"{row.name}-{way}")
        if way == "before" or not once:
            now, notes = apply_row(row, retraining, work)
            changed = now
        else:
            if changed is None:
                changed, notes = apply_row(row, NONE, work)
            now = dataclasses.replace(changed, work=work.work)
            with progress_bar(row.name) as progress:
                retrain(now, now.model, Retraining(**retraining), progress)
        if notes is not None:
            record["notes"] = notes
        record["processor_seconds"] = round(time.process_time() - used)
        file, sizes = file_of(now.model, contract, row.convert, out / f"{row.name}.{way}.tflite")
        record |= {**counts(now.model), **sizes, **accuracy(file, whole)}
        write_atomic(path, (json.dumps(record, indent=1) + "\n").encode())
        print(row.name, way, json.dumps(record), flush=True)
    tf.keras.backend.clear_session()


def make_rows(
    out: Path, network: Path, data: Path, rows: tuple[Row, ...], ways: tuple[str, ...] = WAYS
) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    make_folder(out)
    config, gathered = material_of(network, data, out)
    whole = some_people(gathered, JUDGED)
    contract = contract_of(network)
    model = loading.load(network).model
    subject = Subject(config, model, some_people(gathered, WATCHED, 1), network, out / "work", out)
    for row in rows:
        try:
            make_row(row, ways, subject, whole, contract, out)
        except FaceSDKError as error:
            write_atomic(out / f"{row.name}.refused", f"{error}\n".encode())
            print(row.name, "refused:", error, flush=True)


def add_file(out: Path, network: Path, data: Path, path: Path) -> None:
    """A row for a model file that no method made."""
    _, gathered = material_of(network, data, out)
    bundle = ModelBundle.load(path)
    assert bundle.contract is not None
    content = path.read_bytes()
    write_atomic(out / f"{path.stem}.before.tflite", content)
    record = {
        "file_bytes": len(content),
        "packed_bytes": len(packed.pack(content)),
        **accuracy(Embedder(bundle, bundle.contract), some_people(gathered, JUDGED)),
    }
    write_atomic(out / f"{path.stem}.before.json", (json.dumps(record, indent=1) + "\n").encode())
    print(path.stem, json.dumps(record), flush=True)


def time_rows(out: Path) -> None:
    """Each file in turn with the network's own, where it is missing; one thread, stock runtime."""
    base = ModelBundle.load(out / "float.before.tflite", trust=True)
    path = out / "latency.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for file in sorted(out.glob("*.tflite")):
        name, _, way = file.name.removesuffix(".tflite").rpartition(".")
        if name in found or (way == "before" and (out / f"{name}.after.tflite").exists()):
            continue  # the same operators and shapes
        found[name] = round(latency_ratio(ModelBundle.load(file, trust=True), base, POLICY), 3)
        print(name, found[name], flush=True)
        write_atomic(path, (json.dumps(found, indent=1) + "\n").encode())


def judge_lfw(out: Path, photos: Path, pairs: Path, rows: tuple[str, ...]) -> None:
    """The last file of each row on LFW, where it is missing, the named rows first."""
    protocol = read_pairs(pairs)
    test = lfw_set(protocol, LfwPhotos(photos, protocol.photos))
    base = Embedder.load(out / "float.before.tflite", trust=True)
    with progress_bar("LFW") as progress:
        subject, embedded = embed(test, base, cache=cache_folder("evaluation"), progress=progress)
    assert embedded.crop is not None
    crops = np.stack([embedded.crop(number) for number in range(len(test.names))])
    path = out / "lfw.json"
    others = {file.name.split(".")[0] for file in out.glob("*.before.tflite")}
    for name in dict.fromkeys((*rows, *sorted(others))):
        file = next(
            (out / f"{name}.{way}.tflite" for way in reversed(WAYS)
             if _has(out, f"{name}.{way}.tflite")), None
        )  # fmt: skip
        found = json.loads(path.read_text()) if path.exists() else {}
        if file is None or file.stem in found:
            continue
        model = Embedder.load(file, trust=True)
        vectors = np.concatenate([model.embed(part) for part in np.array_split(crops, 240)])
        judged = Judged(model.name, model.model_id, subject.detector, model.template, False)
        result = evaluate(test, vectors, judged)
        found[file.stem] = {"accuracy": round(result.accuracy, 5), "std": round(result.std, 5)}
        print(file.stem, found[file.stem], flush=True)
        write_atomic(path, (json.dumps(found, indent=1) + "\n").encode())


def make_blocks(out: Path, network: Path) -> None:
    """FaceResNet A of each compact block, with random weights: what it holds, and its time."""
    make_folder(out)
    bundles = {}
    for block in ("plain", *compact_blocks.BLOCKS):
        path = out / f"{block}.tflite"
        model = build_embedder(configure("A", width=0.25, embedding_length=192, block=block))
        if not path.exists():
            write_atomic(path, files.file_of(model, contract_of(network))[1].content)
        bundles[block] = ModelBundle.load(path, trust=True)
        ratio = latency_ratio(bundles[block], bundles["plain"], POLICY)
        held = counts(model)
        print(
            f"| {block} | {held['weights']:,} | {held['multiply_adds'] / 1e6:.1f} | "
            f"{path.stat().st_size:,} | {ratio:.2f} |",
            flush=True,
        )


def rows_of(out: Path, plan: tuple[Row, ...]) -> list[dict[str, Any]]:
    """What was measured so far, in the order of the plan."""
    timed, judged = (
        json.loads((out / name).read_text()) if _has(out, name) else {}
        for name in ("latency.json", "lfw.json")
    )
    found = []
    names = [row.name for row in plan]
    others = {path.name.removesuffix(".before.json") for path in out.glob("*.before.json")}
    for name in [*names, *sorted(others - set(names))]:
        before, after = (
            json.loads((out / f"{name}.{way}.json").read_text())
            if _has(out, f"{name}.{way}.json")
            else None
            for way in ("before", "after")
        )
        refused = (out / f"{name}.refused").read_text() if _has(out, f"{name}.refused") else ""
        if before or after or refused:
            found.append(
                {"name": name, "before": before, "after": after, "refused": refused.strip(),
                 "latency": timed.get(name),
                 "lfw": judged.get(f"{name}.{'after' if after else 'before'}")}
            )  # fmt: skip
    return found


def _has(out: Path, name: str) -> bool:
    return (out / name).exists()


def _seconds(row: Mapping[str, Any]) -> int:
    """Of the processor, from the network to the retrained one."""
    steps = row["after"]["steps"]
    once = row["before"] and len(steps) == 1 and steps[0]["method"] in ENDS_IN_RETRAINING
    return sum(way["processor_seconds"] for way in (row["before"] if once else None, row["after"])
               if way)  # fmt: skip


TAR, ACCURACY = "validation_tar_at_fmr_0.01", "validation_accuracy"


def print_page(out: Path, plan: tuple[Row, ...], chart: Path) -> None:
    """The table as Markdown, and the Pareto picture of packed bytes and TAR."""
    rows = rows_of(out, plan)
    base = next(row["before"] for row in rows if row["name"] == "float")
    print(
        "| row | weights | not 0 | multiply-adds, 1e6 | file bytes | packed bytes | bytes, ratio | "
        "time, ratio | TAR, before | TAR, retrained | accuracy, before | accuracy, retrained | "
        "LFW | seconds |\n" + "| --- " * 14 + "|"
    )
    points = []
    for row in rows:
        before, after = row["before"], row["after"]
        last = after or before
        if last is None:
            print(f"| {row['name']} | refused: {row['refused']} |" + " |" * 12)
            continue
        cells = [
            row["name"],
            *(f"{last[key]:,}" if key in last else "" for key in ("weights", "nonzero_weights")),
            f"{last['multiply_adds'] / 1e6:.1f}" if "multiply_adds" in last else "",
            f"{last['file_bytes']:,}",
            f"{last['packed_bytes']:,}",
            f"{base['packed_bytes'] / last['packed_bytes']:.2f}",
            "" if row["latency"] is None else f"{row['latency']:.2f}",
            *(f"{way[TAR]:.4f}" if way else "" for way in (before, after)),
            *(f"{way[ACCURACY]:.4f}" if way else "" for way in (before, after)),
            f"{100 * row['lfw']['accuracy']:.2f} %" if row["lfw"] else "",
            f"{_seconds(row)}" if after else "",
        ]
        print("| " + " | ".join(cells) + " |")
        points.append((row["name"], "a" if after else "b", last["packed_bytes"] / 1e6, last[TAR]))
    places = [(x, y) for _, _, x, y in points]
    drawn = charts.scatter(
        "pareto",
        points,
        charts.pareto(places),
        Scale("packed MB", 0.0, max(x for x, _ in places) * 1.05),
        Scale("TAR at FMR 1e-2", 0.0, 1.0),
        "Each method's file: packed bytes and TAR on held-out people; the line joins what nothing "
        "beats",
    )
    write_atomic(chart, charts.svg_file(drawn).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("data", "rows", "file", "time", "lfw", "page", "blocks"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--faces", type=Path, help="folder with manifest.csv")
    parser.add_argument("--teacher", type=Path, help="MobileFaceNet.tflite")
    parser.add_argument("--network", type=Path, help="the run that is compressed")
    parser.add_argument("--data", type=Path, help="what `data` made")
    parser.add_argument("--file", type=Path, help="a model file that is measured beside the rows")
    parser.add_argument("--images", type=Path, help="LFW's photos, a folder or zip")
    parser.add_argument("--pairs", type=Path, help="LFW's pairs.txt")
    parser.add_argument("--chart", type=Path, default=Path("docs/images/compression.svg"))
    parser.add_argument("--rows", nargs="*", help="only these, in this order")
    parser.add_argument("--way", choices=WAYS, help="only these rows")
    parser.add_argument("--plan", choices=PLANS, default="mobile")
    arguments = parser.parse_args()
    if arguments.what == "data":
        make_data(arguments.out, arguments.faces, arguments.teacher, arguments.network)
    elif arguments.what == "file":
        add_file(arguments.out, arguments.network, arguments.data, arguments.file)
    elif arguments.what == "blocks":
        make_blocks(arguments.out, arguments.network)
    elif arguments.what == "time":
        time_rows(arguments.out)
    elif arguments.what == "lfw":
        rows = tuple(arguments.rows or ())
        judge_lfw(arguments.out, arguments.images, arguments.pairs, rows)
    elif arguments.what == "page":
        print_page(arguments.out, PLANS[arguments.plan], arguments.chart)
    else:
        ways = WAYS if arguments.way is None else (arguments.way,)
        named = {row.name: row for row in PLANS[arguments.plan]}
        plan = tuple(named[name] for name in arguments.rows or named)
        make_rows(arguments.out, arguments.network, arguments.data, plan, ways)


if __name__ == "__main__":
    main()
