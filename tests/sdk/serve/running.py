"""``facesdk serve`` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jsonschema

from facesdk.cli import vocabulary


@dataclass(frozen=True)
class Running:
    """A service that answers.

    Attributes:
        url: Its address.
        token: What it printed.
        fingerprint: Of its certificate; None without one.
        process: The program.
    """

    url: str
    token: str
    fingerprint: str | None
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def stop(self, how: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to end; status, and what it has printed since it was ready."""
        self.process.send_signal(how)
        out, error = self.process.communicate(timeout=60)
        return self.process.returncode, out, error


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Running]:
    """A service whose own files are in a folder, until the end of the ``with`` block."""
    line = [sys.executable, "-m", "facesdk", "serve", "--json", "--port", "0", *options]
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "HOME": str(folder),
    }
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            said = process.stdout.readline()
            assert said, process.stderr.read()
            record = json.loads(said)
            jsonschema.validate(record, vocabulary.schema("serve"))
            yield Running(**record, process=process)
        finally:
            process.kill()
