/* AVX2: a register has half of a table of 16 floats; the other half has the opposite signs. */
#include "base/vectors_avx2.inc"

#define VECTORS 2
#define TILE 4
#define FLOATS 1
#define SIGNS 1
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/lookup.inc"

INLINE fvec lookup(fvec table, vec weights) { return (fvec)_mm256_permutevar8x32_ps((__m256)table, (__m256i)weights); }

/* Where the fourth weight of four is negative, the first three are inverted: they find the sum of opposite sign. */
static void arrange(uint32_t *words) {
  for (size_t i = 0; i < BLOCK; ++i) words[i] ^= (words[i] >> 3 & 0x11111111u) * 7;
}

FLOATS_KERNEL(avx2, arrange);
