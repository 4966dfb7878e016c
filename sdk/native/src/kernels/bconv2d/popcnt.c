/* x86-64 with POPCNT: 64 bits per instruction, for CPUs before AVX2. */
#include "base/vectors_sse.inc"

#define VECTORS 2
#define TILE 1
#include "kernels/bconv2d/blocked_strip.inc"

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

const facesdk_bconv2d_kernel facesdk_bconv2d_popcnt = {
    .block = BLOCK, .tile = TILE, .unit = 2, .sums = 1, .adjacent = 1, .chains = CHAINS, .strip = strip};
