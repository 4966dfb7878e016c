"""Command lines that nobody would type: verbs with options and values that do not belong together.

Usage: python tests/sdk/hostile/fuzz_options.py COUNT SEED. Prints one JSON object: how often each
verb ended with each exit status, and what escaped, with its command line: another exception than
SystemExit, a status that is not one of our errors, the end of a process, or more than SECONDS of
the processor.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import typer

from facesdk.cli.main import app
from facesdk.errors import one_line
from facesdk.models import registry
from facesdk.samples import OBAMA

_AT_ONCE, SECONDS = 100, 60
STATUSES = range(7)
"""Those of ``facesdk.errors`` that an end on purpose has."""

VERBS = (
    "detect", "align", "embed", "verify", "identify", "people", "forget",
    "models show", "models edit", "models pack", "models unpack", "calibrate",
    "evaluate lfw", "evaluate identification", "evaluate folder", "evaluate bin", "doctor",
)  # fmt: skip

NUMBERS = (
    "0",
    "1",
    "-1",
    "3",
    "0.5",
    "1e-3",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "9" * 400,
    "0x10",
    "\u0661",
)
TEXTS = (
    "", " ", "-", "--", "a" * 300, "größe", "e\u0301", "\udcff", "../..", "*.jpg", "[", "key=value",
    "=", "name=", "x:y", "http://127.0.0.1:1/a.jpg", "data:image/png;base64,AA", "\n", "\x1b[31m",
)  # fmt: skip
FILES = ("face.png", "half.jpg", "empty.jpg", "text.jpg", "model.tflite", "contract.json",
         "model.tflite.pack", "pairs.txt", "people", "nowhere.jpg", "nowhere/out.png", "/dev/null",
         "gallery.db")  # fmt: skip


def make_files(folder: Path) -> None:
    """What command lines name."""
    from PIL import Image

    with Image.open(OBAMA) as photo:
        photo.resize((91, 114)).save(folder / "face.png")
    content = (folder / "face.png").read_bytes()
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no photo\n")
    (folder / "contract.json").write_text("{}")
    (folder / "pairs.txt").write_text("1\t1\nann\t1\t2\nann\t1\tben\t1\n")
    (folder / "model.tflite").write_bytes(registry.resolve("mtcnn-pnet").read_bytes())
    for name in ("ann", "ben"):
        (folder / "people" / name).mkdir(parents=True)
        for number in (1, 2):
            (folder / "people" / name / f"{name}_{number:04}.png").write_bytes(content)


def commands() -> dict[str, list[Any]]:
    """The parameters of each verb."""
    found = {}
    for verb in VERBS:
        context: Any = typer.main.get_command(app).make_context("", [], resilient_parsing=True)
        for word in verb.split():
            command = context.command.get_command(context, word)
            assert command is not None, verb
            context = command.make_context(word, [], context, resilient_parsing=True)
        found[verb] = context.command.params
    return found


def line(rng: random.Random, verb: str, parameters: list[Any]) -> list[str]:
    """A command line."""

    def value() -> str:
        return rng.choice(rng.choice((NUMBERS, TEXTS, FILES, FILES)))

    words = [
        value() if rng.random() < 0.5 else rng.choice(FILES[:5]) for _ in range(rng.randint(0, 3))
    ]
    for parameter in rng.sample(parameters, min(len(parameters), rng.randint(0, 4))):
        if parameter.param_type_name == "option":
            words.append(rng.choice([*parameter.opts, *parameter.secondary_opts]))
            if not parameter.is_flag or rng.random() < 0.1:
                choices = getattr(getattr(parameter, "type", None), "choices", None)
                words.append(
                    str(rng.choice(list(choices))) if choices and rng.random() < 0.5 else value()
                )
    if rng.random() < 0.2:
        rng.shuffle(words)
    return [*verb.split(), *words]


def run(words: list[str]) -> str:
    """How a command line ends: its status, or what escaped."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor, however busy it is
    signal.alarm(20 * SECONDS)
    try:
        app(words, prog_name="facesdk")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        return str(code) if code in STATUSES else f"status {code}"
    except BaseException as error:
        return f"{type(error).__name__}: {one_line(error)} {traceback.format_exc()[-300:]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return "0"


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    found = commands()
    counts: Counter[str] = Counter()
    escaped: list[str] = []
    for start in range(0, count, _AT_ONCE):
        with tempfile.TemporaryDirectory() as name:
            make_files(Path(name))
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                os.chdir(name)
                null = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(null, descriptor)
                with os.fdopen(writer, "w", errors="backslashreplace") as results:
                    for number in range(start, min(start + _AT_ONCE, count)):
                        rng = random.Random(seed + number)
                        verb = rng.choice(list(found))
                        words = line(rng, verb, found[verb])
                        print(json.dumps([verb, shlex.join(words)]), file=results, flush=True)
                        print(json.dumps(run(words)), file=results, flush=True)
                os._exit(0)
            os.close(writer)
            with os.fdopen(reader) as results:
                rows = [json.loads(row) for row in results]
            _, status = os.waitpid(child, 0)
            shutil.rmtree(Path(name, "people"), ignore_errors=True)
        for (verb, words), end in zip(rows[::2], rows[1::2], strict=False):
            counts[f"{verb}: {end if end.isdecimal() else 'escaped'}"] += 1
            if not end.isdecimal():
                escaped.append(f"{words}: {end}")
        if status:
            escaped.append(f"signal {status & 127}, status {status >> 8}: {rows[-1][1]}")
    print(json.dumps({"counts": dict(sorted(counts.items())), "escaped": escaped}, indent=1))


if __name__ == "__main__":
    main()
