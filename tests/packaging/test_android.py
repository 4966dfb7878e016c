"""The operators ask no more of a platform than Android gives.

No NDK is here: Clang compiles for Android's targets with the headers of musl, another small C
library, and the objects are linked against a C library that has the listed functions only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "sdk" / "native"

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("machine", "options"), [("aarch64", ["-mno-outline-atomics"]), ("x86_64", [])]
)
def test_it_compiles_and_links(tmp_path: Path, machine: str, options: list[str]) -> None:
    import ziglang  # the extra `wheels`, which the fast suite has not
    from elftools.elf.elffile import ELFFile

    from tools.release.check_wheel import allowed_symbols

    zig = Path(ziglang.__file__).with_name("zig")
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cmake = shutil.which("cmake", path=folders)
    assert cmake, "cmake is needed: pip install cmake"
    headers = zig.with_name("lib")
    flags = [f"--target={machine}-linux-android24", "-fno-builtin-bcmp", *options, "-nostdlibinc"]
    for folder in ("include", f"libc/include/{machine}-linux-musl", "libc/include/generic-musl"):
        flags += ["-isystem", str(headers / folder)]
    settings = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": machine,
        "CMAKE_C_COMPILER": f"{zig};clang",
        "CMAKE_C_FLAGS": " ".join(flags),
        "CMAKE_TRY_COMPILE_TARGET_TYPE": "STATIC_LIBRARY",
        "FACESDK_WERROR": "ON",
    }
    build = tmp_path / "build"
    defines = [f"-D{name}={value}" for name, value in settings.items()]
    run(cmake, "-S", SOURCE, "-B", build, *defines, cwd=tmp_path)
    run(cmake, "--build", build, "--target", "facesdk_ops_objects", cwd=tmp_path)

    functions = (f"void {name}(void) {{}}" for name in sorted(allowed_symbols()))
    (tmp_path / "libc.c").write_text("\n".join(functions))
    clang = [zig, "clang", flags[0], "-fPIC", "-ffreestanding", "-fno-builtin", "-w"]
    run(*clang, "-c", "libc.c", "-o", "libc.o", cwd=tmp_path)
    link = [zig, "ld.lld", "-shared", "--no-undefined", "-z", "max-page-size=16384"]
    run(*link, "-soname", "libc.so", "libc.o", "-o", "libc.so", cwd=tmp_path)
    objects = sorted((build / "CMakeFiles" / "facesdk_ops_objects.dir").rglob("*.o"))
    run(*link, *objects, "libc.so", "-o", "libfacesdk_ops.so", cwd=tmp_path)

    with (tmp_path / "libfacesdk_ops.so").open("rb") as stream:
        elf = ELFFile(stream)
        dynamic = elf.get_section_by_name(".dynamic")
        needed = [tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
        exported = elf.get_section_by_name(".dynsym").get_symbol_by_name("facesdk_bconv2d_run")
    assert needed == ["libc.so"]
    assert exported
