"""Whether this computer can run the kernels.

A MobileFaceNet's training step waits for memory, not for arithmetic: the modules beside this one
read and write less of it. They need the library triton, so they are imported when they are used.
"""

from __future__ import annotations

import importlib.util

import torch


def missing() -> str:
    """Why the kernels cannot be had; empty if they can."""
    if importlib.util.find_spec("triton") is None:
        return "the library triton is not installed"
    return "" if torch.cuda.is_available() else "there is no GPU to compile for"
