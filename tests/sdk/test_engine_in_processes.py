"""An engine in other processes than the one that loaded it: forked, spawned, pickled."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from facesdk import FaceEngine
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.samples import OBAMA
from runtimes import RUNTIMES

SCRIPT = Path(__file__).with_name("use_in_processes.py")


# Threads of tflite-runtime spin while they wait: minutes where cores are shared.
@pytest.mark.parametrize(
    ("runtime", "threads"),
    [
        pytest.param(
            runtime,
            threads,
            marks=[pytest.mark.slow] if (runtime, threads) == ("tflite-runtime", 2) else [],
        )
        for runtime in RUNTIMES
        for threads in (1, 2)
    ],
)
@pytest.mark.parametrize(
    "how",
    [
        "fork",
        "preload",
        "twice",
        *(pytest.param(how, marks=pytest.mark.slow) for how in ("spawn", "forkserver", "unused")),
    ],
)
def test_other_processes_find_the_same(how: str, threads: int, runtime: str) -> None:
    """A fork waited for ever for XNNPACK's threads, which are not in it, or crashed."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), how, str(threads)],
        env={**os.environ, "FACESDK_RUNTIME": runtime},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "same\n", done.stderr


def test_an_engine_pickles_as_its_models_and_options() -> None:
    engine = FaceEngine.load(workers=2, min_face=40)
    content = pickle.dumps(engine)
    models = [row.path.stat().st_size for row in registry.packaged()]
    assert len(content) < sum(models) + 20_000
    again = pickle.loads(content)
    assert again.detector.id == engine.detector.id
    assert again.embedder.model_id == engine.embedder.model_id
    assert again.verify(OBAMA, OBAMA).match == engine.verify(OBAMA, OBAMA).match


def test_a_model_pickles_without_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(registry.resolve(registry.DEFAULT_RECOGNIZER).read_bytes())
    bundle = ModelBundle.load(path)
    content = pickle.dumps(bundle)
    path.unlink()
    again = pickle.loads(content)
    assert (again.sha256, again.path, again.contract) == (bundle.sha256, path, bundle.contract)
