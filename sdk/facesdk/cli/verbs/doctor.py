"""``facesdk doctor``: what this installation can do, and what is wrong with it."""

from __future__ import annotations

import importlib
import json as json_module
import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from facesdk.cli import options
from facesdk.dependencies import (
    EXTRA_LIBRARIES,
    LIBRARIES,
    holding_output,
    import_library,
    installed,
    naming_broken_libraries,
)
from facesdk.errors import EXIT_UNAVAILABLE, FaceSDKError, ModelError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.registry import ModelEntry
from facesdk.runtime import delegate, operator_library
from facesdk.runtime.backend import load_backend
from facesdk.runtime.cpu import Cpu, describe_cpu
from facesdk.runtime.operator_library import OperatorLibrary
from facesdk.version import __version__

_AGAIN = "install facesdk again, from a whole wheel"


def doctor(json: options.Json = False) -> None:
    """Report the libraries, the runtime, the operators, the CPU and the models; status 3 if one is
    broken.

    Each packaged model runs once. Libraries of extras are looked at where they are installed.

    Examples:

        facesdk doctor

        facesdk doctor --json | jq -r .ops.isa
    """
    problems: list[str] = []
    cpu = describe_cpu()
    report = {
        "facesdk": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_row(cpu),
        "libraries": _libraries(problems),
        "runtime": _probe(_runtime, problems),
        "ops": _probe(lambda: _operators(cpu), problems),
        "models": _models(problems),
        "problems": problems,
    }
    if json:
        typer.echo(json_module.dumps(report))
    else:
        for key, value in report.items():
            typer.echo(_line(key, value))
    if problems:
        raise typer.Exit(EXIT_UNAVAILABLE)


def _probe(part: Callable[[], Any], problems: list[str]) -> Any:
    """What a part says of itself; None if it is not usable, which is added to the problems once."""
    try:
        with holding_output(), naming_broken_libraries():
            return part()
    except FaceSDKError as error:
        if str(error) not in problems:
            problems.append(str(error))
        return None


def _libraries(problems: list[str]) -> dict[str, str | None]:
    """Version of each library by its distribution's name; None if it cannot be imported.

    Those of extras are looked at where they are installed. One that is only hollow is found by
    importing the modules that use it.
    """
    versions = {}
    for module in (*LIBRARIES, *EXTRA_LIBRARIES):
        distribution, version = installed(module)
        if version is None and module in EXTRA_LIBRARIES:
            continue
        usable = _probe(partial(import_library, module), problems)
        versions[distribution] = None if usable is None else version or "unknown"
    if not problems:
        _probe(partial(importlib.import_module, "facesdk.engine"), problems)
    return versions


def _runtime() -> dict[str, str]:
    backend = load_backend()
    return {"name": backend.name, "version": backend.version}


def _operators(cpu: Cpu) -> dict[str, Any]:
    """Loads the library into the runtime as well, so a broken pair is found here."""
    library = operator_library.describe_library()
    delegate.load_operators(load_backend())
    return {
        "path": str(library.path),
        "version": library.version,
        "isa": library.isa,
        "why": _why(library, cpu),
        "available": list(library.available),
        "unavailable": {
            path.name: {"requires": path.requires, "missing": list(cpu.missing(path.requires))}
            for path in library.paths
            if not path.supported
        },
    }


def _why(library: OperatorLibrary, cpu: Cpu) -> str:
    """Why the library runs the kernel path it runs."""
    names = [path.name for path in library.paths]
    chosen = library.paths[names.index(library.isa)]
    if library.forced:
        best = library.available[-1]
        faster = f"; {best} would be faster" if best != library.isa else ""
        return f"{operator_library.FORCED_PATH} forces it{faster}"
    reasons = []
    for path in library.paths[names.index(library.isa) + 1 :]:
        missing = cpu.missing(path.requires)
        lack = f", this CPU lacks {', '.join(missing)}" if missing else ", which is not usable here"
        reasons.append(f"{path.name} needs {path.requires}{lack}")
    if reasons:
        return f"the best this CPU can run; {'; '.join(reasons)}"
    having = f"; this CPU has {chosen.requires}" if chosen.requires else ""
    return f"the best there is{having}"


def _models(problems: list[str]) -> list[dict[str, Any]] | None:
    """The packaged models, each with whether it runs."""
    entries = _probe(registry.packaged, problems)
    if entries is None:
        return None
    names = {entry.contract.name for entry in entries}
    if missing := [name for name in registry.NEEDED if name not in names]:
        what = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not"
        problems.append(f"{what if entries else 'no model is'} packaged: {_AGAIN}")
    return [
        {**entry.to_dict(), "runs": _probe(partial(_run, entry), problems) is not None}
        for entry in entries
    ]


def _run(entry: ModelEntry) -> bool:
    """One inference on zeros.

    Raises:
        FaceSDKError: It fails; the message says why.
    """
    import numpy as np

    from facesdk.runtime.interpreter import Interpreter

    network = Interpreter(ModelBundle.load(entry.path))
    shapes = zip(network.input_shapes, network.input_dtypes, strict=True)
    outputs = network.run(*(np.zeros(shape, dtype) for shape, dtype in shapes))
    if not all(np.isfinite(output).all() for output in outputs):
        raise ModelError(f"{entry.path} computes values that are not finite")
    return True


def _cpu_row(cpu: Cpu) -> dict[str, Any]:
    return {"machine": cpu.machine, "model": cpu.model, "threads": cpu.threads}


def _line(key: str, value: Any) -> str:
    if key == "models":
        value = ", ".join(
            f"{row['name']} ({row['bytes']:,} bytes, {'runs' if row['runs'] else 'DOES NOT RUN'})"
            for row in value or []
        )
    elif key == "problems":
        value = "; ".join(value) or "none"
    elif key == "libraries":
        value = ", ".join(f"{name} {version or 'NOT USABLE'}" for name, version in value.items())
    elif key == "cpu":
        value = f"{value['machine']} | {value['model']} | {value['threads']} threads"
    elif key == "ops" and value is not None:
        value = (
            f"{value['path']} | {value['version']} | {value['isa']}: {value['why']} | "
            f"can run {', '.join(value['available'])} | threads: the interpreter's num_threads"
        )
    elif isinstance(value, dict):
        value = " | ".join(value.values())
    return f"{key:<9} {value if value is not None else 'NOT USABLE, see problems'}"
