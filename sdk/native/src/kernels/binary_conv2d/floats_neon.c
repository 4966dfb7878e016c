/* NEON: floats are multiplied by +1 or -1, which takes one instruction with the addition. */
#include "base/vectors_neon.inc"

#define VECTORS 4
#if defined(__aarch64__)
#define TILE 4
#else
#define TILE 2
#endif
#define FLOATS 1
#define STEPS 4
#define PANEL_BYTES (32 * BLOCK * 4)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/floats.inc"

/* Panels hold 1.0 and -1.0, [step][value][channel]. */
INLINE void expand(const uint32_t *filter, size_t steps, char *panel) {
  const vec one = (vec)((fvec){0} + 1.0f);
  for (size_t i = 0; i < steps * VECTORS; ++i, filter += LANES) {
    const vec words = load(filter);
    char *to = panel + i / VECTORS * PANEL_BYTES + i % VECTORS * sizeof words;
    for (uint32_t k = 0; k < CELL_VALUES; ++k, to += BLOCK * sizeof *filter) {
      const vec weights = (words << (31 - k) & 0x80000000u) | one;
      memcpy(to, &weights, sizeof weights);
    }
  }
}

INLINE float32x4_t multiply_add(float32x4_t total, float32x4_t weights, float value) {
#if defined(__aarch64__)
  return vfmaq_n_f32(total, weights, value);
#else
  return vmlaq_n_f32(total, weights, value);
#endif
}

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const float *panel = weights;
  for (; count > 0; --count, ++steps) {
    for (size_t k = 0; k < CELL_VALUES; ++k, panel += BLOCK) {
      UNROLL for (size_t i = 0; i < tile; ++i) {
        float value;
        memcpy(&value, pixel[i] + *steps + k * sizeof value, sizeof value);
        UNROLL for (size_t v = 0; v < VECTORS; ++v) {
          sums[i][v] = (sum)multiply_add((float32x4_t)sums[i][v], vld1q_f32(panel + v * LANES), value);
        }
      }
    }
  }
}

FLOATS_KERNEL(neon, NULL);
