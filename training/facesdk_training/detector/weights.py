"""A finder's weights between PyTorch and ``finder.npz``."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facesdk.errors import InputError
from facesdk_training.architectures.finder import STRIDES
from facesdk_training.detector.network import Finder
from facesdk_training.runs import finder as finder_file
from facesdk_training.runs.finder import StoredFinder

_PROBE = (96, 160, 3)
_COUNTER = "num_batches_tracked"


def save(path: Path, network: Finder, scenes: int) -> None:
    """Writes a network's weights as they are, with a probe computed on the CPU in float32."""
    network = copy.deepcopy(network).cpu().eval()
    image = np.random.default_rng(0).integers(0, 256, _PROBE).astype(np.float32)
    with torch.no_grad():
        maps = network(torch.from_numpy(image.transpose(2, 0, 1).copy())[None])
    state = {
        name: value.numpy()
        for name, value in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    outputs = {s: m[0].permute(1, 2, 0).numpy() for s, m in zip(STRIDES, maps, strict=True)}
    finder_file.write(path, StoredFinder(network.plan, scenes, state, image, outputs))


def load(network: Finder, path: Path) -> int:
    """Gives a network a file's weights; returns the scenes that they have seen.

    The network may have more blocks than the file. Those change nothing at first: their units have
    a shortcut, and the gain of what they add to it starts at 0. It may be a 1-bit one where the
    file's is not: then it begins with the signs of that one's weights.

    Raises:
        InputError: The file is no finder, or one that the network did not grow from.
    """
    stored = finder_file.read(path)
    plan = network.plan
    less = [old <= new for old, new in zip(stored.plan.blocks, plan.blocks, strict=True)]
    grown = replace(stored.plan, blocks=plan.blocks, binary=plan.binary)
    if grown != plan or not all(less) or stored.plan.binary > plan.binary:
        raise InputError(f"{path} is a finder of another size: {stored.plan}, not {plan}")
    state = network.state_dict()
    added = tuple(
        f"stages.{stage}.{block}."
        for stage, (old, new) in enumerate(zip(stored.plan.blocks, plan.blocks, strict=True))
        for block in range(old + 1, new + 1)
    )
    for name, value in state.items():
        if name in stored.state:
            state[name] = torch.from_numpy(stored.state[name])
        elif name.startswith(added) and name.endswith("pointwise.1.weight"):
            state[name] = torch.zeros_like(value)
        elif not name.startswith(added) and not name.endswith(_COUNTER):
            raise InputError(f"{path} has no weights {name}")
    network.load_state_dict(state)
    return stored.scenes
