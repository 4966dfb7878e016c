"""Run facesdk as command lines do: ``python run_commands.py COMMANDS``, a JSON list of lists.

Runs on the emulated computer, where each start of Python takes seconds: one start for several
command lines. Prints a JSON list: exit status, standard output and standard error of each.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from facesdk.__main__ import main


def run(arguments: list[str]) -> tuple[object, str, str]:
    sys.argv = ["facesdk", *arguments]
    out, errors, status = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            status = end.code
    return status or 0, out.getvalue(), errors.getvalue()


if __name__ == "__main__":
    print(json.dumps([run(arguments) for arguments in json.loads(sys.argv[1])]))
