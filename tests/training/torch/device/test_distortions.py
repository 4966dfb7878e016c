from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from facesdk.models.templates import TEMPLATES
from facesdk_training.config.distortions import (
    KINDS,
    STRIPES,
    DistortionConfig,
    Glasses,
    double_kernel,
    motion_kernel,
)
from facesdk_training.data import distortions as keras_engine

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.torch.device import distortions
from facesdk_training.torch.device.distortions import Distortions


def crops(count: int = 8) -> torch.Tensor:
    """Smooth patterns, levels 0 to 255."""
    torch.manual_seed(3)
    small = torch.rand(count, 3, 9, 9) * 255
    return torch.nn.functional.interpolate(small, (112, 112), mode="bilinear", align_corners=True)


def distorted(x: torch.Tensor, *rows: DistortionConfig, progress: float = 0.0) -> torch.Tensor:
    """Levels 0 to 255."""
    torch.manual_seed(4)
    return Distortions(rows, 112, 112)(x.clone(), progress) * 128 + 127.5


def test_no_rows_cut_the_middle_out() -> None:
    x = crops()
    window = Distortions((), 112, 96)(x, 0.0)
    np.testing.assert_allclose(window, (x[:, :, :, 8:104] - 127.5) / 128, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_every_name_changes_its_share_of_the_crops_and_stays_within_levels(name: str) -> None:
    x = crops(32)
    whole = distorted(x, DistortionConfig(name))
    assert whole.min() >= -0.01
    assert whole.max() <= 255.01
    changed = (whole - x).abs().amax((1, 2, 3)) > 0.5
    assert changed.float().mean() > 0.8
    none = distorted(x, DistortionConfig(name, share=1.0, late=0.0), progress=1.0)
    np.testing.assert_allclose(none, x, atol=1e-2)


def test_a_mirrored_crop_is_the_crop_from_right_to_left() -> None:
    x = crops()
    np.testing.assert_allclose(distorted(x, DistortionConfig("mirror")), x.flip(3), atol=1e-2)


def test_a_shift_moves_pixels() -> None:
    x = crops(1)
    torch.manual_seed(0)
    moved = distorted(x, DistortionConfig("shift", least=8, most=8))[0, :, 20:90, 20:90]
    found = {
        (dx, dy): float((x[0, :, 20 + dy : 90 + dy, 20 + dx : 90 + dx] - moved).abs().mean())
        for dx in (-8, 8)
        for dy in (-8, 8)
    }
    assert min(found.values()) < 0.05


def test_landmarks_move_a_crop_as_the_least_squares_similarity_does() -> None:
    torch.manual_seed(5)
    noise = torch.full((40, 1), 0.08)
    state = torch.get_rng_state()
    angle, scale, shift = distortions._misaligned(noise)
    torch.set_rng_state(state)
    points = np.array(TEMPLATES["arcface-112x112"].points) - 55.5
    eyes = np.linalg.norm(points[1] - points[0])
    noisy = points + eyes * 0.08 * torch.randn(40, 5, 2).numpy()
    for row in range(40):
        design = np.zeros((10, 4))
        design[0::2] = np.c_[points[:, 0], -points[:, 1], np.ones(5), np.zeros(5)]
        design[1::2] = np.c_[points[:, 1], points[:, 0], np.zeros(5), np.ones(5)]
        (a, b, dx, dy), *_ = np.linalg.lstsq(design, noisy[row].ravel(), rcond=None)
        assert float(scale[row]) == pytest.approx(math.hypot(a, b), abs=1e-4)
        assert float(angle[row]) == pytest.approx(math.atan2(b, a), abs=1e-4)
        np.testing.assert_allclose(shift[row], (dx, dy), atol=1e-3)


@pytest.mark.parametrize(
    "strengths",
    [{"keystone": -40}, {"keystone": -7.5}, {"keystone": 12}, {"keystone": 40}, {"aspect": -0.5},
     {"aspect": 0.3}, {"keystone": -7.5, "aspect": 0.2}],
)  # fmt: skip
def test_bent_crops_are_those_of_the_other_engine(strengths: dict[str, float]) -> None:
    rows = [DistortionConfig(name, least=value, most=value) for name, value in strengths.items()]
    for crop, found in zip(crops(), distorted(crops(), *rows), strict=True):
        levels = np.round(crop.permute(1, 2, 0).numpy()).astype(np.uint8)
        other = keras_engine.distorted(levels, rows, 112, 112, 0.0, np.random.default_rng(0))
        np.testing.assert_allclose(found.permute(1, 2, 0), other.astype(int), atol=3)


@pytest.mark.parametrize(("name", "kernel"), [("motion", motion_kernel), ("double", double_kernel)])
def test_pictures_along_a_line_are_those_of_the_other_engine(
    monkeypatch: pytest.MonkeyPatch, name: str, kernel: Callable[[float, float], np.ndarray]
) -> None:
    monkeypatch.setitem(distortions.LINES, name, lambda pixels, _: kernel(pixels, 0.6))
    monkeypatch.setattr(keras_engine, f"{name}_kernel", lambda pixels, _: kernel(pixels, 0.6))
    row = DistortionConfig(name, least=9, most=9)
    for crop, found in zip(crops(), distorted(crops(), row), strict=True):
        levels = np.round(crop.permute(1, 2, 0).numpy()).astype(np.uint8)
        other = keras_engine.distorted(levels, (row,), 112, 112, 0.0, np.random.default_rng(0))
        np.testing.assert_allclose(found.permute(1, 2, 0), other.astype(int), atol=1.5)


def same_in_the_other_engine(row: DistortionConfig, width: int) -> None:
    levels = crops().round()
    found = Distortions((row,), 112, width)(levels.clone(), 0.0) * 128 + 127.5
    for crop, mine in zip(levels, found, strict=True):
        image = crop.permute(1, 2, 0).numpy().astype(np.uint8)
        other = keras_engine.distorted(image, (row,), 112, width, 0.0, np.random.default_rng(0))
        np.testing.assert_allclose(mine.permute(1, 2, 0), other.astype(int), atol=0.6)


@pytest.mark.parametrize("width", [112, 96])
@pytest.mark.parametrize("squares", [4, 14, 17.3, 112])
def test_mosaics_are_those_of_the_other_engine(squares: float, width: int) -> None:
    same_in_the_other_engine(DistortionConfig("mosaic", least=squares, most=squares), width)


@pytest.mark.parametrize("width", [112, 96])
def test_spots_are_those_of_the_other_engine(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    for module in (distortions, keras_engine):
        monkeypatch.setattr(module, "SPOT", ((11, 11), (-9, -9), (60, 60)))
    same_in_the_other_engine(DistortionConfig("spot", least=120, most=120), width)


def test_stripes_change_the_light_by_their_depth_and_repeat_in_any_direction() -> None:
    row = DistortionConfig("stripes", least=0.3, most=0.3)
    directions = set()
    for crop in distorted(torch.full((16, 3, 112, 112), 100.0), row).numpy():
        assert 70 <= crop.min() < 72
        assert 128 < crop.max() <= 130
        power = np.abs(np.fft.fft2(crop[0] - crop[0].mean()))
        down, across = np.unravel_index(power.argmax(), power.shape)
        waves = np.hypot(min(down, 112 - down), min(across, 112 - across))
        assert STRIPES[0] * 0.95 < 112 / waves < STRIPES[1] * 1.05
        directions.add(round(math.degrees(math.atan2(down, across))) // 10)
    assert len(directions) > 5


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_covers_hide_as_much_as_those_of_the_other_engine(share: float) -> None:
    row = DistortionConfig("cover", least=share, most=share)
    for crop, covered in zip(crops(), Distortions((row,), 112, 96)(crops(), 0.0), strict=True):
        hidden = (covered * 128 + 127.5 - crop[:, :, 8:104]).abs().amax((0, 1)) > 0.01
        assert abs(int(hidden.sum()) - max(0, share * 112 - 8)) <= 1 or share == 1.0
        assert share < 1 or hidden.all()


def shape(**values: float) -> Glasses:
    """Glasses of one shape."""
    fixed = {"offset": 0, "apart": 18, "level": 52, "width": 14, "height": 10, "exponent": 2}
    return Glasses(**{name: (value, value) for name, value in {**fixed, **values}.items()})


@pytest.mark.parametrize("rim", [0, 3])
@pytest.mark.parametrize("taken", [0.0, 0.75, 1.0])
def test_glasses_are_what_another_program_draws_and_the_same_in_both_engines(
    monkeypatch: pytest.MonkeyPatch, rim: int, taken: float
) -> None:
    glasses = shape(rim=rim, colour=20)
    for module in (distortions, keras_engine):
        monkeypatch.setattr(module, "GLASSES", glasses)
    row = DistortionConfig("glasses", least=taken, most=taken)
    white = np.full((112, 112, 3), 220, np.uint8)
    expected = Image.new("L", (112, 112), 220)
    pen = ImageDraw.Draw(expected)
    lens = round(220 + taken * (20 - 220))
    for x in (37.5, 73.5):
        box = (x - 13.5, 52 - 9.5, x + 13.5, 52 + 9.5)
        pen.ellipse(box, fill=lens, outline=20 if rim else None, width=rim or 1)
    if rim:
        pen.rectangle((52, 48, 59, 50), fill=20)
    torch_crop = distorted(torch.from_numpy(white).permute(2, 0, 1)[None].float(), row)[0]
    keras_crop = keras_engine.distorted(white, (row,), 112, 112, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(torch_crop.permute(1, 2, 0), keras_crop, atol=0.6)
    off = np.abs(keras_crop[..., 0].astype(int) - np.asarray(expected).astype(int)) > 1
    assert off.mean() < 0.02  # pixels that an edge crosses
    assert (np.asarray(expected) != 220).mean() > (0.05 if taken else 0.01) or not (taken or rim)
