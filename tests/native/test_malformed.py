"""Damaged operator options: a clear error in every stock runtime, never a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from native.support.operator_models import RUNTIMES, noise, option_bytes, option_position

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
PREFIX = "facesdk operators: "


def load(runtime: str, library: Path, jobs: list[dict[str, object]]) -> list[str | None]:
    command = [sys.executable, str(HERE / "support" / "load_mutants.py"), runtime, str(library)]
    result = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True)
    assert result.returncode == 0, f"exit status {result.returncode}: {result.stderr[-2000:]}"
    return [json.loads(line) for line in result.stdout.splitlines()]


def job(name: str, edits: list[tuple[int, int]]) -> dict[str, object]:
    return {"file": str(CORPUS / f"{name}.tflite"), "edits": edits}


def model(name: str) -> bytes:
    return (CORPUS / f"{name}.tflite").read_bytes()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_bad_value_is_named(library: Path, runtime: str) -> None:
    conv, pool = "float_same_one_c32", "pool_first"
    cases = [
        (conv, "stride_height", 0, "stride height must be in 1..65536, but got 0"),
        (conv, "stride_width", 0xFF, "stride width must be in 1..65536, but got -1"),
        (conv, "dilation_height_factor", 0, "dilation height must be in 1..65536"),
        (conv, "padding", 2, "padding must be 0 (SAME) or 1 (VALID), but got 2"),
        (conv, "pad_values", 2, "pad_value must be in 0..1, but got 2"),
        (conv, "fused_activation_function", 4, "fused activation function must be in 0..3"),
        (conv, "channels_in", 0, "channels_in (0) does not go with a filter of 1 words per tap"),
        (conv, "channels_in", 64, "64 input channels need 2 words"),
        (pool, "filter_height", 0, "filter height must be in 1..65536, but got 0"),
        (pool, "stride_width", 0, "stride width must be in 1..65536, but got 0"),
        (pool, "padding", 9, "padding must be 0 (SAME) or 1 (VALID), but got 9"),
    ]
    edits = [(name, [(option_position(model(name), key), v)]) for name, key, v, _ in cases]
    errors = load(runtime, library, [job(*edit) for edit in edits])
    for (name, key, value, message), error in zip(cases, errors, strict=True):
        assert error is not None, f"{name}: {key} = {value} was accepted"
        assert PREFIX in error
        assert message in error


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_damaged_option_maps_are_reported(library: Path, runtime: str) -> None:
    name = "float_same_one_c32"
    start, size = option_bytes(model(name), "channels_in")
    end = start + size - 1
    cases = [
        ([(end, 0)], "not a valid FlexBuffer map"),
        ([(end, 8)], "not a valid FlexBuffer map"),
        ([(end - 1, 4)], "not a valid FlexBuffer map"),
        ([(end - 2, 0xFF)], "not a valid FlexBuffer map"),
        ([(start, ord("C"))], "custom option channels_in is missing"),
        ([(end - 3, 14)], "custom option stride_width is not an integer"),
    ]
    errors = load(runtime, library, [job(name, edits) for edits, _ in cases])
    for (edits, message), error in zip(cases, errors, strict=True):
        assert error is not None, edits
        assert message in error


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["float_same_zero_c64", "pool_2x2"])
def test_random_damage_never_crashes(library: Path, name: str, runtime: str) -> None:
    key = "filter_height" if name.startswith("pool") else "channels_in"
    start, size = option_bytes(model(name), key)
    bits = noise((400, 4), 1)
    jobs = []
    for first, second, value, other in bits.tolist():
        edits = [(start + first % size, value % 256)]
        if other % 2:
            edits.append((start + second % size, (other >> 8) % 256))
        jobs.append(job(name, edits))
    errors = load(runtime, library, jobs)
    assert len(errors) == len(jobs)
    refused = [error for error in errors if error is not None]
    assert len(refused) > 100
    assert all(PREFIX in error for error in refused)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_unknown_delegate_options_are_refused(library: Path, runtime: str) -> None:
    script = (
        "import importlib, sys\n"
        f"load = importlib.import_module('{runtime}.interpreter').load_delegate\n"
        "for options in ({'threads': '2'}, {'zero_padding': 'none'}):\n"
        "    try: load(sys.argv[1], options)\n"
        "    except ValueError as error: print(str(error).splitlines()[-1])\n"
    )
    command = [sys.executable, "-c", script, str(library)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    unknown, bad = result.stdout.splitlines()
    assert unknown == f"{PREFIX}unknown delegate option 'threads'; the only one is zero_padding"
    assert bad == f"{PREFIX}zero_padding must be 'optimized' or 'reference', but got 'none'"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_unknown_path_is_refused_by_name(
    library: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESDK_OPS_ISA", "avx9")
    script = (
        "import importlib, sys\n"
        f"load = importlib.import_module('{runtime}.interpreter').load_delegate\n"
        "try: load(sys.argv[1])\n"
        "except ValueError as error: print(str(error).splitlines()[-1])\n"
    )
    command = [sys.executable, "-c", script, str(library)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "names the kernel path 'avx9', which does not exist" in result.stdout
    assert "choose one of: reference, portable" in result.stdout
