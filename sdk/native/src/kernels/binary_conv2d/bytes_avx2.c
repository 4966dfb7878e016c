/* AVX2: products of two bytes are added up in 16 bits. */
#include "base/vectors_avx2.inc"

#define VECTORS 2
#define TILE 4
#define FLOATS 0
#define STEPS 8
#define PANEL_BYTES (32 * LANES * VECTORS)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/bytes.inc"
#include "kernels/binary_conv2d/dot4.inc"
#include "kernels/binary_conv2d/multiply_pairs.inc"

INLINE pairs multiply_pairs(vec values, vec signs) {
  return (pairs)_mm256_maddubs_epi16((__m256i)values, (__m256i)signs);
}

INLINE sum sum_pairs(pairs v) { return (sum)_mm256_madd_epi16((__m256i)v, _mm256_set1_epi16(1)); }

BYTES_KERNEL(avx2, arrange);
