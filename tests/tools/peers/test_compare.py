"""Peers in processes of their own: what is timed, what is said of one that fails, and the table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tools.peers.compare import Peer, PeerError, Worker, peers, table

PEER = """
import time
import numpy as np

class Loud:
    files = [__file__]
    versions = {"loud": "1"}
    def __init__(self, slow):
        self.slow = float(slow)
    def detect(self, photo):
        print("noise on the standard output")
        time.sleep(self.slow)
        return int(photo[0, 0, 0])
    def embed(self, photo, crop, found):
        assert found == photo[0, 0, 0] and crop.shape == (112, 112, 3)
        return np.array([1.0, found])

def load(slow):
    return Loud(slow)
"""


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, the first all 0, the second all 1; and the peer above where workers find it."""
    (tmp_path / "loud_peer.py").write_text(PEER)
    (tmp_path / "silent_peer.py").write_text("def load():\n    raise OSError('no weights')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    rows = np.stack([np.full((480, 640, 3), value, np.uint8) for value in (0, 1)])
    np.savez(tmp_path / "photos.npz", photos=rows, crops=rows[:, :112, :112])
    return tmp_path / "photos.npz"


def worker(peer: Peer, photos: Path) -> Worker:
    return Worker(peer, Path(sys.executable), photos, 0)


def test_a_worker_times_what_the_peer_does(photos):
    running = worker(Peer("loud", "loud_peer", ("0.02",)), photos)
    times = running.verify()
    assert running.bytes == len(PEER)
    assert running.versions == {"loud": "1"}
    assert 20 <= times["detect"] < times["verify"]
    assert times["verify"] >= 40
    assert times["similarity"] == pytest.approx(2**-0.5)
    running.close()


def test_a_peer_that_does_not_start_is_named_with_its_reason(photos):
    with pytest.raises(PeerError, match="silent: OSError: no weights"):
        worker(Peer("silent", "silent_peer"), photos)


def test_every_peer_has_a_module():
    for peer in peers(Path("teacher.tflite"), (Path("a.tflite"), Path("b.tflite"))):
        assert (Path(__file__).parents[3] / (peer.module.replace(".", "/") + ".py")).exists()


def test_the_table_has_minimum_and_median_and_ratios_to_the_first():
    def run(detect, embed):
        whole = None if embed is None or detect is None else 2 * (detect + embed)
        return {"detect": detect, "embed": embed, "verify": whole, "similarity": 1.0}

    first = (Peer("ours", "m", lfw="96 %"), 1000, [run(4.0, 1.0), run(6.0, 1.0), run(5.0, 1.0)])
    second = (Peer("slow", "m"), 20, [run(9.0, 1.0)] * 3)
    detector = (Peer("eyes", "m"), 7, [run(2.0, None)])
    _, _, *rows = table([first, second, detector]).splitlines()
    assert rows == [
        "| ours | 4.00 / 5.00 | 1.00 / 1.00 | 10.00 / 12.00 | 1.00 / 1.00 | 1,000 | 96 % |",
        "| slow | 9.00 / 9.00 | 1.00 / 1.00 | 20.00 / 20.00 | 2.00 / 1.67 | 20 | - |",
        "| eyes | 2.00 / 2.00 | - | - | - | 7 | - |",
    ]
