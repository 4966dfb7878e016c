"""The unit of the service and the programs beside it, as the system's own tools see them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rpi.fake_pi import RPI

UNIT = RPI / "facesdk.service"
WORST_EXPOSURE = 25  # tenths; systemd-analyze rates the unit 1.7, an empty one 9.6


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True
    )


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.slow
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    """An unknown key ends with status 0, so the output must be empty. The program is not here."""
    copy = tmp_path / UNIT.name
    text, replaced = re.subn("(?m)^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text())
    assert replaced == 1
    copy.write_text(text)
    done = analyze("verify", copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    copy.write_text(text.replace("ProtectClock", "ProtectClocks"))
    assert "ProtectClocks" in analyze("verify", copy).stderr


@pytest.mark.slow
def test_the_service_is_hardly_exposed(tmp_path: Path) -> None:
    done = analyze("security", "--offline=yes", f"--threshold={WORST_EXPOSURE}", UNIT)
    assert done.returncode == 0, done.stdout
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    done = analyze("security", "--offline=yes", f"--threshold={WORST_EXPOSURE}", bare)
    assert done.returncode == 1


def test_the_unit_and_the_installer_name_the_same_places() -> None:
    unit = settings()
    script = (RPI / "install.sh").read_text()
    assert unit["EnvironmentFile"] == ["/etc/facesdk/service.conf", "/etc/facesdk/gallery.key"]
    assert unit["User"] == unit["Group"] == unit["StateDirectory"] == ["facesdk"]
    assert unit["WorkingDirectory"] == ["/var/lib/facesdk"]
    (start,) = unit["ExecStart"]
    assert start.startswith("/opt/facesdk/bin/facesdk serve ")
    assert start.endswith(" $FACESDK_SERVE")
    for path in ("/opt/facesdk", "/etc/facesdk", "/var/lib/facesdk"):
        assert f"=$ROOT{path}\n" in script
    assert "readonly ACCOUNT=facesdk\n" in script
    assert "readonly SETTINGS=$CONFIG/service.conf\n" in script
    assert "FACESDK_SERVE=" in script


def test_the_shell_scripts_parse() -> None:
    for name in ("install.sh", "facesdk"):
        assert subprocess.run(["bash", "-n", RPI / name]).returncode == 0
        assert (RPI / name).stat().st_mode & 0o111
