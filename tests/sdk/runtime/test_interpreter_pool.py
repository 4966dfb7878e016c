from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import interpreter_pool
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.interpreter_pool import InterpreterPool

PNET = ModelBundle.load(registry.resolve("mtcnn-pnet"))


def picture(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (1, side, side, 3)).astype(np.float32)


class Slow(Interpreter):
    """Counts how many of it exist, and how many run at a time."""

    running = most = built = 0
    lock = threading.Lock()

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        Slow.built += 1

    def run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        with Slow.lock:
            Slow.running += 1
            Slow.most = max(Slow.most, Slow.running)
        time.sleep(0.01)
        try:
            return super().run(*inputs)
        finally:
            with Slow.lock:
                Slow.running -= 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[Slow]:
    monkeypatch.setattr(interpreter_pool, "Interpreter", Slow)
    Slow.running = Slow.most = Slow.built = 0
    return Slow


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_run_at_a_time_than_workers(slow: type[Slow], workers: int) -> None:
    pool = InterpreterPool(PNET, workers=workers)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(pool.run, [picture(12)] * 24))
    assert slow.most == slow.built == workers


def test_one_thread_needs_one_interpreter_per_shape(slow: type[Slow]) -> None:
    pool = InterpreterPool(PNET, workers=4, kept=2)
    for _ in range(3):
        for side in (12, 20, 16):
            pool.run(picture(side))
    assert slow.built == 3


def test_the_longest_idle_goes(slow: type[Slow]) -> None:
    pool = InterpreterPool(PNET, kept=2)
    for side in (12, 20, 12, 16):
        pool.run(picture(side))
    assert slow.built == 3
    pool.run(picture(12))
    assert slow.built == 3
    pool.run(picture(20))
    assert slow.built == 4


def test_interpreters_are_kept_up_to_so_many_bytes(slow: type[Slow]) -> None:
    """The one used last stays, however large it is."""
    sizes = {
        side: Interpreter(PNET, input_shapes=[(1, side, side, 3)]).tensor_bytes
        for side in (12, 40, 200)
    }
    assert sizes[12] < sizes[40] < sizes[200]
    for room, built in ((sizes[12] + sizes[40], 2), (sizes[40], 4)):
        slow.built = 0
        pool = InterpreterPool(PNET, kept=8, kept_bytes=room, input_shapes=[(1, 12, 12, 3)])
        for side in (40, 12, 40):
            pool.run(picture(side))
        assert slow.built == built
    slow.built = 0
    pool = InterpreterPool(PNET, kept=8, kept_bytes=1, input_shapes=[(1, 200, 200, 3)])
    for _ in range(3):
        pool.run(picture(200))
    assert slow.built == 1


def test_bytes_follow_the_input_within_a_delegate_too() -> None:
    """The finder's file is for another size than these, and XNNPACK takes all of its operators."""
    bundle = ModelBundle.load(registry.resolve("finder"))
    small, large = (
        Interpreter(bundle, input_shapes=[(1, side, side, 3)]).tensor_bytes for side in (64, 640)
    )
    assert small < large / 20


def test_each_shape_gives_what_an_interpreter_of_it_gives() -> None:
    pool = InterpreterPool(PNET, kept=3)
    for side in (12, 31, 12, 50):
        expected = Interpreter(PNET, input_shapes=[(1, side, side, 3)]).run(picture(side))
        for got, wanted in zip(pool.run(picture(side)), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_after_an_error_the_next_run_has_its_turn() -> None:
    pool = InterpreterPool(PNET)
    with pytest.raises(InputError):
        pool.run(picture(12).astype(np.int8))
    with pytest.raises(InputError, match="one per input"):
        pool.run()
    assert pool.run(picture(12))[0].shape == (1, 1, 1, 5)
