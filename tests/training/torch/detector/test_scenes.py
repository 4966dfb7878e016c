"""Scenes show what their truths say: against matrices inverted and pixels counted one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.detector.scenes import canvas
from facesdk_training.detector.scenes.config import SceneConfig
from facesdk_training.detector.scenes.distortion import distorted
from facesdk_training.detector.scenes.layout import SLOTS, laid_out
from facesdk_training.detector.scenes.photos import (
    LEVELS,
    QUIET_SIDE,
    LabelledPhoto,
    Photos,
    quiet_parts,
)
from facesdk_training.detector.scenes.randomness import Randomness
from facesdk_training.detector.scenes.reuse import ReusedScenes, mirrored
from facesdk_training.detector.scenes.scenes import Scenes, truths_of
from facesdk_training.detector.scenes.store import Writer
from facesdk_training.detector.scenes.textures import textures
from facesdk_training.detector.scenes.truths import FACE, UNCLEAR
from tests.training.detector.small_photos import SIDE, photo

CPU = torch.device("cpu")
CANVAS = 96
PLAIN = SceneConfig(canvases=(CANVAS,), empty=0.0, faceless=0.2)


@pytest.fixture(scope="module")
def photos(stores: list[Path]) -> Photos:
    return Photos(stores, held=False, device=CPU)


@pytest.fixture(scope="module")
def drawn(photos):
    random = Randomness(CPU, 5)
    layout = laid_out(photos, random, PLAIN, 24, CANVAS)
    weights = torch.ones(len(photos.quiet))
    return layout, canvas.drawn(photos, layout, random, weights, CANVAS)


def test_every_tenth_photo_is_held_out(stores, photos):
    held = Photos(stores, held=True, device=CPU)
    assert (photos.faces, held.faces) == (27, 3)
    assert (photos.count, held.count) == (37, 5)


def test_the_table_holds_the_photo_and_its_halvings(photos):
    number = torch.tensor([3])
    level = np.asarray(_level(photos, number, 0))
    columns = np.minimum(4 * np.arange(SIDE), 4 * (int(photos.sizes[3, 0]) - 1))
    np.testing.assert_array_equal(level[1:-1, 1:-1, 0], np.tile(columns, (SIDE, 1)))
    np.testing.assert_array_equal(level[0], level[1])
    np.testing.assert_array_equal(level[:, -1], level[:, -2])
    finer = level[1:-1, 1:-1].astype(float)
    for halving in range(1, LEVELS):
        finer = finer.reshape(len(finer) // 2, 2, len(finer) // 2, 2, 3).mean((1, 3))
        coarser = np.asarray(_level(photos, number, halving))[1:-1, 1:-1]
        assert np.abs(coarser - finer).max() <= 0.5


def _level(photos: Photos, number: torch.Tensor, level: int) -> NDArray[np.uint8]:
    address = photos.address(number, torch.full_like(number, level))
    side, base = int(address.pitch), int(address.base)
    rows = photos.pixels[base : base + side * side].view(torch.uint8)
    return rows.reshape(side, side, 4)[..., :3].numpy()


def test_each_pixel_is_that_of_the_place_it_comes_from(photos, drawn):
    layout, scenes = drawn
    checked = 0
    for scene in range(len(scenes.images)):
        owner = scenes.owner[scene].numpy()
        for slot in range(SLOTS):
            rows, columns = np.nonzero(owner == slot)
            if not len(rows):
                continue
            back = np.linalg.inv(layout.turn[scene, slot].numpy().astype(np.float64))
            place = np.stack([columns + 0.5, rows + 0.5], 1) - layout.place[scene, slot].numpy()
            source = place @ back.T + layout.middle[scene, slot].numpy()
            assert (source > layout.low[scene, slot].numpy() - 0.01).all()
            assert (source < layout.high[scene, slot].numpy() + 0.01).all()
            colours = scenes.images[scene, :, rows, columns].numpy()
            width = float(photos.sizes[layout.photo[scene, slot], 0])
            most = 2.0 ** int(layout.level[scene, slot])
            inner = (
                (source > most).all(1)
                & (source[:, 0] < width - most)
                & (source[:, 1] < SIDE - most)
            )
            expected = np.minimum(4 * (source - 0.5), 255)
            assert np.abs(colours[:2].T - expected)[inner].max(initial=0) <= 2.5
            checked += int(inner.sum())
    assert checked > 20_000


def test_points_and_boxes_are_where_the_photo_is(photos, drawn):
    layout, scenes = drawn
    truths = truths_of(photos, layout, scenes.owner, CANVAS)
    faces = torch.nonzero(truths.state == FACE).tolist()
    assert len(faces) > 30
    checked = 0
    for scene, face in faces:
        box, points = truths.boxes[scene, face].numpy(), truths.points[scene, face].numpy()
        assert points[0, 0] < points[1, 0]
        assert points[3, 0] < points[4, 0]
        assert box[0] < points[:, 0].min()
        assert box[2] > points[:, 0].max()
        slot, nose = _nose_of(photos, layout, scene, points[2])
        column, row = (int(n) for n in np.floor(points[2]))
        seen = 1 < column < CANVAS - 2 and 1 < row < CANVAS - 2
        shown = seen and int(scenes.owner[scene, row, column]) == slot
        if shown and layout.level[scene, slot] == 0:
            colours = scenes.images[scene, :2, row, column].numpy()
            pixel = 4 / float(layout.scale[scene, slot].min())
            np.testing.assert_allclose(colours, 4 * (nose - 0.5), atol=2 + pixel)
            checked += 1
    assert checked > 10


def _nose_of(photos: Photos, layout, scene: int, found) -> tuple[int, NDArray[np.float64]]:
    """The slot whose photo has a nose where a truth has one, and where that is in the photo."""
    rows = []
    for slot in range(SLOTS):
        photo = int(layout.photo[scene, slot])
        for face in torch.nonzero(photos.scores[photo])[:, 0].tolist():
            nose = photos.points[photo, face, 2].numpy().astype(np.float64)
            away = nose - layout.middle[scene, slot].numpy()
            place = layout.turn[scene, slot].numpy() @ away + layout.place[scene, slot].numpy()
            rows.append((float(np.abs(place - found).max()), slot, nose))
    distance, slot, nose = min(rows, key=lambda row: row[0])
    assert distance < 1e-3
    return slot, nose


def test_a_face_counts_by_what_is_seen_of_it(photos):
    random = Randomness(CPU, 3)
    layout = laid_out(photos, random, PLAIN, 16, CANVAS)
    nobody = torch.full((16, CANVAS, CANVAS), canvas.BEHIND)
    assert not (truths_of(photos, layout, nobody, CANVAS).state != 0).any()
    hidden = torch.zeros(16, CANVAS, CANVAS, dtype=torch.int64)
    state = truths_of(photos, layout, hidden, CANVAS).state
    assert set(state.unique().tolist()) <= {0, FACE, UNCLEAR}
    assert (state == FACE).sum(1).max() <= 2  # only the photo in slot 0 is seen


def test_the_same_seed_gives_the_same_scenes(photos):
    first, second = (Scenes(photos, PLAIN, 9).make(4, CANVAS) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.truths.boxes, second.truths.boxes)
    assert not torch.equal(first.images, Scenes(photos, PLAIN, 10).make(4, CANVAS).images)


def test_scenes_go_on_where_they_were(photos):
    scenes = Scenes(photos, PLAIN, 9)
    scenes.make(4, CANVAS)
    state = scenes.state()
    expected = scenes.make(4, CANVAS)
    other = Scenes(photos, PLAIN, 1)
    other.restore(state)
    assert torch.equal(other.make(4, CANVAS).images, expected.images)


def test_backgrounds_that_were_taken_for_faces_come_more_often(photos):
    scenes = Scenes(photos, SceneConfig(canvases=(CANVAS,), empty=1.0, alone=0.0), 2)
    for _ in range(40):
        batch = scenes.make(8, CANVAS)
        assert batch.behind.all()
        wrong = (batch.background == 0)[:, None].float().expand(-1, batch.behind.shape[1])
        scenes.mistaken(batch, wrong)
    counts = torch.zeros(len(photos.quiet))
    for _ in range(40):
        rows = scenes.make(8, CANVAS).background
        assert (rows[:4] == -1).all()
        counts += torch.bincount(rows[4:], minlength=len(counts))
    assert counts[0] > 3 * counts[1:].max()


def test_images_are_whole_levels(photos):
    image = distorted(Randomness(CPU, 1), textures(Randomness(CPU, 2), 8, 64))
    assert image.shape == (8, 3, 64, 64)
    assert torch.equal(image, image.round())
    assert image.min() >= 0
    assert image.max() <= 255


def test_a_mirrored_batch_is_mirrored_throughout(photos):
    batch = Scenes(photos, PLAIN, 4).make(6, CANVAS)
    once = mirrored(batch)
    assert torch.equal(once.images[..., 0], batch.images[..., -1])
    assert (once.truths.points[..., 0, 0] < once.truths.points[..., 1, 0])[
        once.truths.state == FACE
    ].all()
    twice = mirrored(once)
    assert torch.equal(twice.images, batch.images)
    assert torch.equal(twice.behind, batch.behind)
    torch.testing.assert_close(twice.truths.boxes, batch.truths.boxes)
    torch.testing.assert_close(twice.truths.points, batch.truths.points)


def test_scenes_are_given_again(photos):
    scenes = Scenes(photos, PLAIN, 4)
    reused = ReusedScenes(scenes.make, 4, seed=0)
    for _ in range(40):
        batch = reused.next(2, 64)
        assert batch.images.dtype == torch.float32
    assert 8 <= reused.made <= 40  # of 80


@settings(max_examples=40, deadline=None)
@given(
    st.integers(QUIET_SIDE, 200),
    st.integers(QUIET_SIDE, 200),
    st.lists(
        st.tuples(*[st.floats(-20, 200)] * 2, *[st.floats(8, 120)] * 2), min_size=1, max_size=4
    ),
)
def test_quiet_parts_touch_no_face(height, width, faces):
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in faces], np.float32)
    scores, points = np.ones(len(boxes)), np.zeros((len(boxes), 5, 2))
    row = LabelledPhoto(b"", height, width, True, scores, boxes, points)
    for left, top, across, down in quiet_parts(row):
        assert left >= 0
        assert top >= 0
        assert left + across <= width
        assert top + down <= height
        for box in boxes:
            common = np.minimum([left + across, top + down], box[2:]) - np.maximum(
                [left, top], box[:2]
            )
            assert common.min() < 0


def test_a_cut_photo_has_no_quiet_part_and_one_without_faces_is_one():
    assert list(quiet_parts(photo(1, 1, whole=False))) == []
    assert list(quiet_parts(photo(1, 0))) == [(0, 0, SIDE, SIDE)]


def test_too_few_photos_are_refused(tmp_path):
    with Writer(tmp_path) as store:
        store.add("one", photo(1))
    with pytest.raises(InputError, match="too few photos with faces"):
        Photos([tmp_path], held=False, device=CPU)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"canvases": (100,)}, "multiples of 32"),
        ({"alone": 0.8, "empty": 0.4}, "more than 1"),
        ({"faceless": 1.2}, "from 0 to 1"),
        ({"smallest": 200.0}, "smallest canvas"),
    ],
)
def test_settings_out_of_range_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        SceneConfig(**wrong)
