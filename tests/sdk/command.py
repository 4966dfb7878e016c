"""``facesdk`` in a process of its own, forked where its libraries are imported already.

A new Python takes longer to import them than most verbs take. What is imported is all that such a
process shares with another: arguments, environment, descriptors and status are its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

_SERVER = """
import json, os, signal, sys
import numpy, PIL.Image, rich.console
import facesdk.cli.main, facesdk.engine, facesdk.runtime.interpreter
from facesdk.__main__ import main
for line in sys.stdin:
    order = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    for stream, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        os.dup2(os.open(order["streams"][stream], mode), stream)
    sys.argv, status = ["facesdk", *order["arguments"]], 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
"""


@cache
def _server() -> subprocess.Popen[str]:
    """Ends when this process does, which closes its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def run_forked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as ``python -m facesdk`` would, without standard input."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        out.touch()
        err.touch()
        order = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": str(Path.cwd()),
            "streams": [os.devnull, str(out), str(err)],
        }
        server = _server()
        assert server.stdin
        assert server.stdout
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(
            ["facesdk", *arguments], status, out.read_text(), err.read_text()
        )
