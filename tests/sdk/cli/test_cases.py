"""Cases that people have met, kept beside the checkout with a runner of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lfw

pytestmark = pytest.mark.slow

CASES = lfw.FOLDER.parent / "cases"

RIGHT = {
    "photos that every viewer opens": (
        "png-ztxt-3mb",
        "png-bad-crc-phys",
        "jpeg-without-eoi",
        "bmp32-alpha-zero",
    ),
    "test sets as people have them": (
        "folder-pgm-jfif",
        "folder-left-out-named",
        "pairs-names-with-spaces",
        "pairs-bom-crlf",
        "bin-numpy-bool",
        "bin-images-ndarray",
    ),
    "valid TFLite models": (
        "tflite-lstm-optional-inputs",
        "tflite-sparse-dense",
        "tflite-resource-variable",
        "convert-dynamic-range",
    ),
    "photos as cameras and scanners give them": (
        "photo-108-megapixels",
        "photo-40000-wide",
        "png16-12bit",
    ),
    "hostile or special": (
        "png-1x64000000",
        "jpeg-1500-scans",
        "output-to-device",
        "npz-absurd-shape",
        "npz-overflowing-shape",
        "model-bconv-filter-shape",
        "model-renamed-operator",
    ),
    "photo formats of phones and scanners": ("photo-heic", "photo-tiff"),
    "folders as file systems leave them": (
        "folder-nas-thumbnails",
        "folder-linked-person",
        "zip-backslashes",
    ),
    "names composed and decomposed": ("names-decomposed-zip",),
    "networks saved by Keras 3": ("convert-keras3-h5",),
    "the output cannot be written": ("output-disk-full",),
}
"""The kinds that are mended, and the cases of each: a case that is here stays right."""

OF_MTCNN = ("embed-int8-input-output", "embed-1x1-output")
"""Valid models whose expected embeddings are of the crop that MTCNN's landmarks give."""


@pytest.mark.parametrize("case", [case for cases in RIGHT.values() for case in cases])
def test_a_case_that_was_met_is_right(case: str) -> None:
    assert_right(case, Path(sys.executable).parent / "facesdk")


@pytest.mark.parametrize("case", OF_MTCNN)
def test_a_case_that_was_recorded_with_mtcnn_is_right(case: str, tmp_path: Path) -> None:
    program = tmp_path / "facesdk"
    program.write_text(f'#!/bin/sh\n{sys.executable} -m facesdk "$@" --detector mtcnn\n')
    program.chmod(0o755)
    assert_right(case, program)


def assert_right(case: str, program: Path) -> None:
    if not CASES.is_dir() and os.environ.get("CI") != "true":
        pytest.skip(f"needs the cases in {CASES}")
    done = subprocess.run(
        [sys.executable, CASES / "run.py", program, case], capture_output=True, text=True
    )
    verdict = (done.stdout.splitlines() or [done.stderr])[0]
    assert verdict.startswith(("right", "------")), verdict
