"""The scenes have the face they promise, and the table counts what it should."""

from __future__ import annotations

import pytest

from facesdk import FaceEngine, samples
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.images import decode
from facesdk.measure.timing import Policy, measure
from tools.bench.pipeline import PhotoPath, counted, table
from tools.bench.scenes import one_face


@pytest.mark.parametrize("height", [40, 120, 300])
def test_the_largest_face_of_a_scene_has_the_height_asked_for(height):
    """MTCNN takes a detail of the clothes for a small face at some scales."""
    scene = one_face(height)
    assert scene.shape == (480, 640, 3)
    face, *others = MTCNN.load().detect(scene)
    assert abs(face.height - height) < 0.1 * height
    assert all(other.height < height / 3 for other in others)


def test_every_second_call_after_the_warm_up_counts_and_its_parts_add_up():
    engine = FaceEngine.load(min_face=80)
    enrolled = engine.embed(decode.load(samples.OBAMA2), 0)
    path = PhotoPath(engine, one_face(200), enrolled, 1)
    measure({"a": path}, Policy(2, 1, 0.0), untimed=1)
    assert len(path.times) == 6
    rows = counted(path, 1)
    assert rows == [path.times[3], path.times[5]]
    for row in rows:
        assert row["total"] == pytest.approx(
            sum(row[stage] for stage in ("detect", "align", "embed", "match"))
        )
        assert 0 < row["finder"] < row["detect"]
    cells = table({"a": path}, 1).splitlines()[-1].split(" | ")
    assert cells[0] == "| a"
    assert cells[1] == f"{min(r['detect'] for r in rows):.2f} / " + cells[1].split(" / ")[1]
