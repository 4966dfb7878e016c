"""How long a search in a gallery takes beside an embedding, and what opening and enrolling cost.

    python -m tools.bench.gallery --people 1000 10000 100000 --runs 40

Prints Markdown. People are random unit vectors. Candidates take turns; on a machine that others
use, only the ratios mean something. Opening is timed once, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.gallery.bulk import embed_content
from facesdk.gallery.gallery import NewTemplate
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.measure.timing import Policy, measure
from facesdk.results import Embedding
from facesdk.samples import OBAMA
from tools.bench.heading import heading
from tools.bench.markdown import Timing, table

BATCH = 1000
OPENING = """
import json, sys, time
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.measure.memory import peak_resident
before = peak_resident()
start = time.perf_counter()
SqliteGallery.open(sys.argv[1], key=sys.argv[2])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "before": before / 1e6, "after": peak_resident() / 1e6}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--warm-up", type=int, default=5)
    arguments = parser.parse_args()
    policy = Policy(arguments.runs, arguments.warm_up, 0.0, 1)
    engine = FaceEngine.load()
    crop, content = engine.align(OBAMA), OBAMA.read_bytes()
    probe = engine.embed_aligned(crop)
    print(f"{heading(policy, 1)}\n")
    candidates: dict[str, Callable[[], object]] = {
        "embedding of a crop": partial(engine.embed_aligned, crop)
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        galleries = {}
        for people in arguments.people:
            gallery = stack.enter_context(filled(folder / f"{people}.db", people, engine))
            galleries[people] = gallery
            vectors = np.stack([row.embedding.vector for row in gallery.snapshot()])
            candidates[f"identify among {people:,d}"] = partial(gallery.identify, probe)
            candidates[f"the bare product, {people:,d}"] = partial(np.matmul, vectors, probe.vector)
        show(candidates, policy, "embedding of a crop")
        smallest = galleries[min(arguments.people)]
        show(
            {
                "photo to embedding": partial(embed_content, engine, content, "photo"),
                "enrol a photo": partial(enrol, smallest, engine, content),
                "enrol an embedding": partial(smallest.enrol, "somebody", probe, quality=1.0),
            },
            Policy(min(arguments.runs, 20), 2, 0.0, 0),
            "photo to embedding",
        )
        for gallery in galleries.values():
            gallery.close()
        for people in arguments.people:
            said = subprocess.run(
                [sys.executable, "-c", OPENING, folder / f"{people}.db", folder / "keys"],
                check=True,
                capture_output=True,
                text=True,
            )
            found = json.loads(said.stdout)
            print(
                f"Opening {people:,d}: {found['seconds']:.2f} s, peak memory {found['before']:.0f} "
                f"MB before and {found['after']:.0f} MB after."
            )


def filled(path: Path, people: int, engine: FaceEngine) -> SqliteGallery:
    """A new gallery of people with a template each."""
    gallery = SqliteGallery.open(
        path, embedder=engine.embedder, key=path.parent / "keys", create=True
    )
    rng = np.random.default_rng(0)
    for first in range(0, people, BATCH):
        vectors = rng.standard_normal((min(BATCH, people - first), engine.embedder.dim))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        embedder = engine.embedder
        gallery.enrol_many(
            [
                NewTemplate(
                    f"person {first + row}",
                    Embedding(vector, embedder.name, embedder.model_id),
                    1.0,
                )
                for row, vector in enumerate(vectors)
            ]
        )
    return gallery


def enrol(gallery: SqliteGallery, engine: FaceEngine, content: bytes) -> None:
    """From the content of a file to a template on the disk."""
    chosen = embed_content(engine, content, "photo")
    if chosen.embedding is None or chosen.quality is None:
        raise InputError("; ".join(chosen.reasons))
    gallery.enrol("somebody", chosen.embedding, quality=chosen.quality.score)


def show(candidates: dict[str, Callable[[], object]], policy: Policy, peer: str) -> None:
    """Measure and print a table."""
    times = measure(candidates, policy)
    print(table({name: Timing.of(row) for name, row in times.items()}, peer=peer) + "\n")


main()
