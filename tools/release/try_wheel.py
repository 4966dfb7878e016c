"""Install a wheel in a clean environment and use it, as on a machine without a compiler.

    python -m tools.release.try_wheel dist/*.whl

An x86_64 wheel gets an empty virtual environment, and pip takes its dependencies from the package
index, as wheels only. An ARM wheel gets the emulated computer of ``tools.emulation.arm``, which has
them. Then, with nothing else on the path: no compiler, TensorFlow or LCE can be found;
``facesdk doctor`` finds no problem and the operator library of the wheel; ``facesdk verify`` judges
the packaged photos rightly; every operator model of the test corpus gives the bytes that LCE gave,
on every kernel path that this machine has.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.emulation import arm

NATIVE_TESTS = Path(__file__).parents[2] / "tests" / "native"
_RUNTIMES = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
_UNWANTED = {
    "modules": ("tensorflow", "larq", "larq_compute_engine"),
    "programs": ("cc", "gcc", "clang", "zig", "cmake", "ninja", "make"),
}
_FIND = """
import importlib.util, json, shutil, sys
unwanted = json.loads(sys.argv[1])
found = [name for name in unwanted["modules"] if importlib.util.find_spec(name)]
found += [name for name in unwanted["programs"] if shutil.which(name)]
print(json.dumps(found))
"""


class TrialError(Exception):
    """An installed wheel does not do what it must."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where a wheel is installed.

    Attributes:
        python: The command that starts Python there.
        facesdk: The command that starts facesdk there.
        site: The folder of the installed packages.
        folder: Where results may be written.
        environment: All variables that the commands get.
    """

    python: Sequence[str]
    facesdk: Sequence[str]
    site: Path
    folder: Path
    environment: Mapping[str, str]

    def run(
        self, command: Sequence[str], *, isa: str | None = None, statuses: Sequence[int] = (0,)
    ) -> str:
        """Standard output of a command, which may be forced to use one kernel path.

        Raises:
            TrialError: Its exit status is none of ``statuses``.
        """
        forced = {} if isa is None else {"FACESDK_OPS_ISA": isa}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **forced},
            capture_output=True,
            text=True,
        )
        if done.returncode not in statuses:
            lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise TrialError(
                f"{' '.join(command)} ended with status {done.returncode}: "
                f"{lines[-1] if lines else 'no message'}"
            )
        return done.stdout


def install(wheel: Path, folder: Path) -> Installation:
    """Install a wheel in a folder, on this machine or an emulated one, as its platform tag says.

    Raises:
        TrialError: pip refuses it, or cannot install it without building something.
        EmulationError: The emulated computer cannot be set up.
    """
    for machine in arm.MACHINES.values():
        if wheel.stem.endswith(f"_{machine.processor}"):
            return _install_emulated(wheel, folder, arm.prepare(machine))
    return _install_here(wheel, folder)


def _install_here(wheel: Path, folder: Path) -> Installation:
    root = folder / "venv"
    venv.create(root)
    python, facesdk = (str(root / "bin" / name) for name in ("python", "facesdk"))
    # Python compiles the few modules that it loads; pip would compile all.
    _pip_install("--no-compile", str(wheel), python=python)
    (site,) = root.glob("lib/python*/site-packages")
    environment = {"PATH": str(root / "bin"), "HOME": str(folder), "LANG": "C.UTF-8"}
    return Installation([python], [facesdk], site, folder, environment)


def _install_emulated(wheel: Path, folder: Path, computer: arm.Computer) -> Installation:
    site = folder / "site"
    platform = wheel.stem.rsplit("-", 1)[1]
    target = ("--target", str(site), "--platform", platform, "--python-version", "3.11")
    _pip_install("--no-deps", *target, str(wheel))
    emulator, *options = computer.emulator
    python = [shutil.which(emulator) or emulator, *options]
    python.append(str(computer.root / "usr/bin/python3.11"))
    programs = {"PATH": str(computer.root / "usr/bin"), "HOME": str(folder)}
    environment = computer.environment(path=[site], more=programs)
    return Installation(python, [*python, "-m", "facesdk"], site, folder, environment)


def _pip_install(*arguments: str, python: str = sys.executable) -> None:
    """Install for a Python, which need not have pip itself."""
    options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "--python", python, "install", *options, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise TrialError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def use(installation: Installation) -> str:
    """Use everything that facesdk does on a device; returns one line that says what ran.

    Raises:
        TrialError: Something does not work or gives another result than it must.
    """
    _check_nothing_else_is_there(installation)
    report = json.loads(installation.run([*installation.facesdk, "doctor", "--json"]))
    if not Path(report["ops"]["path"]).is_relative_to(installation.site):
        raise TrialError(f"the operator library is not the wheel's: {report['ops']['path']}")
    _check_verdicts(installation)
    module, operators = _RUNTIMES[report["runtime"]["name"]], report["ops"]
    for isa in operators["available"]:
        models = _check_operators(installation, module, operators["path"], isa)
    return (
        f"{report['runtime']['name']} {report['runtime']['version']}: doctor, verify, "
        f"{models} operator models on {', '.join(operators['available'])}"
    )


def _check_nothing_else_is_there(installation: Installation) -> None:
    command = [*installation.python, "-c", _FIND, json.dumps(_UNWANTED)]
    found = json.loads(installation.run(command))
    if found:
        raise TrialError(f"the environment is not clean: it has {', '.join(found)}")


def _check_verdicts(installation: Installation) -> None:
    photos = installation.site / "facesdk" / "samples"
    first, second, other = (str(photos / f"{name}.jpg") for name in ("obama", "obama2", "biden"))
    for pair, same in (((first, second), True), ((first, other), False)):
        command = [*installation.facesdk, "verify", *pair, "--min-face", "80", "--json"]
        verdict = json.loads(installation.run(command, statuses=(0, 1)))
        if verdict["same"] is not same:
            raise TrialError(f"facesdk verify gives the wrong answer for {' and '.join(pair)}")


def _check_operators(installation: Installation, runtime: str, library: str, isa: str) -> int:
    """Compare the outputs of the operator models with LCE's, byte by byte."""
    corpus, out = NATIVE_TESTS / "corpus", installation.folder / "outputs.npz"
    program = NATIVE_TESTS / "support" / "run_models.py"
    script = [str(program), runtime, library, str(corpus), str(out)]
    installation.run([*installation.python, *script, "zero_padding=optimized"], isa=isa)
    outputs = np.load(out)
    recorded = {file.stem: np.load(file) for file in sorted(corpus.glob("*.npz"))}
    expected = {name: row["optimized"] for name, row in recorded.items() if "optimized" in row}
    for name, values in expected.items():
        if outputs[name].tobytes() != values.tobytes():
            raise TrialError(f"operator model {name} on {isa} differs from what LCE gives")
    return len(expected)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL")
    for wheel in parser.parse_args().wheels:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"{wheel.name}: {use(install(wheel.absolute(), Path(folder)))}", flush=True)
            except (TrialError, arm.EmulationError) as error:
                print(f"try_wheel: {wheel.name}: {error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
