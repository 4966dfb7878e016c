/* What an ARM CPU and its kernel support. */
#ifndef FACESDK_BASE_CPU_ARM_H_
#define FACESDK_BASE_CPU_ARM_H_

#include <stdbool.h>
#include <sys/auxv.h>

#if defined(__arm__)
enum { FACESDK_HWCAP_NEON = 1 << 12 }; /* Linux, arch/arm/include/uapi/asm/hwcap.h */

static inline bool facesdk_cpu_has_neon(void) { return (getauxval(AT_HWCAP) & FACESDK_HWCAP_NEON) != 0; }
#else
enum { FACESDK_HWCAP_ASIMDDP = 1 << 20 }; /* Linux, arch/arm64/include/uapi/asm/hwcap.h */

static inline bool facesdk_cpu_has_neon(void) { return true; } /* part of every 64-bit Linux and Android */
static inline bool facesdk_cpu_has_dotprod(void) { return (getauxval(AT_HWCAP) & FACESDK_HWCAP_ASIMDDP) != 0; }
#endif

#endif
