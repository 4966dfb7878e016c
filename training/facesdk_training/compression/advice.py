"""Which way to a smaller or faster network: the survey's six rules, turned into a decision.

R. Ji, S. Lin, F. Chao, Y. Wu and F. Huang, "Deep Neural Network Compression and Acceleration: A
Review", Journal of Computer Research and Development 55(9), 2018, section 4. A rule says which
family of methods to look at first; what was measured of a way (:mod:`~facesdk_training.compression.
measured`) says whether it reaches the goals. Where a rule and a measurement disagree, the
measurement decides, and where neither speaks, the advice says that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from facesdk.errors import InputError
from facesdk_training.compression.facts import Facts
from facesdk_training.compression.measured import (
    DEVICES,
    INSTRUCTIONS_PER_MAC,
    TABLE,
    Device,
    Measured,
)

Runtime = Literal["litert", "tflite-runtime"]
_TRAINS, _ITS_RUN = "facesdk compress", "RUN"
"""What takes no model file, and what stands for the run that a model file was converted from."""

RULES: Mapping[int, str] = {
    1: "Where online memory is limited, choose parameter sharing and pruning, above all binary "
    "weights and activations, and structured pruning: other methods shrink the weights, but not "
    "the memory hidden in the computation, such as feature maps.",
    2: "Where the compact model is to come from a trained one, consider pruning, sharing and "
    "low-rank decomposition first; otherwise compact filters and knowledge distillation.",
    3: "Where one end-to-end training must give the compressed model, use compact filters.",
    4: "Pruning, above all unstructured pruning, compresses a lot and seldom loses accuracy: the "
    "first choice where classification must stay stable.",
    5: "Where the data set is small, consider knowledge distillation: the student takes over what "
    "the teacher knows.",
    6: "The families are orthogonal and can be combined; convolutions and dense layers can be "
    "treated by different methods.",
}
"""The six rules of section 4, in English."""

FEW_CROPS = 50_000
"""Training crops below which rule 5 is taken to apply. The survey names no number; this is a tenth
of CASIA-WebFace, on which the FaceResNet paper trained."""

MOSTLY_DENSE = 0.5
"""Share of weights in dense layers from which rule 6 is taken to treat them by themselves."""

_LOSS_BY_COSINE = ((0.5736, 0.059), (0.9267, 0.0043), (0.9825, 0.0))
"""Median cosine of MobileFaceNet's rounded to its float embeddings, and the accuracy lost on LFW:
3, 4 and 5 bits with 8-bit activations, docs/numbers/fixed-point.md."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        device: A key of :data:`~facesdk_training.compression.measured.DEVICES`.
        target_ms: Milliseconds per face; None for no such goal.
        max_bytes: Bytes of the file; None for no such goal.
        max_memory: Bytes of weights and feature maps; None for no such goal.
        max_loss: Accuracy that may be lost, a share: 0.01 is one point.
        latency_ms: Milliseconds per face now, measured on the device; None if that is not known.
        runtime: What runs the network there.
        crops: Labelled training crops that there are; None if that is not known.
        once: Whether one training from scratch must give the network.

    Raises:
        InputError: A value is not in range, or there is no such device.
    """

    device: str
    target_ms: float | None = None
    max_bytes: int | None = None
    max_memory: int | None = None
    max_loss: float = 0.01
    latency_ms: float | None = None
    runtime: Runtime = "litert"
    crops: int | None = None
    once: bool = False

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise InputError(f"device must be one of {', '.join(DEVICES)}, but got {self.device!r}")
        if not 0 <= self.max_loss < 1:
            raise InputError(f"the loss must be at least 0 and below 1, but got {self.max_loss:g}")
        goals = (self.target_ms, self.max_bytes, self.max_memory)
        if all(goal is None for goal in goals):
            raise InputError("say what to reach: --target-ms, --max-bytes or --max-memory")
        for value in (*goals, self.latency_ms):
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"times and sizes must be above 0 and finite, but got {value:g}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule of the survey says here.

    Attributes:
        number: 1 to 6.
        text: The rule.
        applies: Whether it does; None where that is not known.
        reason: Why.
    """

    number: int
    text: str
    applies: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Option:
    """A way, and what is to be expected of it.

    Attributes:
        name: The way.
        milliseconds: Per face, from and to; None if not known.
        bytes: Of the file; None if not known.
        loss: Accuracy lost, a share; None if not known.
        reaches: Whether it reaches the goals; None if that is open.
        basis: What the figures rest on.
        commands: What to run.
    """

    name: str
    milliseconds: tuple[float, float] | None
    bytes: int | None
    loss: float | None
    reaches: bool | None
    basis: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """The decision.

    Attributes:
        verdict: ``"nothing to do"``, ``"do"`` (the first option reaches the goals), ``"try"`` (it
            may, but something is not known) or ``"no known way"``.
        summary: The decision as a sentence.
        options: What to do, the best first; for ``"no known way"`` what comes nearest.
        rules: All six.
        unknown: What is not known, as sentences.
        milliseconds: Per face now, from and to; None if not known.
    """

    verdict: Literal["nothing to do", "do", "try", "no known way"]
    summary: str
    options: tuple[Option, ...]
    rules: tuple[Rule, ...]
    unknown: tuple[str, ...]
    milliseconds: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self)


def advise(facts: Facts, wish: Wish, scan: Mapping[int, float] | None = None) -> Advice:
    """Decides.

    Args:
        facts: The network.
        wish: The goals and what is known.
        scan: Median cosine of the network's embeddings after its weights are rounded to a width to
            those before, by bits, see :func:`facesdk_training.compression.quantization.
            sensitivity.cosines_by_width`; None if it was not measured.
    """
    device = DEVICES[wish.device]
    now, unknown = _time_now(facts, wish, device)
    rules = _rules(facts, wish)
    if _reaches(wish, now, facts.bytes, _memory(facts), 0.0):
        summary = f"{facts.name} reaches the goals as it is."
        return Advice("nothing to do", summary, (), rules, unknown, now)
    unknown += _unmeasured(facts, wish, scan)
    if not facts.is_float:
        summary = (
            f"{facts.name} is quantized already ({', '.join(facts.multiply_adds)} bits): compress "
            "the float network that it was made from."
        )
        return Advice("no known way", summary, (), rules, unknown, now)
    ranked = _ranked(facts, wish, now, scan, _preferred(rules))
    if ranked and ranked[0].reaches:
        best = [option for option in ranked if option.reaches]
        return Advice("do", f"{best[0].name}: {best[0].basis}", tuple(best), rules, unknown, now)
    open_ones = [option for option in ranked if option.reaches is None]
    if open_ones:
        summary = f"{open_ones[0].name}, and measure: {open_ones[0].basis}"
        return Advice("try", summary, tuple(open_ones), rules, unknown, now)
    nearest = sorted(ranked, key=lambda o: o.milliseconds or (np.inf, np.inf))[:2]
    summary = (
        "no way that was measured reaches the goals; what comes nearest is below, and rule 6 says "
        "to combine: factor or narrow the float network first (`facesdk compress methods`), then it"
    )
    return Advice("no known way", summary, tuple(nearest), rules, unknown, now)


def _ranked(
    facts: Facts,
    wish: Wish,
    now: tuple[float, float] | None,
    scan: Mapping[int, float] | None,
    preferred: set[str],
) -> list[Option]:
    """The ways within the loss: what reaches the goals, what the rules prefer, what loses least."""
    rows = [row for row in TABLE if row.runtime in ("", wish.runtime)]
    pairs = [(row, _option(row, facts, wish, now, scan)) for row in rows]
    within = [pair for pair in pairs if pair[1].loss is None or pair[1].loss <= wish.max_loss]

    def order(pair: tuple[Measured, Option]) -> tuple[int, bool, float, float]:
        row, option = pair
        return (
            {True: 0, None: 1, False: 2}[option.reaches],
            row.family not in preferred,
            1.0 if option.loss is None else option.loss,
            1.0 if row.latency is None else row.latency,
        )

    return [option for _, option in sorted(within, key=order)]


def _memory(facts: Facts) -> int:
    return facts.bytes + facts.activations


def _time_now(
    facts: Facts, wish: Wish, device: Device
) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Milliseconds per face, from and to, and what is not known of them."""
    if wish.latency_ms is not None:
        return (wish.latency_ms, wish.latency_ms), ()
    missing = set(facts.multiply_adds) - set(INSTRUCTIONS_PER_MAC)
    measure = "measure it there with `facesdk bench model` and give --latency-ms"
    if device.instructions is None or missing:
        widths = f" of {', '.join(sorted(missing))} bits" if missing else ""
        return None, (
            f"how long {facts.name}{widths} takes on {device.words} is not known: {measure}.",
        )
    count = sum(
        facts.multiply_adds[width] * INSTRUCTIONS_PER_MAC[width] for width in facts.multiply_adds
    )
    slowest, fastest = device.instructions
    return (1e3 * count / fastest, 1e3 * count / slowest), (
        f"{device.words}: {device.note} (docs/numbers/{device.page}): {measure}.",
    )


def _unmeasured(facts: Facts, wish: Wish, scan: Mapping[int, float] | None) -> tuple[str, ...]:
    found = []
    if not DEVICES[wish.device].timed and facts.is_float:
        found.append(
            "shares of the float time are of x86-64: on ARM int8 and 1-bit kernels differ from "
            "float ones by other factors."
        )
    if scan is None and facts.is_float:
        found.append(
            "what rounding does to this network was not measured: losses are MobileFaceNet's; give "
            "a run or a Keras file with --data."
        )
    if facts.is_float and not facts.trainable:
        found.append(
            f"what {facts.name} was converted from: that run or Keras model is {_ITS_RUN} in the "
            f"commands, as `{_TRAINS}` cannot train the weights of a model file."
        )
    if wish.crops is None:
        found.append(
            "how many training crops there are was not said: rule 5 is open; give --crops."
        )
    return tuple(found)


def _rules(facts: Facts, wish: Wish) -> tuple[Rule, ...]:
    memory = wish.max_memory is not None and _memory(facts) > wish.max_memory
    size_only = wish.max_bytes is not None and wish.target_ms is None
    few = None if wish.crops is None else wish.crops < FEW_CROPS
    dense = facts.dense_share >= MOSTLY_DENSE
    verdicts: tuple[tuple[bool | None, str], ...] = (
        (
            memory if wish.max_memory is not None else None,
            f"weights and the largest feature maps take {_memory(facts):,} bytes"
            + ("" if wish.max_memory is None else f", {wish.max_memory:,} are allowed"),
        ),
        (not wish.once, "a trained network is given" if not wish.once else "--once starts anew"),
        (wish.once, "--once" if wish.once else "fine-tuning is allowed"),
        (
            size_only,
            "bytes are the only goal; a stock runtime computes with the zeros all the same, so "
            "they save bytes in `.tflite.pack` and no time"
            if size_only
            else "time is a goal, and zeros that stay in the tensors save none on a stock runtime: "
            "remove channels instead",
        ),
        (
            few,
            "not said"
            if wish.crops is None
            else f"{wish.crops:,} crops; fewer than {FEW_CROPS:,} count as few",
        ),
        (
            dense,
            f"{100 * facts.dense_share:.0f} % of the weights are in dense layers"
            + (": factor or share these by themselves" if dense else ""),
        ),
    )
    return tuple(
        Rule(number, RULES[number], applies, reason)
        for number, (applies, reason) in enumerate(verdicts, start=1)
    )


def _preferred(rules: Sequence[Rule]) -> set[str]:
    """The families that the rules which apply put first."""
    by_number = {rule.number: rule.applies for rule in rules}
    if by_number[3]:
        return {"compact", "distillation"}
    found = {"sharing", "pruning", "low rank"} if by_number[2] else set()
    if by_number[1]:
        found -= {"low rank"}
    if by_number[5]:
        found |= {"distillation"}
    return found


def _option(
    row: Measured,
    facts: Facts,
    wish: Wish,
    now: tuple[float, float] | None,
    scan: Mapping[int, float] | None,
) -> Option:
    time = None
    if now is not None and row.latency is not None:
        time = row.latency * now[0], row.latency * now[1]
    size = None if row.bytes is None else round(row.bytes * 4 * facts.weights)
    loss, origin = row.loss, f"measured on {row.network}"
    bits = _rounded_bits(row)
    if scan is not None and bits in scan:
        loss = loss_of_cosine(scan[bits])
        origin = f"this network's median cosine at {bits} bits is {scan[bits]:.3f}; other shares"
    parts = [
        f"{row.latency:g} of the float time" if row.latency is not None else "not timed",
        f"{row.bytes:.2f} of the bytes" if row.bytes is not None else "bytes not compared",
        f"{100 * loss:.2f} points of {row.judged} lost"
        if loss is not None
        else "loss not measured",
    ]
    memory = None if size is None else size + facts.activations
    reaches = _reaches(wish, time, size, memory, loss)
    if reaches and wish.target_ms is not None and not DEVICES[wish.device].timed:
        reaches = None  # the share of the float time is another processor's
    return Option(
        row.name,
        time,
        size,
        loss,
        reaches,
        f"{', '.join(parts)} ({origin}, docs/numbers/{row.page})",
        tuple(
            command.format(
                model=facts.name if facts.trainable or _TRAINS not in command else _ITS_RUN,
                faces="faces/",
                out="compressed.tflite",
            )
            for command in row.commands
        ),
    )


def _rounded_bits(row: Measured) -> int | None:
    """The width of a way that only rounds weights."""
    if row.retrained or not row.name[0].isdigit():
        return None
    return int(row.name.split("-")[0])


def loss_of_cosine(cosine: float) -> float:
    """About what accuracy is lost when embeddings move so far: MobileFaceNet's figures, between
    which it is interpolated; more than the largest where embeddings move farther.
    """
    cosines, losses = zip(*_LOSS_BY_COSINE, strict=True)
    if cosine < cosines[0]:
        return 0.5
    return float(np.interp(cosine, cosines, losses))


def _reaches(
    wish: Wish,
    milliseconds: tuple[float, float] | None,
    size: int | None,
    memory: int | None,
    loss: float | None,
) -> bool | None:
    """Whether all goals are reached; None where that is not known and none is missed."""
    verdicts: list[bool | None] = [None if loss is None else loss <= wish.max_loss]
    if wish.target_ms is not None:
        if milliseconds is None:
            verdicts.append(None)
        else:
            least, most = milliseconds
            verdicts.append(
                True if most <= wish.target_ms else False if least > wish.target_ms else None
            )
    for goal, value in ((wish.max_bytes, size), (wish.max_memory, memory)):
        if goal is not None:
            verdicts.append(None if value is None else value <= goal)
    if False in verdicts:
        return False
    return None if None in verdicts else True
