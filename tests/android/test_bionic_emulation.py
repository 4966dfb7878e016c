"""The ARM libraries on emulated processors with Android's own C library, through JNI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from android.support import reference
from android_demo.ci import java, project
from android_demo.ci.build import Built
from android_demo.ci.fetching import fetch
from android_demo.ci.tools import run

TESTS = project.LIBRARY / "src" / "bionic" / "java"
CORPUS = Path(__file__).parents[1] / "native" / "corpus"
SECONDS = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.android]


@dataclass(frozen=True)
class Emulated:
    """What the emulator needs.

    Attributes:
        class_path: The test and unidbg.
        libraries: Folder with ``ABI/libfacesdk_jni.so``.
        runtime: Folder with the stock runtime's libraries by ABI.
        reference: What Python says of the samples.
        corpus: Operator models with inputs and outputs.
    """

    class_path: tuple[Path, ...]
    libraries: Path
    runtime: Path
    reference: Path
    corpus: Path


@pytest.fixture(scope="module")
def emulated(built: Built, python_says: Path, tmp_path_factory: pytest.TempPathFactory) -> Emulated:
    folder = tmp_path_factory.mktemp("bionic")
    reference.write_corpus(CORPUS, folder / "corpus")
    unidbg = tuple(fetch(("unidbg",)).values())
    java.compile_classes(java.sources(TESTS), unidbg, folder / "tests")
    return Emulated(
        (folder / "tests", *unidbg),
        built.aar.parent / "jni",
        built.aar.parent / "runtime" / "jni",
        python_says,
        folder / "corpus",
    )


@pytest.mark.parametrize(
    ("backend", "abi"),
    [("dynarmic", "arm64-v8a"), ("unicorn2", "armeabi-v7a")],  # dynarmic lacks Thumb instructions
)
def test_operators_and_samples_are_pythons(emulated: Emulated, backend: str, abi: str) -> None:
    said = run(
        *("java", "-cp", java.class_path(*emulated.class_path), "org.facesdk.RunOnBionic"),
        *(backend, abi, emulated.libraries, emulated.runtime, project.MODELS),
        *(emulated.reference, emulated.corpus),
        seconds=SECONDS,
    )
    assert "passed in" in said
