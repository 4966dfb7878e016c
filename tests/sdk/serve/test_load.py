"""Many clients at once: each request has an answer, and the only refusal is 429."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdk.serve.running import serving
from tools.bench.service import load as service


@pytest.mark.slow
def test_nothing_is_lost_with_more_clients_than_places(tmp_path: Path) -> None:
    load = service.Load()
    with serving(tmp_path, "--workers", "2", "--waiting", "4") as one:
        service.ask(one.port, one.token, 16, 2.0, load)
        assert one.stop()[0] == 0
    assert load.lost == 0
    assert set(load.answers) == {200, 429}
    assert len(load.times) == load.answers[200] > 0
    row = service.table({16: load}).splitlines()[-1]
    assert f"| 16 | {load.answers[200]} |" in row and f"| {load.answers[429]} | 0 | 0 |" in row
