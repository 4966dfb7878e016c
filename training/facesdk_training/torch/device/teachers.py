"""Teachers on the device: float networks whose graph is a list of operators.

A graph is {"input", "output", "ops": [{"op", "in", "out", ...}]}; its constants are named, and
kernels of convolutions are [out, in / groups, h, w]. It may have "layers": the outputs that can be
looked at, by their names in a model file. :mod:`.teacher_files` reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facesdk.errors import InputError
from facesdk_training.data.crops import INPUT


@dataclass(frozen=True, slots=True)
class Reading:
    """How a teacher takes its crops.

    Attributes:
        bgr: Whether blue comes first.
        mean: Subtracted from levels 0 to 255.
        scale: Divides what is left.
    """

    bgr: bool
    mean: float
    scale: float


class Teacher(nn.Module):
    """float32 [N, 3, S, S], RGB levels 0 to 255, to unit vectors float32 [N, D]."""

    def __init__(self, graph: dict[str, Any], constants: dict[str, Any], reading: Reading) -> None:
        super().__init__()
        self._graph, self._reading = graph, reading
        self._names: dict[str, str] = {}
        for name, values in constants.items():
            key = "c" + hashlib.sha256(name.encode()).hexdigest()
            self._names[name] = key
            self.register_buffer(key, torch.from_numpy(np.ascontiguousarray(values)))
        self.requires_grad_(False)

    def forward(self, crops: Tensor) -> Tensor:
        """The unit embeddings."""
        reading = self._reading
        x = (crops.float() - reading.mean) / reading.scale
        return functional.normalize(self.embedding(x.flip(1) if reading.bgr else x), dim=1)

    def embedding(self, x: Tensor) -> Tensor:
        """The output, float32 [N, D], for crops that are normalised and ordered as it takes them.

        Args:
            x: [N, 3, S, S].
        """
        values = self._begun(x)
        for operator in self._graph["ops"]:
            values[operator["out"]] = self._run(operator, values)
        return values[self._graph["output"]].flatten(1).float()

    def maps(self, x: Tensor, names: Sequence[str]) -> list[Tensor]:
        """The outputs of some layers, [N, C, H, W], up to the last of which the teacher runs.

        So crops may be smaller than the teacher's own, where these layers are before its head.

        Args:
            x: [N, 3, height, width], as the networks that are trained take them.
            names: Of the layers, as the model file has them.

        Raises:
            InputError: There is no such layer.
        """
        layers = self._graph.get("layers", {})
        for name in names:
            if name not in layers:
                raise InputError(
                    f"loss.layers: the teacher has no layer {name!r}; it has {', '.join(layers)}"
                )
        wanted = {layers[name] for name in names}
        reading = self._reading
        x = (x * INPUT.scale + INPUT.mean - reading.mean) / reading.scale
        values = self._begun(x.flip(1) if reading.bgr else x)
        for operator in self._graph["ops"]:
            values[operator["out"]] = self._run(operator, values)
            if wanted <= set(values):
                break
        return [values[layers[name]] for name in names]

    def _begun(self, x: Tensor) -> dict[str, Tensor]:
        dtype = next(b.dtype for b in self.buffers() if b.ndim == 4)
        return {self._graph["input"]: x.to(dtype).contiguous(memory_format=torch.channels_last)}

    def both_ways(self, crops: Tensor) -> Tensor:
        """Unit vectors [N, D]: the mean direction of the crops' and their mirror images'."""
        return functional.normalize(self(crops) + self(crops.flip(3)), dim=1)

    def _constant(self, name: str | None) -> Tensor | None:
        return None if name is None else getattr(self, self._names[name])

    def _run(self, operator: dict[str, Any], values: dict[str, Tensor]) -> Tensor:
        kind = operator["op"]
        x = self._operand(operator["in"][0], values)
        if kind == "conv":
            return self._convolution(operator, x)
        if kind == "prelu":
            slope = self._constant(operator["slope"])
            assert slope is not None
            return functional.prelu(x, slope)
        if kind == "affine":
            shape = (1, -1, 1, 1) if x.ndim == 4 else (1, -1)
            scale, offset = (self._constant(operator[key]) for key in ("scale", "offset"))
            assert scale is not None
            assert offset is not None
            return x * scale.view(shape) + offset.view(shape)
        if kind == "dense":
            if x.ndim == 4:  # a .tflite flattens a map on its own, channels last
                x = x.permute(0, 2, 3, 1).flatten(1)
            kernel = self._constant(operator["kernel"])
            assert kernel is not None
            return functional.linear(x, kernel, self._constant(operator["bias"]))
        if kind in ("add", "mul", "sub", "div"):
            first, second = (self._operand(name, values) for name in operator["in"])
            return getattr(torch, kind)(first, second)
        if kind == "flatten":
            return (x.permute(0, 2, 3, 1) if operator.get("channels_last") else x).flatten(1)
        if kind == "pad":
            top, bottom, left, right = operator["pads"]
            return functional.pad(x, (left, right, top, bottom))
        if kind == "abs":
            return x.abs()
        return functional.relu(x) if kind == "relu" else x

    def _operand(self, name: str, values: dict[str, Tensor]) -> Tensor:
        """A value or a constant; one number per channel goes beside maps."""
        if name in values:
            return values[name]
        constant = self._constant(name)
        assert constant is not None
        wide = constant.ndim == 1 and constant.numel() > 1
        return constant.view(1, -1, 1, 1) if wide else constant

    def _convolution(self, operator: dict[str, Any], x: Tensor) -> Tensor:
        kernel = self._constant(operator["kernel"])
        assert kernel is not None
        stride, groups = operator["stride"], operator["groups"]
        if operator.get("same"):
            totals = [
                max((-(-side // s) - 1) * s + extent - side, 0)
                for side, extent, s in zip(x.shape[2:], kernel.shape[2:], stride, strict=True)
            ]
            (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in totals)
        else:
            top, left, bottom, right = operator.get("pads", (0, 0, 0, 0))
        if (top, left) != (bottom, right):
            x, top, left = functional.pad(x, (left, right, top, bottom)), 0, 0
        bias = self._constant(operator["bias"])
        return functional.conv2d(x, kernel, bias, stride, (top, left), groups=groups)


class Ensemble:
    """Several teachers as one, by the directions of their joined embeddings.

    Attributes:
        teachers: On the device.
        projection: float32 [sum of D, E], from the joined unit vectors to the student's length;
            None where the lengths are equal.
    """

    def __init__(self, teachers: list[Teacher], projection: Tensor | None = None) -> None:
        self.teachers = teachers
        self.projection = projection

    @torch.no_grad()
    def __call__(self, crops: Tensor) -> Tensor:
        """Targets of crops that were not seen before, by one look each: unit vectors [N, E]."""
        return self.joined([teacher(crops) for teacher in self.teachers])

    def joined(self, units: list[Tensor]) -> Tensor:
        """The targets from each teacher's unit vectors [N, D]."""
        together = torch.cat(units, 1) / len(units) ** 0.5
        if self.projection is not None:
            together = functional.normalize(together @ self.projection, dim=1)
        return together
