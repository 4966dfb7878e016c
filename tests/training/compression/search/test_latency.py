"""A search by time: a table of kernels in place of multiply-adds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.compression.search.agent import Learning
from facesdk_training.compression.search.latency import PICOSECONDS, read_times, timed
from facesdk_training.compression.search.method import Search, search
from facesdk_training.compression.search.network import Blanked, space_of

keras = tf.keras


def network() -> keras.Model:
    image = keras.Input((4, 4, 3), name="face")
    x = keras.layers.Conv2D(8, 3, padding="same", name="first")(image)
    x = keras.layers.Conv2D(12, 1, name="second")(x)
    x = keras.layers.Flatten(name="flat")(x)
    return keras.Model(image, keras.layers.Dense(5, name="embedding")(x))


ROWS = {  # multiply-adds, filter of the file, milliseconds
    "first": (16 * 27 * 8, [8, 3, 3, 3], 0.5),
    "second": (16 * 8 * 12, [12, 1, 1, 8], 4.0),
    "embedding": (192 * 5, [5, 192], 0.1),
}


def write(path: Path, names: tuple[str, ...] = tuple(ROWS)) -> Path:
    """A report of ``facesdk bench ops`` with these operators."""
    shapes = [
        {"macs": macs, "filter": shape, "latency_ms": {"median": took}}
        for macs, shape, took in (ROWS[name] for name in names)
    ]
    shapes.append({"macs": 0, "filter": [], "latency_ms": {"median": 9.0}})
    path.write_text(json.dumps({"kind": "ops", "shapes": shapes}))
    return path


def test_a_policy_costs_its_share_of_each_kernels_time(tmp_path: Path) -> None:
    model = network()
    space = timed(space_of(model, 1, 0.8), model, read_times(write(tmp_path / "ops.json")))
    whole = space.multiply_adds(space.whole) / PICOSECONDS
    assert whole == pytest.approx(4.6, rel=1e-6)
    half = space.multiply_adds((4, 12)) / PICOSECONDS
    assert half == pytest.approx(0.25 + 2.0 + 0.1, rel=1e-6)
    narrow = space.multiply_adds((8, 3)) / PICOSECONDS
    assert narrow == pytest.approx(0.5 + 1.0 + 0.025, rel=1e-6)


def test_the_search_goes_by_time(tmp_path: Path) -> None:
    """Multiply-adds would take channels of the first kernel too; time is in the second alone."""
    model = network()
    faces = np.random.default_rng(1).uniform(-1, 1, (4, 4, 4, 3)).astype(np.float32)
    settings = Search(
        budget=0.6,
        episodes=8,
        multiple=1,
        times=str(write(tmp_path / "ops.json")),
        learning=Learning(hidden=8, updates=1),
    )
    found = search(Blanked.of(model, faces), settings, lambda *_: None)
    assert found["unit"] == "picoseconds"
    assert found["budget"] == pytest.approx(0.6 * 4.6 * PICOSECONDS, rel=1e-6)
    for row in found["searches"].values():
        first, second = row["policy"]["first"], row["policy"]["second"]
        took = 0.5 * first / 8 + 4.0 * first / 8 * second / 12 + 0.1 * second / 12
        assert row["cost"] == pytest.approx(took * PICOSECONDS, rel=1e-6)
        assert row["cost"] <= found["budget"]
        assert row["multiply_adds"] == 16 * 27 * first + 16 * first * second + 80 * second


def test_another_files_table_is_refused(tmp_path: Path) -> None:
    model = network()
    times = read_times(write(tmp_path / "ops.json", ("first", "embedding")))
    with pytest.raises(InputError, match="no operator of second"):
        timed(space_of(model, 1, 0.8), model, times)
    (tmp_path / "other.json").write_text('{"kind": "model"}')
    with pytest.raises(InputError, match="no report of operators"):
        read_times(tmp_path / "other.json")
    with pytest.raises(InputError, match="cannot read"):
        read_times(tmp_path / "none.json")
