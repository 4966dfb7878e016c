/* Plain C for every CPU: a weight of -1 negates a level, (level ^ -1) + 1, which is added in 32 bits. */
#include "base/vectors_portable.inc"

#define VECTORS 2
#define TILE 4
#define FLOATS 0
#define STEPS 4
#define PANEL_BYTES (32 * BLOCK * 4)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/bytes.inc"

/* Panels hold -1 for a negative weight and 0 for others, [step][value][channel]. */
INLINE void expand(const uint32_t *filter, size_t steps, char *panel) {
  for (size_t i = 0; i < steps * VECTORS; ++i, filter += LANES) {
    const vec words = load(filter);
    char *to = panel + i / VECTORS * PANEL_BYTES + i % VECTORS * sizeof words;
    for (uint32_t k = 0; k < CELL_VALUES; ++k, to += BLOCK * sizeof *filter) {
      const ivec negative = (ivec)(words << (31 - k)) >> 31;
      memcpy(to, &negative, sizeof negative);
    }
  }
}

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const uint32_t *masks = weights;
  for (; count > 0; --count, ++steps) {
    for (size_t k = 0; k < CELL_VALUES; ++k, masks += BLOCK) {
      UNROLL for (size_t i = 0; i < tile; ++i) {
        const int32_t level = (uint8_t)pixel[i][*steps + k];
        UNROLL for (size_t v = 0; v < VECTORS; ++v) {
          const ivec negative = (ivec)load(masks + v * LANES);
          sums[i][v] += (level ^ negative) - negative;
        }
      }
    }
  }
}

BYTES_KERNEL(portable, NULL);
