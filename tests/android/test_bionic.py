"""The restated declarations of Android's C library have its sizes and constants.

The expected ones are of AOSP's bionic headers (``libc/include``), as the NDK ships them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from android_demo.ci import libraries, project

HEADERS = project.FOLDER / "ci" / "native" / "include"
SIZES = {
    "pthread_mutex_t": (40, 4),
    "pthread_cond_t": (48, 4),
    "sigset_t": (8, 4),
    "cpu_set_t": (128, 4),
    "time_t": (8, 4),
    "pthread_t": (8, 4),
    "struct timespec": (16, 8),
    "size_t": (8, 4),
}
CONSTANTS = {"_SC_NPROCESSORS_ONLN": (97, 97), "RTLD_NOW": (2, 0), "CLOCK_MONOTONIC": (1, 1)}
TARGETS = {
    "aarch64-linux-android24": 0,
    "x86_64-linux-android24": 0,
    "armv7a-linux-androideabi24": 1,
}

pytestmark = [pytest.mark.slow, pytest.mark.android]


@pytest.mark.parametrize("target", TARGETS)
def test_sizes_and_constants_are_bionics(tmp_path: Path, target: str) -> None:
    assert shutil.which("clang-19"), "clang-19 is missing: run make android-packages"
    includes = "".join(
        f"#include <{path.relative_to(HEADERS)}>\n" for path in sorted(HEADERS.rglob("*.h"))
    )
    width = TARGETS[target]
    checks = [
        f'_Static_assert(sizeof({name}) == {values[width]}, "{name}");'
        for name, values in SIZES.items()
    ]
    checks += [
        f'_Static_assert({name} == {values[width]}, "{name}");'
        for name, values in CONSTANTS.items()
    ]
    source = tmp_path / "sizes.c"
    source.write_text(includes + "\n".join(checks) + "\n")
    done = subprocess.run(
        ["clang-19", f"--target={target}", "-std=c11", "-nostdlibinc", "-isystem", str(HEADERS)]
        + ["-Wall", "-Werror", "-fsyntax-only", str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_no_name_is_listed_twice() -> None:
    listed = libraries.names(project.NATIVE / "libc_symbols.txt")
    more = libraries.names(project.FOLDER / "ci" / "native" / "symbols.txt")
    own = [line.split()[1] for line in more]
    assert len(set(listed)) == len(listed)
    assert len(set(own)) == len(own)
    assert not set(own) & set(listed)
