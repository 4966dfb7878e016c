"""A change does not cost the recogniser instructions unseen: they are counted, not timed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from arm.boards import Board
from tools.emulation.recorded_counts import (
    PROCESSORS,
    NetworkCount,
    count_network,
    difference,
    recorded,
)

Counts = list[Future[NetworkCount]]


@pytest.fixture(scope="module")
def counts(boards: dict[str, Board], pool: ThreadPoolExecutor) -> Counts:
    return [
        pool.submit(count_network, boards[name].computer.on_processor(cpu), boards[name].library)
        for name, cpu in PROCESSORS
    ]


@pytest.mark.parametrize("number", range(len(PROCESSORS)), ids=[cpu for _, cpu in PROCESSORS])
def test_the_recogniser_takes_the_recorded_instructions(counts: Counts, number: int) -> None:
    assert difference(counts[number].result(), recorded()[number]) is None
