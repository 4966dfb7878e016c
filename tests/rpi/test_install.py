"""The logic of ``rpi/install.sh``: whom it refuses, what it does, and that it can be run again."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rpi.fake_pi import RPI, FakePi

SUPPORTED = {
    "bookworm, 64 bit": {},
    "trixie, 64 bit": {"release": "trixie", "model": "Raspberry Pi 5 Model B Rev 1.0"},
    "bookworm, 32 bit": {"architecture": "armhf", "machine": "armv7l", "id": "raspbian"},
    "bookworm, 32 bit on a 64-bit kernel": {"architecture": "armhf", "id": "raspbian"},
}
REFUSED = {
    "32-bit trixie has no TFLite runtime": {
        "architecture": "armhf",
        "release": "trixie",
        "id": "raspbian",
    },
    "ARMv6": {"machine": "armv6l", "architecture": "armhf", "model": "Raspberry Pi Zero W"},
    "'bullseye' is not supported": {"release": "bullseye"},
    "not 'ubuntu'": {"id": "ubuntu"},
    "no ARM computer but x86_64": {"machine": "x86_64", "architecture": "amd64"},
    "give --any-board": {"model": "Radxa ROCK 5B"},
    "does not say that it is a Raspberry Pi": {"model": None},
    "the userland is amd64": {"architecture": "amd64"},
    "only 300 MiB are": {"free_mib": 300},
}

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def pip_lines(pi: FakePi) -> list[str]:
    return [line for line in pi.commands if " pip " in line]


@pytest.mark.parametrize("system", SUPPORTED.values(), ids=SUPPORTED)
def test_installs_everything(folder: Path, system: dict[str, Any]) -> None:
    pi = FakePi(folder, **system).build()
    done = pi.install()
    assert done.returncode == 0, done.stderr
    steps = re.findall(r"^\[(\d+)/(\d+)\]", done.stdout, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert {int(total) for _, total in steps} == {len(steps)}
    unit = pi.root / "etc/systemd/system/facesdk.service"
    assert unit.read_text() == (RPI / "facesdk.service").read_text()
    rules = pi.root / "etc/udev/rules.d/60-facesdk.rules"
    assert rules.read_text() == (RPI / "60-facesdk.rules").read_text()
    settings = (pi.root / "etc/facesdk/service.conf").read_text()
    assert "FACESDK_SERVE=--host 127.0.0.1 --source picamera2\n" in settings
    command = pi.root / "usr/local/bin/facesdk"
    assert command.read_text() == (RPI / "facesdk").read_text()
    assert command.stat().st_mode & 0o777 == 0o755
    assert any(
        line.startswith("useradd --system") and line.endswith(" facesdk") for line in pi.commands
    )
    assert "usermod --append --groups video facesdk" in pi.commands
    assert f"install -d -m 0700 -o facesdk -g facesdk {pi.root}/var/lib/facesdk" in pi.commands
    assert f"python3 -m venv --system-site-packages {pi.root}/opt/facesdk" in pi.commands
    assert pi.commands[-1] == "systemctl restart facesdk.service"


def test_the_key_is_32_random_bytes_that_only_root_reads(folder: Path) -> None:
    keys = []
    for name in ("a", "b"):
        (folder / name).mkdir()
        pi = FakePi(folder / name).build()
        pi.install()
        key = pi.root / "etc/facesdk/gallery.key"
        assert key.stat().st_mode & 0o777 == 0o600
        name, _, value = key.read_text().partition("=")
        assert name == "FACESDK_GALLERY_KEY"
        keys.append(base64.b64decode(value))
    assert [len(key) for key in keys] == [32, 32]
    assert keys[0] != keys[1]


def test_64_bits_keep_the_numpy_of_the_system(folder: Path) -> None:
    pi = FakePi(folder).build()
    pi.install()
    first = pip_lines(pi)[0]
    assert "--only-binary=:all:" in first
    assert f"{pi.wheel}[" in first
    assert first.endswith(" numpy==1.24.2")


def test_32_bits_take_what_has_no_wheel_from_the_system(folder: Path) -> None:
    pi = FakePi(folder, architecture="armhf", machine="armv7l", id="raspbian").build()
    pi.install()
    (packages,) = (line for line in pi.commands if "apt-get install" in line)
    for name in ("python3-numpy", "python3-pil", "python3-opencv", "python3-cffi-backend"):
        assert name in packages
    others, alone, facesdk = pip_lines(pi)
    assert not re.search("numpy|pillow|opencv|cryptography|facesdk-", others.partition("pip")[2])
    assert "--no-deps tflite-runtime==2.14.0 cryptography>=42" in alone
    assert f"--no-deps {pi.wheel}" in facesdk
    assert all("--only-binary=:all:" in line for line in (others, alone, facesdk))


def test_pip_gets_what_the_package_declares() -> None:
    """The extras exist, and on 32 bits every requirement of theirs is named with its version."""
    script = (RPI / "install.sh").read_text()
    found = re.search(r"^readonly EXTRAS=(\S+)$", script, re.MULTILINE)
    assert found
    text = (RPI.parent / "pyproject.toml").read_text()
    declared: set[str] = set()
    for extra in found[1].split(","):
        rows = re.search(rf"^{extra} = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
        assert rows, extra
        declared |= set(re.findall(r'"([^"]+)"', rows[1]))
    core = re.search(r"^dependencies = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    assert core
    declared |= set(re.findall(r'^  "([^";]+)"', core[1], re.MULTILINE))
    of_debian = re.compile("numpy|pillow|opencv|cryptography")
    named = set(re.findall(r'"([^"]+)"', " ".join(re.findall("WHEELS_32=.*", script))))
    assert {row for row in declared if not of_debian.match(row)} <= named


@pytest.mark.parametrize("reason", REFUSED)
def test_refuses_with_the_reason_and_changes_nothing(folder: Path, reason: str) -> None:
    pi = FakePi(folder, **REFUSED[reason]).build()
    before = pi.tree()
    done = pi.install()
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("install.sh: ")
    assert reason in line
    assert pi.commands == []
    assert pi.tree() == before


def test_another_board_is_taken_if_asked(folder: Path) -> None:
    pi = FakePi(folder, model="Radxa ROCK 5B").build()
    assert pi.install("--any-board").returncode == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--wheel"], "--wheel needs a value"),
        (["--sauce", "0"], "unknown option '--sauce'"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--source", "0 --host 0.0.0.0"], "one word"),
        (["--source", "$(reboot)"], "one word"),
        (["--offline", "/nowhere"], "is no folder"),
        (["--wheel", "/nowhere_aarch64.whl"], "cannot be read"),
    ],
)
def test_wrong_options_are_one_line_and_change_nothing(
    folder: Path, options: list[str], words: str
) -> None:
    pi = FakePi(folder).build()
    before = pi.tree()
    done = pi.install(*options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert pi.tree() == before


def test_without_root_only_the_dry_run(folder: Path) -> None:
    pi = FakePi(folder, uid=1000).build()
    assert pi.install().returncode == 2
    assert pi.install("--dry-run").returncode == 0


@pytest.mark.parametrize("system", SUPPORTED.values(), ids=SUPPORTED)
def test_dry_run_says_every_change_and_makes_none(folder: Path, system: dict[str, Any]) -> None:
    pi = FakePi(folder, uid=1000, **system).build()
    before = pi.tree()
    done = pi.install("--dry-run")
    assert done.returncode == 0, done.stderr
    assert pi.commands == []
    assert pi.tree() == before
    for words in ("apt-get install", "useradd", "pip install", "gallery.key", "systemctl restart"):
        assert re.search(f"would (run|write): .*{words}", done.stdout), words


def test_running_again_changes_nothing(folder: Path) -> None:
    pi = FakePi(folder).build()
    pi.install()
    settings = pi.root / "etc/facesdk/service.conf"
    settings.write_text("FACESDK_SERVE=--host 127.0.0.1 --source 2\n")
    before = pi.tree()
    done = pi.install()
    assert done.returncode == 0, done.stderr
    assert pi.tree() == before
    assert not any(line.startswith(("apt-get install", "useradd")) for line in pi.commands)
    assert pip_lines(pi) == []
    assert pi.commands[-1] == "systemctl start facesdk.service"


def test_another_wheel_of_the_same_version_replaces_the_old_one(folder: Path) -> None:
    pi = FakePi(folder).build()
    pi.install()
    pi.wheel.write_bytes(b"other")
    done = pi.install()
    assert done.returncode == 0, done.stderr
    assert f"--no-deps --force-reinstall {pi.wheel}" in pip_lines(pi)[-1]
    assert pi.commands[-1] == "systemctl restart facesdk.service"


def test_what_is_missing_is_repaired(folder: Path) -> None:
    pi = FakePi(folder).build()
    pi.install()
    before = pi.tree()
    for name in ("usr/local/bin/facesdk", "opt/facesdk/share/selftest", "opt/facesdk/bin/python"):
        (pi.root / name).unlink()
    done = pi.install()
    assert done.returncode == 0, done.stderr
    assert f"python3 -m venv --system-site-packages --clear {pi.root}/opt/facesdk" in pi.commands
    assert pip_lines(pi)
    assert pi.tree() == before
    assert pi.commands[-1] == "systemctl restart facesdk.service"


@pytest.mark.parametrize("first", ["--no-start", "fails"])
def test_a_restart_that_was_not_done_is_done_by_the_next_run(folder: Path, first: str) -> None:
    pi = FakePi(folder).build()
    pi.install()
    pi.wheel.write_bytes(b"newer")
    systemctl = folder / "bin/systemctl"
    program = systemctl.read_text()
    if first == "fails":
        systemctl.write_text(f'{program}[ "$1" != daemon-reload ]\n')
        assert pi.install().returncode == 1
        systemctl.write_text(program)
    else:
        pi.install(first)
        assert not any(" restart " in line for line in pi.commands)
    assert pi.install().returncode == 0
    assert pi.commands[-1] == "systemctl restart facesdk.service"
    assert pi.install().returncode == 0
    assert pi.commands[-1] == "systemctl start facesdk.service"


def test_what_failed_is_named_and_the_next_run_goes_on(folder: Path) -> None:
    pi = FakePi(folder, pip_fails=True).build()
    done = pi.install()
    assert done.returncode == 1
    assert "this failed: " in done.stderr
    assert "pip install" in done.stderr
    assert not (pi.root / "etc/systemd/system/facesdk.service").exists()
    python = (folder / "venv-python").read_text()
    (folder / "venv-python").write_text(python.replace("exit 1\n", ""))
    done = pi.install()
    assert done.returncode == 0, done.stderr
    assert pip_lines(pi)
    assert (pi.root / "etc/systemd/system/facesdk.service").exists()


@pytest.mark.parametrize(
    ("camera", "options", "serve"),
    [
        ("ribbon", [], "--host 127.0.0.1 --source picamera2"),
        ("usb", [], "--host 127.0.0.1 --source 2"),
        ("", [], "--host 127.0.0.1"),
        ("usb", ["--source", "rtsp://door/1"], "--host 127.0.0.1 --source rtsp://door/1"),
        ("ribbon", ["--lan"], "--host 0.0.0.0 --tls --source picamera2"),
    ],
)
def test_the_service_gets_the_camera(
    folder: Path, camera: str, options: list[str], serve: str
) -> None:
    pi = FakePi(folder, camera=camera).build()
    done = pi.install(*options)
    assert done.returncode == 0, done.stderr
    settings = (pi.root / "etc/facesdk/service.conf").read_text()
    assert settings.splitlines()[-1] == f"FACESDK_SERVE={serve}"


@pytest.mark.parametrize(
    ("before", "options", "after"),
    [
        (
            "--host 127.0.0.1 --source rtsp://door",
            ["--lan"],
            "--host 0.0.0.0 --source rtsp://door --tls",
        ),
        ("--source=1 --host 127.0.0.1", ["--source", "2"], "--source 2 --host 127.0.0.1"),
        (
            "--host 0.0.0.0 --tls --processes 3 --source * --port 9000",
            ["--lan", "--source", "0"],
            "--host 0.0.0.0 --tls --processes 3 --source 0 --port 9000",
        ),
        ("", ["--source", "0"], "--source 0"),
    ],
)
def test_an_option_changes_its_part_of_the_settings_alone(
    folder: Path, before: str, options: list[str], after: str
) -> None:
    pi = FakePi(folder).build()
    pi.install()
    settings = pi.root / "etc/facesdk/service.conf"
    settings.write_text(f"# Mine.\nFACESDK_DEBUG=1\nFACESDK_SERVE={before}\n")
    done = pi.install(*options)
    assert done.returncode == 0, done.stderr
    assert settings.read_text() == f"# Mine.\nFACESDK_DEBUG=1\nFACESDK_SERVE={after}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who gives files away")
def test_what_root_makes_for_the_service_is_the_service_s(folder: Path) -> None:
    state = folder / "state"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)
    program = folder / "program"
    program.write_text(f'#!/bin/sh\necho "$1" > {state}/gallery.db\nexit 7\n')
    program.chmod(0o755)
    script = (RPI / "facesdk").read_text()
    for place, other in (
        ("/opt/facesdk/bin/facesdk", str(program)),
        ("/var/lib/facesdk", str(state)),
        ("/etc/facesdk", str(folder)),
        ("facesdk:facesdk", f"{NOBODY}:{NOBODY}"),
    ):
        assert place in script
        script = script.replace(place, other)
    done = subprocess.run(["sh", "-c", script, "facesdk", "Ada"])
    assert done.returncode == 7
    assert (state / "gallery.db").read_text() == "Ada\n"
    assert (state / "gallery.db").stat().st_uid == NOBODY


def test_without_ribbon_cameras_in_the_archives_it_warns(folder: Path) -> None:
    pi = FakePi(folder, available=()).build()
    done = pi.install()
    assert done.returncode == 0
    assert "USB cameras and streams can" in done.stderr


def test_without_systemd_the_service_waits_for_the_next_boot(folder: Path) -> None:
    pi = FakePi(folder, systemd=False).build()
    done = pi.install()
    assert done.returncode == 0, done.stderr
    assert [line for line in pi.commands if line.startswith("systemctl")] == [
        "systemctl --quiet enable facesdk.service"
    ]
    assert "starts with the next boot" in done.stdout


def test_the_newest_wheel_that_fits_is_found(folder: Path) -> None:
    pi = FakePi(folder).build()
    other = folder / "facesdk_edge-0.1.0-py3-none-linux_armv7l.whl"
    other.write_bytes(b"32 bits")
    before = pi.install("--wheel", str(other))
    assert before.returncode == 2
    assert "wheels end in _aarch64.whl" in before.stderr
    script = pi.install("--wheel", str(pi.wheel), "--dry-run")
    assert pi.wheel.name in script.stdout


def test_uninstall_keeps_the_faces_and_purge_does_not(folder: Path) -> None:
    pi = FakePi(folder).build()
    pi.install()
    (pi.root / "var/lib/facesdk/gallery.db").write_bytes(b"faces")
    done = pi.install("--uninstall")
    assert done.returncode == 0, done.stderr
    left = set(pi.tree())
    assert {"var/lib/facesdk/gallery.db", "etc/facesdk/gallery.key"} <= left
    assert not any(
        name.startswith(("opt/", "usr/local/", "etc/systemd", "etc/udev")) for name in left
    )
    assert "systemctl --quiet disable --now facesdk.service" in pi.commands
    assert (folder / "account").exists()
    assert pi.install("--uninstall", "--purge").returncode == 0
    assert not any("facesdk" in name for name in pi.tree())
    assert not (folder / "account").exists()
    assert pi.install("--uninstall", "--purge").returncode == 0


def test_help_has_every_option(folder: Path) -> None:
    pi = FakePi(folder).build()
    done = pi.install("--help")
    assert done.returncode == 0
    text = (RPI / "install.sh").read_text()
    for option in re.findall(r"^    (--[a-z-]+)\b.*\)", text, re.MULTILINE):
        assert option in done.stdout
