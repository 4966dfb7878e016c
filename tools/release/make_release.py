"""Make the files of a release, from the last commit alone.

    python -m tools.release.make_release                               # into dist/release/
    python -m tools.release.make_release --sign ~/.minisign/release.key

Each wheel is built twice, from two exports of the commit in two folders, and both must be equal
byte for byte. It is then checked and tried (``build_wheels``), and gets a bill of materials. The
source archive is git's export. ``SHA256SUMS`` lists everything, and ``--sign`` signs the list with
minisign. Anybody who has the commit gets the same files; whoever downloads them checks them by
``python -m tools.release.checksums``, or by ``sha256sum --check`` and ``minisign -V``.
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from facesdk import __version__
from facesdk.errors import DependencyError
from facesdk.files import sha256_of
from tools.release import checksums
from tools.release.bill_of_materials import bill_of_materials
from tools.release.build_wheels import ROOT, TARGETS, BuildError, Target, build
from tools.release.check_wheel import WheelError, check
from tools.release.checksums import ChecksumError
from tools.release.try_wheel import TrialError, install, use


class ReleaseError(Exception):
    """The commit cannot be released; the message says why."""


def export(folder: Path) -> Path:
    """Put the files of the last commit into a folder; returns its path."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    _git("archive", "--format=tar", f"--output={archive}", "HEAD")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    archive.unlink()
    return folder


def source_archive(output: Path) -> Path:
    """The last commit as ``facesdk_edge-VERSION.tar.gz``, which pip can install.

    gzip's header gets no time, so the same commit gives the same bytes.
    """
    name = f"facesdk_edge-{__version__}"
    content = _git("archive", "--format=tar", f"--prefix={name}/", "HEAD")
    path = output / f"{name}.tar.gz"
    path.write_bytes(gzip.compress(content, mtime=0))
    return path


def reproducible_wheel(target: Target, folder: Path) -> Path:
    """Build a wheel from each of two exports.

    Raises:
        ReleaseError: They differ.
    """
    wheels = []
    for place in ("first", "second/elsewhere"):
        tree = export(folder / place / "tree")
        wheels.append(build(target, folder / place, tree))
    if sha256_of(wheels[0]) != sha256_of(wheels[1]):
        raise ReleaseError(f"two builds of {wheels[0].name} differ: {wheels[0]}, {wheels[1]}")
    return wheels[0]


def make(output: Path, *, trial: bool) -> list[str]:
    """Make all files but the list; returns their names."""
    changed = _git("status", "--porcelain").decode().splitlines()
    if changed:
        raise ReleaseError(
            f"{len(changed)} files are not as committed, {changed[0][3:]} among them"
        )
    os.environ["SOURCE_DATE_EPOCH"] = _git("log", "-1", "--format=%ct").decode().strip()
    names = [source_archive(output).name]
    for target in TARGETS.values():
        with tempfile.TemporaryDirectory(dir=output) as folder:
            wheel = reproducible_wheel(target, Path(folder))
            facts = check(wheel)
            print(f"{wheel.name}: built twice, equal; library {facts.size} bytes", flush=True)
            if trial:
                print(f"  {use(install(wheel, Path(folder)))}", flush=True)
            (output / f"{wheel.stem}.cdx.json").write_text(bill_of_materials(wheel))
            os.replace(wheel, output / wheel.name)
        names += [wheel.name, f"{wheel.stem}.cdx.json"]
    return names


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    if done.returncode != 0:
        raise ReleaseError(f"git {arguments[0]}: {' '.join(done.stderr.decode().split())}")
    return done.stdout


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=ROOT / "dist" / "release", help="default: dist/release/"
    )
    parser.add_argument("--no-trial", action="store_true", help="do not install and use the wheels")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="minisign's secret key file")
    arguments = parser.parse_args()
    output: Path = arguments.output
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise ReleaseError(f"{output} is not empty: a release gets a folder of its own")
        names = make(output, trial=not arguments.no_trial)
        sums = checksums.write(output, names)
        if arguments.sign:
            checksums.sign(sums, arguments.sign, f"facesdk-edge {__version__}")
    except (
        BuildError,
        ChecksumError,
        DependencyError,
        OSError,
        ReleaseError,
        TrialError,
        WheelError,
    ) as error:
        print(f"make_release: {error}", file=sys.stderr)
        return 1
    print(sums.read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
