# Cross-compiling for Android without an NDK: Debian's clang-19 and lld-19, the declarations in include/, and the stub libraries that
# android_demo/ci/libraries.py puts into FACESDK_SYSROOT. With an NDK, use its own toolchain file instead; CMakeLists.txt is the same.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FACESDK_ABI FACESDK_SYSROOT FACESDK_JNI)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_SYSTEM_NAME Linux)
if(FACESDK_ABI STREQUAL "arm64-v8a")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
  set(triple aarch64-linux-android24)
  set(machine -mno-outline-atomics) # else the atomics call helpers of compiler-rt
elseif(FACESDK_ABI STREQUAL "armeabi-v7a")
  set(CMAKE_SYSTEM_PROCESSOR armv7-a)
  set(triple armv7a-linux-androideabi24)
  set(machine "-mfloat-abi=softfp -mfpu=vfpv3-d16 -mthumb") # NEON only in the files that are built for it
  set(builtins "${FACESDK_SYSROOT}/run_time.o")
elseif(FACESDK_ABI STREQUAL "x86_64")
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
  set(triple x86_64-linux-android24)
else()
  message(FATAL_ERROR "FACESDK_ABI must be arm64-v8a, armeabi-v7a or x86_64, but is '${FACESDK_ABI}'")
endif()
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET ${triple})
set(CMAKE_C_FLAGS_INIT "${machine} -nostdlibinc -isystem ${CMAKE_CURRENT_LIST_DIR}/include -isystem ${FACESDK_JNI} -isystem ${FACESDK_JNI}/linux -fno-builtin-bcmp -fno-stack-protector")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-nostdlib -fuse-ld=lld-19 -L${FACESDK_SYSROOT}") # lld-14's RELRO breaks dlopen
set(CMAKE_C_STANDARD_LIBRARIES "${builtins} -lc")
