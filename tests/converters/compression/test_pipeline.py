"""From a finished run to a finished run, by each method of quantization and distillation."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk.cli import main
from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.embedding import Embedder
from facesdk_converters.cli.compress import app
from facesdk_converters.compression import files, pipeline
from facesdk_converters.compression.beginning import beginning
from facesdk_converters.compression.files import file_of_run
from facesdk_converters.convert import Request, convert
from facesdk_converters.targets import registry
from facesdk_training.compression import recipes
from facesdk_training.compression.methods import HOMES, every
from facesdk_training.compression.steps import step
from facesdk_training.config import toml
from facesdk_training.keras import loading
from facesdk_training.keras.embedder import load_keras
from facesdk_training.keras.networks.build import build
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.contract import contract_of
from training.faces import write_data
from training.small_runs import (
    DIM,
    FEW_STEPS,
    FLOAT_NETWORK,
    small_config,
    trainer_of,
    write_material,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished float run, beside its data."""
    folder = write_material(tmp_path_factory.mktemp("compression"))
    config = small_config(folder, network=FLOAT_NETWORK, epochs=0.5)
    assert trainer_of(folder / "run", config).train()
    return folder / "run"


def compressed(source: Path, out: Path, name: str, **settings: Any) -> tuple[dict[str, Any], Any]:
    """The report of one step, and the network."""
    asked = {"retraining": FEW_STEPS, **settings}
    data = source.parent / "data"
    report = pipeline.compress(source, [step(name, asked)], data, out, files=name == "twn")
    assert json.loads((out / pipeline.REPORT).read_text())["before"] == report["before"]
    assert not (out / pipeline.WORK).exists()
    contract = contract_of(out)
    assert contract.thresholds
    assert name in contract.source
    return report, loading.load(out).model


def kernel_values(model: Any, name: str) -> int:
    kernel = model.get_layer(name).get_weights()[0]
    return max(len(np.unique(row)) for row in kernel.reshape(-1, kernel.shape[-1]).T)


INNER = ("stem2_conv", "stage1_unit1_conv")


@pytest.mark.slow
def test_ternary(source: Path, tmp_path: Path) -> None:
    report, model = compressed(source, tmp_path / "twn", "twn")
    assert all(kernel_values(model, name) <= 3 for name in INNER)
    assert kernel_values(model, "embedding") > 3
    after = report["steps"][0]["after"]
    assert set(after["weight_bits"]) == {"stage1_unit1_conv"}  # 36 weights of a filter are no list
    assert after["weight_bytes"] < report["before"]["weight_bytes"]
    assert after["nonzero_weights"] < report["before"]["nonzero_weights"]
    assert after["multiply_adds"] == report["before"]["multiply_adds"]
    assert after["file_bytes"] == report["before"]["file_bytes"]
    assert after["file_packed_bytes"] < report["before"]["file_packed_bytes"]
    assert after["file_latency_ratio"] > 0


@pytest.mark.slow
def test_trained_ternary_has_two_scales_per_layer(source: Path, tmp_path: Path) -> None:
    _, model = compressed(source, tmp_path / "ttq", "ttq", retraining={"steps": 0})
    for name in INNER:
        assert len(np.unique(model.get_layer(name).get_weights()[0])) <= 3


def test_incremental(source: Path, tmp_path: Path) -> None:
    _, model = compressed(
        source, tmp_path / "inq", "inq", bits=3, shares=[0.5, 1.0], retraining={"steps": 0}
    )
    for name in INNER:
        values = np.unique(np.abs(model.get_layer(name).get_weights()[0]))
        exponents = np.log2(values[values > 0])
        np.testing.assert_array_equal(exponents, np.round(exponents))
        assert len(exponents) <= 2


@pytest.mark.slow
def test_widths_within_a_budget(source: Path, tmp_path: Path) -> None:
    settings = {"share": 0.1, "widths": [2, 4, 8], "retraining": {"steps": 0}}
    report, model = compressed(source, tmp_path / "mixed", "mixed-widths", **settings)
    names = (*INNER, "embedding")
    sizes = [model.get_layer(name).get_weights()[0].size for name in names]
    widths = [int(kernel_values(model, name) - 1).bit_length() for name in names]
    assert sum(n * bits for n, bits in zip(sizes, widths, strict=True)) <= 0.1 * 32 * sum(sizes)
    assert len(set(widths)) > 1
    assert report["steps"][0]["settings"]["share"] == 0.1


@pytest.mark.slow
def test_a_keras_file_becomes_a_run(source: Path, tmp_path: Path) -> None:
    """Its report, its contract and its file are those of the network in the file."""
    model = loading.load(source).model
    model.save(tmp_path / "network.keras")
    report = pipeline.compress(
        tmp_path / "network.keras",
        [step("filters", {"share": 0.5, "retraining": {"steps": 0}})],
        write_data(tmp_path / "data", {"b": 120}),
        tmp_path / "narrow",
    )
    before, after = report["before"], report["steps"][0]["after"]
    assert before["file_target"] == "float32"
    assert after["file_bytes"] < before["file_bytes"]
    loaded = loading.load(tmp_path / "narrow")
    assert loaded.contract is not None
    assert (loaded.contract.architecture, loaded.contract.dim) == (model.name, DIM)
    assert "network.keras" in loaded.contract.source
    assert loaded.contract.thresholds
    request = Request(tmp_path / "narrow", tmp_path / "narrow.tflite", verify=False)
    converted = convert(request, registry.load("float32"))
    assert abs(converted.bytes - after["file_bytes"]) < 4096  # the contract's words differ


def test_a_binary_network_is_weighed_as_its_own_file() -> None:
    """A QB network's file is LCE's, and a Q network's has packed signs."""
    model = build("CompactFaceNet", stem_channels=(4, 32), stages=((32, 1),), embedding_length=DIM)
    assert files.target_of(model) == ("lce", {})
    half = build("Q", width=1 / 32, units=(1, 1, 1, 1), input_height=112, input_width=96)
    assert files.target_of(half)[0] == "binary-weights"


@pytest.mark.slow
def test_hints_from_the_original_after_rounding(source: Path, tmp_path: Path) -> None:
    steps = [
        step("fixed-point", {"bits": 2, "retraining": {"steps": 0}}),
        step("distil-hints", {"retraining": FEW_STEPS}),
    ]
    data = source.parent / "data"
    report = pipeline.compress(source, steps, data, tmp_path / "chain", files=False)
    assert [row["method"] for row in report["steps"]] == ["fixed-point", "distil-hints"]
    assert report["steps"][0]["after"] != report["before"]
    outcome = report["steps"][1]["retrained"]["retraining"]
    assert outcome["after"] != outcome["before"]  # it learned; only what does no worse is kept
    changed = report["steps"][1]["after"] != report["steps"][0]["after"]
    assert changed == (outcome["kept"] == "after")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["distil-soft-targets", "distil-attention", "distil-similarity"])
def test_a_network_learns_from_itself(name: str, source: Path, tmp_path: Path) -> None:
    """Kernels move by no more than Adam's steps, and do move: the loss reaches them."""
    settings = {"retraining": {**FEW_STEPS, "learning_rate": 1e-5}}
    _, model = compressed(source, tmp_path / "own", name, **settings)
    before = loading.load(source).model
    for layer in (*INNER, "embedding"):
        moved = np.abs(
            model.get_layer(layer).get_weights()[0] - before.get_layer(layer).get_weights()[0]
        )
        assert 0 < moved.max() < 1e-4


def test_a_shorter_embedding_is_a_part_of_the_longer(source: Path, tmp_path: Path) -> None:
    settings = {"share": 0.5, "retraining": {"steps": 0}}
    _, model = compressed(source, tmp_path / "neurons", "distil-neurons", **settings)
    inputs = np.random.default_rng(1).uniform(-1, 1, (4, 112, 96, 3)).astype(np.float32)
    whole, part = (loading.predict(m, inputs) for m in (loading.load(source).model, model))
    assert part.shape == (4, DIM // 2)
    for column in part.T:
        assert np.abs(whole - column[:, np.newaxis]).max(axis=0).min() < 1e-5


@pytest.mark.slow
def test_deep_compression_after_low_rank(source: Path, tmp_path: Path) -> None:
    """Factored, pruned, shared, each retrained: zeros stay, and the packed file has the gain."""
    asked = {"retraining": FEW_STEPS}
    steps = [
        step("tucker", {"energy": 0.5, **asked}),
        step("magnitude", {"share": 0.5, "rounds": 1, **asked}),
        step("k-means", {"bits": 3, "dense_bits": 2, **asked}),
    ]
    data = source.parent / "data"
    report = pipeline.compress(source, steps, data, tmp_path / "chain", files=False)
    factored, pruned, shared = (row["after"] for row in report["steps"])
    assert factored["weights"] < report["before"]["weights"]
    assert factored["multiply_adds"] < report["before"]["multiply_adds"]
    assert shared["weights"] == pruned["weights"] == factored["weights"]
    assert pruned["nonzero_weights"] < 0.6 * factored["nonzero_weights"]
    assert shared["nonzero_weights"] <= pruned["nonzero_weights"]
    model = loading.load(tmp_path / "chain").model
    core = model.get_layer("stage1_unit1_conv_core").get_weights()[0]
    assert len(np.unique(core)) <= 8
    assert (core == 0).mean() >= 0.49
    assert len(np.unique(model.get_layer("embedding").get_weights()[0])) <= 4


@pytest.mark.slow
def test_channels_leave_and_what_is_left_is_converted(source: Path, tmp_path: Path) -> None:
    """Through the residual sum; the run carries its narrower network, which the file computes."""
    report, model = compressed(source, tmp_path / "narrow", "filters", share=0.5)
    assert model.get_layer("stage1_unit1_conv").filters == 16
    before, after = report["before"], report["steps"][0]["after"]
    assert after["weights"] < 0.5 * before["weights"]
    assert after["multiply_adds"] < 0.5 * before["multiply_adds"]
    request = Request(tmp_path / "narrow", tmp_path / "narrow.tflite")
    converted = convert(request, registry.load("float32"))
    assert converted.contract.thresholds


def test_retraining_that_does_harm_is_not_kept(source: Path, tmp_path: Path) -> None:
    """A rate of 0.9 ruins the network; the figures on held-out people say so, and the user."""
    settings = {"retraining": {**FEW_STEPS, "learning_rate": 0.9}}
    report, model = compressed(source, tmp_path / "own", "distil-similarity", **settings)
    for kept, begun in zip(
        model.get_weights(), loading.load(source).model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(kept, begun)
    outcome = report["steps"][0]["retrained"]["retraining"]
    assert outcome["kept"] == "before"
    assert outcome["after"] < outcome["before"]
    assert outcome["before"] == pytest.approx(report["before"]["validation_accuracy"], abs=1e-5)
    assert report["steps"][0]["after"] == report["before"]


def test_a_step_that_is_refused_leaves_nothing(source: Path, tmp_path: Path) -> None:
    """A rank above a kernel's is known only when the network is looked at."""
    settings = {"rule": "fixed", "rank": 9999, "retraining": {"steps": 0}}
    steps, data = [step("svd", settings)], source.parent / "data"
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "new", tmp_path / "empty"):
        with pytest.raises(InputError, match="9999"):
            pipeline.compress(source, steps, data, out, files=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.slow
def test_an_interrupted_call_goes_on(source: Path, tmp_path: Path) -> None:
    """A process that ends in the second step: the first is not trained again."""
    steps = [step(name, {"retraining": FEW_STEPS}) for name in ("twn", "distil-similarity")]
    out, data, seen = tmp_path / "out", source.parent / "data", []

    def stops(done: int, total: int, what: str) -> None:
        seen.append(what)
        if sum(text.startswith("loss") for text in seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.compress(source, steps, data, out, progress=stops, files=False)
    assert not (out / run_folder.CONFIG).exists()
    again: list[str] = []
    pipeline.compress(
        source, steps, data, out, progress=lambda d, t, what: again.append(what), files=False
    )
    assert sum(text.startswith("loss") for text in again) == 2
    assert contract_of(out).thresholds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold"),
        ("steps = 3", "must hold"),
        ("[[steps]]\nbits = 2", "steps.0 has no method"),
        ("[[steps]]\nmethod = 'twn'\nbits = 2", "twn: bits"),
        ("[[steps]\n", "not valid TOML"),
    ],
)
def test_a_recipe_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "chain.toml").write_text(text)
    arguments = ["run", "--data", "x", "--recipe", str(tmp_path / "chain.toml")]
    with pytest.raises(InputError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("name", toml.recipes("facesdk_training.compression.recipes"))
def test_shipped_chains_are_complete(name: str) -> None:
    for table in toml.record_of(Path(name), "facesdk_training.compression.recipes")["steps"]:
        settings = {key: value for key, value in table.items() if key != "method"}
        assert step(table["method"], settings).method.name == table["method"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "options"),
    [
        ("deep-compression", "float32", {}),
        (
            "prune-distil-binary",
            "fixed-point",
            {
                "bits": 8,
                "activations": 32,
                "filter_scales": "free",
                "storage": "smallest",
                "calibrate_on": None,
                "trained": True,
            },
        ),
    ],
)
def test_shipped_chains_run_and_are_converted(
    name: str, target: str, options: dict[str, Any], source: Path, tmp_path: Path
) -> None:
    """Few steps instead of hundreds, and nothing else is changed."""
    shipped = Path(recipes.__file__).with_name(f"{name}.toml").read_text()
    short = re.sub(r"steps = \d+", "steps = 2, batch_size = 8", shipped)
    (tmp_path / "chain.toml").write_text(short)
    out = tmp_path / "out"
    arguments = [str(source), "--recipe", str(tmp_path / "chain.toml"), "-o", str(out)]
    arguments += ["--data", str(source.parent / "data"), "--cache", str(tmp_path), "--json"]
    said = CliRunner().invoke(app, arguments, catch_exceptions=False)
    report = json.loads(said.stdout)
    before, last = report["before"], report["steps"][-1]["after"]
    assert last["weight_bytes"] < before["weight_bytes"]
    assert last["file_packed_bytes"] < before["file_packed_bytes"]
    converted = convert(Request(out, tmp_path / "model.tflite"), registry.load(target, **options))
    if target == "fixed-point":
        assert converted.bytes < before["file_bytes"] / 2


@pytest.mark.slow
def test_bench_takes_a_run(source: Path) -> None:
    """And measures what it is converted to, which embeds as the run does."""
    target, content = file_of_run(source)
    arguments = ["bench", str(source), "--runs", "1", "--warm-up", "0", "--cold-starts", "0"]
    result = CliRunner().invoke(main.app, [*arguments, "--no-operators", "--json"])
    assert result.exit_code == 0, result.output
    (measured,) = json.loads(result.stdout)["models"]
    assert measured["sha256"] == hashlib.sha256(content).hexdigest()
    assert not Path(measured["path"]).exists()
    assert f"{source}: as `facesdk convert {target}` writes it" in result.stderr
    bundle = ModelBundle.from_bytes(content, source, trust=True)
    crops = np.random.default_rng(0).integers(0, 256, (4, 112, 96, 3), np.uint8)
    found = Embedder(bundle, bundle.contract).embed(crops)
    np.testing.assert_allclose(found, load_keras(source, None, None).embed(crops), atol=1e-5)


def test_calibrate_asks_where_to_write_what_a_run_becomes(source: Path) -> None:
    result = CliRunner().invoke(main.app, ["calibrate", str(source), str(source)])
    assert result.exit_code == 2
    assert "is a run: name the model file to write with -o" in result.stderr


def test_methods_are_listed() -> None:
    assert [method.name for method in every()] == list(HOMES)
    listed = json.loads(CliRunner().invoke(app, ["methods", "--json"]).stdout)
    assert [row["name"] for row in listed] == list(HOMES)
    assert all(row["summary"] and row["source"] for row in listed)


def test_shares_are_searched_within_a_budget(source: Path, tmp_path: Path) -> None:
    settings = {
        "budget": 0.5,
        "episodes": 5,
        "crops": 2,
        "learning": {"hidden": 4, "updates": 1},
        "retraining": {"steps": 0},
    }
    report, model = compressed(source, tmp_path / "amc", "amc", **settings)
    step = report["steps"][0]
    notes, searches = step["notes"], step["notes"]["searches"]
    chosen = searches[notes["chosen"]]
    assert {name: model.get_layer(name).filters for name in notes["policy"]} == notes["policy"]
    assert step["after"]["multiply_adds"] == chosen["multiply_adds"] <= notes["budget"]
    assert notes["budget"] == report["before"]["multiply_adds"] // 2
    assert chosen["reward"] == max(row["reward"] for row in searches.values())
    counts = {name: row["evaluations"] for name, row in searches.items()}
    assert counts == {"uniform": 1, "evolution": 5, "agent": 5}


@pytest.mark.parametrize("name", ["model.tflite", "model.tflite.pack"])
def test_a_model_file_is_not_compressed(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a model file, whose weights cannot be trained"):
        beginning(tmp_path / name, tmp_path)
    arguments = ["sensitivity", str(tmp_path / name), "--data", str(tmp_path)]
    with pytest.raises(InputError, match="is a model file, whose weights cannot be trained"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_sensitivity_of_a_run(source: Path, tmp_path: Path) -> None:
    command = ["sensitivity", str(source), "--data", str(source.parent / "data")]
    command += ["-o", str(tmp_path / "scan"), "--set", "crops=4", "--set", "shares=[0.5]"]
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    rows = {row["name"]: row for row in found["groups"]}
    assert set(rows) == {"stem1_conv", "stem2_conv"}
    assert all(0 <= row["damage"][0] <= 2 for row in rows.values())
    assert all(row["multiply_adds"][0] < found["multiply_adds"] for row in rows.values())
    assert Path(found["chart"]).read_text().startswith("<svg")
    for wrong, message in (
        ("crops=0", "crops must be a whole number"),
        ("shares=0.5", "shares must be a list"),
        ("share=0.5", "sensitivity takes"),
    ):
        with pytest.raises(InputError, match=message):
            CliRunner().invoke(app, [*command, "--set", wrong], catch_exceptions=False)


def test_nonsense_is_refused(source: Path, tmp_path: Path) -> None:
    for name, settings, message in (
        ("magic", {}, "no method is called 'magic': choose one of magnitude"),
        ("twn", {"bits": 3}, "twn: bits"),
        ("fixed-point", {"bits": 9}, "bits must be 1 to 8"),
        ("mixed-widths", {"widths": [8, 2]}, "widths must rise"),
        ("inq", {"shares": [0.5]}, "shares must rise from above 0 to 1"),
        ("inq", {"bits": 2}, "bits must be 3 to 5"),
        ("k-means", {"bits": 1}, "bits must be 2 to 8"),
        ("hashed", {"share": 0}, "share must be above 0"),
        ("svd", {"energy": 1.5}, "energy must be above 0"),
        ("svd", {"rank": 3}, 'with the rule "fixed"'),
        ("distil-neurons", {"share": 1}, "share must be above 0 and below 1"),
        ("amc", {"budget": 1}, "budget and most must be above 0"),
        ("amc", {"episodes": 0}, "episodes, multiple and crops must be 1 or more"),
        ("amc", {"learning": {"layers": 3}}, "learning.layers"),
        ("twn", {"retraining": {"steps": -1}}, "0 steps or more"),
    ):
        with pytest.raises(InputError, match=message):
            step(name, settings)
    data, steps = source.parent / "data", [step("twn", {"retraining": {"steps": 0}})]
    with pytest.raises(InputError, match="neither a finished run"):
        pipeline.compress(data, steps, data, tmp_path / "out")
    with pytest.raises(InputError, match="already holds a run"):
        pipeline.compress(source, steps, data, source, files=False)
    (tmp_path / "other" / pipeline.WORK).mkdir(parents=True)
    run_folder.write_record(tmp_path / "other" / pipeline.WORK / "plan.json", {"steps": []})
    with pytest.raises(InputError, match="unfinished chain of other steps"):
        pipeline.compress(source, steps, data, tmp_path / "other", files=False)
