from __future__ import annotations

from pathlib import Path

import numpy as np

from facesdk.evaluation.sets.people import folder_set
from facesdk.images import decode
from facesdk.images.photo_source import open_photos
from tools.experiments.accuracy_tables import HeldOut
from tools.release.held_out_people import write


def test_the_folder_has_the_same_pixels_of_the_same_people(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (9, 112, 112, 3), dtype=np.uint8)
    people = np.array([0, 0, 0, 1, 1, 2, 2, 2, 10])
    write(tmp_path / "out", HeldOut(crops, people))
    found = folder_set(open_photos(tmp_path / "out", aligned=True))
    assert len(found.names) == 9
    assert int(found.same.sum()) == 3 + 1 + 3
    for crop, person, name in zip(crops, people, sorted(found.names), strict=True):
        assert name.startswith(f"{person:04d}/")
        np.testing.assert_array_equal(decode.load(tmp_path / "out" / name), crop)
