"""``facesdk models show | edit | pack | unpack`` as a script sees them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from facesdk.cli.main import app
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Conversion
from facesdk.models.contract_writer import replace_contract
from facesdk.models.packed import pack
from runtimes import RUNTIMES

PNET = registry.resolve("mtcnn-pnet")
CONTENT = PNET.read_bytes()
CONTRACT = ModelBundle.load(PNET).contract


def run(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["models", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def refused(*arguments: object) -> str:
    result = run(*arguments, status=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite.pack"
    path.write_bytes(pack(CONTENT))
    return path


def test_what_a_contract_does_not_say_is_said_to_be_unstated(model: Path) -> None:
    bundle = ModelBundle.load(model)
    model.write_bytes(replace_contract(bundle, dataclasses.replace(CONTRACT, training_data="")))
    assert "\ntrained on     unstated\n" in run("show", model).stdout


def test_show_a_packaged_model() -> None:
    text = run("show", "compactfacenet-qb").stdout
    for words in (
        "24 LceBconv2d, 1x1 bits",
        "operator library",
        "0.001    0.3912     18.5 %       6,087, 746,064",
        "192",
    ):
        assert words in text
    assert "\nmultiplied     966,131,712 multiply-adds per run, 1x1 bits\n" in text
    assert "\nstored         26,062,848 multiply-adds per input, 32x32 bits\n" in text
    record = json.loads(run("show", "compactfacenet-qb", "--json").stdout)
    path = registry.resolve("compactfacenet-qb")
    assert record["bytes"] == path.stat().st_size
    assert record["contract"] == json.loads(ModelBundle.load(path).contract.to_json())


def test_show_says_how_a_file_was_made(model: Path) -> None:
    conversion = Conversion("fixed-point", "--bits 4", verified=False)
    contract = dataclasses.replace(CONTRACT, conversion=conversion)
    model.write_bytes(replace_contract(ModelBundle.from_bytes(CONTENT, "m"), contract))
    assert "facesdk convert fixed-point --bits 4, not verified" in run("show", model).stdout


def test_show_a_file_without_contract(model: Path) -> None:
    model.write_bytes(CONTENT.replace(b"facesdk.json", b"another.json"))
    assert "contract       none" in run("show", model).stdout
    assert json.loads(run("show", model, "--json").stdout)["contract"] is None


def test_show_a_packed_file(packed: Path) -> None:
    assert (
        f"{packed.stat().st_size:,} packed, {len(CONTENT):,} unpacked" in run("show", packed).stdout
    )


def test_show_says_what_is_wrong(tmp_path: Path, model: Path, packed: Path) -> None:
    said = refused("show", "nonsense")
    names = ", ".join(
        entry.contract.name
        for entry in sorted(registry.packaged(), key=lambda entry: entry.contract.name)
    )
    listed = ", ".join([*registry.ALIASES, names])
    assert f"nonsense does not exist: it is neither a file nor a packaged model ({listed})" in said
    assert "is a directory" in refused("show", tmp_path)
    model.write_bytes(CONTENT[:9999])
    assert "not a usable TFLite model" in refused("show", model)
    packed.write_bytes(packed.read_bytes()[:9999])
    assert "not a usable packed model" in refused("show", packed)


@pytest.mark.parametrize("json_wanted", [True, False])
def test_edit_in_place(model: Path, json_wanted: bool) -> None:
    options = ["--json"] if json_wanted else []
    before = ModelBundle.load(model)
    result = run("edit", model, "--set", "name=mine", "--set", "license=a=b\nc", *options)
    if json_wanted:
        record = json.loads(result.stdout)
        assert record["path"] == str(model)
        assert record["contract"]["name"] == "mine"
    else:
        assert result.stdout == f"{model}:\nname: mine\nlicense: a=b c\n"
    changed = ModelBundle.load(model)
    expected = dataclasses.replace(
        CONTRACT, name="mine", license="a=b\nc", original=changed.contract.original
    )
    assert changed.contract == expected
    assert changed.model_id == before.model_id
    assert model.read_bytes() == replace_contract(ModelBundle.from_bytes(CONTENT, "m"), expected)


def test_edit_elsewhere_leaves_the_file(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tflite"
    run("edit", model, "--set", "name=mine", "-o", out)
    assert model.read_bytes() == CONTENT
    assert ModelBundle.load(out).contract.name == "mine"


def test_edit_keeps_a_packed_file_packed(packed: Path) -> None:
    run("edit", packed, "--set", "name=mine")
    bundle = ModelBundle.load(packed)
    assert bundle.packed_bytes is not None
    assert bundle.contract.name == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("input.mean=0", "input.mean cannot be changed: the network was trained with it"),
        ("thresholds=[]", "facesdk calibrate"),
        ("flip_concatenation=true", "`facesdk calibrate --flip` makes another model"),
        ("source_sha256=0", "cannot be changed"),
        ("surprise=1", "no field 'surprise'"),
        ("name", "must be FIELD=WORDS"),
        ("name=", "name must be one line"),
    ],
)
def test_edit_refuses_and_writes_nothing(model: Path, change: str, message: str) -> None:
    assert message in refused("edit", model, "--set", change)
    assert model.read_bytes() == CONTENT


def test_edit_needs_a_contract_and_a_change(model: Path, tmp_path: Path) -> None:
    assert "--set" in refused("edit", model)
    assert "cannot write" in refused(
        "edit", model, "--set", "name=a", "-o", tmp_path / "no" / "folder"
    )
    model.write_bytes(CONTENT.replace(b"facesdk.json", b"another.json"))
    assert "carries no facesdk contract" in refused("edit", model, "--set", "name=a")


STOCK = """
import sys, hashlib, importlib, numpy as np
module = importlib.import_module(sys.argv[1] + ".interpreter")
interpreter = module.Interpreter(model_path=sys.argv[2])
interpreter.allocate_tensors()
row = interpreter.get_input_details()[0]
pixels = np.random.default_rng(1).random(row["shape"], np.float32)
interpreter.set_tensor(row["index"], pixels)
interpreter.invoke()
result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
assert np.isfinite(result).all() and result.std() > 0
print(hashlib.sha256(result.tobytes()).hexdigest())
assert not any(name.startswith("facesdk") for name in sys.modules)
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_stock_runtime_runs_an_edited_file_as_before(model: Path, runtime: str) -> None:
    run("edit", model, "--set", "name=" + "long " * 999 + "name")
    module = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}[runtime]
    before, after = (
        subprocess.run(
            [sys.executable, "-c", STOCK, module, str(path)], capture_output=True, check=True
        ).stdout
        for path in (PNET, model)
    )
    assert before == after
    assert len(after) == 65


def test_pack_and_unpack(model: Path) -> None:
    record = json.loads(run("pack", model, "--json").stdout)
    path = Path(record["path"])
    assert path.name == "model.tflite.pack"
    assert record["bytes"] == path.stat().st_size < record["unpacked_bytes"] == len(CONTENT)
    model.unlink()
    record = json.loads(run("unpack", path, "--json").stdout)
    assert record == {
        "path": str(model),
        "bytes": len(CONTENT),
        "packed_bytes": path.stat().st_size,
    }
    assert model.read_bytes() == CONTENT


def test_a_container_may_end_in_capitals(packed: Path, tmp_path: Path) -> None:
    path = packed.rename(tmp_path / "NET.TFLITE.PACK")
    assert json.loads(run("unpack", path, "--json").stdout)["path"] == str(tmp_path / "NET.TFLITE")


def test_pack_and_unpack_in_words(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    assert f"% of the model's {len(CONTENT):,}" in run("pack", model, "-o", out).stdout
    again = tmp_path / "again.tflite"
    assert run("unpack", out, "-o", again).stdout == f"{again}: {len(CONTENT):,} bytes\n"
    assert again.read_bytes() == CONTENT


def test_pack_and_unpack_refuse(model: Path, packed: Path, tmp_path: Path) -> None:
    assert "is packed already" in refused("pack", packed)
    assert "is not packed" in refused("unpack", model)
    other = packed.rename(tmp_path / "small")
    assert "give --output" in refused("unpack", other)
    other.write_bytes(CONTENT[:1000])
    assert "not a usable TFLite model" in refused("pack", other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tflite", "small"]
