/* What the AVX-512 paths share; included behind blocked_strip.h. */
#include <immintrin.h>

#include "cpu_x86.h"

/* Truth tables for vpternlogd: bit 4 a + 2 b + c is the result for the bits a, b and c. */
enum {
  XOR3 = 0x96,
  MAJORITY = 0xe8,
  FALLS = 0x74, /* 1 if the sequence a, b, c falls from 1 to 0 */
};

INLINE uint32_t signs(ivec v) { return _mm512_movepi32_mask((__m512i)v); }

INLINE uint32_t below_zero(fvec v) {
  return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_LT_OQ);
}

/* sum ^ filter ^ word. The instruction overwrites its first operand, so that is the one not needed any more. */
INLINE vec add_word(vec sum, vec filter, uint32_t word) {
  return (vec)_mm512_ternarylogic_epi32((__m512i)broadcast(word), (__m512i)sum, (__m512i)filter, XOR3);
}

/* The carry out of the two steps from one running sum to the next and to the next but one. */
INLINE vec fallen(vec before, vec between, vec after) {
  return (vec)_mm512_ternarylogic_epi32((__m512i)before, (__m512i)between, (__m512i)after, FALLS);
}
