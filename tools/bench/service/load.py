"""Requests per second of `facesdk serve` at several numbers of clients, and whether any is lost.

    python -m tools.bench.service.load --seconds 3 --rounds 3

Prints Markdown. The service is a process of its own on the loopback interface; clients are threads
of this one, each with a connection that it keeps, and each asks again as soon as it has an answer.
Numbers of clients take turns. A client that is refused (429) waits a tenth of a second. A turn in
which other programs took more than a tenth of a processor is not counted and is taken again, up to
three times; the table says how many were taken all the same (Linux only: it reads /proc).
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from facesdk.measure.distribution import Distribution
from facesdk.measure.timing import Policy
from facesdk.samples import OBAMA
from tools.bench.heading import heading

CLIENTS = (1, 8, 32)
_SIZE = (640, 480)
_PATIENCE_S = 0.1
_TRIES = 3
_DISTURBED = 0.1
"""Processors that other programs may take."""


@dataclass
class Load:
    """What became of the requests of a number of clients.

    Attributes:
        seconds: How long they asked, over all rounds.
        times: Milliseconds of each answer that was no refusal.
        answers: Number of answers by status.
        lost: Requests without an answer.
    """

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    lost: int = 0

    def add(self, other: Load) -> None:
        """Add what became of other requests."""
        self.seconds += other.seconds
        self.times += other.times
        self.answers += other.answers
        self.lost += other.lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of a number of clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--waiting", type=int, default=16)
    parser.add_argument("--processes", action="store_true", help="workers are processes")
    arguments = parser.parse_args()
    loads = {clients: Load() for clients in CLIENTS}
    disturbed = 0
    with tempfile.TemporaryDirectory() as folder:
        line = [
            *(sys.executable, "-m", "facesdk", "serve", "--json", "--port", "0"),
            *("--token-file", f"{folder}/token.json"),
            *("--workers", str(arguments.workers), "--waiting", str(arguments.waiting)),
            *(("--processes",) if arguments.processes else ()),
        ]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as service:
            try:
                assert service.stdout is not None
                said = json.loads(service.stdout.readline())
                port = int(said["url"].rstrip("/").rpartition(":")[2])
                ask(port, said["token"], 1, 1.0, Load())
                for _ in range(arguments.rounds):
                    for clients, load in loads.items():
                        for _ in range(_TRIES):
                            turn = Load()
                            begun = _others_s(service.pid)
                            ask(port, said["token"], clients, arguments.seconds, turn)
                            others = _others_s(service.pid) - begun
                            if others <= _DISTURBED * turn.seconds:
                                break
                        else:
                            disturbed += 1
                        load.add(turn)
                memory = _memory_mb(service.pid)
            finally:
                service.terminate()
    policy = Policy(arguments.rounds, 1, 0.0, 0)
    print(
        f"{heading(policy, 1)}; POST /v1/detect of a JPEG of {_SIZE[0]}x{_SIZE[1]}, max_faces 1; "
        f"{arguments.workers} {'processes' if arguments.processes else 'threads'}, "
        f"{arguments.waiting} may wait; {arguments.seconds:g} s per number of clients and round; "
        f"memory of all processes at the end {memory:.0f} MB; other programs disturbed "
        f"{disturbed} of {arguments.rounds * len(CLIENTS)} turns\n"
    )
    print(table(loads))


def table(loads: dict[int, Load]) -> str:
    """A Markdown table; the last column is the throughput beside that of the first row."""
    lines = [
        "| clients | answered | per second | median ms | p99 ms | refused (429) | other | lost "
        "| throughput |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    first = next(iter(loads.values()))
    for clients, load in loads.items():
        times = Distribution.of(load.times)
        others = sum(load.answers.values()) - load.answers[200] - load.answers[429]
        rate, base = load.answers[200] / load.seconds, first.answers[200] / first.seconds
        p99 = "-" if times.p99 is None else f"{times.p99:.1f}"
        lines.append(
            f"| {clients} | {load.answers[200]} | {rate:.1f} | {times.median:.1f} | {p99} "
            f"| {load.answers[429]} | {others} | {load.lost} | {rate / base:.2f} |"
        )
    return "\n".join(lines)


def ask(port: int, token: str, clients: int, seconds: float, load: Load) -> None:
    """Let clients ask a service for a while, and add what became of it to ``load``."""
    body, headers = _request(token)
    lock = threading.Lock()
    began = time.perf_counter()
    end = began + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                connection.request("POST", "/v1/detect", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                with lock:
                    load.lost += 1
                connection.close()
                continue
            with lock:
                load.answers[answer.status] += 1
                if answer.status == http.client.OK:
                    load.times.append(1e3 * (time.perf_counter() - start))
            if answer.status == http.client.TOO_MANY_REQUESTS:
                time.sleep(_PATIENCE_S)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds += time.perf_counter() - began


def _request(token: str) -> tuple[bytes, dict[str, str]]:
    stream = io.BytesIO()
    with Image.open(OBAMA) as photo:
        photo.convert("RGB").crop((150, 20, 850, 545)).resize(_SIZE).save(stream, "JPEG")
    parts = (
        b'--b\r\nContent-Disposition: form-data; name="max_faces"\r\n\r\n1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    )
    return parts + stream.getvalue() + b"\r\n--b--\r\n", {
        "Authorization": f"Bearer {token}",
        "Content-Type": "multipart/form-data; boundary=b",
    }


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and all that it started, what they share counted once.

    Pages of files count in full, though other programs may have them too: so the figure does not
    depend on what else runs.
    """
    anonymous, files = 0, Counter[tuple[str, str]]()
    for one in _family(pid):
        anonymous += sum(_kilobytes(_read(f"/proc/{one}/smaps_rollup"), "Pss_Anon"))
        mappings = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", _read(f"/proc/{one}/smaps"), flags=re.M)
        for mapping in mappings[1:]:
            head = mapping.partition("\n")[0].split(maxsplit=5)
            where = (head[5] if len(head) > 5 else "", head[2])
            resident = sum(_kilobytes(mapping, "Rss")) - sum(_kilobytes(mapping, "Anonymous"))
            files[where] = max(files[where], resident)
    return (anonymous + files.total()) * 1024 / 1e6


def _kilobytes(text: str, name: str) -> list[int]:
    return [int(value) for value in re.findall(rf"^{name}: +([0-9]+) kB", text, re.M)]


def _others_s(pid: int) -> float:
    """Seconds of processor time since the start that were not this program's and not a service's.

    Args:
        pid: The service.
    """
    user, nice, system, _, _, irq, soft = map(int, _read("/proc/stat").split()[1:8])
    ticks = user + nice + system + irq + soft
    for one in (os.getpid(), *_family(pid)):
        ticks -= sum(map(int, _read(f"/proc/{one}/stat").rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = map(int, _read(f"/proc/{pid}/task/{pid}/children").split())
    return [pid, *(one for child in children for one in _family(child))]


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
