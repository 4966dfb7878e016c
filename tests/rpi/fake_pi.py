"""A Raspberry Pi made of files and recorded commands, for the logic of ``rpi/install.sh``.

The script sees a root folder of its own, and programs that note how they were called: what they say
is set per Pi, and what the script writes itself is really written.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

RPI = Path(__file__).parents[2] / "rpi"
SCRIPT = RPI / "install.sh"

RECORD = '#!/bin/bash\nname=${0##*/}\nprintf "%s\\n" "$name $*" >> "$FAKE/commands"\n'
PYTHON = f"""{RECORD}
case "$*" in
  "-c import numpy"*) echo 1.24.2 ;;
  "-m venv "*)
    mkdir -p "${{@: -1}}/bin"
    cp "$FAKE/venv-python" "${{@: -1}}/bin/python" ;;
esac
"""
PROGRAMS = {
    "uname": '#!/bin/bash\ncat "$FAKE/machine"\n',
    "dpkg": '#!/bin/bash\ncat "$FAKE/architecture"\n',
    "dpkg-query": '#!/bin/bash\ngrep -qx "${@: -1}" "$FAKE/installed" && echo "ok installed"\n',
    "apt-cache": '#!/bin/bash\ngrep -qx "${@: -1}" "$FAKE/available"\n',
    "apt-get": f'{RECORD}for word in "$@"; do echo "$word" >> "$FAKE/installed"; done\n',
    "df": '#!/bin/bash\nprintf "a b c Free\\nroot 9 9 %s\\n" "$(cat "$FAKE/free")"\n',
    "id": '#!/bin/bash\nif [ "$1" = -u ]; then cat "$FAKE/uid"; else test -e "$FAKE/account"; fi\n',
    "getent": "#!/bin/bash\n",
    "useradd": f'{RECORD}touch "$FAKE/account"\n',
    "userdel": f'{RECORD}rm "$FAKE/account"\n',
    "usermod": RECORD,
    "systemctl": RECORD,
    "udevadm": RECORD,
    "python3": PYTHON,
    # The owners of folders are recorded, since their users exist on no PC.
    "install": f"""{RECORD}
words=()
while [ $# -gt 0 ]; do
  case $1 in -o|-g) shift ;; *) words+=("$1") ;; esac
  shift
done
exec /usr/bin/install "${{words[@]}}"
""",
}
CHANGING = ("apt-get", "useradd", "usermod", "userdel", "systemctl", "udevadm", "install", "python")


@dataclass(frozen=True)
class FakePi:
    """A Pi in a folder.

    Attributes:
        folder: Holds ``root``, ``bin`` and what the programs say and note.
        machine: The kernel's architecture.
        architecture: Debian's, of the userland.
        release: Code name of the system.
        id: The system's ``ID``.
        model: What the device tree says; None for a computer without one.
        camera: ``ribbon``, ``usb`` or ``""``.
        systemd: Whether it runs.
    """

    folder: Path
    machine: str = "aarch64"
    architecture: str = "arm64"
    release: str = "bookworm"
    id: str = "debian"
    model: str | None = "Raspberry Pi 4 Model B Rev 1.4"
    camera: str = "ribbon"
    systemd: bool = True
    memory_mib: int = 3800
    free_mib: int = 9000
    uid: int = 0
    available: tuple[str, ...] = ("python3-picamera2",)
    installed: tuple[str, ...] = ()
    pip_fails: bool = field(default=False)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def wheel(self) -> Path:
        """A file named as the wheel of this Pi; its content does not matter to the script."""
        platform = {"arm64": "manylinux_2_17_aarch64"}.get(self.architecture, "linux_armv7l")
        return self.folder / f"facesdk_edge-0.1.0-py3-none-{platform}.whl"

    def build(self) -> FakePi:
        files = {
            "etc/os-release": f'ID={self.id}\nPRETTY_NAME="{self.id} {self.release}"\n'
            f"VERSION_CODENAME={self.release}\n",
            "proc/meminfo": f"MemTotal:       {self.memory_mib * 1024} kB\n",
        }
        if self.model is not None:
            files["proc/device-tree/model"] = f"{self.model}\0"
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        if self.systemd:
            (self.root / "run/systemd/system").mkdir(parents=True)
        said = {
            "machine": self.machine,
            "architecture": self.architecture,
            "free": str(self.free_mib),
            "uid": str(self.uid),
            "available": "\n".join(self.available),
            "installed": "\n".join(self.installed),
            "commands": "",
        }
        for name, text in said.items():
            (self.folder / name).write_text(text)
        bin = self.folder / "bin"
        bin.mkdir()
        programs = dict(PROGRAMS)
        if self.camera == "ribbon":
            programs["rpicam-hello"] = "#!/bin/bash\necho '0 : imx708 [4608x2592]'\n"
        elif self.camera == "usb":
            device = self.root / "sys/class/video4linux/video2"
            (device / "device").mkdir(parents=True)
            (device / "device/driver").symlink_to("/sys/bus/usb/drivers/uvcvideo")
            (device / "name").write_text("HD Webcam\n")
        for name, text in programs.items():
            (bin / name).write_text(text)
            (bin / name).chmod(0o755)
        venv_python = self.folder / "venv-python"
        venv_python.write_text(RECORD + ("exit 1\n" if self.pip_fails else ""))
        venv_python.chmod(0o755)
        self.wheel.write_bytes(b"wheel")
        return self

    def install(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the script with the Pi's wheel, unless the options say other."""
        if not {"--wheel", "--uninstall", "--help"} & set(options):
            options = ("--wheel", str(self.wheel), *options)
        environment = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "FACESDK_ROOT": str(self.root),
            "FAKE": str(self.folder),
            "LANG": "C.UTF-8",
        }
        (self.folder / "commands").write_text("")
        return subprocess.run(
            ["bash", str(SCRIPT), *options],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    @property
    def commands(self) -> list[str]:
        """What the last run called, of programs that change something."""
        lines = (self.folder / "commands").read_text().splitlines()
        return [line for line in lines if line.startswith(CHANGING) and "import numpy" not in line]

    def tree(self) -> dict[str, bytes | str]:
        """All files below the root and their contents."""
        found: dict[str, bytes | str] = {}
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder) / name for name in names):
                content = os.readlink(path) if path.is_symlink() else path.read_bytes()
                found[str(path.relative_to(self.root))] = content
        return found
