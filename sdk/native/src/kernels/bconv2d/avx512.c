/* AVX-512 without VPOPCNTDQ: carry-save adders whose sum and carry are one instruction each, and a table lookup for half
 * bytes at their end. */
#include "base/vectors_avx512.inc"

#define VECTORS 1
#define TILE 4
#define SUMS 1
#define FEW_UNITS 0
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/bconv2d/carry_save.inc"
#include "kernels/bconv2d/ternary_logic.inc"

INLINE vec add_unit(vec *sum, vec first, vec second, const uint32_t words[2]) {
  return add_differences(sum, first ^ broadcast(words[0]), second ^ broadcast(words[1]));
}

INLINE vec add_bits(vec *sum, vec a, vec b) {
  const vec before = *sum;
  *sum = TERNARY(XOR3, before, a, b);
  return TERNARY(MAJORITY, before, a, b);
}

INLINE vec count_bytes(vec v) {
  const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const vec low = broadcast(0x0f0f0f0f);
  return (vec)_mm512_add_epi8(_mm512_shuffle_epi8(table, (__m512i)(v & low)),
                              _mm512_shuffle_epi8(table, (__m512i)(v >> 4 & low)));
}

INLINE vec sum_bytes(vec v) {
  const __m512i ones = _mm512_set1_epi8(1);
  return (vec)_mm512_madd_epi16(_mm512_maddubs_epi16((__m512i)v, ones), _mm512_set1_epi16(1));
}

CARRY_SAVE_KERNEL(avx512);
