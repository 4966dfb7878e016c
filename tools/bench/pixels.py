"""Time our resizing and warping against OpenCV's, in turn, on one thread.

    python -m tools.bench.pixels

The sizes are those of the pipeline: levels of the pyramid, halvings, windows of candidates, crops.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from facesdk.images import pixels
from facesdk.images.decode import RgbImage
from facesdk.measure.timing import Policy, measure
from tools.bench.heading import heading

SIZES = ((250, 250), (480, 640), (1080, 1920), (3000, 4000))
WINDOWS = ((20, 24), (60, 24), (190, 24), (40, 48), (150, 48), (380, 48))
BATCH = 64
Pair = tuple[str, Callable[[], object], Callable[[], object]]


def photo(height: int, width: int) -> RgbImage:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2))


def area(image: RgbImage, height: int, width: int) -> RgbImage:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def of_photo(image: RgbImage) -> Iterator[Pair]:
    """What is done to a photo of a size."""
    height, width = image.shape[:2]
    name = f"{width}x{height}"
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 17, 0.5)
    matrix[:, 2] -= (width / 2 - 56, height / 2 - 56)
    yield (
        f"warp {name} to 112x112",
        lambda: pixels.warp(image, matrix, 112, 112),
        lambda: cv2.warpAffine(image, matrix, (112, 112)),
    )
    yield (
        f"halve {name}",
        lambda: pixels.halve(image),
        lambda: area(image, height // 2, width // 2),
    )
    for share in (0.6, 0.2):
        rows, columns = round(height * share), round(width * share)
        yield (
            f"area {name} to {columns}x{rows}",
            lambda rows=rows, columns=columns: pixels.resize_area(image, rows, columns),
            lambda rows=rows, columns=columns: area(image, rows, columns),
        )


def of_windows(image: RgbImage) -> Iterator[Pair]:
    """Candidates cut out of a photo, many at once as the detector does it."""
    for extent, side in WINDOWS:
        corners = np.arange(BATCH)[:, None] % 32 + [60, 50]
        boxes = np.hstack([corners, corners + extent])
        yield (
            f"{BATCH} windows {extent} to {side}",
            lambda boxes=boxes, side=side: pixels.cut_windows(image, boxes, side, fill=127),
            lambda boxes=boxes, side=side: [
                area(image[top:bottom, left:right], side, side)
                for left, top, right, bottom in boxes.tolist()
            ],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    policy = Policy(arguments.runs, warm_up=5, warm_up_seconds=0.0)
    print(f"{heading(policy, 1)}, OpenCV {cv2.__version__}\n")
    print("| what | ours, min ms | OpenCV, min ms | times as fast, min | median |")
    print("| --- | --- | --- | --- | --- |")
    pairs = [pair for size in SIZES for pair in of_photo(photo(*size))]
    for name, ours, theirs in [*pairs, *of_windows(photo(480, 640))]:
        times = measure({"ours": ours, "theirs": theirs}, policy, untimed=3)
        mine, other = np.asarray(times["ours"]), np.asarray(times["theirs"])
        print(
            f"| {name} | {mine.min():.3f} | {other.min():.3f} | {other.min() / mine.min():.2f} "
            f"| {np.median(other) / np.median(mine):.2f} |"
        )


if __name__ == "__main__":
    main()
