/* AVX2: no population count of vectors, so carry-save adders, and a table lookup for half bytes at their end. */
#include "base/vectors_avx2.inc"

#define VECTORS 1
#define TILE 2
#define FEW_UNITS 24
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/bconv2d/two_operand_adders.inc"
#include "kernels/bconv2d/carry_save.inc"

INLINE vec count_bytes(vec v) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const vec low = broadcast(0x0f0f0f0f);
  return (vec)_mm256_add_epi8(_mm256_shuffle_epi8(table, (__m256i)(v & low)),
                              _mm256_shuffle_epi8(table, (__m256i)(v >> 4 & low)));
}

INLINE vec sum_bytes(vec v) {
  const __m256i ones = _mm256_set1_epi8(1);
  return (vec)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)v, ones), _mm256_set1_epi16(1));
}

CARRY_SAVE_KERNEL(avx2);
