"""The first run of a model that is not packaged: in a process of its own, with limits.

A runtime trusts what a file says of its operators, and a file that is damaged or made to do harm
can end the process, take all memory or run for ever. So a model runs first where it can do none of
this to the caller; once it has ended well, a mark in the cache folder says so, by the model's
digest, the runtime and the shapes of its inputs.

This is no sandbox: it is about crashes, and the process may do all that its user may.
"""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from facesdk.errors import EXIT_BAD_INPUT, EXIT_UNAVAILABLE, InputError, ModelError, one_line
from facesdk.files import cache_folder, make_folder, write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.backend import load_backend
from facesdk.version import __version__

MEMORY_LIMIT = (4 << 30) if sys.maxsize > 1 << 32 else (1 << 31) - 1
"""Bytes of address space that such a process may have."""
CPU_SECONDS = 60
"""Processor time that it may take for two runs; it may last twice as long."""

OUT_OF_MEMORY = 75
"""Its exit status when memory is at an end."""

_PROGRAM = (
    "import sys; sys.path = [entry for entry in sys.path if entry]; "
    "from facesdk.runtime.probe_run import main; main()"
)
"""Without the working folder, where anything may lie, among the places of modules."""
_REMEDY = "if you know where it comes from, --trust or trust=True runs it as it is"


def require_safe(bundle: ModelBundle, shapes: Sequence[tuple[int, ...]] | None = None) -> None:
    """Raise unless a model is trusted, or has once been run to the end.

    Args:
        bundle: The model.
        shapes: Shapes of its inputs; None for those of the file.

    Raises:
        ModelError: It crashes the runtime, exceeds a limit, or the runtime refuses it.
        RuntimeUnavailableError: No runtime is installed.
    """
    if bundle.trusted:
        return
    backend = load_backend()
    said = (bundle.sha256, shapes and [tuple(row) for row in shapes], backend.name)
    parts = (*said, backend.version, platform.machine(), __version__)
    mark = cache_folder("probes") / hashlib.sha256(repr(parts).encode()).hexdigest()
    if mark.exists():
        return
    if _ran(bundle, shapes):
        with suppress(InputError):  # a folder that cannot be written: the next run probes again
            make_folder(mark.parent)
            write_atomic(mark, b"")


def _ran(bundle: ModelBundle, shapes: Sequence[tuple[int, ...]] | None) -> bool:
    """Whether it ran; False where this installation cannot run it, which its user is told later."""
    arguments = [str(bundle.path), ";".join(",".join(map(str, row)) for row in shapes or ())]
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments],
            input=bundle.content,
            capture_output=True,
            timeout=2 * CPU_SECONDS,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise _too_long(bundle) from None
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{bundle.path} cannot be tried in a process of its own ({one_line(error)}); {_REMEDY}"
        ) from None
    status = ended.returncode
    if status in (0, EXIT_UNAVAILABLE):
        return status == 0
    if status == -signal.SIGXCPU:
        raise _too_long(bundle)
    if status < 0:
        raise ModelError(
            f"{bundle.path} crashes the runtime ({signal.Signals(-status).name} in a process "
            "of its own): it is damaged, or made to do harm"
        )
    said = one_line(ended.stdout.decode("utf-8", "replace"))
    if status == EXIT_BAD_INPUT and said:
        raise ModelError(said)
    if status == OUT_OF_MEMORY:
        raise ModelError(
            f"{bundle.path} needs more than {MEMORY_LIMIT >> 20:,} MiB to run; {_REMEDY}"
        )
    reason = (ended.stderr.decode("utf-8", "replace").strip().splitlines() or [f"status {status}"])[
        -1
    ]
    raise ModelError(f"{bundle.path} failed in a process of its own ({one_line(reason, 200)})")


def _too_long(bundle: ModelBundle) -> ModelError:
    return ModelError(
        f"{bundle.path} did not end its first run within {CPU_SECONDS} s of processor time; "
        f"{_REMEDY}"
    )
