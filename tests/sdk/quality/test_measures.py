"""Measures of a crop: to the unit those of their definition, and each tells what it is for."""

from __future__ import annotations

from functools import cache
from math import isqrt

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from facesdk.errors import InputError
from facesdk.images import decode, pixels
from facesdk.quality.measures import measure
from facesdk.recognition.alignment import align
from facesdk.samples import BIDEN, OBAMA, OBAMA2

FACE = (slice(24, 104), slice(24, 88))
EYES = ((slice(47, 57), slice(32, 45)), (slice(47, 57), slice(67, 80)))
MOUTH = (slice(84, 100), slice(42, 71))


def sums_around(luma: np.ndarray, side: int) -> np.ndarray:
    """Sums over squares around each pixel; 0 where the square leaves the picture."""
    windows = np.lib.stride_tricks.sliding_window_view(luma, (side, side))
    return np.pad(windows.sum(axis=(2, 3)), side // 2)


def defined(crop: np.ndarray) -> dict[str, int]:
    """The measures as ``facesdk_face.h`` defines them."""
    red, green, blue = np.moveaxis(crop.astype(np.int64), 2, 0)
    luma = (9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15
    face = luma[FACE]
    count = face.size
    variance = (count * int((face * face).sum()) - int(face.sum()) ** 2) * 65536 // count**2
    detail = abs(49 * sums_around(luma, 3) - 9 * sums_around(luma, 7))
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    windows = np.lib.stride_tricks.sliding_window_view(luma, (3, 3))
    answers = np.sort(np.pad(abs((windows * mask).sum(axis=(2, 3))), 1)[FACE], axis=None)

    def along(rows: int, columns: int) -> int:
        shifted = {
            n: np.roll(luma, (-n * rows, -n * columns), axis=(0, 1))[FACE] for n in range(-3, 4)
        }
        fine, coarse = (sum(shifted[n] for n in range(-k, k + 1)) for k in (1, 3))
        return int(abs(7 * fine - 3 * coarse).sum())

    def mean_detail(part: tuple[slice, slice]) -> int:
        return 256 * int(detail[part].sum()) // (441 * detail[part].size)

    return {
        "pattern": pattern(luma),
        "brightness": 256 * int(face.sum()) // count,
        "contrast": isqrt(variance),
        "noise": 16194 * int(answers[(count + 1) // 2 - 1]) >> 8,
        "detail": 256 * min(map(along, (0, 1, 1, 1), (1, 0, 1, -1))) // (21 * count),
        "eye_detail": max(map(mean_detail, EYES)),
        "mouth_detail": mean_detail(MOUTH),
        "dark": 65536 * int((face <= 16).sum()) // count,
        "bright": 65536 * int((face >= 247).sum()) // count,
    }


def pattern(luma: np.ndarray) -> int:
    """The largest power of a wave by the mean of 72 beside it, in 1/16."""
    n = np.arange(64)
    cosines = np.rint(1024 * np.cos(2 * np.pi * n / 64)).astype(np.int64)
    window = (1024 - cosines) >> 4
    part = luma[32:96, 24:88]
    x = ((part - (part.sum() >> 12)) * window[:, None] * window) >> 10
    c, s = (of[np.outer(n, n) % 64] for of in (cosines, np.roll(cosines, 16)))
    even, odd = (c @ x) >> 12, (s @ x) >> 12
    power = ((even @ c - odd @ s) >> 8) ** 2 + ((odd @ c + even @ s) >> 8) ** 2
    power[[0, 32], 33:] = power[[0, 32], 31:0:-1]
    power[33:] = power[31:0:-1, -n % 64]

    def around(reach: int) -> np.ndarray:
        steps = range(-reach, reach + 1)
        return sum(np.roll(power, (y, x), axis=(0, 1)) for y in steps for x in steps)

    length = np.hypot(*np.meshgrid((n + 32) % 64 - 32, (n + 32) % 64 - 32))
    ratio = 16 * 72 * power // (around(4) - around(1) + 72 * 512000)
    return int(ratio[(length >= 5) & (length <= 31)].max())


def test_the_cosines_make_a_fourier_transform() -> None:
    """Against NumPy's, with a Hann window: the definition is one of powers."""
    luma = np.random.default_rng(4).integers(0, 256, (112, 112))
    part = luma[32:96, 24:88] - luma[32:96, 24:88].mean()
    hann = np.hanning(65)[:64]
    power = abs(np.fft.fft2(part * hann[:, None] * hann)) ** 2
    spread = range(-4, 5)
    near = [(y, x) for y in spread for x in spread if max(abs(y), abs(x)) > 1]
    others = sum(np.roll(power, step, axis=(0, 1)) for step in near) / 72
    length = np.hypot(*np.meshgrid(np.fft.fftfreq(64, 1 / 64), np.fft.fftfreq(64, 1 / 64)))
    ratio = power / (others + 2000)
    found = ratio[(length >= 5) & (length <= 31)].max()
    assert pattern(luma) / 16 == pytest.approx(found, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "extremes", "flat", "smooth", "striped", "upside down"]),
)
def test_measured_as_defined(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    crop = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    if kind == "extremes":
        crop = np.where(crop > 127, 255, 0).astype(np.uint8)
    elif kind == "flat":
        crop[:] = crop[0, 0]
    elif kind == "smooth":
        crop = pixels.resize_bilinear(crop[:7, :7], 112, 112)
    elif kind == "striped":
        crop[:] = 255 * (np.arange(112) % rng.integers(2, 30) < 1)[:, None]
    elif kind == "upside down":
        crop = crop[::-1]
    assert pixels.measure_crop(crop) == defined(crop)


@pytest.mark.parametrize("shape", [(112, 96, 3), (111, 112, 3), (112, 112), (0, 0, 3)])
def test_only_crops_are_measured(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        pixels.measure_crop(np.zeros(shape, np.uint8))


@cache
def aligned(photo: str) -> np.ndarray:
    from facesdk.detection.registry import load_detector

    image = decode.load(photo)
    return align(image, load_detector("mtcnn").detect(image, 1)[0].landmarks)


PORTRAITS = pytest.mark.parametrize("photo", [str(OBAMA), str(OBAMA2), str(BIDEN)])


@PORTRAITS
def test_blur_takes_sharpness_and_not_brightness(photo: str) -> None:
    crop = aligned(photo)
    blurred = [
        measure(np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(sigma))))
        for sigma in (0, 1.5, 3, 6)
    ]
    falling = [row.sharpness for row in blurred]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 2 * falling[2] > 3 * falling[3]
    assert abs(blurred[0].brightness - blurred[3].brightness) < 5


@PORTRAITS
@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_movement_takes_sharpness_in_any_direction(photo: str, degrees: float) -> None:
    crop = aligned(photo)
    measured = [
        measure(cv2.filter2D(crop, -1, line(pixels, degrees), borderType=cv2.BORDER_REPLICATE))
        for pixels in (1, 7, 13)
    ]
    still, moved, far = (row.sharpness for row in measured)
    assert still > 1.4 * moved > 1.4 * 1.1 * far


def line(pixels: int, degrees: float) -> np.ndarray:
    """A line of even weight through the middle."""
    kernel = np.zeros((pixels, pixels), np.float32)
    kernel[pixels // 2] = 1
    middle = (pixels // 2, pixels // 2)
    turned = cv2.warpAffine(kernel, cv2.getRotationMatrix2D(middle, degrees, 1.0), (pixels, pixels))
    return turned / turned.sum()


@PORTRAITS
def test_sharpness_does_not_depend_on_light(photo: str) -> None:
    crop = aligned(photo)
    dim = (crop * 0.4).astype(np.uint8)
    assert measure(dim).sharpness == pytest.approx(measure(crop).sharpness, rel=0.05)
    assert measure(dim).brightness == pytest.approx(0.4 * measure(crop).brightness, abs=1)


@PORTRAITS
@pytest.mark.parametrize("sigma", [10, 20, 40])
def test_noise_is_measured_in_levels_of_luma(photo: str, sigma: int) -> None:
    rng = np.random.default_rng(sigma)
    middle = np.clip(aligned(photo), 100, 155)  # so that nothing is cut off
    noisy = np.clip(middle + rng.normal(0, sigma, middle.shape), 0, 255).round().astype(np.uint8)
    weights = np.array([0.299, 0.587, 0.114])
    assert measure(noisy).noise == pytest.approx(sigma * np.sqrt(weights @ weights), rel=0.12)


@PORTRAITS
@pytest.mark.parametrize("pixels", [3, 4, 6])
@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_stripes_are_a_pattern_and_noise_and_blur_are_none(
    photo: str, pixels: int, degrees: float
) -> None:
    crop, angle = aligned(photo), np.radians(degrees)
    rows, columns = np.mgrid[:112, :112]
    wave = np.sin(2 * np.pi / pixels * (columns * np.cos(angle) + rows * np.sin(angle)))
    striped = np.clip(crop * (1 + 0.3 * wave[..., None]), 0, 255).astype(np.uint8)
    assert measure(crop).pattern < 12
    assert measure(striped).pattern > 40
    rng = np.random.default_rng(pixels)
    noisy = np.clip(crop + rng.normal(0, 25, crop.shape), 0, 255).astype(np.uint8)
    blurred = np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(pixels / 2)))
    assert measure(noisy).pattern < 16 > measure(blurred).pattern


@PORTRAITS
def test_what_is_covered_has_no_detail(photo: str) -> None:
    crop, whole = aligned(photo), measure(aligned(photo))
    masked, one_eye, glasses = crop.copy(), crop.copy(), crop.copy()
    masked[66:, 14:98] = (150, 190, 220)
    one_eye[40:63, 56:90] = 20
    glasses[43:61, 14:98] = 20
    assert measure(masked).mouth < 0.01 < 0.1 < whole.mouth
    assert measure(masked).eyes > 0.5 * whole.eyes
    assert measure(glasses).eyes < 0.01 < 0.1 < whole.eyes
    assert measure(one_eye).eyes > 0.1  # the other one is enough


def test_a_crop_of_one_level_has_nothing() -> None:
    flat = measure(np.full((112, 112, 3), 250, np.uint8))
    assert (flat.sharpness, flat.eyes, flat.contrast, flat.noise, flat.pattern) == (0, 0, 0, 0, 0)
    assert (flat.brightness, flat.dark, flat.bright) == (250, 0, 1)
