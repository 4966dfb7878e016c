"""Embed many photos in several processes, into one file.

    python examples/embed_in_processes.py photos/*.jpg --output people.npz --processes 4

The engine is pickled once per process, not once per photo.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from facesdk import EmbeddedPhoto, FaceEngine, SavedEmbeddings

_engine: FaceEngine


def keep(engine: FaceEngine) -> None:
    """Called once in each process."""
    global _engine
    _engine = engine


def embed(photo: str) -> EmbeddedPhoto:
    """Called in some process, with the engine that it keeps."""
    (row,) = _engine.embed_many([photo])
    return row


def main() -> None:
    """Write the file, and say of which photos it has none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--output", default="people.npz")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()

    engine = FaceEngine.load()
    context = multiprocessing.get_context("spawn")
    embeddings = {}
    with ProcessPoolExecutor(
        arguments.processes, context, initializer=keep, initargs=(engine,)
    ) as pool:
        for row in pool.map(embed, arguments.photos, chunksize=8):
            if row.embedding is None:
                print(f"left out: {row.error}", file=sys.stderr)
            else:
                embeddings[row.image] = row.embedding
    SavedEmbeddings.collect(embeddings).save(arguments.output)
    print(f"{len(embeddings)} of {len(arguments.photos)} photos -> {arguments.output}")


if __name__ == "__main__":
    main()
