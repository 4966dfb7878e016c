"""``libfacesdk_jni.so`` for each ABI, without an NDK (``native/README.md``)."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from android_demo.ci import project
from android_demo.ci.tools import java_home, run

_HERE = Path(__file__).with_name("native")
_TRIPLES = {
    "arm64-v8a": "aarch64-linux-android24",
    "armeabi-v7a": "armv7a-linux-androideabi24",
    "x86_64": "x86_64-linux-android24",
}
_RUN_TIME_ABI = tuple(
    f"__aeabi_{name}"
    for name in (
        *("memcpy", "memcpy4", "memcpy8", "memmove", "memmove4", "memmove8"),
        *("memset", "memset4", "memset8", "memclr", "memclr4", "memclr8"),
    )
)
"""What libc of 32-bit ARM has besides; compilers call them unasked."""


def names(path: Path) -> tuple[str, ...]:
    """The lines of a list of symbols; ``#`` starts a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line)


def symbols(abi: str) -> dict[str, tuple[str, ...]]:
    """What the library may take from Android, by library, ``libc`` and so on."""
    found: dict[str, list[str]] = {"libc": [*names(project.NATIVE / "libc_symbols.txt")]}
    for line in names(_HERE / "symbols.txt"):
        library, symbol = line.split()
        found.setdefault(library, []).append(symbol)
    if abi == "armeabi-v7a":
        found["libc"] += _RUN_TIME_ABI
    return {library: tuple(sorted(set(given))) for library, given in found.items()}


def allowed(abi: str) -> frozenset[str]:
    """Every name that the library may take from Android."""
    return frozenset().union(*symbols(abi).values())


def make_sysroot(abi: str, folder: Path) -> None:
    """Stub libraries for the linker: a library per name, with empty functions.

    The linker records the library and refuses every other symbol. libc, libm and libdl give their
    symbols the version LIBC, as the NDK's do; those of liblog have none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / "version.map"
    version.write_text("LIBC { *; };\n")
    compiler = ("clang-19", f"--target={_TRIPLES[abi]}", "-O2", "-fPIC", "-ffreestanding")
    for library, given in symbols(abi).items():
        source = folder / f"{library}.c"
        source.write_text("".join(f"void {name}(void) {{}}\n" for name in given))
        options = [] if library == "liblog" else [f"-Wl,--version-script={version}"]
        run(
            *(*compiler, "-w", "-fno-builtin", "-nostdlib", "-shared", "-fuse-ld=lld-19"),
            *(f"-Wl,-soname,{library}.so", *options),
            *(source, "-o", folder / f"{library}.so"),
        )
    if abi == "armeabi-v7a":
        machine = ("-mfloat-abi=softfp", "-mfpu=vfpv3-d16", "-mthumb", "-ffunction-sections")
        run(
            *(*compiler, *machine, "-nostdlibinc", "-isystem"),
            *(_HERE / "include", "-c", _HERE / "arm_run_time.c", "-o", folder / "run_time.o"),
        )


def build(output: Path, work: Path, abis: tuple[str, ...] = project.ABIS) -> dict[str, Path]:
    """Compile the library.

    Args:
        output: Folder that gets ``ABI/libfacesdk_jni.so``.
        work: Folder for what the compiler leaves.
        abis: The ABIs to build for.

    Returns:
        The library of each ABI.

    Raises:
        ToolError: CMake or a compiler failed; the message has what it said.
    """
    jni = java_home() / "include"
    made = {}
    with ThreadPoolExecutor(2) as pool:  # configuring is one process after another
        jobs = {abi: pool.submit(_build_one, abi, jni, work / abi) for abi in abis}
        for abi, job in jobs.items():
            made[abi] = output / abi / project.JNI_LIBRARY
            made[abi].parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(job.result(), made[abi])
    return made


def _build_one(abi: str, jni: Path, work: Path) -> Path:
    sysroot, build_folder = work / "sysroot", work / "build"
    make_sysroot(abi, sysroot)
    run(
        *("cmake", "-G", "Ninja", "-S", project.LIBRARY / "src" / "main" / "cpp"),
        *("-B", build_folder, "--toolchain", _HERE / "android.cmake"),
        *("-DCMAKE_BUILD_TYPE=Release", f"-DFACESDK_ABI={abi}", f"-DFACESDK_SYSROOT={sysroot}"),
        *(f"-DFACESDK_JNI={jni}", f"-DFACESDK_VERSION={project.version()}"),
        "-DFACESDK_WERROR=ON",
    )
    run("cmake", "--build", build_folder, "--target", "facesdk_jni", "-j", "2")
    return build_folder / project.JNI_LIBRARY
