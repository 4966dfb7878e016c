from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["models", "summary", *arguments])
    assert done.exit_code == status, done.output
    return done.output


def test_json() -> None:
    record = json.loads(run("a", "--json"))
    assert record["architecture"] == "A"
    assert (record["parameters"], record["flops"]) == (43_599_712, 2_215_174_144)
    assert record["efficiency"] == record["compression"] == 1
    assert record["compression_without_classifier"] == 1
    assert sum(layer["weights"] for layer in record["layers"]) == record["parameters"]
    assert {
        "name",
        "input_shape",
        "output_shape",
        "weights",
        "weight_bits",
        "multiply_adds",
        "bytes_moved",
        "arithmetic_intensity",
    } <= set(record["layers"][0])


@pytest.mark.slow
def test_other_quantizers_and_widths(tmp_path: Path) -> None:
    plot = tmp_path / "roofline.svg"
    record = json.loads(
        run("B", "--width", "0.25", "--kernel-quantizer", "dorefa-3", "--plot", str(plot), "--json")
    )
    assert record["weights"] == "dorefa-3"
    assert {layer["weight_bits"] for layer in record["layers"] if layer["weights"]} == {3, 32}
    assert record["multiply_adds"].keys() == {"3x32", "32x32"}
    assert b"<svg" in plot.read_bytes()


@pytest.mark.slow
def test_our_table_stands_beside_the_papers() -> None:
    text = run("CompactFaceNet")
    for cell in ("2.2152 (2.21)", "0.52 (0.52)", "3.55 (3.81)", "22.78 (22.8)"):
        assert cell in text
    row = next(line for line in text.splitlines() if line.strip().startswith("CompactFaceNet"))
    assert "(" not in row


def test_a_run_a_recipe_and_what_is_set_of_them() -> None:
    run_folder = Path(__file__).parents[3] / "training" / "runs" / "recogniser"
    of_run, of_recipe = (
        json.loads(run(name, "--json")) for name in (str(run_folder), "compactfacenet-packaged")
    )
    assert of_run == of_recipe
    assert (of_run["architecture"], of_run["stages"][0]) == ("CompactFaceNet", [96, 4])
    settings = ("--set", "network.thresholds=[1, 1, 2]", "--set", "network.head_units=0")
    changed = json.loads(run("compactfacenet-packaged", *settings, "--json"))
    assert changed["thresholds"] == [1, 1, 2]
    counts, before = (
        {layer["name"]: layer for layer in each["layers"]} for each in (changed, of_run)
    )
    assert "head_hidden" in before and "head_hidden" not in counts
    assert counts["stage3_unit1_conv"]["calls"] == 2 * before["stage3_unit1_conv"]["calls"]
    assert "compactfacenet-packaged (CompactFaceNet)" in run("compactfacenet-packaged")
    staged = json.loads(run("compactfacenet-staged", "--set", "network.stages=[[64, 1]]", "--json"))
    assert (staged["stages"], "variant" in staged) == ([[64, 1]], False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["D"], "architecture must be one of"),
        (["A", "--kernel-quantizer", "x"], "weights must be quantized by one of"),
        (["A", "--plot", "roofline.png"], "must end with .svg"),
        (["CompactFaceNet", "--width", "0.5"], "CompactFaceNet has no width"),
        (["A", "--set", "network.heads=1"], "A has no heads"),
        (["A", "--set", "epochs=3"], "--set takes keys of network here, but got 'epochs=3'"),
        (["missing.toml"], "cannot read missing.toml"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    text = run(*arguments, status=2)
    assert message in text
    assert text.count("\n") == 1


def test_the_lists_json_option_is_not_swallowed() -> None:
    done = CliRunner().invoke(app, ["models", "--json", "summary", "A"])
    assert done.exit_code == 2
    assert "--json belongs after `summary`" in done.output
