"""How soon the page of `facesdk serve` shows the camera, and how much memory the service takes.

    python -m tools.bench.service.page --openings 6

Prints Markdown. The camera is a film of two people; Chromium (headless, by Playwright) opens the
page anew each time, on the desk and on a phone in turn, without a cache. Needs the extra
``browser`` and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from facesdk.bench.film import write_people
from facesdk.engine import FaceEngine
from facesdk.errors import DependencyError
from facesdk.measure.distribution import Distribution
from facesdk.measure.timing import Policy
from tools.bench.heading import heading

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
FIRST = "performance.getEntriesByName('first-picture')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--openings", type=int, default=6, help="of each size")
    openings = parser.parse_args().openings
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise DependencyError("this needs Chromium: run `apt install chromium`")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_people(folder / "film.mp4", 2, 250, FaceEngine.load(), width=640, height=480)
        line = [
            *(sys.executable, "-m", "facesdk", "serve", "--json", "--port", "0"),
            *("--token-file", str(folder / "token.json"), "--gallery", str(folder / "door.db")),
            *("--key", str(folder / "key"), "--source", str(folder / "film.mp4"), "--repeat"),
        ]
        environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # as in the unit of rpi/
        with (
            subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as service,
            sync_playwright() as playwright,
        ):
            try:
                assert service.stdout is not None
                said = json.loads(service.stdout.readline())
                browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
                times: dict[str, list[float]] = {size: [] for size in SIZES}
                for turn in range(openings + 1):  # the first is not counted
                    for size in SIZES:
                        ms = opened(browser, f"{said['url']}#token={said['token']}", size)
                        if turn:
                            times[size].append(ms)
                browser.close()
                memory = status(said["url"], said["token"])["memory_mb"]
            finally:
                service.terminate()
    print(
        f"{heading(Policy(openings, 1, 0.0, 0), 1)}; a film of two people in 640x480 as camera, "
        f"resident memory at the end {memory} MB\n"
    )
    print("| page | openings | first picture after, median ms | least | most |")
    print("| --- | --- | --- | --- | --- |")
    for size, row in times.items():
        found = Distribution.of(row)
        print(
            f"| {size}, {SIZES[size][0]}x{SIZES[size][1]} | {found.n} | {found.median:.0f} | "
            f"{found.minimum:.0f} | {found.maximum:.0f} |"
        )


def opened(browser: Any, address: str, size: str) -> float:
    """Milliseconds from the start of the navigation to the first picture."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.goto(address)
    while not page.evaluate(f"{FIRST}.length"):
        page.wait_for_timeout(20)
    ms: float = page.evaluate(f"{FIRST}[0].startTime")
    context.close()
    return ms


def status(url: str, token: str) -> dict[str, float]:
    """What the service says of itself."""
    request = urllib.request.Request(
        f"{url}v1/status", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, float] = json.load(answer)
    return found


if __name__ == "__main__":
    main()
