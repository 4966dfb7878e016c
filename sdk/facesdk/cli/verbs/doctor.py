"""``facesdk doctor``: what this installation can do, and what is wrong with it."""

from __future__ import annotations

import json as json_module
import platform
from collections.abc import Callable
from typing import Any

import typer

from facesdk.cli import options
from facesdk.errors import EXIT_UNAVAILABLE, FaceSDKError
from facesdk.models import registry
from facesdk.runtime import delegate, operator_library
from facesdk.runtime.backend import load_backend
from facesdk.runtime.cpu import Cpu, describe_cpu
from facesdk.runtime.operator_library import OperatorLibrary
from facesdk.version import __version__


def doctor(json: options.Json = False) -> None:
    """Report the runtime, the operator library, the CPU and the models; status 3 if one is broken.

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
        "runtime": _probe(_runtime, problems),
        "ops": _probe(lambda: _operators(cpu), problems),
        "models": _probe(_models, problems),
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
    try:
        return part()
    except FaceSDKError as error:
        problems.append(str(error))
        return None


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


def _models() -> list[dict[str, Any]]:
    return [entry.to_dict() for entry in registry.packaged()]


def _cpu_row(cpu: Cpu) -> dict[str, Any]:
    return {"machine": cpu.machine, "model": cpu.model, "threads": cpu.threads}


def _line(key: str, value: Any) -> str:
    if key == "models":
        value = ", ".join(f"{row['name']} ({row['bytes']:,} bytes)" for row in value or [])
    elif key == "problems":
        value = "; ".join(value) or "none"
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
