"""Advice where the right one is known, and what it says it does not know."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk_training.compression.advice import RULES, Wish, advise, loss_of_cosine
from facesdk_training.compression.facts import Facts
from facesdk_training.compression.measured import DEVICES, INSTRUCTIONS_PER_MAC, TABLE

NUMBERS = Path(__file__).parents[3] / "docs" / "numbers"
MOBILE = Facts("mobile.tflite", 1_275_008, 5_233_396, 0.02, {"32x32": 221_000_000}, 1_600_000, True)
BINARY = Facts(
    "qb.tflite",
    10_000_000,
    2_006_128,
    0.0,
    {"1x1": 966_131_712, "32x32": 26_122_752},
    500_000,
    False,
)


def names(
    wish: Wish, facts: Facts = MOBILE, scan: dict[int, float] | None = None
) -> tuple[str, list[str]]:
    found = advise(facts, wish, scan)
    return found.verdict, [option.name for option in found.options]


def test_a_third_faster_is_eight_bits() -> None:
    found = advise(MOBILE, Wish("x86-64", target_ms=5, latency_ms=6.6, crops=400_000))
    assert found.verdict == "do"
    assert found.options[0].name == "5-bit weights, 8-bit activations, in a container"
    assert found.options[0].milliseconds == pytest.approx((3.63, 3.63))
    assert "8-bit weights and activations" in [option.name for option in found.options]
    assert found.options[0].commands[0].startswith("facesdk convert fixed-point mobile.tflite")
    assert "docs/numbers/fixed-point.md" in found.summary


def test_two_and_a_half_times_faster_is_one_bit() -> None:
    verdict, options = names(Wish("x86-64", target_ms=2.5, latency_ms=6.6))
    assert verdict == "do"
    assert options == ["a 1-bit CompactFaceNet, distilled"]


def test_the_loss_that_is_allowed_decides() -> None:
    strict = Wish("x86-64", target_ms=2.5, latency_ms=6.6, max_loss=0.001)
    verdict, options = names(strict)
    assert (verdict, options[0]) == ("try", "1-bit weights, 8-bit activations")  # loss unknown
    none = advise(MOBILE, Wish("x86-64", target_ms=0.9, latency_ms=6.6))
    assert none.verdict == "no known way"
    assert "combine" in none.summary
    assert none.options[0].name == "1-bit weights, 8-bit activations"
    loose = Wish("x86-64", target_ms=1.5, latency_ms=6.6, max_loss=0.05)
    assert names(loose)[1][0] == "a 1-bit CompactFaceNet with 20 units, distilled"


def test_a_runtime_without_fast_int8_gets_float_activations() -> None:
    """docs/numbers/fixed-point.md: int8 is 7 times slower than float in tflite-runtime on x86."""
    wish = Wish("x86-64", target_ms=5, latency_ms=6.6, runtime="tflite-runtime")
    assert names(wish) == ("do", ["8-bit weights, float activations"])


def test_bytes_alone_are_rule_four_and_fewer_bits() -> None:
    found = advise(MOBILE, Wish("x86-64", max_bytes=900_000))
    assert found.verdict == "do"
    assert found.options[0].name == "5-bit weights, 8-bit activations, in a container"
    assert [rule.applies for rule in found.rules if rule.number == 4] == [True]


def test_what_is_reached_is_left_alone() -> None:
    assert names(Wish("x86-64", target_ms=7, latency_ms=6.6)) == ("nothing to do", [])
    assert names(Wish("pi4", target_ms=40), BINARY) == ("nothing to do", [])


def test_a_model_file_is_not_trained_but_its_run() -> None:
    wish = Wish("x86-64", max_bytes=700_000, max_loss=0.2)
    trained = [each for each in advise(MOBILE, wish).options if "compress" in each.commands[0]]
    assert all("compress" in row.commands[0] and MOBILE.name in row.commands[0] for row in trained)
    found = advise(dataclasses.replace(MOBILE, trainable=False), wish)
    commands = [each for row in found.options for each in row.commands]
    compressing = [each for each in commands if each.startswith("facesdk compress")]
    assert trained
    assert len(compressing) == len(trained)
    assert all(" RUN --data" in each and MOBILE.name not in each for each in compressing)
    assert any("that run or Keras model is RUN" in line for line in found.unknown)


def test_a_quantized_network_is_not_compressed_again() -> None:
    found = advise(BINARY, Wish("x86-64", target_ms=1, latency_ms=2.1))
    assert found.verdict == "no known way"
    assert "compress the float network that it was made from" in found.summary


def test_a_board_that_was_never_timed_is_said_to_be() -> None:
    found = advise(MOBILE, Wish("pi4", target_ms=20))
    assert found.verdict == "try"
    assert any("no time was ever measured on one" in sentence for sentence in found.unknown)
    assert any("of x86-64" in sentence for sentence in found.unknown)
    least, most = found.milliseconds
    assert least == pytest.approx(221e6 * 0.37 / 3.6e9 * 1e3)
    assert most == pytest.approx(221e6 * 0.37 / 1.5e9 * 1e3)
    phone = advise(MOBILE, Wish("android", target_ms=5))
    assert phone.milliseconds is None
    assert any("--latency-ms" in sentence for sentence in phone.unknown)
    measured = advise(MOBILE, Wish("pi4", target_ms=20, latency_ms=30))
    assert measured.verdict == "try", "no share of the float time is of this processor"
    size = advise(MOBILE, Wish("pi4", max_bytes=2_000_000))
    assert size.verdict == "do", "bytes are the same on every processor"


def test_the_rules() -> None:
    found = advise(MOBILE, Wish("x86-64", max_memory=4_000_000, target_ms=5, crops=2_000))
    applies = {rule.number: rule.applies for rule in found.rules}
    assert applies == {1: True, 2: True, 3: False, 4: False, 5: True, 6: False}
    assert [rule.text for rule in found.rules] == list(RULES.values())
    once = advise(MOBILE, Wish("x86-64", target_ms=2.5, latency_ms=2.6, once=True))
    assert once.options[0].name.startswith("a 1-bit CompactFaceNet")
    dense = Facts("vgg", 1_000_000, 4_000_000, 0.9, {"32x32": 10**8}, 1, True)
    rule = advise(dense, Wish("x86-64", max_bytes=3_000_000)).rules[5]
    assert rule.applies
    assert "90 %" in rule.reason


def test_a_scan_of_this_network_comes_before_figures_of_another() -> None:
    fragile = {8: 0.95, 5: 0.6, 4: 0.4, 3: 0.1}
    wish = Wish("x86-64", max_bytes=900_000)
    assert "5-bit weights, 8-bit activations, in a container" not in names(wish, scan=fragile)[1]
    robust = {8: 1.0, 5: 0.99, 4: 0.985, 3: 0.9}
    assert names(wish, scan=robust)[1][0].startswith("5-bit")
    assert loss_of_cosine(0.99) == 0
    assert loss_of_cosine(0.9267) == pytest.approx(0.0043)
    assert loss_of_cosine(0.3) == 0.5


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.name} ({row.runtime})")
def test_every_figure_is_on_its_page(row) -> None:
    text = (NUMBERS / row.page).read_text()
    for figure in row.figures:
        assert figure in text
    if row.latency is not None:
        assert any(re.search(rf"\b{row.latency:.2f}\b", figure) for figure in row.figures)


def test_what_packs_is_named_so() -> None:
    """`convert` refuses `--pack` into a file of another name."""
    packing = [each for row in TABLE for each in row.commands if "--pack" in each.split()]
    assert len(packing) > 1
    assert all(re.search(r" -o \S+\.pack ", each) for each in packing)


def test_devices_name_pages_that_are_there() -> None:
    for device in DEVICES.values():
        assert (NUMBERS / device.page).is_file()


@pytest.mark.parametrize(
    ("bits", "layers", "digits"),
    [("1x1", "1-bit convolutions,", 3), ("32x32", "float: second convolution,", 2)],
)
def test_instructions_per_multiply_add_are_those_of_the_page(
    bits: str, layers: str, digits: int
) -> None:
    lines = (NUMBERS / "raspberry-pi.md").read_text().splitlines()
    rows = [line.split("|") for line in lines if line.startswith(f"| {layers}")]
    instructions, operations = (sum(float(row[place]) for row in rows) for place in (4, 3))
    assert INSTRUCTIONS_PER_MAC[bits] == round(instructions / operations, digits)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"device": "toaster", "target_ms": 5}, "device must be one of x86-64"),
        ({"device": "pi4"}, "say what to reach"),
        ({"device": "pi4", "target_ms": 0}, "above 0"),
        ({"device": "pi4", "target_ms": float("nan")}, "above 0"),
        ({"device": "pi4", "target_ms": 5, "max_loss": 1}, "below 1"),
    ],
)
def test_nonsense_is_refused(asked: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Wish(**asked)
