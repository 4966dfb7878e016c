"""Functions on pictures: to the bit those of their definition, and close to OpenCV's."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.images import pixels

from . import pixel_oracle as oracle

SIDES = st.integers(1, 70)
LEVELS = st.integers(0, 255)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def pictures(draw: st.DrawFn) -> np.ndarray:
    """Pictures of noise, of extremes and of one colour, as arrays of every layout."""
    height, width = draw(SIDES), draw(SIDES)
    rng = np.random.default_rng(draw(SEEDS))
    levels = draw(st.sampled_from(["noise", "extremes", "flat"]))
    shape = (2 * height, 3 * width, 3)
    whole = rng.integers(0, 256, shape, dtype=np.uint8)
    if levels == "extremes":
        whole = np.where(whole > 127, 255, 0).astype(np.uint8)
    elif levels == "flat":
        whole[:] = draw(LEVELS)
    view = draw(
        st.sampled_from(
            [
                lambda a: np.ascontiguousarray(a[:height, :width]),
                lambda a: a[height:, width : 2 * width],
                lambda a: a[::2, ::3],
                lambda a: a[height - 1 :: -1, :width],
                lambda a: a[:height, width - 1 :: -1],
                lambda a: a[:height, :width, ::-1],
                lambda a: np.asfortranarray(a[:height, :width]),
                lambda a: np.broadcast_to(a[:1, :width], (height, width, 3)),
            ]
        )
    )
    picture = view(whole)
    picture.flags.writeable = False
    assert picture.shape == (height, width, 3)
    return picture


@settings(max_examples=200, deadline=None)
@given(picture=pictures(), height=SIDES, width=SIDES)
def test_resized_by_area(picture: np.ndarray, height: int, width: int) -> None:
    expected = oracle.area(
        picture, (0, 0, picture.shape[1], picture.shape[0]), (height, width), 0, 0
    )
    np.testing.assert_array_equal(pixels.resize_area(picture, height, width), expected)


@settings(max_examples=200, deadline=None)
@given(picture=pictures(), height=SIDES, width=SIDES)
def test_resized_bilinearly(picture: np.ndarray, height: int, width: int) -> None:
    expected = oracle.resize_bilinear(picture, height, width)
    np.testing.assert_array_equal(pixels.resize_bilinear(picture, height, width), expected)


@settings(max_examples=200, deadline=None)
@given(
    picture=pictures(),
    halvings=st.integers(0, 3),
    less=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    height=SIDES,
    width=SIDES,
)
def test_a_photo_resized_from_a_halving(
    picture: np.ndarray, halvings: int, less: tuple[int, int], height: int, width: int
) -> None:
    """The photo may be a little smaller than the halving, whose last row and column may be odd."""
    extent = [
        max(1, (side << halvings) - cut % (1 << halvings))
        for side, cut in zip(picture.shape, less, strict=False)
    ]
    expected = oracle.area(picture, (0, 0, extent[1], extent[0]), (height, width), 0, halvings)
    resized = pixels.resize_area(
        picture, height, width, extent=(extent[0], extent[1]), halvings=halvings
    )
    np.testing.assert_array_equal(resized, expected)


@settings(max_examples=200, deadline=None)
@given(
    picture=pictures(),
    corners=st.lists(st.tuples(*[st.integers(-150, 250)] * 2, SIDES, SIDES), max_size=4),
    side=st.integers(1, 50),
    halvings=st.integers(0, 2),
    fill=LEVELS,
)
def test_windows(
    picture: np.ndarray,
    corners: list[tuple[int, int, int, int]],
    side: int,
    halvings: int,
    fill: int,
) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in corners], np.int64).reshape(-1, 4)
    windows = pixels.cut_windows(picture, boxes, side, fill=fill, halvings=halvings)
    assert windows.shape == (len(boxes), side, side, 3)
    for window, box in zip(windows, boxes.tolist(), strict=True):
        expected = oracle.area(picture, tuple(box), (side, side), fill, halvings)
        np.testing.assert_array_equal(window, expected)


@settings(max_examples=100, deadline=None)
@given(picture=pictures())
def test_halves(picture: np.ndarray) -> None:
    half = pixels.halve(picture)
    np.testing.assert_array_equal(half, oracle.halve(picture))
    height, width, _ = picture.shape
    if height % 2 == width % 2 == 0:
        by_area = pixels.resize_area(picture, height // 2, width // 2)
        np.testing.assert_array_equal(half, by_area)


@settings(max_examples=300, deadline=None)
@given(
    picture=pictures(),
    linear=st.tuples(*[st.floats(-8, 8)] * 4),
    shift=st.tuples(*[st.floats(-500, 500)] * 2),
    height=SIDES,
    width=SIDES,
    fill=LEVELS,
)
def test_warped(
    picture: np.ndarray,
    linear: tuple[float, ...],
    shift: tuple[float, ...],
    height: int,
    width: int,
    fill: int,
) -> None:
    a, b, c, d = linear
    determinant = a * d - b * c
    if abs(determinant) < 1e-2:
        return
    x, y = shift
    inverse = [d / determinant, -b / determinant, 0.0, -c / determinant, a / determinant, 0.0]
    inverse[2] = -(inverse[0] * x + inverse[1] * y)
    inverse[5] = -(inverse[3] * x + inverse[4] * y)
    units = [round(value * 2**32) for value in inverse]
    expected = oracle.warp(picture, units, height, width, fill)
    warped = pixels.warp(picture, [[a, b, x], [c, d, y]], height, width, fill=fill)
    np.testing.assert_array_equal(warped, expected)


@settings(max_examples=100, deadline=None)
@given(picture=pictures(), border=st.tuples(*[st.integers(0, 4)] * 4), fill=LEVELS)
def test_colour_and_borders(
    picture: np.ndarray, border: tuple[int, int, int, int], fill: int
) -> None:
    np.testing.assert_array_equal(pixels.grey(picture), oracle.grey(picture))
    np.testing.assert_array_equal(pixels.swap_channels(picture), picture[..., ::-1])
    top, bottom, left, right = border
    around = ((top, bottom), (left, right), (0, 0))
    sides = {"top": top, "bottom": bottom, "left": left, "right": right}
    filled = pixels.pad(picture, **sides, fill=fill)
    np.testing.assert_array_equal(filled, np.pad(picture, around, constant_values=fill))
    repeated = pixels.pad(picture, **sides, fill=None)
    np.testing.assert_array_equal(repeated, np.pad(picture, around, "edge"))


def test_large_pictures() -> None:
    """Sums and places beyond 16 bits, and weights of less than their unit."""
    rng = np.random.default_rng(0)
    for shape in ((3, 40_003, 3), (40_003, 3, 3), (400, 2100, 3)):
        picture = rng.integers(0, 256, shape, dtype=np.uint8)
        for size in ((1, 1), (2, 30)):
            box = (0, 0, shape[1], shape[0])
            expected = oracle.area(picture, box, size, 0, 0)
            np.testing.assert_array_equal(pixels.resize_area(picture, *size), expected)
            expected = oracle.resize_bilinear(picture, *size)
            np.testing.assert_array_equal(pixels.resize_bilinear(picture, *size), expected)
        np.testing.assert_array_equal(pixels.halve(picture), oracle.halve(picture))
    assert pixels.resize_bilinear(picture[:1, :1], 2000, 2000).shape == (2000, 2000, 3)


def photo() -> np.ndarray:
    """Smooth noise, as photos are."""
    noise = np.random.default_rng(5).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3))


@pytest.mark.parametrize(
    ("size", "most"),
    [((400, 600), 0), ((200, 300), 0), ((57, 83), 0.01), ((331, 599), 0.01), ((640, 900), 0.1)],
)
def test_area_is_opencvs(size: tuple[int, int], most: float) -> None:
    """Where it shrinks in both directions, or enlarges in both by OpenCV's weights of 11 bits."""
    picture = photo()
    expected = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    difference = np.abs(pixels.resize_area(picture, *size).astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= most


@pytest.mark.parametrize("size", [(400, 600), (640, 900), (401, 1200), (300, 450)])
def test_bilinear_is_opencvs(size: tuple[int, int]) -> None:
    picture = photo()
    expected = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)
    difference = np.abs(pixels.resize_bilinear(picture, *size).astype(int) - expected)
    assert difference.max() <= 1


def test_warp_is_opencvs_but_for_its_rounded_coordinates() -> None:
    """OpenCV 4 rounds them to 1/32 of a pixel."""
    picture = photo()
    for angle, scale in ((0, 1), (20, 0.4), (-75, 1.7), (180, 0.25)):
        matrix = cv2.getRotationMatrix2D((300.3, 200.7), angle, scale)
        expected = cv2.warpAffine(picture, matrix, (112, 112))
        difference = np.abs(pixels.warp(picture, matrix, 112, 112).astype(int) - expected)
        steepest = int(np.abs(np.diff(picture.astype(int), axis=0)).max())
        assert difference.max() <= 2 + steepest / 16
        assert difference.mean() < 0.5


def test_grey_is_opencvs() -> None:
    picture = photo()
    np.testing.assert_array_equal(pixels.grey(picture), cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def test_resize_chooses() -> None:
    picture = photo()
    for size, method in (
        ((200, 300), pixels.resize_area),
        ((400, 600), pixels.resize_area),
        ((800, 900), pixels.resize_bilinear),
        ((300, 700), pixels.resize_bilinear),
    ):
        np.testing.assert_array_equal(pixels.resize(picture, *size), method(picture, *size))


def test_a_transform_that_moves_by_whole_pixels_copies() -> None:
    picture = photo()
    moved = pixels.warp(picture, [[1, 0, -100], [0, 1, -50]], 80, 90)
    np.testing.assert_array_equal(moved, picture[50:130, 100:190])


EVERY: list[Callable[[np.ndarray], object]] = [
    lambda a: pixels.resize(a, 2, 2),
    lambda a: pixels.resize_area(a, 2, 2),
    lambda a: pixels.resize_bilinear(a, 2, 2),
    lambda a: pixels.cut_windows(a, np.array([[0, 0, 1, 1]]), 2, fill=0),
    pixels.halve,
    lambda a: pixels.warp(a, np.eye(3)[:2], 2, 2),
    pixels.grey,
    pixels.swap_channels,
    pixels.pad,
]


@pytest.mark.parametrize("function", EVERY)
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.int8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (1, (1 << 20) + 1, 3)),
        np.broadcast_to(np.uint8(0), (1 << 40, 1, 3)),
        [[[1, 2, 3]]],
    ],
)
def test_other_arrays_are_refused(function: Callable[[object], object], array: object) -> None:
    with pytest.raises(InputError, match="a picture must be a uint8 array"):
        function(array)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: pixels.resize(a, 0, 3), "1 to 1048576, but got 0"),
        (lambda a: pixels.resize_area(a, 3, -1), "but got -1"),
        (lambda a: pixels.resize_area(a, 1 << 40, 3), "but got 1099511627776"),
        (lambda a: pixels.resize_area(a, 1 << 20, 1 << 20), "too large: the limit is 1024 MiB"),
        (lambda a: pixels.resize_area(a, 3, 3, halvings=21), "halvings must be in 0..20"),
        (lambda a: pixels.resize_area(a, 3, 3, extent=(0, 4)), "but got 0"),
        (lambda a: pixels.resize_bilinear(a, 1 << 33, 1), "but got"),
        (lambda a: pixels.warp(a, np.eye(3)[:2], 65_537, 1), "in 1..65536, but got 65537"),
        (lambda a: pixels.warp(a, np.eye(2), 3, 3), r"finite numbers \(2, 3\)"),
        (lambda a: pixels.warp(a, np.full((2, 3), np.nan), 3, 3), r"finite numbers \(2, 3\)"),
        (lambda a: pixels.warp(a, np.zeros((2, 3)), 3, 3), "has no inverse"),
        (lambda a: pixels.warp(a, np.eye(3)[:2] / 5000, 3, 3), "at most 4096 pixels"),
        (lambda a: pixels.warp(a, np.eye(3)[:2] * 1e-200, 3, 3), "no inverse|too far away"),
        (lambda a: pixels.warp(a, [[1, 0, 1e300], [0, 1, 0]], 3, 3), "too far away"),
        (lambda a: pixels.warp(a, np.eye(3)[:2], 3, 3, fill=256), "0 to 255, but got 256"),
        (lambda a: pixels.pad(a, top=-1), "border on top must be in"),
        (lambda a: pixels.pad(a, left=1 << 40), "but got"),
        (lambda a: pixels.pad(a, fill=-1), "0 to 255, but got -1"),
        (lambda a: pixels.cut_windows(a, np.zeros((1, 4), int), 3, fill=0), "width of a part"),
        (lambda a: pixels.cut_windows(a, np.ones((1, 3), int), 3, fill=0), r"\(n, 4\)"),
        (lambda a: pixels.cut_windows(a, np.ones((1, 4)), 3, fill=0), "whole numbers"),
        (
            lambda a: pixels.cut_windows(a, np.array([[0, 0, 1 << 40, 1]]), 3, fill=0),
            "within 2097152 pixels",
        ),
    ],
)  # fmt: skip
def test_absurd_sizes_are_refused(call: Callable[[np.ndarray], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(np.zeros((4, 4, 3), np.uint8))


def test_the_version_of_the_pixels_is_the_librarys() -> None:
    assert pixels.library().facesdk_pixels_version() == pixels.VERSION
