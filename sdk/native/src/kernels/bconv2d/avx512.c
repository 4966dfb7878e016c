/* AVX-512 without VPOPCNTDQ: carry-save adders whose sum and carry are one instruction each, and a table lookup for half
 * bytes at their end. Eight words take 25 instructions, hardly more than with VPOPCNTDQ. */
#include "base/vectors_avx512.inc"

#define VECTORS 1
#define TILE 7
#define SUMS 1
#define FEW_UNITS 0
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/bconv2d/carry_save.inc"
#include "kernels/bconv2d/ternary_logic.inc"

INLINE vec add_unit(vec *sum, vec first, vec second, const uint32_t words[2]) {
  const vec before = *sum, between = add_word(before, first, words[0]);
  *sum = add_word(between, second, words[1]);
  return fallen(before, between, *sum);
}

INLINE vec add_bits(vec *sum, vec a, vec b) {
  const __m512i before = (__m512i)*sum;
  *sum = (vec)_mm512_ternarylogic_epi32(before, (__m512i)a, (__m512i)b, XOR3);
  return (vec)_mm512_ternarylogic_epi32(before, (__m512i)a, (__m512i)b, MAJORITY);
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
