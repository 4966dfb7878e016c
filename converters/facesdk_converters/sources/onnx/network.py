"""ONNX files as sources: a Keras model for the converters, and ONNX's own run to compare with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facesdk.errors import ModelError, one_line
from facesdk.results import FloatArray
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.onnx.file import read
from facesdk_converters.sources.onnx.graph import OnnxModel
from facesdk_converters.sources.onnx.reference import evaluator
from facesdk_converters.sources.onnx.translations.table import translate


@dataclass(frozen=True)
class OnnxNetwork(KerasNetwork):
    """An ONNX file; its pictures have channels last here.

    Attributes:
        onnx: The file, made plain.
        model: Its translation, which targets convert.
    """

    onnx: OnnxModel

    translated: ClassVar[bool] = True

    def predict(self, *inputs: FloatArray) -> list[FloatArray]:
        """What ONNX's reference implementation computes, not the translation.

        Args:
            inputs: For each input float32 ``(N, *shape)``, channels last.

        Returns:
            For each output float32 ``(N, *shape)``, channels last.

        Raises:
            ModelError: The reference implementation lacks something of the file.
        """
        runner = evaluator(self.onnx.proto)
        given = [_channels_second(values) for values in inputs]
        count = len(inputs[0])
        size = self.onnx.input_shapes[0][0] or count
        runs = []
        for start in range(0, count, size):
            parts = [values[start : start + size] for values in given]
            try:
                runs.append(runner.run(None, dict(zip(self.onnx.inputs, parts, strict=True))))
            except Exception as error:  # ONNX's own, of operators that it implements in part
                raise ModelError(
                    "ONNX's reference implementation cannot run the file, so that nothing can be "
                    f"compared ({one_line(error, 150)}): --no-verify converts it all the same"
                ) from None
        return [
            np.concatenate([_channels_last(part) for part in parts])
            for parts in zip(*runs, strict=True)
        ]


def load(path: Path) -> OnnxNetwork:
    """Reads an ONNX file.

    Raises:
        InputError: There is no such file.
        ModelError: It is no ONNX model, or has something that cannot be translated.
    """
    onnx = read(path)
    logging.getLogger("larq").setLevel("ERROR")  # advice for training
    return OnnxNetwork(translate(onnx, path), onnx)


def _channels_second(values: FloatArray) -> Any:
    return values if values.ndim != 4 else np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _channels_last(values: Any) -> FloatArray:
    array = np.asarray(values, np.float32)
    return array if array.ndim != 4 else array.transpose(0, 2, 3, 1)
