"""The C tests and fuzzers, built with the sanitizers of GCC and Clang, and run on every path."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from facesdk.runtime.operator_library import describe_library
from native.support.workers import PATHS

SOURCE = Path(__file__).parents[2] / "sdk" / "native"
PACKAGES = {"clang": "apt-get install clang libclang-rt-dev", "gcc": "apt-get install gcc"}
FUZZ_SECONDS = {"fuzz_delegate": 6, "fuzz_flexbuffer": 6, "fuzz_frames": 6}
FUZZ_INPUTS = 10_000
"""Shared out among the paths: each meets others."""
O1 = ("-DCMAKE_BUILD_TYPE=Sanitized", "-DCMAKE_C_FLAGS_SANITIZED=-O1 -DNDEBUG")
"""Half of the compiler's time; GCC's build for the thread sanitizer has the warnings of -O3."""
O0 = ("-DCMAKE_BUILD_TYPE=Sanitized", "-DCMAKE_C_FLAGS_SANITIZED=-O0 -DNDEBUG")

pytestmark = pytest.mark.slow


def tool(name: str, install: str) -> str:
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=folders)
    assert found, f"{name} is needed: {install}"
    return found


def run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, errors="replace"
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    return done.stdout + done.stderr


def configure(folder: Path, compiler: str, sanitizers: str, *options: str) -> str:
    """Returns CMake's program."""
    cmake = tool("cmake", "pip install cmake")
    options = (
        "-DFACESDK_TESTS=ON", "-DFACESDK_WERROR=ON", f"-DFACESDK_SANITIZE={sanitizers}",
        f"-DCMAKE_C_COMPILER={compiler}", *options,
    )  # fmt: skip
    run([cmake, "-S", str(SOURCE), "-B", str(folder), *options])
    return cmake


def build(
    folder: Path, compiler: str, sanitizers: str, *options: str, targets: Sequence[str] = ("all",)
) -> None:
    cmake = configure(folder, tool(compiler, PACKAGES[compiler]), sanitizers, *options)
    run([cmake, "--build", str(folder), "--parallel", "2", "--target", *targets])


def ctest(folder: Path, *options: str, **environment: str) -> None:
    program = tool("ctest", "pip install cmake")
    options = ("--output-on-failure", "--parallel", "2", *options)
    run([program, "--test-dir", str(folder), *options], **environment)


def test_c_suite_under_the_sanitizers_of_gcc(tmp_path: Path) -> None:
    # The fuzzers run on every path; ctest shows that they start.
    build(tmp_path, "gcc", "address,undefined", "-DFACESDK_FUZZ_INPUTS=1000", *O1)
    ctest(tmp_path)
    fuzzer = str(tmp_path / "tests" / "fuzz_delegate")
    for seed, path in enumerate(PATHS, start=2):
        run([fuzzer, str(FUZZ_INPUTS // len(PATHS)), str(seed)], FACESDK_OPS_ISA=path)
    for path in {*PATHS} - {describe_library().isa}:  # what uses the default path, on the others
        threaded = "" if path == "reference" else "|thread_pool"  # its convolutions use no pool
        ctest(tmp_path, "-R", f"test_delegate|memory{threaded}", FACESDK_OPS_ISA=path)


@pytest.fixture(scope="module")
def clang_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With sanitizers, and with what guides libFuzzer by the code that an input reaches."""
    folder = tmp_path_factory.mktemp("clang")
    options = (f"-DFACESDK_FUZZ_INPUTS={FUZZ_INPUTS}", "-DFACESDK_FUZZ=ON")
    build(folder, "clang", "address,undefined", *options, *O1)
    return folder


def test_c_suite_under_the_sanitizers_of_clang(clang_build: Path) -> None:
    ctest(clang_build)


def test_a_newer_clang_has_no_warnings(tmp_path: Path) -> None:
    """Zig's, which compiles the wheels; here it reads the tests as well, and writes no code."""
    zig = Path(str(importlib.import_module("ziglang").__file__)).with_name("zig")
    options = (
        "-DCMAKE_C_COMPILER_ARG1=cc",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
        "-DCMAKE_C_FLAGS=-fno-sanitize=undefined",  # or Zig compiles its run time for CMake's trial
    )
    configure(tmp_path, str(zig), "", *options)
    rows = json.loads((tmp_path / "compile_commands.json").read_text())
    given = {row["file"]: shlex.split(row["command"])[2:] for row in rows}
    assert {str(path) for path in SOURCE.rglob("tests/*/*.c")} <= set(given)
    assert all("-Werror" in options for options in given.values())
    clang = [str(zig), "clang", "-isystem", str(zig.parent / "lib" / "include")]
    reading = ["-fsyntax-only", "-Wno-unused-command-line-argument"]  # such as -c
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, [[*clang, *options, *reading] for options in given.values()]))


def test_libfuzzer_finds_nothing(clang_build: Path, tmp_path: Path) -> None:
    """From inputs that the mutation fuzzer starts with."""
    for target, seconds in FUZZ_SECONDS.items():
        corpus = tmp_path / f"{target}_corpus"
        corpus.mkdir()
        run([str(clang_build / "tests" / target), "200", "1", str(corpus)])
        assert len(list(corpus.iterdir())) > 50
        options = [
            f"-max_total_time={seconds}",
            "-max_len=1024",
            "-rss_limit_mb=4096",  # an image of 1 GiB beside an input as large is not refused
            f"-artifact_prefix={tmp_path}/",
        ]
        log = run([str(clang_build / "tests" / f"lib_{target}"), *options, str(corpus)])
        assert "DONE" in log


# GCC finds some mistakes only as it optimizes, Clang warns before that.
@pytest.mark.parametrize(
    ("compiler", "options"), [("gcc", ()), ("clang", O0)], ids=["gcc", "clang"]
)
def test_thread_pool_under_the_thread_sanitizer(
    tmp_path: Path, compiler: str, options: tuple[str, ...]
) -> None:
    build(tmp_path, compiler, "thread", *options, targets=["test_thread_pool"])
    # Older thread sanitizers cannot place their shadow memory under address randomization.
    fixed_addresses = [tool("setarch", "apt-get install util-linux"), "--addr-no-randomize"]
    program = str(tmp_path / "tests" / "test_thread_pool")
    run([*fixed_addresses, program], TSAN_OPTIONS="die_after_fork=0")  # the test forks
