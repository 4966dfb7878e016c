"""Run programs of an ARM root folder that start each other, in namespaces of their own.

    sudo python -m tools.emulation.private_root ROOT COMMAND...

runs a command as root inside ROOT, in user, mount and process namespaces of its own. The kernel's
table of foreign programs is private there (Linux 6.7 or newer), so the PC's stays as it is. Needs
root and qemu-user-static.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_NEW_NAMESPACES = 0x20000 | 0x10000000 | 0x20000000  # mounts, users, processes (sched.h)
_FORMATS = {  # ELF class and machine of each emulator
    "qemu-aarch64": (2, 183, "/usr/bin/qemu-aarch64-static"),
    "qemu-arm": (1, 40, "/usr/bin/qemu-arm-static"),
}
_IDS = "0 0 65536\n"


def command(root: Path, arguments: Sequence[str]) -> list[str]:
    """The command that runs ``arguments`` inside ``root``; start it with a clean environment."""
    return [sys.executable, "-m", "tools.emulation.private_root", str(root), *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What programs in the root get; nothing of this PC's, whose PIP_ variables would reach pip."""
    folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": folders, "HOME": "/root", "LANG": "C.UTF-8", **(more or {})}


def _register() -> None:
    """Teach the kernel of this namespace about ARM programs (admin-guide/binfmt-misc).

    ``F`` opens the emulator now, so that it is found inside the root; ``P`` keeps argv[0], ``O``
    passes the open program, ``C`` takes the program's credentials.
    """
    for name, (bits, machine, emulator) in _FORMATS.items():
        magic = b"\x7fELF" + bytes([bits, 1, 1, 0]) + bytes(8) + b"\x02\x00" + bytes([machine, 0])
        mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
        shown = ["".join(f"\\x{byte:02x}" for byte in raw) for raw in (magic, mask)]
        line = f":{name}:M::{shown[0]}:{shown[1]}:{emulator}:FPOC"
        Path("/proc/sys/fs/binfmt_misc/register").write_text(line)


def _enter(root: Path, arguments: Sequence[str]) -> None:
    os.setgid(0)
    os.setuid(0)

    def mount(*words: str) -> None:
        subprocess.run(["mount", *words], check=True)

    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc")
    _register()
    for name in ("dev", "proc"):
        (root / name).mkdir(exist_ok=True)
        mount("--rbind", f"/{name}", str(root / name))
    os.chroot(root)
    os.chdir("/")
    os.execvpe(arguments[0], list(arguments), os.environ)


def run(root: Path, arguments: Sequence[str]) -> int:
    """Run a command inside a root folder and wait for it.

    Returns:
        Its exit status.

    Raises:
        OSError: The namespaces cannot be made.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    ready, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        if libc.unshare(_NEW_NAMESPACES):
            os.write(ready[1], b"!")
            os._exit(ctypes.get_errno() & 0xFF)
        os.write(ready[1], b".")
        os.read(mapped[0], 1)
        if os.fork():
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]) & 0xFF)
        try:
            _enter(root, arguments)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"private_root: {error}", file=sys.stderr)
        os._exit(126)
    if os.read(ready[0], 1) != b".":
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        raise OSError(status, f"namespaces cannot be made: {os.strerror(status)}")
    for kind in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{kind}").write_text(_IDS)
    os.write(mapped[1], b".")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF


def main() -> int:
    """Command line; returns the command's exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, metavar="ROOT")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("a command is needed")
    try:
        return run(arguments.root.resolve(), arguments.command)
    except OSError as error:
        print(f"private_root: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
