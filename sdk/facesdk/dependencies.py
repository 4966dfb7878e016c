"""Which libraries facesdk needs, and what is said of one that is missing or broken.

A library that is broken fails where it is imported, with an error of its own making: a shared
object that is not there, a file for another processor or Python, a NumPy of another generation.
:func:`naming_broken_libraries` makes one :class:`~facesdk.errors.DependencyError` of them all.
"""

from __future__ import annotations

import dis
import importlib
import importlib.metadata
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from functools import cache
from types import ModuleType, TracebackType

from facesdk.errors import DependencyError, FaceSDKError, one_line

LIBRARIES = {
    "numpy": "numpy",
    "PIL.Image": "pillow",
    "platformdirs": "platformdirs",
    "rich.console": "rich",
    "typer": "typer",
}
"""The distribution of each library that the device side imports, by a module that loads its native
part. Runtimes are in :mod:`facesdk.runtime.backend`."""

EXTRA_LIBRARIES = {
    "cv2": "camera",
    "cryptography.hazmat.bindings._rust": "gallery",
    "faiss": "index",
    "pillow_heif": "photos",
    "psycopg": "postgres",
}
"""The extra of each further library with a native part, by a module that loads it."""

_OURS = {"facesdk", "facesdk_training", "facesdk_converters"}
_MODULE_LEVEL = "<module>"
_SHARED_OBJECT = re.compile(r"(\S+\.so[\w.]*): cannot open shared object file")
_MOST_CHARACTERS = 200


@contextmanager
def naming_broken_libraries() -> Iterator[None]:
    """Let a library that cannot be imported raise :class:`DependencyError`, any other error pass.

    Raises:
        DependencyError: A library that is not ours is missing or broken; the message names it and
            the remedy.
        KeyboardInterrupt: The error is what a library made of one.
    """
    try:
        yield
    except Exception as error:
        broken = broken_library(error)
        if broken is None:
            raise
        raise broken from error


def import_library(module: str) -> ModuleType:
    """Import a module that is not ours.

    Raises:
        DependencyError: It cannot be imported, whatever the error is.
        KeyboardInterrupt: The error is what a library made of one.
    """
    try:
        with nullcontext() if module in sys.modules else holding_output():
            return importlib.import_module(module)
    except Exception as error:
        raise (broken_library(error) or _broken(_top(module), error)) from error


@contextmanager
def holding_output() -> Iterator[None]:
    """Show what Python code writes to stdout and stderr in the block only if the block succeeds.

    Libraries explain at length why they cannot be imported, beside the exception that says it.
    FACESDK_DEBUG=1 shows it all.
    """
    if os.environ.get("FACESDK_DEBUG") or sys.stdout is None or sys.stderr is None:
        yield
        return
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        yield
    for stream, held in ((sys.stdout, out), (sys.stderr, err)):
        if held.getvalue():
            with suppress(OSError):  # a closed stream: nobody sees it
                stream.write(held.getvalue())


def broken_library(error: Exception) -> DependencyError | None:
    """What to say if an error means that a library is missing or broken; None for other errors.

    It does if no module of ours is at fault: the error is raised while a foreign module is being
    imported, or says that one cannot be. An ``ImportError`` about a module of ours is a bug.

    Raises:
        KeyboardInterrupt: The error is what a library made of one.
    """
    if isinstance(error, (FaceSDKError, MemoryError)):
        return None
    _raise_interruption(error)
    above, foreign = _beyond_us(error.__traceback__)
    if isinstance(error, ImportError):
        wanted = _top(error.name or "")
        if wanted in _OURS:
            return None
        if isinstance(error, ModuleNotFoundError) and wanted == error.name:
            return _missing(wanted, foreign)
        library = foreign[-1][0] if foreign else wanted
        return _broken(library, error) if library else None
    if any(function == _MODULE_LEVEL for _, function in foreign):
        return _broken(foreign[-1][0], error)
    if (library := _top(_being_imported(error.__traceback__))) and library not in _OURS:
        return _broken(library, error)
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType) and not foreign:
        library = _top(error.obj.__name__)
        hollow = getattr(error.obj, "__file__", None) is None
        if library not in _OURS and (hollow or above == _MODULE_LEVEL):
            return _broken(library, error)
    return None


def _raise_interruption(error: Exception) -> None:
    """Raise the Ctrl-C that an error came from: native code makes another error of it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt) or KeyboardInterrupt.__name__ in str(cause):
            raise KeyboardInterrupt from error
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__


def installed(module: str) -> tuple[str, str | None]:
    """The distribution that a module is of, and its version; None where it is not installed.

    Args:
        module: A module's name, for example ``"PIL.Image"``.
    """
    top = _top(module)
    known = {_top(name): distribution for name, distribution in LIBRARIES.items()}
    found = _distributions().get(top)
    distribution = found[0] if found else known.get(top, top.replace("_", "-"))
    try:
        return distribution, importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return distribution, None


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Those of each top-level module: slow, as it reads the lists of files of all that is there."""
    return importlib.metadata.packages_distributions()


def _beyond_us(traceback: TracebackType | None) -> tuple[str, list[tuple[str, str]]]:
    """Our last function in a traceback, and library and function of each frame after it.

    Python's own modules are left out: what fails in one was asked for by who called it.
    """
    ours = ""
    foreign: list[tuple[str, str]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        name = _top(frame.f_globals.get("__name__") or "")
        if name in _OURS:
            ours, foreign = frame.f_code.co_name, []
        elif name and name not in sys.stdlib_module_names:
            foreign.append((name, frame.f_code.co_name))
        traceback = traceback.tb_next
    return ours, foreign


def _being_imported(traceback: TracebackType | None) -> str:
    """The module that the innermost frame imports; "" if it does something else.

    No frame is left of a module that cannot even be compiled, a file of zeros for example: Python
    takes those of its import machinery out of tracebacks.
    """
    if traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    for instruction in dis.get_instructions(traceback.tb_frame.f_code):
        if instruction.offset == traceback.tb_lasti and instruction.opname == "IMPORT_NAME":
            return str(instruction.argval)
    return ""


def _missing(module: str, foreign: list[tuple[str, str]]) -> DependencyError:
    if module in sys.stdlib_module_names:
        return DependencyError(
            f"this Python ({sys.executable}) was built without its module {module}: "
            "install a complete Python"
        )
    asking = foreign[-1][0] if foreign else "facesdk"
    if asking not in ("facesdk", module) and module not in map(_top, LIBRARIES):
        distribution, version = installed(asking)
        return DependencyError(
            f"{_called(distribution, version)} lacks {module}, which it needs: "
            f"run `pip install {_pinned(distribution, version)}`"
        )
    distribution, version = installed(module)
    if version is not None:
        return DependencyError(
            f"{_called(distribution, version)} is broken, its module {module} is gone: "
            f"{_reinstall(distribution, version)}"
        )
    extra = next((name for path, name in EXTRA_LIBRARIES.items() if _top(path) == module), None)
    package = distribution if extra is None else f"'facesdk-edge[{extra}]'"
    return DependencyError(
        f"{distribution} is not installed, and facesdk needs it: run `pip install {package}`"
    )


def _broken(library: str, error: Exception) -> DependencyError:
    cause: BaseException = error
    while isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    if library in sys.stdlib_module_names:
        return DependencyError(
            f"Python's own module {library} cannot be imported "
            f"({one_line(cause, _MOST_CHARACTERS)}): install a complete Python"
        )
    distribution, version = installed(library)
    return DependencyError(
        f"{_called(distribution, version)} cannot be loaded ({one_line(cause, _MOST_CHARACTERS)}): "
        + remedy(distribution, version, f"{error} {cause}")
    )


def remedy(distribution: str, version: str | None, reason: str) -> str:
    """What to do about an installed distribution whose import fails.

    Args:
        distribution: Its name.
        version: Its version; None where its metadata is missing.
        reason: The words of the error.
    """
    shared = _SHARED_OBJECT.search(reason)
    if shared and version is not None and not _brings(distribution, shared[1]):
        return (
            f"install the system's package of {shared[1]} "
            f"(on Debian `apt-file search {shared[1]}` names it)"
        )
    if distribution != "numpy" and "numpy" in reason.lower():
        return (
            f"it was built for another NumPy than the {installed('numpy')[1]} that is installed: "
            f"run `pip install --upgrade {distribution}`, or `pip install 'numpy<2'`"
        )
    return _reinstall(distribution, version)


def _brings(distribution: str, name: str) -> bool:
    files = importlib.metadata.files(distribution) or []
    return any(file.name == name.rpartition("/")[2] for file in files)


def _reinstall(distribution: str, version: str | None) -> str:
    return f"run `pip install --force-reinstall --no-deps {_pinned(distribution, version)}`"


def _pinned(distribution: str, version: str | None) -> str:
    return distribution if version is None else f"{distribution}=={version}"


def _called(distribution: str, version: str | None) -> str:
    return distribution if version is None else f"{distribution} {version}"


def _top(module: str) -> str:
    return module.partition(".")[0]
