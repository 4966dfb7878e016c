"""The SHA-256 of every file of a release, and minisign's signature of that list.

    python -m tools.release.checksums dist                          # are all files as listed?
    python -m tools.release.checksums dist --public-key release.pub # and is the list ours?

``SHA256SUMS`` has the form of ``sha256sum``, which checks it as well. minisign
(https://jedisct1.github.io/minisign/) signs it: keys are files, and nothing is asked of a server.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from facesdk.files import sha256_of

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\0]+)")


class ChecksumError(Exception):
    """A release is not what its list says, or cannot be signed; the message says why."""


def write(folder: Path, names: Iterable[str]) -> Path:
    """List the SHA-256 of files of a folder in its ``SHA256SUMS``."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in sorted(names)]
    path = folder / SUMS
    path.write_text("".join(lines))
    return path


def check(folder: Path) -> list[str]:
    """Compare the files of a folder with its ``SHA256SUMS``.

    Returns:
        The names that are listed.

    Raises:
        ChecksumError: The list is missing or damaged, or a listed file is missing or differs, or a
            wheel or archive is not listed.
    """
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ChecksumError(f"{folder / SUMS} cannot be read: {error}") from None
    names = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ChecksumError(f"{folder / SUMS}, line {number}: not a digest and a name")
        digest, name = match.groups()
        if not (folder / name).is_file():
            raise ChecksumError(f"{name} is listed, but not there")
        if sha256_of(folder / name) != digest:
            raise ChecksumError(f"{name} is not the file that was released")
        names.append(name)
    if not names:
        raise ChecksumError(f"{folder / SUMS} is empty")
    there = {path.name for pattern in ("*.whl", "*.tar.gz") for path in folder.glob(pattern)}
    unknown = sorted(there - set(names))
    if unknown:
        raise ChecksumError(f"{unknown[0]} is not listed in {SUMS}")
    return names


def sign(sums: Path, secret_key: Path, comment: str) -> Path:
    """Sign a list with minisign, which asks for the key's password where it has one.

    Args:
        sums: The list.
        secret_key: minisign's secret key file.
        comment: One line that is signed too: which release this is.

    Returns:
        The signature, ``SHA256SUMS.minisig``.

    Raises:
        ChecksumError: minisign is not installed, or it refuses.
    """
    signature = sums.with_name(f"{sums.name}.minisig")
    _minisign("-S", "-s", str(secret_key), "-m", str(sums), "-x", str(signature), "-t", comment)
    return signature


def check_signature(sums: Path, public_key: Path) -> None:
    """Raise :class:`ChecksumError` unless the list was signed with the key's other half."""
    _minisign("-V", "-q", "-p", str(public_key), "-m", str(sums))


def _minisign(*arguments: str) -> None:
    program = shutil.which("minisign")
    if program is None:
        raise ChecksumError("minisign is not installed: run `apt-get install minisign`")
    done = subprocess.run([program, *arguments], stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise ChecksumError(f"minisign: {' '.join(done.stderr.split()) or 'refused'}")


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder with the files of a release")
    parser.add_argument("--public-key", type=Path, help="minisign's public key of the releases")
    arguments = parser.parse_args()
    try:
        names = check(arguments.folder)
        if arguments.public_key:
            check_signature(arguments.folder / SUMS, arguments.public_key)
    except ChecksumError as error:
        print(f"checksums: {error}", file=sys.stderr)
        return 1
    signed = "" if arguments.public_key else "; the signature was not looked at"
    print(f"{len(names)} files are as released{signed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
