"""Loads an engine, uses it, then uses it in other processes: `use_in_processes.py HOW THREADS`.

Prints "same" when they find what this process finds. Run by test_engine_in_processes.py in a
process of its own, because what fails here hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

from facesdk import FaceEngine
from facesdk.samples import BIDEN, OBAMA

kept: Any


def keep(engine: FaceEngine | None) -> None:
    global kept
    kept = engine


def look(engine: FaceEngine, crop: np.ndarray) -> object:
    """Runs every network."""
    return engine.detect(crop), engine.embedder.embed_one(crop)


def look_with_kept(crop: np.ndarray) -> object:
    return look(kept, crop)


def in_pool(how: str) -> None:
    """The engine is handed to each process once; `fork` hands it over without pickling."""
    context = multiprocessing.get_context(how)
    with ProcessPoolExecutor(2, context, initializer=keep, initargs=(kept,)) as pool:
        assert list(pool.map(look_with_kept, crops)) == expected


def preload() -> None:
    """As a web server that loads the application, then forks workers that answer from threads.

    Another thread runs networks while it forks; a worker ends as Python does, freeing what it has.
    """
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            look_with_kept(crops[0])

    thread = threading.Thread(target=busy)
    thread.start()
    for _ in range(2):
        child = os.fork()
        if child == 0:
            with ThreadPoolExecutor(3) as pool:
                sys.exit(list(pool.map(look_with_kept, crops * 2)) != expected * 2)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    thread.join()


def unused() -> None:
    """A fork that drops the engine without using it ends too."""
    child = os.fork()
    if child == 0:
        keep(None)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0


def twice() -> None:
    """A fork of a fork."""
    child = os.fork()
    if child == 0:
        first = look_with_kept(crops[0])
        grandchild = os.fork()
        if grandchild == 0:
            sys.exit(look_with_kept(crops[0]) != expected[0])
        status = os.waitpid(grandchild, 0)[1]
        sys.exit((first, status) != (expected[0], 0))
    assert os.waitpid(child, 0)[1] == 0


WAYS = {"preload": preload, "unused": unused, "twice": twice}

if __name__ == "__main__":
    how, threads = sys.argv[1], int(sys.argv[2])
    crops = [FaceEngine.load(min_face=150).align(photo) for photo in (OBAMA, BIDEN)]
    keep(FaceEngine.load(threads=threads, min_face=60))
    expected = list(map(look_with_kept, crops))
    if how in WAYS:
        WAYS[how]()
    else:
        in_pool(how)
    assert list(map(look_with_kept, crops)) == expected
    print("same")
