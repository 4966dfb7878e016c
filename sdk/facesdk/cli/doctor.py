"""``facesdk doctor``: what this installation can do, and what is wrong with it."""

from __future__ import annotations

import json as json_module
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

import facesdk
from facesdk.cli import options
from facesdk.errors import EXIT_UNAVAILABLE, FaceSDKError
from facesdk.models import registry
from facesdk.runtime import plugin
from facesdk.runtime.backend import load_backend


def doctor(json: options.Json = False) -> None:
    """Report the runtime, the operator library, the CPU and the models; status 3 if one is broken.

    Examples:

        facesdk doctor

        facesdk doctor --json | jq -r .ops.isa
    """
    problems: list[str] = []
    report = {
        "facesdk": facesdk.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "runtime": _probe(_runtime, problems),
        "ops": _probe(_operators, problems),
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


def _operators() -> dict[str, Any]:
    """Loads the library into the runtime as well, so a broken pair is found here."""
    library = plugin.describe_library()
    plugin.load_operators(load_backend())
    return {
        "path": str(library.path),
        "version": library.version,
        "isa": library.isa,
        "available": list(library.available),
    }


def _models() -> list[dict[str, Any]]:
    return [entry.to_dict() for entry in registry.packaged()]


def _cpu() -> dict[str, str]:
    """Machine type and, where the kernel tells, the model name (Linux ``/proc/cpuinfo``)."""
    cpu = {"machine": platform.machine(), "model": platform.processor() or "unknown"}
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return cpu
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            cpu["model"] = value.strip()
            break
    return cpu


def _line(key: str, value: Any) -> str:
    if key == "models":
        value = ", ".join(f"{row['name']} ({row['bytes']:,} bytes)" for row in value or [])
    elif key == "problems":
        value = "; ".join(value) or "none"
    elif isinstance(value, dict):
        parts = (", ".join(v) if isinstance(v, list) else v for v in value.values())
        value = " | ".join(parts)
    return f"{key:<9} {value if value is not None else 'NOT USABLE, see problems'}"
