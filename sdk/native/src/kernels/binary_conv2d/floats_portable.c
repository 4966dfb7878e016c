/* Plain C for every CPU: a weight flips the sign of a float, which is added. */
#include "base/vectors_portable.inc"

#define VECTORS 2
#define TILE 4
#define FLOATS 1
#define STEPS 4
#define PANEL_BYTES (32 * BLOCK * 4)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/floats.inc"

/* Panels hold the sign bits of the weights, [step][value][channel]. */
INLINE void expand(const uint32_t *filter, size_t steps, char *panel) {
  for (size_t i = 0; i < steps * VECTORS; ++i, filter += LANES) {
    const vec words = load(filter);
    char *to = panel + i / VECTORS * PANEL_BYTES + i % VECTORS * sizeof words;
    for (uint32_t k = 0; k < CELL_VALUES; ++k, to += BLOCK * sizeof *filter) {
      const vec signs = words << (31 - k) & 0x80000000u;
      memcpy(to, &signs, sizeof signs);
    }
  }
}

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const uint32_t *signs = weights;
  for (; count > 0; --count, ++steps) {
    for (size_t k = 0; k < CELL_VALUES; ++k, signs += BLOCK) {
      UNROLL for (size_t i = 0; i < tile; ++i) {
        uint32_t value;
        memcpy(&value, pixel[i] + *steps + k * sizeof value, sizeof value);
        UNROLL for (size_t v = 0; v < VECTORS; ++v) sums[i][v] += (fvec)(load(signs + v * LANES) ^ value);
      }
    }
  }
}

FLOATS_KERNEL(portable, NULL);
