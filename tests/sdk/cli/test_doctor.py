"""What ``facesdk doctor`` says about the kernel path, for a CPU that this machine is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app
from facesdk.cli.verbs import doctor as doctor_module
from facesdk.dependencies import LIBRARIES
from facesdk.errors import ModelError
from facesdk.models import registry
from facesdk.runtime import delegate, operator_library
from facesdk.runtime.cpu import Cpu
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_library import KernelPath, OperatorLibrary


def test_doctor_says_what_this_cpu_lacks_for_a_better_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wide, wider = "AVX-512 F and BW", "AVX-512 F, BW and VPOPCNTDQ"
    library = OperatorLibrary(
        tmp_path, "1", "avx2", False,
        (KernelPath("avx2", True, "AVX2"), KernelPath("avx512", False, wide),
         KernelPath("avx512vpopcntdq", False, wider)),
    )  # fmt: skip
    cpu = Cpu("x86_64", "test", 2, frozenset({"avx2", "avx512f"}))
    monkeypatch.setattr(operator_library, "describe_library", lambda: library)
    monkeypatch.setattr(delegate, "load_operators", lambda backend: None)
    monkeypatch.setattr(doctor_module, "describe_cpu", lambda: cpu)
    ops = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["ops"]
    assert ops["why"] == (
        f"the best this CPU can run; avx512 needs {wide}, this CPU lacks AVX-512 BW; "
        f"avx512vpopcntdq needs {wider}, this CPU lacks AVX-512 BW, AVX-512 VPOPCNTDQ"
    )
    assert ops["unavailable"]["avx512"] == {"requires": wide, "missing": ["AVX-512 BW"]}


def test_doctor_runs_every_packaged_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: Interpreter, *inputs: object) -> list[object]:
        if "mtcnn-onet" in repr(vars(self)):
            raise ModelError("the runtime refuses it")
        return real(self, *inputs)

    real: Any = Interpreter.run
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert [row["runs"] for row in report["models"]] == [True] * len(registry.packaged())
    assert set(report["libraries"]) >= {*LIBRARIES.values(), "opencv-python-headless"}
    monkeypatch.setattr(Interpreter, "run", run)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 3
    report = json.loads(done.stdout)
    assert {row["name"]: row["runs"] for row in report["models"]}["mtcnn-onet"] is False
    assert report["problems"] == ["the runtime refuses it"]


def test_doctor_misses_the_packaged_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "packaged", tuple)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 3
    assert "no model is packaged" in done.stdout


def test_doctor_misses_a_model_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    present = registry.packaged()
    assert {entry.contract.name for entry in present} >= set(registry.NEEDED)
    monkeypatch.setattr(
        registry,
        "packaged",
        lambda: tuple(row for row in present if row.contract.task != "recognition"),
    )
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 3
    assert json.loads(done.stdout)["problems"] == [
        "compactfacenet-qb is not packaged: install facesdk again, from a whole wheel"
    ]
