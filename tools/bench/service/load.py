"""Requests per second of `facesdk serve` at several numbers of clients, and whether any is lost.

    python -m tools.bench.service.load --seconds 3 --rounds 3

Prints Markdown. The service is a process of its own on the loopback interface; clients are threads
of this one, each with a connection that it keeps, and each asks again as soon as it has an answer.
Numbers of clients take turns. A client that is refused (429) waits a tenth of a second. On a
machine that others use, only the ratios mean something.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from PIL import Image

from facesdk.measure.distribution import Distribution
from facesdk.measure.timing import Policy
from facesdk.samples import OBAMA
from tools.bench.heading import heading

CLIENTS = (1, 8, 32)
_SIZE = (640, 480)
_PATIENCE_S = 0.1


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of a number of clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--waiting", type=int, default=16)
    arguments = parser.parse_args()
    loads = {clients: Load() for clients in CLIENTS}
    with tempfile.TemporaryDirectory() as folder:
        line = [
            *(sys.executable, "-m", "facesdk", "serve", "--json", "--port", "0"),
            *("--token-file", f"{folder}/token.json"),
            *("--workers", str(arguments.workers), "--waiting", str(arguments.waiting)),
        ]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as service:
            try:
                assert service.stdout is not None
                said = json.loads(service.stdout.readline())
                port = int(said["url"].rstrip("/").rpartition(":")[2])
                ask(port, said["token"], 1, 1.0, Load())
                for _ in range(arguments.rounds):
                    for clients, load in loads.items():
                        ask(port, said["token"], clients, arguments.seconds, load)
                memory = _status(port, said["token"])["memory_mb"]
            finally:
                service.terminate()
    policy = Policy(arguments.rounds, 1, 0.0, 0)
    print(
        f"{heading(policy, 1)}; POST /v1/detect of a JPEG of {_SIZE[0]}x{_SIZE[1]}, max_faces 1; "
        f"{arguments.workers} workers, {arguments.waiting} may wait; {arguments.seconds:g} s per "
        f"number of clients and round; resident memory at the end {memory} MB\n"
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


def _status(port: int, token: str) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/v1/status", headers={"Authorization": f"Bearer {token}"})
    found: dict[str, float] = json.loads(connection.getresponse().read())
    connection.close()
    return found


if __name__ == "__main__":
    main()
