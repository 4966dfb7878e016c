/* NEON with dot products, of ARMv8.2: one instruction multiplies and adds four bytes in each lane. */
#include "base/vectors_neon.inc"

#define VECTORS 4
#define TILE 4
#define FLOATS 0
#define LOWEST (-128)
#define STEPS 8
#define PANEL_BYTES (32 * LANES * VECTORS)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/bytes.inc"
#include "kernels/binary_conv2d/dot4.inc"

enum { LOADED = 4 }; /* groups of a pixel in one vector */

/* Group n of the four in `values`, a constant, with the signs of four channels. */
#define ADD_GROUP(n)                                                                                  \
  UNROLL for (size_t v = 0; v < VECTORS; ++v) {                                                       \
    const int8x16_t signs = vld1q_s8(panel + (n) * GROUP_BYTES + v * LANES * 4);                      \
    UNROLL for (size_t i = 0; i < tile; ++i) {                                                        \
      sums[i][v] = (sum)vdotq_laneq_s32((int32x4_t)sums[i][v], signs, values[i], (n));                \
    }                                                                                                 \
  }

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const int8_t *panel = weights;
  for (; count > 0; --count, ++steps) {
    ROLLED for (size_t k = 0; k < CELL_VALUES; k += LOADED * 4, panel += LOADED * GROUP_BYTES) {
      int8x16_t values[TILE];
      UNROLL for (size_t i = 0; i < tile; ++i) values[i] = vld1q_s8((const int8_t *)pixel[i] + *steps + k);
      ADD_GROUP(0)
      ADD_GROUP(1)
      ADD_GROUP(2)
      ADD_GROUP(3)
    }
  }
}

BYTES_KERNEL(neon_dotprod, arrange);
