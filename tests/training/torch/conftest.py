"""PyTorch for these tests: the one that is installed, or Debian's by links to it alone.

All of them are slow tests, so that the fast suite need not import a second framework, and CI can
begin it before PyTorch is there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is imported: kernels on a CPU

DEBIAN = Path("/usr/lib/python3/dist-packages")


def _has_torch() -> bool:
    return find_spec("torch") is not None


def _link_debian() -> None:
    """Debian's PyTorch is for Debian's Python, of which nothing else is wanted here."""
    folder = Path(tempfile.gettempdir()) / f"facesdk-torch-of-debian-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for name in ("torch", "torchgen"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(DEBIAN / name)
    sys.path.append(str(folder))
    os.environ["FACESDK_TORCH"] = str(folder)  # for the processes that tests start


if not _has_torch() and sys.version_info[:2] == (3, 11) and (DEBIAN / "torch").is_dir():
    _link_debian()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return True if config.getoption("markexpr") == "not slow" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All are slow, and none may give a warning of PyTorch's own kind.

    pytest-xdist ends at a warning whose class it cannot import in the process that hands tests out.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            if _has_torch():
                item.add_marker(pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"))
