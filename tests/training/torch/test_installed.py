from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


@pytest.mark.skipif(os.environ.get("CI") != "true", reason="the other tests say what they need")
def test_ci_has_pytorch() -> None:
    assert find_spec("torch") is not None
    assert find_spec("torch.nn") is not None
