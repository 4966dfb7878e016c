"""The programs of the machine: where they are, and what to install when one is missing.

python -m android_demo.ci.tools    # the Debian packages that are missing here, in one line
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from android_demo.ci.errors import ToolError

PACKAGES = {
    "aapt": "aapt",
    "aapt2": "aapt",
    "apksigner": "apksigner",
    "clang-19": "clang-19",
    "cmake": "cmake",
    "gcc": "gcc",
    "javac": "openjdk-17-jdk-headless",
    "ld.lld-19": "lld-19",
    "mvn": "maven",
    "ninja": "ninja-build",
    "readelf": "binutils",
    "zipalign": "zipalign",
}
"""A program and the Debian package that has it; ``make android-packages`` installs them."""
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
"""Android's own resources, of API 29: what ``aapt2 link`` resolves ``android:`` names with."""
FRAMEWORK_PACKAGE = "android-framework-res"
JVM_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For every JVM: none runs long enough for Java's optimizing compiler to pay."""


def missing() -> tuple[str, ...]:
    """The Debian packages of the programs that are not on this machine."""
    absent = {PACKAGES[program] for program in PACKAGES if shutil.which(program) is None}
    if not FRAMEWORK.is_file():
        absent.add(FRAMEWORK_PACKAGE)
    return tuple(sorted(absent))


def require() -> None:
    """Check that every program is there.

    Raises:
        ToolError: One is not; the message is the line that installs them.
    """
    if absent := missing():
        raise ToolError(
            "the Android build needs Debian packages that are missing; run: "
            f"sudo apt-get install {' '.join(absent)}"
        )


def java_home() -> Path:
    """The folder of the JDK: ``JAVA_HOME``, else where ``javac`` is.

    Raises:
        ToolError: There is none.
    """
    if home := os.environ.get("JAVA_HOME"):
        return Path(home)
    javac = shutil.which("javac")
    if javac is None:
        raise ToolError("no JDK: run sudo apt-get install openjdk-17-jdk-headless")
    return Path(javac).resolve().parents[1]


def run(
    *command: str | Path, cwd: Path | None = None, seconds: float = 600, errors: bool = False
) -> str:
    """Run a program and return what it printed to its standard output.

    Args:
        command: The program and its arguments.
        cwd: Folder to run it in.
        seconds: Longest time it may take.
        errors: Whether to return what it printed to its standard error too.

    Raises:
        ToolError: It is missing, failed, or took more than the given seconds; the message ends
            with what it printed.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={"JAVA_TOOL_OPTIONS": JVM_OPTIONS, **os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except FileNotFoundError:
        package = PACKAGES.get(words[0], words[0])
        raise ToolError(f"{words[0]} is missing: run sudo apt-get install {package}") from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"{words[0]} took more than {seconds:g} seconds") from None
    if done.returncode != 0:
        raise ToolError(
            f"{_short(words)} failed with status {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout + (done.stderr if errors else "")


def _short(words: Sequence[str]) -> str:
    line = " ".join(words)
    return line if len(line) <= 200 else f"{line[:200]} ..."


if __name__ == "__main__":
    print(*missing())
