"""Losses of distributed training, against those of one process.

Of a float network they agree to the end. The signs of a binary one flip where rounding differs,
which the number of cores is enough for: of one only the first steps are compared.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facesdk_training.runs import folder as run_folder
from training.small_runs import (
    FLOAT_NETWORK,
    VARIANTS,
    losses_of,
    small_config,
    trainer_of,
    write_material,
)

TESTS = Path(__file__).parents[2]


def start(module: str, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"training.{module}", *map(str, arguments)],
        cwd=TESTS,
        env={
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-3000:]
    return output


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def together(material: Path, run: Path, *more: str) -> list[list[float]]:
    """The losses that each of two workers prints."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [
        start(
            "small_runs",
            *(material, run, "5", *more),
            VARIANT="float",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    outputs = [printed(process) for process in processes]
    return [[float(line.split()[1]) for line in output.splitlines()] for output in outputs]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("material"))


def here(material: Path, run: Path, stop_at: int | None = None, **changes: Any) -> list[float]:
    """The losses of this process."""
    validation = {"sets": ["a"], "share": 0.5, "every": 5}
    trainer = trainer_of(run, small_config(material, validation=validation, **changes))
    return losses_of(trainer, stop_at)


@pytest.fixture(scope="module")
def alone(material: Path) -> list[float]:
    """The losses of one process, which leaves its run in the folder ``alone`` of the material."""
    return here(material, material / "alone", network=FLOAT_NETWORK)


@pytest.mark.slow
def test_two_workers_stopped_and_resumed_get_the_losses_of_one_process(
    material: Path, alone: list[float], tmp_path: Path
) -> None:
    run = tmp_path / "together"
    stopped, resumed = together(material, run, "7"), together(material, run)
    chief, other = (before + after for before, after in zip(stopped, resumed, strict=True))
    assert len(stopped[0]) == 7
    assert chief == other
    assert chief == pytest.approx(alone, rel=1e-3)
    logs = [run_folder.read_log(material / "alone"), run_folder.read_log(run)]
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]]
    assert (run / run_folder.WEIGHTS).exists()


@pytest.mark.slow
def test_two_mirrored_replicas_get_the_losses_of_one(
    material: Path, alone: list[float], tmp_path: Path
) -> None:
    """Also with crops that are spoilt alike, of which the second replica has all, and binary ones.

    Which pairs are the worst turns on rounding, so the first steps of these are compared.
    """
    mirrored = json.loads(
        printed(start("mirrored_runs", material, tmp_path, "float", "alike:4", "binary:2"))
    )
    assert mirrored["float"] == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "float" / run_folder.WEIGHTS).exists()
    alike = here(material, tmp_path / "one alike", stop_at=4, **VARIANTS["alike"])
    assert len(alike) == 4
    assert mirrored["alike"] == pytest.approx(alike, rel=2e-4)
    binary = here(material, tmp_path / "one binary", stop_at=2)
    assert len(binary) == 2
    assert binary[1] < 0.95 * binary[0]
    assert mirrored["binary"] == pytest.approx(binary, rel=1e-3)
