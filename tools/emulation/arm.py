"""Emulated ARM computers: run Python and compiled tests for aarch64 and armv7 on a Debian PC.

A computer is a folder with Debian's Python 3.11 and its libraries, the stock TFLite runtimes and
the device dependencies of facesdk, and programs run in it through QEMU's user-mode emulation: no
ARM hardware, no virtual machine, no chroot. The first call makes the folder (``build/arm``, about
1.1 GB, half a minute to two minutes), later ones reuse it until what it should hold changes.

    python -m tools.emulation.arm                              set both computers up
    python -m tools.emulation.arm armv7 -c 'import platform; print(platform.machine())'
    python -m tools.emulation.arm aarch64 script.py ARGUMENT...

From Python::

    computer = arm.prepare(arm.ARMV7)       # EmulationError says what is missing
    build = arm.build_native(computer)      # the operator library and its C tests
    done = computer.python("-m", "facesdk", "doctor", path=[site])     # a CompletedProcess

Emulation shows whether results are right, never how fast anything is.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "arm"
SUITE = "bookworm"  # the Debian release whose Python, 3.11, is the last one of tflite-runtime 2.14

PURE = ("platformdirs>=4", "rich>=13", "typer>=0.17.5")


class EmulationError(Exception):
    """A computer cannot be set up; the message is one line and says what to do."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of ARM computer.

    Attributes:
        name: How tests and the command line call it.
        debian: Debian's name of the architecture.
        triplet: Prefix of the cross compiler, and the library folder.
        emulator: QEMU's program.
        cpu: The processor that QEMU emulates: that of the Raspberry Pi 4, and the oldest with
            NEON and the division that the runtimes' 32-bit wheels are compiled for.
        modules: Import names of the stock runtimes that exist for it.
        packages: Debian packages; their dependencies follow.
        wheels: Requirements that have a wheel for it, installed with their dependencies.
        lone_wheels: The same without their dependencies, which are among ``packages``.
        alternatives: Links that Debian would make at installation: link to target, both relative
            to the library folder.
    """

    name: str
    debian: str
    triplet: str
    emulator: str
    cpu: str
    modules: tuple[str, ...]
    packages: tuple[str, ...]
    wheels: tuple[str, ...]
    lone_wheels: tuple[str, ...] = ()
    alternatives: Mapping[str, str] = field(default_factory=dict)

    @property
    def processor(self) -> str:
        """What ``platform.machine()`` says on it, and the end of its wheels' tags."""
        return {"arm64": "aarch64", "armhf": "armv7l"}[self.debian]

    @property
    def counter(self) -> str:
        """QEMU's program that takes plugins; Debian's static one takes none."""
        return self.emulator.removesuffix("-static")

    @property
    def compiler(self) -> str:
        """The cross compiler; Debian's package has the same name but for the architecture."""
        return f"{self.triplet}-gcc"


AARCH64 = Machine(
    name="aarch64",
    debian="arm64",
    triplet="aarch64-linux-gnu",
    emulator="qemu-aarch64-static",
    cpu="cortex-a72",
    modules=("ai_edge_litert", "tflite_runtime"),
    packages=("python3.11", "libstdc++6"),
    wheels=(
        "ai-edge-litert==2.3.0",
        "tflite-runtime==2.14.0",
        "numpy==1.26.4",
        "pillow>=10.3",
        *PURE,
    ),
)
# No wheels of NumPy and Pillow exist for it on PyPI: they are Debian's.
ARMV7 = Machine(
    name="armv7",
    debian="armhf",
    triplet="arm-linux-gnueabihf",
    emulator="qemu-arm-static",
    cpu="cortex-a15",
    modules=("tflite_runtime",),
    packages=("python3.11", "libstdc++6", "python3-numpy", "python3-pil"),
    wheels=PURE,
    lone_wheels=("tflite-runtime==2.14.0",),
    alternatives={"libblas.so.3": "blas/libblas.so.3", "liblapack.so.3": "lapack/liblapack.so.3"},
)
DOT_PRODUCTS = "cortex-a76"
"""The processor of the Raspberry Pi 5, with ARMv8.2's dot products."""
MACHINES = {machine.name: machine for machine in (AARCH64, ARMV7)}


@dataclass(frozen=True, slots=True)
class Computer:
    """An emulated computer that is set up.

    Attributes:
        machine: Its kind.
        root: Its root folder.
        site: The Python packages that came as wheels.
    """

    machine: Machine
    root: Path
    site: Path

    @property
    def emulator(self) -> tuple[str, ...]:
        """The command that runs a program of this computer: put the program's path after it."""
        machine = self.machine
        return (machine.emulator, "-cpu", machine.cpu, "-L", str(self.root))

    def on_processor(self, cpu: str) -> Computer:
        """The same computer with another processor that QEMU knows, for the same programs."""
        return replace(self, machine=replace(self.machine, cpu=cpu))

    def python(
        self,
        *arguments: str | Path,
        path: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run Python 3.11 of this computer; programs in it cannot start others.

        Args:
            arguments: Python's own.
            path: Folders to import from, before those of the computer.
            environment: Variables besides PATH, HOME and LANG; nothing else is inherited.
            timeout: Seconds, None for no limit.

        Returns:
            Exit status (negative for a signal), standard output and error as text.

        Raises:
            subprocess.TimeoutExpired: It took longer.
        """
        command = [*self.emulator, str(self.root / "usr/bin/python3.11"), *map(str, arguments)]
        return subprocess.run(
            command,
            env=self.environment(path, environment),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def environment(
        self, path: Sequence[Path] = (), more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """The environment of :meth:`python`."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "PYTHONNOUSERSITE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, [*path, self.site])),
            **(more or {}),
        }


def prepare(machine: Machine, folder: Path = FOLDER) -> Computer:
    """Set a computer up, or take the one that is there.

    Args:
        machine: Its kind.
        folder: Where computers are kept.

    Raises:
        EmulationError: Something is missing on this PC, or a download failed.
    """
    install_tools()
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / machine.name
    recipe = _recipe(machine)
    stamp = home / "recipe"
    with _locked(folder / f"{machine.name}.lock"):
        if not (stamp.is_file() and stamp.read_text() == recipe):
            print(f"setting up an emulated {machine.name} computer in {home}", flush=True)
            partial = folder / f"{machine.name}.partial"
            for old in (home, partial):
                shutil.rmtree(old, ignore_errors=True)
            _unpack_debian(machine, partial)
            _install_wheels(machine, partial / "site")
            (partial / "recipe").write_text(recipe)
            partial.rename(home)
    return Computer(machine, home / "root", home / "site")


def build_native(computer: Computer, folder: Path = FOLDER) -> Path:
    """Cross-compile the operators and their C tests, which ``ctest`` then runs in the emulator.

    Returns:
        The build folder, with ``libfacesdk_ops.so``. What is up to date is not built again.

    Raises:
        EmulationError: The build failed.
    """
    machine = computer.machine
    build = folder / f"native-{machine.name}"
    settings = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": machine.processor,
        "CMAKE_C_COMPILER": machine.compiler,
        "CMAKE_CROSSCOMPILING_EMULATOR": ";".join(computer.emulator),
        "FACESDK_TESTS": "ON",
        "FACESDK_FUZZ_INPUTS": "5000",  # others than on the other computer
        "FACESDK_FUZZ_SEED": str(100 + list(MACHINES).index(machine.name)),
        "FACESDK_WERROR": "ON",
    }
    cmake = tool("cmake")
    options = [f"-D{key}={value}" for key, value in settings.items()]
    with _locked(folder / f"native-{machine.name}.lock"):
        _run(cmake, "-S", str(ROOT / "sdk" / "native"), "-B", str(build), *options)
        _run(cmake, "--build", str(build), "--parallel", "2")
    return build


def tool(name: str) -> str:
    """Path of ``cmake`` or ``ctest``: from Python's environment, else from PATH.

    Raises:
        EmulationError: It is not installed.
    """
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=folders)
    if found is None:
        raise EmulationError(f"{name} is needed: pip install cmake")
    return found


def _recipe(machine: Machine) -> str:
    """What a computer is made of and how: another one is made when that changes."""
    steps = "".join(map(inspect.getsource, (_unpack_debian, fetch_debian, _install_wheels)))
    return hashlib.sha256(f"{machine} {steps}".encode()).hexdigest()


def install_tools() -> None:
    """Install QEMU and the cross compilers with apt-get.

    Raises:
        EmulationError: They are missing, and this is not Debian or not root.
    """
    programs = {machine.emulator: "qemu-user-static" for machine in MACHINES.values()}
    for machine in MACHINES.values():
        programs[machine.counter] = "qemu-user"
        programs[machine.compiler] = f"gcc-{machine.triplet}"
    missing = sorted(
        {package for program, package in programs.items() if not shutil.which(program)}
    )
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    command += [f"libc6-dev-{m.debian}-cross" for m in MACHINES.values()]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise EmulationError(f"emulated ARM needs Debian packages; run: sudo {' '.join(command)}")
    print(f"installing {' '.join(missing)} with apt-get", flush=True)
    _run("apt-get", "update", "-qq")
    _run(*command, environment={"DEBIAN_FRONTEND": "noninteractive"})


def _unpack_debian(machine: Machine, home: Path) -> None:
    root = home / "root"
    for package in fetch_debian(machine.debian, machine.packages, home / "apt"):
        _run("dpkg", "-x", str(package), str(root))
    shutil.rmtree(home / "apt")
    for link, target in machine.alternatives.items():
        (root / "usr/lib" / machine.triplet / link).symlink_to(target)
    # LiteRT reads the caches of the PC's processors where it expects an ARM processor's, and
    # crashes; without a list of processors it does not look. QEMU prefers files of the root.
    processors = root / "sys/devices/system/cpu"
    processors.mkdir(parents=True)
    for name in ("possible", "present"):
        (processors / name).touch()


def fetch_debian(architecture: str, packages: Sequence[str], apt: Path) -> list[Path]:
    """Fetch packages and what they depend on with an apt of its own state, which needs no root.

    Args:
        architecture: Debian's name.
        packages: Names.
        apt: A folder for apt, which must not exist.

    Returns:
        The package files, in that folder.

    Raises:
        EmulationError: apt-get has no such package, or cannot fetch it.
    """
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb {_mirror()} {SUITE} main\n")
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    _run("apt-get", *options, "update", "-qq")
    install = ("install", "--download-only", "--no-install-recommends", "-y", "-qq")
    _run("apt-get", *options, *install, *packages)
    return sorted((apt / "cache/archives").glob("*.deb"))


def _mirror() -> str:
    """Where this PC gets the packages of the release from."""
    form = "$(REPO_URI) $(CODENAME) $(COMPONENT)"
    listed = _run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    for line in listed.splitlines():
        uri, *rest = line.split()
        if rest == [SUITE, "main"]:
            return uri
    raise EmulationError(
        f"emulated ARM needs the packages of Debian {SUITE}, but apt-get on this PC has other "
        "sources; use a Debian 12 machine or container"
    )


def _install_wheels(machine: Machine, site: Path) -> None:
    tags = [f"manylinux_2_{minor}_{machine.processor}" for minor in range(36, 16, -1)]
    tags += [f"manylinux2014_{machine.processor}", f"linux_{machine.processor}"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"]
    command += ["--disable-pip-version-check", "--root-user-action=ignore", "--target", str(site)]
    command += ["--only-binary=:all:", "--python-version=3.11"]
    command += [f"--platform={tag}" for tag in tags]
    _run(*command, *machine.wheels)
    if machine.lone_wheels:
        _run(*command, "--no-deps", *machine.lone_wheels)


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise EmulationError(f"{command[0]} failed with status {done.returncode}: {lines[-1]}")
    return done.stdout


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description="Emulated ARM computers (see the module's text).")
    parser.add_argument("machine", nargs="?", choices=MACHINES, help="run Python on this one")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="Python's arguments")
    options = parser.parse_args()
    try:
        if options.machine is None:
            install_tools()
            with ThreadPoolExecutor() as pool:
                computers = list(pool.map(prepare, MACHINES.values()))
            for computer in computers:
                print(f"{computer.machine.name}: ready, {' '.join(computer.emulator)}")
            return
        computer = prepare(MACHINES[options.machine])
    except EmulationError as error:
        sys.exit(f"emulated_arm: {error}")
    python = str(computer.root / "usr/bin/python3.11")
    os.execvpe(
        computer.machine.emulator,
        [*computer.emulator, python, *options.arguments],
        computer.environment(),
    )


if __name__ == "__main__":
    main()
