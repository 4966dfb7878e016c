"""R-Net and O-Net give the same bits on TensorFlow Lite 2.16 and on LiteRT, both with XNNPACK.

XNNPACK of 2.16 sums dense layers of less than 16 outputs in another order. The published layers of
5 and 15 outputs, written as they are, must therefore differ: else this test could not fail.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from android.support.other_version import BATCHES
from android_demo.ci import packaging, project
from android_demo.ci.fetching import fetch
from android_demo.ci.host import shim
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk_converters.tflite.tree import Tree

pytestmark = [pytest.mark.slow, pytest.mark.android]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("runtime")
    packaging.platform(fetch(project.GROUPS), folder)
    library = folder / "jni" / "x86_64" / project.RUNTIME_LIBRARY
    return [*map(str, shim.make(folder / "shim", [library])), str(library)]


def equal_batches(model: Path, runtime: list[str]) -> int:
    command = [sys.executable, "-m", "android.support.other_version", str(model), *runtime]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, timeout=300, check=True
    )
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("name", ["mtcnn-rnet", "mtcnn-onet"])
def test_both_versions_give_the_same_bits(name: str, runtime: list[str], tmp_path: Path) -> None:
    packaged = registry.resolve(name)
    assert equal_batches(packaged, runtime) == len(BATCHES)
    tree = Tree.of(ModelBundle.load(packaged))
    dense, gather = tree.operators[-2:]
    count = tree.shape(int(gather.inputs[1]))[0]
    narrow = [
        tree.add_constant(f"narrow {place}", np.ascontiguousarray(tree.values(int(tensor))[:count]))
        for place, tensor in enumerate(dense.inputs[1:])
    ]
    dense.inputs = [dense.inputs[0], *narrow]
    dense.outputs = list(gather.outputs)
    tree.operators = tree.operators[:-1]
    tree.compact()
    as_published = tmp_path / "model.tflite"
    as_published.write_bytes(tree.to_bytes())
    assert equal_batches(as_published, runtime) < len(BATCHES)
