/* x86-64 with POPCNT: 64 bits an instruction, for CPUs before AVX2. */
#include <nmmintrin.h>

#include "base/cpu_x86.h"

#define LANES 4
#define VECTORS 2
#define TILE 1
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/binary_conv2d/binary_conv2d.h"
#include "kernels/quantize/bits.inc"

INLINE uint32_t signs(ivec v) { return (uint32_t)_mm_movemask_ps((__m128)v); }

INLINE uint32_t below_zero(fvec v) { return signs(v < 0.0f); }

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  (void)tile; /* 1 */
  uint64_t sums[BLOCK] = {0};
  const uint32_t *step = words->unit_steps, *filter = words->unit_filter;
  for (size_t n = words->units; n > 0; --n, ++step, filter += 2 * BLOCK) {
    uint64_t unit;
    memcpy(&unit, pixel[0] + *step, sizeof unit);
    UNROLL for (size_t c = 0; c < BLOCK; ++c) {
      uint64_t weights;
      memcpy(&weights, filter + 2 * c, sizeof weights);
      sums[c] += (uint64_t)_mm_popcnt_u64(unit ^ weights);
    }
  }
  step = words->single_steps;
  filter = words->single_filter;
  for (size_t n = words->singles; n > 0; --n, ++step, filter += BLOCK) {
    UNROLL for (size_t c = 0; c < BLOCK; ++c) sums[c] += (uint64_t)_mm_popcnt_u32(pixel[0][*step] ^ filter[c]);
  }
  UNROLL for (size_t v = 0; v < VECTORS; ++v) {
    const uint64_t *sum = sums + v * LANES;
    counts[0][v] = (vec){(uint32_t)sum[0], (uint32_t)sum[1], (uint32_t)sum[2], (uint32_t)sum[3]};
  }
}

static const facesdk_blocked_kernel kernel = {
    .block = BLOCK, .tile = TILE, .unit = 2, .channels_first = true, .strip = strip};

const facesdk_path facesdk_path_popcnt = {
    .name = "popcnt",
    .requires = "POPCNT and SSE4.2",
    .supported = facesdk_cpu_has_popcnt,
    .quantize = quantize,
    .dequantize = dequantize,
    .bmaxpool2d = facesdk_bmaxpool2d_rows,
    .blocked = &kernel,
    .bconv2d_prepare = facesdk_blocked_prepare,
    .bconv2d_run = facesdk_blocked_run,
    .floats = &facesdk_floats_portable,
    .bytes = &facesdk_bytes_portable,
};
