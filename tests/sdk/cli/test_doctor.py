"""What ``facesdk doctor`` says about the kernel path, for a CPU that this machine is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app
from facesdk.cli.verbs import doctor as doctor_module
from facesdk.runtime import delegate, operator_library
from facesdk.runtime.cpu import Cpu
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
