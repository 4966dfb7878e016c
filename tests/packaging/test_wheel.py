"""What a user gets from ``pip install``: the wheel's tag and content."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = folder / "build"
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder)]
    done = subprocess.run(
        [*command, "--config-settings", f"build-dir={built}", str(ROOT)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_one_wheel_serves_every_python(wheel: Path) -> None:
    assert wheel.name.split("-")[2:4] == ["py3", "none"]
    assert "linux" in wheel.name


def test_it_holds_operators_models_licences_and_photos(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "facesdk/_native/libfacesdk_ops.so",
        "facesdk/models/detection/LICENSE",
        "facesdk/models/recognition/compactfacenet-qb.tflite",
        "facesdk/samples/ORIGIN.md",
        "facesdk/samples/obama.jpg",
        "facesdk/py.typed",
        "facesdk_training/cli.py",
        "facesdk_converters/cli.py",
    ):
        assert name in names, name
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {"facesdk", "facesdk_training", "facesdk_converters"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    assert wheel.stat().st_size < 8_000_000


def test_the_device_side_requires_no_tensorflow(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
    required = [
        line
        for line in archive.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    assert required
    assert not [line for line in required if "tensorflow" in line or "larq" in line]
