"""Every architecture of the field: converted, explained, and as exact as its own engine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from facesdk_converters.inspection.agreement import EXACT
from native.support.workers import new_process
from zoo.architectures import OUTPUTS, ZOO
from zoo.conversion import convert


@pytest.fixture(scope="module")
def lce_process() -> Iterator[ProcessPoolExecutor]:
    with new_process() as process:
        yield process


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_an_architecture(name: str, lce_process: ProcessPoolExecutor) -> None:
    one = convert(name)
    assert len(one.bundle.content) < 200_000
    assert one.agreement.meets(EXACT), f"{one.agreement} {one.agreement.first}"
    assert one.multiplied_in_bits == one.binarized
    ours, theirs = one.outputs(), one.outputs_of_lce(lce_process)
    assert ours.shape == (2, OUTPUTS)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-3 * np.abs(theirs).max())
