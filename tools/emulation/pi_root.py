"""Install facesdk with ``rpi/install.sh`` in an emulated Raspberry Pi OS, and use it.

    sudo python -m tools.emulation.pi_root arm64 dist/facesdk_edge-*_aarch64.whl
    sudo python -m tools.emulation.pi_root armhf dist/facesdk_edge-*_armv7l.whl

A root folder is unpacked from Debian's packages (``build/arm/pi-ARCHITECTURE``; no package's own
script runs, so it takes seconds and not ten minutes). In it the installer runs as on a board, from
wheels that were downloaded before, and runs again; then ``facesdk doctor``, ``verify``, ``enrol``
and ``live`` on a folder of pictures, and the service by hand, as its user and with the options of
its unit; then everything is removed. systemd itself does not run there, and no camera is there.
Needs root, Linux 6.7 and qemu-user-static.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.emulation import private_root
from tools.emulation.arm import FOLDER, MACHINES, ROOT, EmulationError, Machine, fetch_debian

RPI = ROOT / "rpi"
SAMPLES = ROOT / "sdk" / "facesdk" / "samples"
PACKAGES = (
    *("base-files", "bash", "coreutils", "dash", "diffutils", "dpkg", "findutils", "gawk", "grep"),
    *(
        "libc-bin",
        "libstdc++6",
        "login",
        "passwd",
        "python3",
        "python3-venv",
        "python3-numpy",
        "sed",
        "systemd",
    ),
    *("tar", "util-linux"),
)
MORE = {"arm64": (), "armhf": ("python3-pil", "python3-opencv", "python3-cffi-backend")}
"""What the installer would fetch with apt, which has no network here."""
ACCOUNTS = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
GROUPS = "root:x:0:\nvideo:x:44:\nrender:x:106:\nnogroup:x:65534:\n"
SYSTEM = 'ID={id}\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\n'
IDS = {"arm64": "debian", "armhf": "raspbian"}
PORT = 8421
GALLERY = "/var/lib/facesdk/gallery.db"
SERVE = (
    f"--host 127.0.0.1 --port {PORT} --source /frames --repeat --min-face 80 --timeout 300 --json"
)
VISIT_SECONDS = 300
NUMPY = "numpy==1.24.2"  # Debian 12's


class TrialError(Exception):
    """The installation does not do what it must; the message says what."""


@dataclass(frozen=True, slots=True)
class Pi:
    """An emulated system.

    Attributes:
        machine: The kind of computer.
        root: Its root folder.
    """

    machine: Machine
    root: Path

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs a program in it."""
        return private_root.command(self.root, arguments)

    def environment(self) -> dict[str, str]:
        """Nothing of this PC's, but where its own Python finds the tool."""
        more = {"QEMU_CPU": self.machine.cpu, "PYTHONPATH": str(ROOT)}
        return private_root.environment(more)

    def run(self, *arguments: str, statuses: Sequence[int] = (0,)) -> str:
        """Standard output of a program.

        Raises:
            TrialError: Its exit status is none of ``statuses``.
        """
        arguments = ("env", "-u", "PYTHONPATH", *arguments)
        done = subprocess.run(
            self.command(arguments), env=self.environment(), capture_output=True, text=True
        )
        if done.returncode not in statuses:
            raise TrialError(
                f"{' '.join(arguments)} ended with status {done.returncode}:\n"
                f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return done.stdout


def unpack(machine: Machine) -> Pi:
    """Make the system of a machine anew."""
    home = FOLDER / f"pi-{machine.debian}"
    shutil.rmtree(home, ignore_errors=True)
    root = home / "root"
    root.mkdir(parents=True)
    status = []
    packages = (*PACKAGES, *MORE[machine.debian])
    for package in fetch_debian(machine.debian, packages, home / "apt"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
        control = subprocess.run(
            ["dpkg", "-f", package], capture_output=True, text=True, check=True
        )
        status.append(control.stdout.strip() + "\nStatus: install ok installed\n")
    shutil.rmtree(home / "apt")
    _merge(root)
    files = {
        "etc/passwd": ACCOUNTS,
        "etc/group": GROUPS,
        "etc/shadow": "",
        "etc/os-release": SYSTEM.format(id=IDS[machine.debian]),
        "var/lib/dpkg/status": "\n".join(status),
        "var/lib/dpkg/arch": f"{machine.debian}\n",
        "etc/resolv.conf": "",
    }
    for name, text in files.items():
        file = root / name
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    libraries = root / "usr/lib" / machine.triplet
    links = {
        libraries / "libblas.so.3": "blas/libblas.so.3",
        libraries / "liblapack.so.3": "lapack/liblapack.so.3",
        root / "usr/bin/awk": "gawk",
        root / "usr/bin/sh": "dash",
    }
    for link, target in links.items():
        if not link.exists():
            link.symlink_to(target)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    return Pi(machine, root)


def _merge(root: Path) -> None:
    """Make ``/bin``, ``/sbin`` and ``/lib`` links into ``/usr``, as they are in Debian."""
    for name in ("bin", "sbin", "lib"):
        folder, merged = root / name, root / "usr" / name
        if folder.is_dir() and not folder.is_symlink():
            subprocess.run(["cp", "-a", f"{folder}/.", merged], check=True)
            shutil.rmtree(folder)
        if not folder.is_symlink():
            folder.symlink_to(f"usr/{name}")


def bring_wheels(pi: Pi, wheel: Path) -> None:
    """Download what pip needs there, by this PC's pip, and put it into the system's ``/wheels``."""
    wheels = pi.root / "wheels"
    wheels.mkdir()
    shutil.copy(wheel, wheels)
    script = (RPI / "install.sh").read_text()
    processor = pi.machine.processor
    tags = [f"manylinux_2_{minor}_{processor}" for minor in range(36, 16, -1)]
    tags += [f"manylinux2014_{processor}", f"linux_{processor}"]
    options = ["--quiet", "--only-binary=:all:", "--python-version=3.11", "--dest", str(wheels)]
    options += ["--disable-pip-version-check", *(f"--platform={tag}" for tag in tags)]
    command = [sys.executable, "-m", "pip", "download", *options]
    if pi.machine.debian == "arm64":
        extras = _line(script, "EXTRAS=")
        subprocess.run([*command, f"{wheel}[{extras}]", NUMPY], check=True)
    else:
        subprocess.run([*command, *_words(script, "WHEELS_32=")], check=True)
        subprocess.run([*command, "--no-deps", *_words(script, "LONE_WHEELS_32=")], check=True)


def _line(script: str, start: str) -> str:
    (found,) = (row for row in script.splitlines() if row.startswith(f"readonly {start}"))
    return found.partition("=")[2]


def _words(script: str, start: str) -> list[str]:
    return [word.strip('"') for word in _line(script, start).strip("()").split()]


def check_install(pi: Pi) -> str:
    """The installer, twice: it does everything, then nothing."""
    install = ["bash", "/rpi/install.sh", "--any-board", "--offline", "/wheels"]
    (wheel,) = (pi.root / "wheels").glob("facesdk*.whl")
    install += ["--wheel", f"/wheels/{wheel.name}", "--source", "/frames"]
    pi.run(*install, "--dry-run")
    pi.run(*install)
    again = pi.run(*install)
    if "installed already" not in again or "would" in again:
        raise TrialError(f"a second run of the installer did not find the first:\n{again}")
    key = pi.root / "etc/facesdk/gallery.key"
    if key.stat().st_mode & 0o777 != 0o600:
        raise TrialError("the key can be read by others")
    wants = pi.root / "etc/systemd/system/multi-user.target.wants/facesdk.service"
    if not wants.is_symlink():
        raise TrialError("the service was not enabled")
    return "installed, and a second run changed nothing"


def check_doctor(pi: Pi) -> str:
    """Libraries, runtime and operators from the wheels."""
    report = json.loads(pi.run("/usr/local/bin/facesdk", "doctor", "--json"))
    if report["problems"]:
        raise TrialError(f"facesdk doctor: {report['problems']}")
    libraries = ", ".join(f"{name} {version}" for name, version in report["libraries"].items())
    runtime = f"{report['runtime']['name']} {report['runtime']['version']}"
    return f"{runtime}, kernel path {report['ops']['isa']}; {libraries}"


def check_verify(pi: Pi) -> str:
    """Two verdicts."""
    found = []
    for other, same in (("obama2.jpg", True), ("biden.jpg", False)):
        arguments = ("verify", "/samples/obama.jpg", f"/samples/{other}", "--min-face", "80")
        answer = pi.run("/usr/local/bin/facesdk", *arguments, "--json", statuses=(0, 1))
        verdict = json.loads(answer)
        if verdict["same"] is not same:
            raise TrialError(f"obama.jpg and {other} are judged wrongly")
        found.append(f"{verdict['similarity']:.3f}")
    return f"one person {found[0]}, two people {found[1]}"


@contextmanager
def service(pi: Pi) -> Iterator[str]:
    """The service by hand: the unit's command, variables and user; gives the token."""
    unit = (RPI / "facesdk.service").read_text()
    (start,) = (
        row.removeprefix("ExecStart=") for row in unit.splitlines() if row.startswith("ExecStart=")
    )
    start = start.replace("$FACESDK_SERVE", SERVE)
    script = (
        "set -a; . /etc/facesdk/gallery.key; set +a; export HOME=/var/lib/facesdk; "
        "exec setpriv --reuid=facesdk --regid=facesdk --init-groups --no-new-privs "
        f"--bounding-set=-all {start}"
    )
    command = pi.command(["env", "-u", "PYTHONPATH", "bash", "-c", script])
    process = subprocess.Popen(
        command,
        env=pi.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("{"):
                yield json.loads(line)["token"]
                return
        raise TrialError(f"the service ended: {''.join(lines)[-2000:]}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(
    path: str, token: str, photo: Path | None = None, **fields: str
) -> tuple[int, dict[str, object]]:
    """Status and JSON of an answer of the service."""
    import base64

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = None
    if photo is not None:
        fields["photo"] = base64.b64encode(photo.read_bytes()).decode()
        body = json.dumps(fields).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def check_service(pi: Pi) -> str:
    """Enrol and identify over HTTP, as the service's user with the unit's command."""
    with service(pi) as token:
        status, health = ask("/healthz", token)
        if status != 200:
            raise TrialError(f"/healthz: {status} {health}")
        status, answer = ask("/v1/people", token, SAMPLES / "obama.jpg", name="Obama")
        if status != 201:
            raise TrialError(f"POST /v1/people: {status} {answer}")
        found = []
        for photo in ("obama2.jpg", "biden.jpg"):
            status, answer = ask("/v1/identify", token, SAMPLES / photo)
            if status != 200:
                raise TrialError(f"POST /v1/identify: {status} {answer}")
            found.append(json.dumps(answer))
        if '"Obama"' not in found[0]:
            raise TrialError(f"obama2.jpg was not identified: {found[0]}")
        _wait_for_visit("Obama", token)
        status, _ = ask("/v1/people", "wrong")
        if status != 401:
            raise TrialError(f"a wrong token is answered with {status}")
    if (pi.root / GALLERY[1:]).stat().st_mode & 0o077:
        raise TrialError("the gallery can be read by others")
    return "enrolled and identified over HTTP and before its camera, a wrong token refused"


def _wait_for_visit(name: str, token: str) -> None:
    """The service's own camera, a folder of pictures, sees somebody who is enrolled by now."""
    end = time.monotonic() + VISIT_SECONDS
    while time.monotonic() < end:
        status, answer = ask("/v1/visits", token)
        if status != 200:
            raise TrialError(f"/v1/visits: {status} {answer}")
        if f'"{name}"' in json.dumps(answer):
            return
        time.sleep(2)
    raise TrialError(f"{name} was not seen within {VISIT_SECONDS} s: {answer}")


def check_live(pi: Pi) -> str:
    """Who is in a folder of pictures, with the service's gallery and its key."""
    frames = pi.root / "frames"
    pace = ("--fps", "10", "--search-every", "1")
    arguments = ("live", "/frames", "--gallery", GALLERY, *pace, "--json")
    lines = pi.run("/usr/local/bin/facesdk", *arguments, "--min-face", "80").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    names = [event.get("person") for event in events if event.get("event") == "identified"]
    if "Obama" not in [
        name if isinstance(name, str) else (name or {}).get("name") for name in names
    ]:
        raise TrialError(
            f"nobody was identified in {len(list(frames.iterdir()))} pictures: {lines}"
        )
    return f"{len(events)} events, Obama identified"


def check_removal(pi: Pi) -> str:
    """Nothing is left."""
    pi.run("bash", "/rpi/install.sh", "--uninstall", "--purge")
    left = [
        path
        for path in ("opt/facesdk", "etc/facesdk", "var/lib/facesdk", "usr/local/bin/facesdk")
        if (pi.root / path).exists()
    ]
    if left or "facesdk" in (pi.root / "etc/passwd").read_text():
        raise TrialError(f"the installer left {left or 'the user facesdk'}")
    return "removed"


CHECKS: tuple[Callable[[Pi], str], ...] = (
    check_install,
    check_doctor,
    check_verify,
    check_service,
    check_live,
    check_removal,
)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    machines = {machine.debian: machine for machine in MACHINES.values()}
    parser.add_argument("architecture", choices=machines)
    parser.add_argument("wheel", type=Path)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("pi_root: this needs root", file=sys.stderr)
        return 3
    try:
        start = time.monotonic()
        pi = unpack(machines[arguments.architecture])
        bring_wheels(pi, arguments.wheel.resolve())
        shutil.copytree(RPI, pi.root / "rpi")
        shutil.copytree(SAMPLES, pi.root / "samples")
        frames = pi.root / "frames"
        frames.mkdir()
        for number in range(12):
            shutil.copy(SAMPLES / "obama2.jpg", frames / f"{number:03}.jpg")
        print(f"system: {pi.root}, {time.monotonic() - start:.0f} s", flush=True)
        for check in CHECKS:
            start = time.monotonic()
            summary = check(pi)
            name = check.__name__.removeprefix("check_")
            print(f"{name}: {summary}, {time.monotonic() - start:.0f} s", flush=True)
    except (EmulationError, TrialError, subprocess.CalledProcessError) as error:
        print(f"pi_root: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
