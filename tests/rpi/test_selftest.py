"""``rpi/selftest``: one verdict, from a facesdk that works, and from ones that do not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from typing import Any

import pytest

from rpi.fake_pi import RPI

DOCTOR = {
    "facesdk": "0.1.0",
    "runtime": {"name": "litert", "version": "2.3.0"},
    "ops": {"isa": "neon"},
    "models": [{}, {}],
    "problems": [],
}
LATENCY = {"median": 12.3, "n": 20}
BENCH = {
    "environment": {"kernel_path": "neon"},
    "flags": [],
    "models": [{"latency_ms": LATENCY}],
    "cases": [{"latency_ms": LATENCY}],
}
LIVE = [
    {"event": "identified", "person": {"name": "guest"}},
    {"event": "identified", "person": None},
    {"event": "summary", "stages_ms": {"frame": {"median": 40.0}}},
]
GOOD = {
    "doctor": DOCTOR,
    "same": True,
    "other": False,
    "bench": BENCH,
    "enrol": {},
    "live": LIVE,
    "photo": "",
}

STAND_IN = """#!{python}
import json, pathlib, sys
said = json.loads(pathlib.Path({said!r}).read_text())
words = sys.argv[1:]
if words[0] == "-c":
    print(*(said["photo"] + name for name in ("a.jpg", "b.jpg", "c.jpg")), sep="\\n")
elif words[2] == "verify":
    same = said["same" if words[4].endswith("b.jpg") else "other"]
    print(json.dumps({{"same": same, "similarity": 0.6 if same else 0.1}}))
    sys.exit(0 if same else 1)
else:
    answer = said[words[2]]
    if isinstance(answer, str):
        sys.exit(answer)
    for line in answer if isinstance(answer, list) else [answer]:
        print(json.dumps(line))
"""


def selftest(
    folder: Path, said: dict[str, Any], *options: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it with a Python whose facesdk says these things."""
    python, answers = folder / "python", folder / "said.json"
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"photo" * 1000)
    answers.write_text(json.dumps(said | {"photo": f"{folder}/"}))
    python.write_text(STAND_IN.format(python=sys.executable, said=str(answers)))
    python.chmod(0o755)
    command = [sys.executable, RPI / "selftest", "--python", python, *options]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=before)


def test_everything_works(tmp_path: Path) -> None:
    done = selftest(tmp_path, GOOD)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, verdict = done.stdout.splitlines()
    assert verdict == "verdict: facesdk works on this computer"
    assert [line.split()[:2] for line in lines if not line.startswith("service")] == [
        ["doctor", "works"],
        ["verdicts", "works"],
        ["embedding", "works"],
        ["pipeline", "works"],
        ["video", "works"],
    ]


@pytest.mark.parametrize(
    ("change", "status", "verdict", "words"),
    [
        ({"doctor": DOCTOR | {"problems": ["no runtime is installed"]}}, 3, "broken", "no runtime"),
        ({"other": True}, 3, "broken", "facesdk verify is wrong about"),
        ({"same": False}, 3, "broken", "facesdk verify is wrong about"),
        ({"live": LIVE[1:]}, 3, "broken", "facesdk live made [None]"),
        ({"live": [LIVE[0], LIVE[0], LIVE[2]]}, 3, "broken", "made ['guest', 'guest']"),
        ({"bench": "facesdk: no operators"}, 3, "broken", "facesdk: no operators"),
        ({"bench": {}}, 3, "broken", "unexpected output"),
        ({"bench": BENCH | {"models": []}}, 3, "broken", "unexpected output"),
        (
            {"bench": BENCH | {"flags": [{"code": "throttled", "message": ""}]}},
            4,
            "doubtful",
            "flagged: throttled",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, change: dict[str, Any], status: int, verdict: str, words: str
) -> None:
    done = selftest(tmp_path, GOOD | change, "--json")
    assert done.returncode == status, done.stderr
    record = json.loads(done.stdout)
    assert record["verdict"] == verdict
    assert any(words in check["summary"] for check in record["checks"])
    states = {check["state"] for check in record["checks"]}
    assert verdict in states


def test_a_disk_that_is_full_is_no_traceback(tmp_path: Path) -> None:
    done = selftest(tmp_path, GOOD, "--json", before=lambda: setrlimit(RLIMIT_FSIZE, (1000, 1000)))
    assert (done.returncode, done.stderr) == (3, "")
    states = {row["name"]: row["summary"] for row in json.loads(done.stdout)["checks"]}
    assert "File too large" in states["video"]


def test_a_python_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, RPI / "selftest", "--python", tmp_path / "none"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr == ""
    assert "cannot be started" in done.stdout


@pytest.mark.slow
def test_it_finds_that_this_installation_works() -> None:
    command = [sys.executable, RPI / "selftest", "--python", sys.executable, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    record = json.loads(done.stdout)
    assert record["verdict"] in ("works", "doubtful"), record
    assert {"doctor", "verdicts", "embedding", "pipeline", "video"} <= {
        check["name"] for check in record["checks"]
    }
