/* What an x86-64 CPU and its operating system support. */
#ifndef FACESDK_BASE_CPU_X86_H_
#define FACESDK_BASE_CPU_X86_H_

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

enum { FACESDK_XMM_YMM = 0x06, FACESDK_XMM_YMM_ZMM = 0xe6 }; /* register state, bits of XCR0 */

static inline bool facesdk_cpu_saves(uint32_t state) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return false;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & state) == state;
}

/* Leaf 1: POPCNT and SSE4.2. */
static inline bool facesdk_cpu_has_popcnt(void) {
  uint32_t a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_POPCNT) && (c & bit_SSE4_2);
}

/* Leaf 7: all features of EBX and ECX, and the registers they use. */
static inline bool facesdk_cpu_has_leaf7(uint32_t ebx, uint32_t ecx, uint32_t state) {
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & ebx) == ebx && (c & ecx) == ecx && facesdk_cpu_saves(state);
}

static inline bool facesdk_cpu_has_avx2(void) {
  return facesdk_cpu_has_popcnt() && facesdk_cpu_has_leaf7(bit_AVX2, 0, FACESDK_XMM_YMM);
}

static inline bool facesdk_cpu_has_avx512(void) {
  const uint32_t ebx = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  return facesdk_cpu_has_avx2() && facesdk_cpu_has_leaf7(ebx, 0, FACESDK_XMM_YMM_ZMM);
}

/* One path needs both: there is no CPU with the other extensions and only VPOPCNTDQ. */
static inline bool facesdk_cpu_has_avx512_vpopcntdq(void) {
  return facesdk_cpu_has_avx512() &&
         facesdk_cpu_has_leaf7(0, bit_AVX512VPOPCNTDQ | bit_AVX512VNNI, FACESDK_XMM_YMM_ZMM);
}

#endif
