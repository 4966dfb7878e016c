"""What was measured of ways to a smaller or faster network, and on which devices.

Each row repeats figures of a page in docs/numbers, which says how they were measured; a test looks
for them there. What has no row was not measured, and :mod:`~facesdk_training.compression.advice`
says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Source = Literal["float", "any"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A way from a float network to a smaller or faster one, with the figures there are.

    Attributes:
        name: What the figures call it.
        family: The survey's family: ``"sharing"`` (quantization), ``"pruning"``, ``"low rank"``,
            ``"compact"`` or ``"distillation"``.
        network: The network it was measured on.
        latency: Median time as a share of the float network's, of a file with the same types; None
            where none was timed.
        bytes: Bytes of the file as a share of the float file's; None where they were not compared.
        loss: Accuracy lost, a share (0.01 is one point); None where it was not measured.
        runtime: What was timed: ``"litert"``, ``"tflite-runtime"``, or empty.
        retrained: Whether it needs training.
        page: Where the figures are, in docs/numbers.
        figures: Texts of the page that hold them.
        commands: What makes such a network of ``{model}``, with ``{faces}`` and ``{out}``.
        judged: On whom the accuracy was measured.
    """

    name: str
    family: str
    network: str
    latency: float | None
    bytes: float | None
    loss: float | None
    runtime: str
    retrained: bool
    page: str
    figures: tuple[str, ...]
    commands: tuple[str, ...]
    judged: str = "LFW"


_FIXED_POINT = "facesdk convert fixed-point {model} -o {out} --bits %s --calibrate-on {faces}"
_W8A32 = (
    "facesdk convert fixed-point {model} -o {out} --bits 8 --activations 32 --calibrate-on {faces}"
)
_KEPT = (
    "facesdk convert fixed-point small -o {out} --bits 8 --activations 32 --trained-widths "
    "--storage smallest"
)
_DISTILL = (
    "facesdk train distill --teacher {model} --data {faces} --config compactfacenet-staged -o qb",
    "facesdk convert lce qb -o {out}",
)
_MOBILE = "MobileFaceNet"
_OURS, _OURS_BYTES = "a MobileFaceNet of ours", 5_171_424
_STRANGERS = "held-out people"


def _compressed(
    name: str, family: str, latency: float, size: int, loss: float, figure: str, *commands: str
) -> Measured:
    """A row of docs/numbers/compression.md."""
    return Measured(
        name,
        family,
        _OURS,
        latency=latency,
        bytes=size / _OURS_BYTES,
        loss=loss,
        runtime="litert",
        retrained="steps=0" not in commands[0],
        page="compression.md",
        figures=(figure,),
        commands=commands,
        judged=_STRANGERS,
    )


TABLE: tuple[Measured, ...] = (
    Measured(
        "8-bit weights and activations",
        "sharing",
        _MOBILE,
        latency=0.54,
        bytes=1_649_152 / 5_233_396,
        loss=0.0005,
        runtime="litert",
        retrained=False,
        page="fixed-point.md",
        figures=("| 8 | 8 | 1,649,152 | 99.18 %", "| 8 / 8 | 3.362 / 3.591 | 0.54 / 0.54 |"),
        commands=(_FIXED_POINT % 8,),
    ),
    Measured(
        "8-bit weights and activations",
        "sharing",
        _MOBILE,
        latency=6.70,
        bytes=1_649_152 / 5_233_396,
        loss=0.0005,
        runtime="tflite-runtime",
        retrained=False,
        page="fixed-point.md",
        figures=("47.190 / 49.242 | 6.75 / 6.70 |",),
        commands=(_FIXED_POINT % 8,),
    ),
    Measured(
        "8-bit weights, float activations",
        "sharing",
        _MOBILE,
        latency=0.65,
        bytes=1_523_632 / 5_233_396,
        loss=0.0,
        runtime="litert",
        retrained=False,
        page="fixed-point.md",
        figures=("| 8 | 32 | 1,523,632 | 99.25 %", "4.051 / 4.301 | 0.65 / 0.65 |"),
        commands=(_W8A32,),
    ),
    Measured(
        "8-bit weights, float activations",
        "sharing",
        _MOBILE,
        latency=0.68,
        bytes=1_523_632 / 5_233_396,
        loss=0.0,
        runtime="tflite-runtime",
        retrained=False,
        page="fixed-point.md",
        figures=("4.684 / 4.981 | 0.67 / 0.68 |",),
        commands=(_W8A32,),
    ),
    Measured(
        "4-bit weights, 8-bit activations",
        "sharing",
        _MOBILE,
        latency=1.55,
        bytes=1_012_656 / 5_233_396,
        loss=0.0043,
        runtime="litert",
        retrained=False,
        page="fixed-point.md",
        figures=("| 4 | 8 | 1,649,152 | 98.80 %", "9.832 / 10.299 | 1.58 / 1.55 |"),
        commands=(_FIXED_POINT % 4,),
    ),
    Measured(
        "5-bit weights, 8-bit activations, in a container",
        "sharing",
        _MOBILE,
        latency=0.55,
        bytes=802_382 / 5_233_396,
        loss=0.0,
        runtime="litert",
        retrained=False,
        page="fixed-point.md",
        figures=(
            "| 5 | 8 | int8 | 1,649,152 | 802,382 |",
            "| 5 | 8 | 1,649,152 | 99.23 %",
            "| 4 / 8, `--storage int8` | 3.439 / 3.617 | 0.55 / 0.55 |",
        ),
        commands=(
            "facesdk convert fixed-point {model} -o {out}.pack --bits 5 --calibrate-on {faces} "
            "--pack",
        ),
    ),
    Measured(
        "3-bit weights, 8-bit activations, without retraining",
        "sharing",
        _MOBILE,
        latency=1.55,
        bytes=1_012_656 / 5_233_396,
        loss=0.059,
        runtime="litert",
        retrained=False,
        page="fixed-point.md",
        figures=("| 3 | 8 | 1,649,152 | 93.33 %", "| 4 / 8, int4 | 9.832 / 10.299 | 1.58 / 1.55 |"),
        commands=(_FIXED_POINT % 3,),
    ),
    Measured(
        "a 1-bit CompactFaceNet, distilled",
        "distillation",
        f"24 units, beside its teacher {_MOBILE}",
        latency=0.35,
        bytes=2_006_128 / 5_233_396,
        loss=0.007,
        runtime="litert",
        retrained=True,
        page="recogniser.md",
        figures=("as packaged (24 units) | 2,006,128 | | 98.53 %", "| 0.35 (on the EPYC) |"),
        commands=_DISTILL,
    ),
    Measured(
        "a 1-bit CompactFaceNet with 20 units, distilled",
        "distillation",
        f"20 units, beside its teacher {_MOBILE}",
        latency=0.21,
        bytes=1_399_600 / 5_233_396,
        loss=0.0313,
        runtime="litert",
        retrained=True,
        page="recogniser.md",
        figures=("its predecessor, 1 bit (20 units) | 1,399,600 | | 96.10 %", "| 0.21 |"),
        commands=_DISTILL,
    ),
    _compressed(
        "a quarter of the channels gone, by L1 norm, barely retrained",
        "pruning",
        0.59,
        3_060_320,
        0.9639 - 0.7911,
        "| filters-25 | 739,584 | 697,104 | 118.9 | 3,060,320 | 2,630,165 | 1.60 | 0.59 |",
        "facesdk compress filters {model} --data {faces} -o small --set share=0.25",
        "facesdk convert float32 small -o {out}",
    ),
    _compressed(
        "a quarter of the channels gone, by what the loss needs (Taylor), barely retrained",
        "pruning",
        0.59,
        3_060_320,
        0.9639 - 0.8726,
        "| taylor-25 | 739,584 | 697,104 | 118.9 | 3,060,320 | 2,630,936 | 1.59 | 0.59 |",
        "facesdk compress taylor {model} --data {faces} -o small --set share=0.25 "
        "--set retraining.steps=40",
        "facesdk convert float32 small -o {out}",
    ),
    _compressed(
        "three tenths of the multiply-adds gone, shares by an agent (AMC), barely retrained",
        "pruning",
        0.75,
        3_970_448,
        0.9639 - 0.8663,
        "| amc-70-error | 965,580 | 916,800 | 144.7 | 3,970,448 | 3,387,190 | 1.24 | 0.75 |",
        "facesdk compress amc {model} --data {faces} -o small --set budget=0.7 "
        "--set reward=error --set episodes=60 --set retraining.steps=40",
        "facesdk convert float32 small -o {out}",
    ),
    _compressed(
        "half of the weights 0, in a container, barely retrained",
        "pruning",
        1.01,
        2_926_696,
        0.9639 - 0.9441,
        "| magnitude-50 | 1,262,592 | 603,840 | 206.7 | 5,171,424 | 2,926,696 | 1.43 | 1.01 |",
        "facesdk compress magnitude {model} --data {faces} -o small --set retraining.steps=40",
        "facesdk convert float32 small -o {out}.pack --pack",
    ),
    _compressed(
        "codebooks of 5 bits, in a container, barely retrained",
        "sharing",
        1.01,
        1_627_933,
        0.9639 - 0.9603,
        "| k-means-5 | 1,262,592 | 1,205,952 | 206.7 | 5,171,424 | 1,627,933 | 2.58 | 1.01 |",
        "facesdk compress k-means {model} --data {faces} -o small --set bits=5 "
        "--set dense_bits=4 --set retraining.steps=40",
        "facesdk convert float32 small -o {out}.pack --pack",
    ),
    _compressed(
        "dense layers and 1x1 kernels by SVD, 90 % of their energy, barely retrained",
        "low rank",
        1.02,
        5_001_200,
        0.9639 - 0.9363,
        "| svd-90 | 1,216,203 | 1,159,563 | 198.8 | 5,001,200 | 4,244,526 | 0.99 | 1.02 |",
        "facesdk compress svd {model} --data {faces} -o small --set energy=0.9 "
        "--set retraining.steps=40",
        "facesdk convert float32 small -o {out}",
    ),
    _compressed(
        "weights of 4 bits, float activations, not retrained",
        "sharing",
        2.93,
        929_520,
        0.9639 - 0.9514,
        "| fixed-4 | 1,262,592 | 1,044,666 | 206.7 | 929,520 | 710,182 | 5.91 | 2.93 |",
        "facesdk compress fixed-point {model} --data {faces} -o small --set bits=4 "
        "--set retraining.steps=0",
        _KEPT,
    ),
    _compressed(
        "ternary weights (TWN), float activations, barely retrained",
        "sharing",
        2.95,
        702_192,
        0.9639 - 0.8608,
        "| twn | 1,262,592 | 742,706 | 206.7 | 702,192 | 480,859 | 8.73 | 2.95 |",
        "facesdk compress twn {model} --data {faces} -o small --set retraining.steps=40",
        _KEPT,
    ),
    _compressed(
        "weights of 2 bits, float activations, barely retrained",
        "sharing",
        2.88,
        628_464,
        0.9639 - 0.8904,
        "| fixed-2 | 1,262,592 | 702,705 | 206.7 | 628,464 | 441,214 | 9.51 | 2.88 |",
        "facesdk compress fixed-point {model} --data {faces} -o small --set bits=2 "
        "--set retraining.steps=40",
        _KEPT,
    ),
    Measured(
        "1-bit weights, 8-bit activations",
        "sharing",
        "FaceResNet C at full size, random weights",
        latency=0.19,
        bytes=1 / 31.36,
        loss=None,
        runtime="litert",
        retrained=True,
        page="binary-weights.md",
        figures=("| Q, 8-bit activations | 16.807 | 17.593 | 30 | 0.19 | 0.19 |", "**31.36**"),
        commands=(
            "facesdk train run paper --data {faces} --set network.architecture=Q -o q",
            "facesdk convert binary-weights q -o {out} --activations 8",
        ),
    ),
)
"""The rows, of networks whose figures docs/numbers has."""


@dataclass(frozen=True, slots=True)
class Device:
    """What is known of a device.

    Attributes:
        name: What the option calls it.
        words: What it is.
        timed: Whether any figure of docs/numbers is a time on it.
        instructions: Instructions per second that it may complete, from and to; None where they are
            not estimated.
        note: What is not known, as a sentence.
        page: Where that is said, in docs/numbers.
    """

    name: str
    words: str
    timed: bool
    instructions: tuple[float, float] | None
    note: str
    page: str


_NEVER = "no time was ever measured on one"


def _board(name: str, words: str, clock: tuple[float, float]) -> Device:
    """A board of docs/numbers/raspberry-pi.md: one or two instructions per cycle and core."""
    note = f"{_NEVER}; the estimate is counted instructions over the clock rate"
    return Device(name, words, False, (clock[0], 2 * clock[1]), note, "raspberry-pi.md")


DEVICES: Mapping[str, Device] = MappingProxyType(
    {
        device.name: device
        for device in (
            Device(
                "x86-64",
                "a PC or server with AVX-512",
                True,
                None,
                "the shares are of two virtual machines with AVX-512; other processors differ",
                "index.md",
            ),
            _board("pi-zero-2", "Raspberry Pi Zero 2 W, Cortex-A53", (1.0e9, 1.0e9)),
            _board("pi3", "Raspberry Pi 3, Cortex-A53", (1.2e9, 1.4e9)),
            _board("pi4", "Raspberry Pi 4, Cortex-A72", (1.5e9, 1.8e9)),
            _board("pi5", "Raspberry Pi 5, Cortex-A76", (2.4e9, 2.4e9)),
            Device("android", "an ARM phone", False, None, _NEVER, "arm-instructions.md"),
        )
    }
)
"""The devices by name."""

INSTRUCTIONS_PER_MAC: Mapping[str, float] = MappingProxyType({"32x32": 0.37, "1x1": 0.031})
"""Instructions of a Cortex-A72 per multiply-add, by the bits of weights and activations, as counted
in docs/numbers/raspberry-pi.md ("Layers of the recogniser"); other widths were not counted."""
