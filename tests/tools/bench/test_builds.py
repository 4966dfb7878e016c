"""Two builds in turn: every operator of ours once, outputs compared, errors in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from facesdk.measure.timing import Policy
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.operator_library import describe_library, library_path, open_library
from tools.bench import builds
from tools.bench.builds import Comparison, compare, distinct
from tools.bench.environment import environment
from tools.bench.markdown import Timing

CORPUS = Path(__file__).parents[2] / "native" / "corpus"
FAST = Policy(3, 1, 0.0)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The installed library, and a copy, which the loader takes for another library."""
    copy = tmp_path / "libfacesdk_ops.so"
    shutil.copy(library_path(), copy)
    return library_path(), copy


def row(before: float, after: float, *, same: bool = True) -> Comparison:
    return Comparison("op", "avx2", same, Timing(before, 2 * before, 5), Timing(after, after, 5))


@pytest.mark.slow
def test_a_build_and_its_copy_agree_on_every_path(two, capsys):
    assert builds.main([*map(str, two), "--runs", "2", "--warm-up", "1"]) == 0
    out = capsys.readouterr().out
    table = [line for line in out.splitlines() if line.startswith(("| Lce", "| Facesdk"))]
    paths = {line.split("|")[2].strip() for line in table}
    assert paths == set(describe_library().available) - {"reference"}
    assert len(table) == len(paths) * len({line.split("|")[1] for line in table})
    assert all("| same |" in line for line in table)
    assert "outputs differ in 0" in out


def test_every_operator_of_ours_comes_once():
    for name in ("bits", "bits_batch2"):
        bundle = ModelBundle.load(CORPUS / f"{name}.tflite")
        operators = [operator.name for _, operator in distinct(bundle)]
        assert set(operators) == set(bundle.custom_ops)


def test_each_build_runs_on_the_path_that_is_asked_for(two):
    def runs(library: Path) -> int:
        index = [path.name for path in describe_library().paths].index("portable")
        return open_library(library).facesdk_ops_isa_runs(index)

    before = [runs(library) for library in two]
    model = str(CORPUS / "bits.tflite")
    found = list(compare(*two, [model], ["portable"], FAST))
    assert found
    assert {row.path for row in found} == {"portable"}
    assert all(row.same and row.before.runs == row.after.runs == 3 for row in found)
    calls = len(found) * (1 + FAST.warm_up + FAST.runs * (1 + FAST.lead))
    assert [runs(library) for library in two] == [count + calls for count in before]


def test_the_environment_is_as_before_even_after_an_error(monkeypatch):
    def fail() -> None:
        with environment({"FACESDK_OPS_LIBRARY": "/nowhere", "FACESDK_OPS_ISA": None}):
            isa = os.environ.get("FACESDK_OPS_ISA")
            raise RuntimeError(f"{os.environ['FACESDK_OPS_LIBRARY']} {isa}")

    monkeypatch.setenv("FACESDK_OPS_ISA", "reference")
    monkeypatch.delenv("FACESDK_OPS_LIBRARY", raising=False)
    with pytest.raises(RuntimeError, match=r"^/nowhere None$"):
        fail()
    assert os.environ["FACESDK_OPS_ISA"] == "reference"
    assert "FACESDK_OPS_LIBRARY" not in os.environ


def test_ratios_are_of_the_second_to_the_first():
    assert (row(2.0, 3.0).minimum, row(2.0, 3.0).median) == (1.5, 0.75)
    text = builds.summary([row(1.0, 2.0), row(2.0, 1.0)])
    assert "ratios 1.000 (min) and 0.500 (median), largest min ratio 2.000" in text


def test_other_outputs_are_an_exit_status(two, capsys, monkeypatch):
    monkeypatch.setattr(builds, "compare", lambda *_: iter([row(1.0, 1.0, same=False)]))
    assert builds.main([*map(str, two)]) == 1
    out = capsys.readouterr().out
    assert "**differ**" in out
    assert "outputs differ in 1" in out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--paths", "sse9"], "not a kernel path of both builds: sse9; available: reference"),
        (["--models", "mtcnn-rnet"], "the models have none of our operators"),
        (["--models", "/nowhere.tflite"], "neither a file nor a packaged model"),
        (["--runs", "0"], "runs must be 1"),
    ],
)
def test_wrong_arguments_are_one_line(two, capsys, more, message):
    assert builds.main([*map(str, two), *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith("builds: ")
    assert message in error
    assert error.count("\n") == 1


def test_one_build_twice_is_refused(capsys):
    assert builds.main([str(library_path())] * 2) == 2
    assert "is one build, not two" in capsys.readouterr().err


def test_what_is_no_library_is_refused(tmp_path, capsys):
    (tmp_path / "text.so").write_text("no library")
    assert builds.main([str(library_path()), str(tmp_path / "text.so")]) == 2
    assert "is not the facesdk operator library" in capsys.readouterr().err
