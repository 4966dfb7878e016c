"""What a gallery's graph finds of what comparing with everybody finds, and what it costs.

    python -m tools.experiments.gallery_graph CROPS.zip... --people 100000

Prints Markdown. Aligned crops of 112x112 in zip files are embedded, a folder being a
person where it has several. People are drawn with the mean and covariance of these embeddings,
scaled to length 1, after the first crop of each person who has several; their other crops are the
probes.
Times are medians of one thread's processor time, of searches that take turns with comparing with
everybody; the graph is built by all threads that OMP_NUM_THREADS allows, and its time is the sum of
theirs. NumPy's own threads would hide a part of comparing with everybody: set
OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import io
import os
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesdk.engine import FaceEngine
from facesdk.gallery.search import graph
from facesdk.gallery.search.index import NEVER, Columns, Index, Owner
from facesdk.results import FloatArray

TEMPLATE = slice(8, 104)  # the recognition model's columns of a crop of 112
_BLOCK = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path, nargs="+", metavar="ZIP")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--crops-per-zip", type=int, default=8000)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--kept", type=Path, help="file to keep the crops' embeddings in")
    arguments = parser.parse_args()
    engine = FaceEngine.load()
    threshold = engine.embedder.contract.thresholds[0]
    vectors, folders = embedded(engine, arguments.crops, arguments.crops_per_zip, arguments.kept)
    people, probes = drawn(vectors, folders, arguments.people, arguments.probes)
    count = len(people)
    owners = tuple(Owner(str(number), str(number)) for number in range(count))
    numbers = np.arange(count)
    columns = Columns(numbers, numbers.astype(np.int32), np.zeros(count), np.full(count, NEVER))
    exact = Index(people, columns, owners)
    built, before = time.process_time(), resident()
    index = exact.with_graph()
    built, taken = time.process_time() - built, resident() - before
    print(f"{count:,d} people: {people.nbytes / 1e6:.0f} MB of embeddings", end=", ")
    print(f"a graph of {taken / 1e6:.0f} MB, built in {built:.0f} s\n", flush=True)
    print("| width | ms | everybody, ms | probes | found | with a match at the threshold | found |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for width in arguments.widths:
        graph.WIDTH_SEARCHING = width
        turns = [(Search.of(exact, probe), Search.of(index, probe)) for probe in probes]
        same = np.array([best.person == found.person for best, found in turns])
        certain = np.array([best.similarity >= threshold.similarity for best, _ in turns])
        exact_ms, ms = np.median([[best.ms, found.ms] for best, found in turns], axis=0)
        print(
            f"| {width} | {ms:.2f} | {exact_ms:.2f} | {len(probes)} | {same.mean():.3f} | "
            f"{certain.sum()} | {same[certain].mean():.3f} |",
            flush=True,
        )


def resident() -> int:
    """Bytes of memory that this process takes now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Search:
    """The best person of a probe, the similarity, and the milliseconds that it took."""

    person: int
    similarity: float
    ms: float

    @classmethod
    def of(cls, index: Index, probe: FloatArray) -> Search:
        """Search once."""
        begun = time.thread_time()
        hits = index.search(probe, top=1, rule="max", now=0.0)
        ms = (time.thread_time() - begun) * 1e3
        return cls(hits.people[0], hits.similarities[0], ms)


def embedded(
    engine: FaceEngine, archives: list[Path], most: int, kept: Path | None
) -> tuple[FloatArray, NDArray[np.str_]]:
    """Embeddings of crops, and the folder of each; read from a file where that is there."""
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return file["v"], file["ids"]
    vectors, folders = [], []
    for archive in archives:
        with zipfile.ZipFile(archive) as crops:
            for name in [name for name in crops.namelist() if name.endswith(".webp")][:most]:
                crop = np.array(Image.open(io.BytesIO(crops.read(name))).convert("RGB"))
                vectors.append(engine.embed_aligned(crop[:, TEMPLATE].copy()).vector)
                folders.append(f"{archive.stem}/{name.rpartition('/')[0] or name}")
    found = np.array(vectors, np.float32), np.array(folders)
    if kept is not None:
        np.savez(kept, v=found[0], ids=found[1])
    return found


def drawn(
    vectors: FloatArray, folders: NDArray[np.str_], count: int, most: int
) -> tuple[FloatArray, FloatArray]:
    """People, and probes of some of them."""
    rng = np.random.default_rng(1)
    mean, covariance = vectors.mean(axis=0), np.cov(vectors.T)
    values, axes = np.linalg.eigh(covariance)
    spread = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)
    people = np.empty((count, vectors.shape[1]), np.float32)
    for first in range(0, count, _BLOCK):
        block = people[first : first + _BLOCK]
        block[:] = mean + rng.standard_normal(block.shape, dtype=np.float32) @ spread
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    rows = defaultdict(list)
    for row, folder in enumerate(folders):
        rows[folder].append(row)
    several = [group for group in rows.values() if 1 < len(group) < 100]
    people[: len(several)] = vectors[[group[0] for group in several]]
    others = np.array([row for group in several for row in group[1:]])
    return people, vectors[rng.choice(others, min(most, len(others)), replace=False)]


if __name__ == "__main__":
    main()
