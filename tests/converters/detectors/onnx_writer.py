"""Writes ONNX files for tests: a protocol buffer by hand, so that no ONNX package is needed."""

from __future__ import annotations

import numpy as np


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def integers(name: str, *values: int) -> bytes:
    """An attribute that is a list of integers."""
    return field(1, name) + b"".join(field(8, value) for value in values) + field(20, 7)


def integer(name: str, value: int) -> bytes:
    return field(1, name) + field(3, value) + field(20, 2)


def text(name: str, value: str) -> bytes:
    return field(1, name) + field(4, value) + field(20, 3)


def node(kind: str, inputs: list[str], outputs: list[str], *attributes: bytes) -> bytes:
    parts = [field(1, name) for name in inputs] + [field(2, name) for name in outputs]
    parts += [field(3, outputs[0]), field(4, kind)]
    return b"".join(parts + [field(5, attribute) for attribute in attributes])


def tensor(name: str, values: np.ndarray) -> bytes:
    kind = {"float32": 1, "int64": 7}[values.dtype.name]
    parts = [field(1, size) for size in values.shape]
    return b"".join([*parts, field(2, kind), field(8, name), field(9, values.tobytes())])


def value_info(name: str, *shape: int) -> bytes:
    sizes = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, sizes)))


class YuNetWriter:
    """YuNet's structure at a quarter of its width, with random weights."""

    def __init__(self, seed: int, side: int = 64) -> None:
        self.rng = np.random.default_rng(seed)
        self.side = side
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []
        self.outputs: list[bytes] = []

    def conv(
        self, x: str, out: int, into: int, size: int, *, stride: int = 1, gain: float = 1
    ) -> str:
        """``into`` of 0 is a depthwise convolution."""
        name = f"t{len(self.nodes)}"
        group = 1 if into else out
        fan = (into or 1) * size * size
        kernel = self.rng.normal(0, 1.4 / np.sqrt(fan), (out, into or 1, size, size))
        kernel *= gain
        bias = self.rng.normal(0, 0.3 * gain, out)
        if x == "input":
            kernel = kernel / 255
        for part, values in (("w", kernel), ("b", bias)):
            self.constants.append(tensor(name + part, values.astype(np.float32)))
        pad = size // 2
        self.nodes.append(
            node(
                *("Conv", [x, name + "w", name + "b"], [name]),
                integers("dilations", 1, 1),
                integer("group", group),
                integers("kernel_shape", size, size),
                integers("pads", pad, pad, pad, pad),
                integers("strides", stride, stride),
            )
        )
        return name

    def one(self, kind: str, inputs: list[str], *attributes: bytes, name: str = "") -> str:
        name = name or f"t{len(self.nodes)}"
        self.nodes.append(node(kind, inputs, [name], *attributes))
        return name

    def unit(self, x: str, out: int, into: int) -> str:
        return self.one("Relu", [self.conv(self.conv(x, out, into, 1), out, 0, 3)])

    def pool(self, x: str) -> str:
        return self.one("MaxPool", [x], integers("kernel_shape", 2, 2), integers("strides", 2, 2))

    def doubled(self, x: str) -> str:
        name = f"scales{len(self.constants)}"
        self.constants.append(tensor(name, np.array([1, 1, 2, 2], np.float32)))
        return self.one(
            "Resize",
            [x, "", name],
            *(text("coordinate_transformation_mode", "asymmetric"), text("mode", "nearest")),
            text("nearest_mode", "floor"),
        )

    def head(self, x: str, kind: str, stride: int, channels: int) -> None:
        gain = 0.2 if kind == "bbox" else 1.0  # exponentials of it are sizes
        x = self.conv(x, channels, 16, 1, gain=gain)
        x = self.conv(x, channels, 0 if channels > 1 else 1, 3, gain=gain)
        x = self.one("Transpose", [x], integers("perm", 0, 2, 3, 1))
        cells = (self.side // stride) ** 2
        shape = f"shape{len(self.constants)}"
        self.constants.append(tensor(shape, np.array([1, cells, channels], np.int64)))
        name = f"{kind}_{stride}"
        if kind in ("cls", "obj"):
            self.one("Sigmoid", [self.one("Reshape", [x, shape])], name=name)
        else:
            self.one("Reshape", [x, shape], name=name)
        self.outputs.append(value_info(name, 1, cells, channels))

    def content(self) -> bytes:
        x = self.one("Relu", [self.conv("input", 4, 3, 3, stride=2)])
        x = self.pool(self.unit(x, 8, 4))
        level_8 = self.unit(self.pool(self.unit(x, 16, 8)), 16, 16)
        level_16 = self.unit(self.pool(level_8), 16, 16)
        level_32 = self.unit(self.pool(level_16), 16, 16)
        level_16 = self.one("Add", [level_16, self.doubled(level_32)])
        level_8 = self.one("Add", [level_8, self.doubled(level_16)])
        for stride, level in ((8, level_8), (16, level_16), (32, level_32)):
            shared = self.unit(level, 16, 16)
            for kind, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
                self.head(shared, kind, stride, channels)
        graph = [field(1, row) for row in self.nodes] + [field(2, "yunet")]
        graph += [field(5, row) for row in self.constants]
        graph.append(field(11, value_info("input", 1, 3, self.side, self.side)))
        graph += [field(12, row) for row in self.outputs]
        opset = field(8, field(1, "") + field(2, 11))
        return field(1, 6) + field(7, b"".join(graph)) + opset
