"""A trained finder, from ``finder.npz`` to a model file: no TensorFlow, no PyTorch.

What the conversion changes, none of which changes a result beyond rounding:

- Batch-norm is folded into the convolutions, the division by 255 into the first one: pixels enter
  as 0 to 255.
- The enlargement in the neck is written so that no size is in the file: it may be resized to any
  sides that are multiples of 32.
- The 1-bit convolutions of a 1-bit finder become LceQuantize and LceBconv2d, batch-norm their gain
  and bias.

The file is run on the probe that the weights carry, at another size than it was written with, and
compared with what PyTorch gave.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.files import make_folder, sha256_of, write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, InputSpec
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection.agreement import Agreement, Bound
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.tflite.layers import Layers
from facesdk_converters.tflite.tree import write_contract
from facesdk_training.architectures.finder import EPSILON, STRIDES, FinderPlan
from facesdk_training.runs import finder as finder_file
from facesdk_training.runs.finder import StoredFinder

NAME, ARCHITECTURE = "finder", "Finder"
_SIDE = 320
"""The file's own input size; users resize it."""
EXACT = Bound(min_cosine=0.9999, median_cosine=0.9999, max_difference=1e-3)
"""Least agreement with PyTorch of a file of float32, in logits and shares of cells."""
HALF = Bound(min_cosine=0.999, median_cosine=0.999, max_difference=0.1)
"""The same of a file of float16."""
EXACT_SIGNS = Bound(min_cosine=0.9999, median_cosine=0.9999)
"""The same of a 1-bit network in float32: values within rounding of a threshold change sign."""
HALF_SIGNS = Bound(min_cosine=0.95, median_cosine=0.95)
"""The same of a 1-bit network in float16, whose rounding moves more values over a threshold. That
the file is right is shown by the one of float32 then, which is made and compared as well."""

_Kernel = tuple[NDArray[np.float64], NDArray[np.float64]]


def convert(
    weights: Path,
    out: Path,
    *,
    float16: bool,
    training_data: str,
    license: str,
) -> Converted:
    """Writes a finder's model file, proven against the PyTorch network.

    Args:
        weights: ``finder.npz`` of a run.
        out: The file; its folder is made if needed.
        float16: Whether weights are stored in float16.
        training_data: The training data in words, for the contract.
        license: Terms of the weights, likewise.

    Raises:
        InputError: ``weights`` is no finder, or ``out`` cannot be written.
        ModelError: The file computes something else; then nothing is written.
    """
    stored = finder_file.read(weights)
    contract = Contract(
        name=NAME,
        task="detection",
        architecture=ARCHITECTURE,
        variant=_variant(stored.plan, float16=float16),
        input=InputSpec(height=None, width=None, color="RGB", mean=0.0, scale=1.0),
        license=license,
        source=f"facesdk train detector, after {stored.scenes:,d} scenes",
        source_sha256=sha256_of(weights),
        training_data=training_data,
    )
    content = write_contract(
        ModelBundle.from_bytes(built(stored, float16=float16), str(out)), contract
    )
    agreement = _compared(content, stored, str(out))
    binary = stored.plan.binary
    if binary and float16:
        wide = _compared(built(stored, float16=False), stored, str(out))
        _require(wide, EXACT_SIGNS, weights)
        _require(agreement, HALF_SIGNS, weights)
    elif binary:
        _require(agreement, EXACT_SIGNS, weights)
    else:
        _require(agreement, HALF if float16 else EXACT, weights)
    make_folder(out.parent)
    write_atomic(out, content)
    return Converted(out, len(content), contract, agreement)


def _variant(plan: FinderPlan, *, float16: bool) -> str:
    stored = "float16" if float16 else "float"
    return f"1-bit, {stored}" if plan.binary else stored


def _require(agreement: Agreement, bound: Bound, weights: Path) -> None:
    if not agreement.meets(bound):
        raise ModelError(
            f"the file would differ from {weights}: by {agreement.max_difference:.2g}, cosine "
            f"{agreement.min_cosine:.4f}; at most {bound.max_difference:g}, at least "
            f"{bound.min_cosine:g} is accepted"
        )


def built(stored: StoredFinder, *, float16: bool) -> bytes:
    """The network as a TFLite file without a contract; outputs finest first."""
    layers = Layers((0, 1, 2), description="facesdk finder", float16=float16)
    image = layers.input("pixels", (1, _SIDE, _SIDE, 3))
    kernel, bias = _folded(stored, "stem")
    x = layers.conv2d(image, _rows_first(kernel / 255), bias, stride=2, padding="same", relu=True)
    maps = []
    for stage, blocks in enumerate(stored.plan.blocks):
        for block in range(blocks + 1):
            x = _unit(layers, stored, stage, x, f"stages.{stage}.{block}", 1 if block else 2)
        maps.append(x)
    stage = len(stored.plan.blocks)
    fine, middle, coarse = maps[1:]
    middle = _unit(layers, stored, stage, layers.add(middle, layers.doubled(coarse)), "neck.1")
    fine = _unit(layers, stored, stage, layers.add(fine, layers.doubled(middle)), "neck.0")
    levels = enumerate((fine, middle, coarse))
    return layers.to_bytes([_head(layers, stored, x, f"heads.{level}") for level, x in levels])


def _unit(
    layers: Layers, stored: StoredFinder, stage: int, x: int, name: str, stride: int = 1
) -> int:
    spread, bias = _folded(stored, f"{name}.depthwise")
    taps = spread[:, 0].transpose(1, 2, 0)
    kernel, scale, offset = _scaled(stored, f"{name}.pointwise")
    filters, channels = kernel.shape[:2]
    shortcut = stride == 1 and filters == channels
    if stored.plan.is_binary(stage, channels, filters):
        y = layers.depthwise_conv2d(x, taps, bias, stride=stride)
        mixed = layers.binary_conv2d(layers.signs(y), channels, _rows_first(kernel), scale, offset)
        y = layers.add(mixed, y, relu=not shortcut)
    else:
        y = layers.depthwise_conv2d(x, taps, bias, stride=stride, relu=True)
        kernel = kernel * scale[:, None, None, None]
        y = layers.conv2d(y, _rows_first(kernel), offset, relu=not shortcut)
    return layers.add(y, x, relu=True) if shortcut else y


def _head(layers: Layers, stored: StoredFinder, x: int, name: str) -> int:
    kernel, bias = _folded(stored, f"{name}.depthwise")
    y = layers.depthwise_conv2d(x, kernel[:, 0].transpose(1, 2, 0), bias, relu=True)
    last = stored.state[f"{name}.last.weight"].astype(np.float64)
    return layers.conv2d(y, _rows_first(last), stored.state[f"{name}.last.bias"])


def _folded(stored: StoredFinder, name: str) -> _Kernel:
    """Kernel ``(out, in, height, width)`` and bias of a convolution with its batch-norm."""
    kernel, gain, bias = _scaled(stored, name)
    return kernel * gain[:, None, None, None], bias


def _scaled(
    stored: StoredFinder, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Kernel of a convolution, and the gain and bias that its batch-norm comes to."""

    def part(key: str) -> NDArray[np.float64]:
        return stored.state[f"{name}.{key}"].astype(np.float64)

    gain = part("1.weight") / np.sqrt(part("1.running_var") + EPSILON)
    return part("0.weight"), gain, part("1.bias") - part("1.running_mean") * gain


def _rows_first(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(out, in, height, width)`` to ``(height, width, in, out)``."""
    return kernel.transpose(2, 3, 1, 0)


def _compared(content: bytes, stored: StoredFinder, name: str) -> Agreement:
    image = stored.probe_input[None]
    made = Interpreter(ModelBundle.from_bytes(content, name), input_shapes=[image.shape])
    got = [output[0] for output in made.run(image)]
    expected = [stored.probe_outputs[stride] for stride in STRIDES]
    pairs = [(a.reshape(-1), b.reshape(-1)) for a, b in zip(got, expected, strict=True)]
    cosines = [float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) for a, b in pairs]
    return Agreement(
        inputs=1,
        unstable=0,
        faces=False,
        max_difference=max(float(np.abs(a - b).max()) for a, b in pairs),
        min_cosine=min(cosines),
        median_cosine=float(np.median(cosines)),
    )
