# Cross-compiling with the C compiler of Zig (PyPI: ziglang), which brings the symbols of old C libraries along:
#   cmake -S sdk/native -B build/aarch64 --toolchain sdk/native/cmake/zig.cmake -DFACESDK_ZIG=.../zig -DFACESDK_TARGET=aarch64
# FACESDK_TARGET: x86_64, aarch64 or armv7l (hard float). The libraries run with glibc 2.17 and later.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FACESDK_ZIG FACESDK_TARGET)

if(FACESDK_TARGET STREQUAL "armv7l")
  # Zig takes NEON for granted on ARMv7 and knows no -mfpu; the baseline is VFPv3-D16.
  set(zig_target -target arm-linux-gnueabihf.2.17 -mcpu=generic+v7a-neon-d32)
  set(FACESDK_NEON_OPTIONS -mcpu=generic+v7a)
elseif(FACESDK_TARGET MATCHES "^(x86_64|aarch64)$")
  set(zig_target -target ${FACESDK_TARGET}-linux-gnu.2.17)
  set(FACESDK_DOTPROD_OPTIONS -mcpu=generic+dotprod) # Zig knows no -march
else()
  message(FATAL_ERROR "FACESDK_TARGET must be x86_64, aarch64 or armv7l, but is '${FACESDK_TARGET}'")
endif()

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${FACESDK_TARGET})
set(CMAKE_C_COMPILER ${FACESDK_ZIG} cc ${zig_target})
# Zig keeps frame pointers by default; bcmp, which Clang makes of memcmp, is not in every C library. Where nothing is optimized,
# as in CMake's trial of the compiler, Zig would use the undefined behaviour sanitizer and compile its run time first.
set(CMAKE_C_FLAGS_INIT "-fomit-frame-pointer -fno-builtin-bcmp -fno-sanitize=undefined")
set(CMAKE_MODULE_LINKER_FLAGS_INIT -s)
