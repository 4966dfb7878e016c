/* AVX-512 with VPOPCNTDQ: two words take two exclusive-ors, two ternary operations, one population count and one
 * addition, where counting each word takes six. */
#include "base/vectors_avx512.inc"

#define VECTORS 1
#define TILE 6
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/bconv2d/ternary_logic.inc"

INLINE vec count_lanes(vec v) { return (vec)_mm512_popcnt_epi32((__m512i)v); }

/* Takes two words of each window into the running sums; they start at `first` and `second` in the image. */
INLINE void add_words(size_t tile, const uint32_t *filter, const uint32_t *const pixel[TILE], size_t first,
                      size_t second, vec sum[TILE], vec carries[TILE]) {
  const vec one = load(filter), other = load(filter + BLOCK);
  UNROLL for (size_t i = 0; i < tile; ++i) {
    const vec a = one ^ broadcast(pixel[i][first]), b = other ^ broadcast(pixel[i][second]);
    carries[i] += count_lanes(add_differences(&sum[i], a, b));
  }
}

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  vec sum[TILE], carries[TILE];
  UNROLL for (size_t i = 0; i < tile; ++i) sum[i] = carries[i] = broadcast(0);
  const uint32_t *step = words->unit_steps, *filter = words->unit_filter;
  for (size_t n = words->units; n > 0; --n, ++step, filter += 2 * BLOCK) {
    add_words(tile, filter, pixel, *step, (size_t)*step + 1, sum, carries);
  }
  step = words->single_steps;
  filter = words->single_filter;
  size_t n = words->singles;
  for (; n > 1; n -= 2, step += 2, filter += 2 * BLOCK) add_words(tile, filter, pixel, step[0], step[1], sum, carries);
  UNROLL for (size_t i = 0; i < tile; ++i) {
    counts[i][0] = carries[i] + carries[i] + count_lanes(sum[i]);
    if (n > 0) counts[i][0] += count_lanes(load(filter) ^ broadcast(pixel[i][*step]));
  }
}

const facesdk_bconv2d_kernel facesdk_bconv2d_avx512vpopcntdq = {.block = BLOCK, .tile = TILE, .unit = 2, .sums = 1, .strip = strip};
