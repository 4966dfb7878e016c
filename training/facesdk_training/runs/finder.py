"""``finder.npz``: a trained finder's weights, its plan, and a probe that an export must reproduce.

Needs NumPy alone, so that what converts a finder needs no PyTorch.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.files import read_regular, write_atomic
from facesdk_training.architectures.finder import STRIDES, FinderPlan

_PROBE = "probe/"


@dataclass(frozen=True, slots=True)
class StoredFinder:
    """A file's content.

    Attributes:
        plan: What the network is built from.
        scenes: Scenes that it has seen.
        state: Weights by their names in the PyTorch network: ``stem.0.weight`` for example, kernels
            as ``(out, in, height, width)``.
        probe_input: RGB from 0 to 255, float32 ``(h, w, 3)``.
        probe_outputs: What PyTorch gives for it, by stride, float32 ``(h / s, w / s, 16)``.
    """

    plan: FinderPlan
    scenes: int
    state: dict[str, NDArray[np.float32]]
    probe_input: NDArray[np.float32]
    probe_outputs: dict[int, NDArray[np.float32]]


def write(path: Path, finder: StoredFinder) -> None:
    """Writes a file, whole or not at all."""
    content = io.BytesIO()
    probe = {f"{_PROBE}{stride}": values for stride, values in finder.probe_outputs.items()}
    np.savez(
        content,
        plan=json.dumps(asdict(finder.plan)),
        seen=finder.scenes,
        **{f"{_PROBE}input": finder.probe_input},
        **probe,
        **finder.state,
    )
    write_atomic(path, content.getvalue())


def read(path: Path) -> StoredFinder:
    """Reads what :func:`write` wrote.

    Raises:
        InputError: The file is missing, or is no finder.
    """
    try:
        with np.load(io.BytesIO(read_regular(path)), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        plan = json.loads(str(arrays.pop("plan")))
        scenes = int(arrays.pop("seen"))
        probe = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_PROBE)}
        return StoredFinder(
            FinderPlan(
                plan["stem"],
                tuple(plan["channels"]),
                tuple(plan["blocks"]),
                plan.get("binary", False),
            ),
            scenes,
            arrays,
            probe[f"{_PROBE}input"],
            {stride: probe[f"{_PROBE}{stride}"] for stride in STRIDES},
        )
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (
        AttributeError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(f"{path} is no finder.npz of `facesdk train detector` ({error})") from None
