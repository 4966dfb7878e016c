"""Build, check and try the wheels of every platform, on x86_64 Linux.

    python -m tools.release.build_wheels                     # all, into dist/
    python -m tools.release.build_wheels aarch64 --no-trial  # one, without installing and using it

Zig's C compiler (PyPI: ziglang) compiles the operator library for each platform, through the same
CMakeLists.txt as every other build. A wheel is put into the output folder only if it passes
``tools.release.check_wheel`` and ``try_wheel``. Needs the extra ``wheels``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import DependencyError, require_extra
from tools.release.check_wheel import WheelError, check
from tools.release.try_wheel import TrialError, install, use

ROOT = Path(__file__).parents[2]
TOOLCHAIN = Path("sdk", "native", "cmake", "zig.cmake")


@dataclass(frozen=True, slots=True)
class Target:
    """A platform to build for.

    Attributes:
        machine: Its name in ``zig.cmake`` and on the command line.
        platform: The platform tag of its wheel.
    """

    machine: str
    platform: str


TARGETS = {
    target.machine: target
    for target in (
        Target("x86_64", "manylinux_2_17_x86_64"),
        Target("aarch64", "manylinux_2_17_aarch64"),
        Target("armv7l", "linux_armv7l"),
    )
}


class BuildError(Exception):
    """A wheel could not be built; the message has the compiler's output."""


def build(target: Target, folder: Path, source: Path = ROOT) -> Path:
    """Build a wheel in an empty folder.

    Args:
        target: The platform.
        folder: The empty folder.
        source: Root of the source tree.

    Raises:
        BuildError: The build failed.
        DependencyError: The extra ``wheels`` is not installed.
    """
    require_extra("ziglang", extra="wheels")
    import ziglang

    settings = {
        "build-dir": folder / "build",
        "cmake.toolchain-file": source / TOOLCHAIN,
        "cmake.define.FACESDK_TARGET": target.machine,
        "cmake.define.FACESDK_ZIG": Path(ziglang.__file__).with_name("zig"),
        "cmake.define.FACESDK_WERROR": "ON",
        "install.strip": "false",  # the linker has done it; the host's strip knows no ARM
    }
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--wheel-dir", str(folder), str(source)]
    for name, value in settings.items():
        command += ["--config-settings", f"{name}={value}"]
    # What CPython's own cross builds set, and scikit-build-core reads for the wheel's tag.
    environment = os.environ | {"_PYTHON_HOST_PLATFORM": target.platform}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(done.stdout + done.stderr)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help=f"{', '.join(TARGETS)}")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="default: dist/")
    parser.add_argument("--no-trial", action="store_true", help="do not install and use the wheels")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.machines) - set(TARGETS))
    if unknown:
        parser.error(f"unknown machine {unknown[0]!r}: choose from {', '.join(TARGETS)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for machine in arguments.machines or TARGETS:
        with tempfile.TemporaryDirectory(dir=arguments.output) as folder:
            try:
                wheel = build(TARGETS[machine], Path(folder))
                facts = check(wheel)
                print(f"{wheel.name}: library {facts.size} bytes, glibc {facts.glibc}", flush=True)
                if not arguments.no_trial:
                    print(f"  {use(install(wheel, Path(folder)))}", flush=True)
            except (BuildError, DependencyError, WheelError, TrialError) as error:
                print(f"build_wheels: {machine}: {error}", file=sys.stderr)
                return 1
            os.replace(wheel, arguments.output / wheel.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
