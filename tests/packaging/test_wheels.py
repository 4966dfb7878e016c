"""The wheels of every platform: their content, and that the checks see what is wrong with one."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

MACHINES = ("x86_64", "aarch64", "armv7l")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """Imported late, as everything that needs the extra ``wheels``: the fast suite has it not."""
    return importlib.import_module("tools.release.build_wheels")


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    return importlib.import_module("tools.release.check_wheel")


@pytest.fixture(scope="module")
def zig() -> Path:
    return Path(str(importlib.import_module("ziglang").__file__)).with_name("zig")


@pytest.fixture(scope="module", params=MACHINES)
def wheel(
    request: pytest.FixtureRequest, builder: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Built here, or by `make wheels` just before: CI says so with FACESDK_WHEELS."""
    target = builder.TARGETS[request.param]
    if folder := os.environ.get("FACESDK_WHEELS"):
        (built,) = Path(folder).glob(f"*-{target.platform}.whl")
        return built
    return builder.build(target, tmp_path_factory.mktemp(request.param))


def test_every_platform_is_tested(builder: ModuleType, checker: ModuleType) -> None:
    assert set(builder.TARGETS) == set(MACHINES)
    assert {row.platform for row in builder.TARGETS.values()} == set(checker.PLATFORMS)


def test_it_passes_the_checks(wheel: Path, checker: ModuleType) -> None:
    facts = checker.check(wheel)
    assert 0 < facts.size <= checker.MAX_BYTES
    assert {"malloc", "pthread_create"} <= set(facts.symbols) <= checker.allowed_symbols()


def test_it_holds_operators_models_licences_and_photos(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "facesdk/_native/libfacesdk_ops.so",
        "facesdk/models/detection/LICENSE",
        "facesdk/models/recognition/compactfacenet-qb.tflite",
        "facesdk/models/recognition/mobilefacenet-w7a8.tflite",
        "facesdk/samples/ORIGIN.md",
        "facesdk/samples/obama.jpg",
        "facesdk/py.typed",
        "facesdk/serve/page/index.html",
        "facesdk/serve/page/page.css",
        "facesdk/serve/page/page.js",
        "facesdk_training/cli/train.py",
        "facesdk_converters/cli/convert.py",
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


def test_the_bill_of_materials_names_every_part_and_requirement(wheel: Path) -> None:
    bill = importlib.import_module("tools.release.bill_of_materials")
    text = bill.bill_of_materials(wheel)
    assert text == bill.bill_of_materials(wheel)
    bom = json.loads(text)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert bom["metadata"]["component"]["hashes"][0]["content"] == (
        hashlib.sha256(wheel.read_bytes()).hexdigest()
    )
    archive = zipfile.ZipFile(wheel)
    binary = {name for name in archive.namelist() if name.endswith((".so", ".tflite"))}
    parts = {part["name"]: part for part in bom["components"] if "hashes" in part}
    assert set(parts) == binary
    for name, part in parts.items():
        assert part["hashes"][0]["content"] == hashlib.sha256(archive.read(name)).hexdigest()
    terms = {name: list(part["licenses"][0]["license"].values()) for name, part in parts.items()}
    assert terms["facesdk/models/detection/mtcnn-onet.tflite"] == ["MIT"]
    assert "non-commercial" in terms["facesdk/models/recognition/compactfacenet-qb.tflite"][0]
    (metadata,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
    lines = archive.read(metadata).decode().splitlines()
    required = {line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist:")}
    listed = {part["properties"][0]["value"] for part in bom["components"] if "hashes" not in part}
    assert listed == required


class Maker:
    """Makes wheels with a library of a few lines, compiled for x86_64."""

    def __init__(self, zig: Path, folder: Path, library: str) -> None:
        self.zig, self.folder, self.library = zig, folder, library

    def __call__(
        self,
        source: str,
        *options: str,
        glibc: str = "2.17",
        tag: str = "py3-none-manylinux_2_17_x86_64",
    ) -> Path:
        (self.folder / "library.c").write_text(source)
        command = [str(self.zig), "cc", "-target", f"x86_64-linux-gnu.{glibc}", "-shared", "-fPIC"]
        command += ["-O2", "-s", "-fno-builtin", *options, "library.c", "-o", "library.so"]
        subprocess.run(command, cwd=self.folder, check=True)
        path = self.folder / f"facesdk-1.0-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(self.folder / "library.so", self.library)
            archive.writestr("facesdk-1.0.dist-info/RECORD", f"{self.library},,\n")
        return path


@pytest.fixture
def make(zig: Path, checker: ModuleType, tmp_path: Path) -> Maker:
    return Maker(zig, tmp_path, checker.LIBRARY)


USES_MALLOC = "#include <stdlib.h>\nvoid *facesdk_a(void) { return malloc(1); }\n"


def test_a_small_library_passes(make: Maker, checker: ModuleType) -> None:
    facts = checker.check(make(USES_MALLOC))
    assert facts.symbols == ("malloc",)
    assert str(facts.glibc) == "2.2.5"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            '#include <stdio.h>\nint facesdk_a(void) { return puts(""); }',
            r"takes puts from other libraries",
        ),
        (
            "#include <math.h>\ndouble facesdk_a(double x) { return fmod(x, 3); }",
            r"needs other libraries: libm",
        ),
        (
            USES_MALLOC + "int leak(void) { return 1; }",
            r"exports leak$",
        ),
        (
            USES_MALLOC + "const char facesdk_b[400000] = {1};",
            r"at most 300000 bytes, but has 40\d\d\d\d",
        ),
    ],
)
def test_a_bad_library_is_refused(
    make: Maker, checker: ModuleType, source: str, reason: str
) -> None:
    with pytest.raises(checker.WheelError, match=reason):
        checker.check(make(source, "-lm"))


def test_a_library_for_a_newer_glibc_is_refused(make: Maker, checker: ModuleType) -> None:
    source = """
        #include <pthread.h>
        int facesdk_a(pthread_t *t, void *(*f)(void *)) { return pthread_create(t, 0, f, 0); }
    """
    with pytest.raises(checker.WheelError, match=r"glibc up to 2\.17, but uses .*GLIBC_2\.34"):
        checker.check(make(source, glibc="2.34"))


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("py3-none-manylinux_2_17_aarch64", "is for EM_X86_64, but the tag says"),
        ("py3-none-any", "its tag must be one of"),
        ("cp311-cp311-manylinux_2_17_x86_64", "its tag must be one of"),
    ],
)
def test_a_wrong_tag_is_refused(make: Maker, checker: ModuleType, tag: str, reason: str) -> None:
    with pytest.raises(checker.WheelError, match=reason):
        checker.check(make(USES_MALLOC, tag=tag))


def test_a_second_library_is_refused(make: Maker, checker: ModuleType) -> None:
    path = make(USES_MALLOC)
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(make.folder / "library.so", "facesdk/other.so.1")
    with pytest.raises(checker.WheelError, match=r"one library.*other\.so\.1"):
        checker.check(path)
