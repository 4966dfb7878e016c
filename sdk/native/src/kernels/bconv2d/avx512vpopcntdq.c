/* AVX-512 with VPOPCNTDQ: two words take one exclusive-or, two ternary operations, one population count and one addition,
 * where counting each word takes six. The sum of the two words is in the image and in the filters (`sums` in blocked.h),
 * so that the running sum needs no exclusive-or of the second word. */
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

/* The same of a unit, which is packed as a word and its exclusive-or with the next one. The new sum takes the register of
 * what is read, and the carry that of the old sum: none is copied. */
INLINE void add_unit(size_t tile, const uint32_t *filter, const uint32_t *const pixel[TILE], size_t step, vec sum[TILE],
                     vec carries[TILE]) {
  const vec one = load(filter), both = load(filter + BLOCK);
  UNROLL for (size_t i = 0; i < tile; ++i) {
    const vec difference = one ^ broadcast(pixel[i][step]);
    const vec next = TERNARY(XOR3, broadcast(pixel[i][step + 1]), both, sum[i]);
    carries[i] += count_lanes(TERNARY(CARRIED, difference, sum[i], next));
    sum[i] = next;
  }
}

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  vec sum[TILE], carries[TILE];
  UNROLL for (size_t i = 0; i < tile; ++i) sum[i] = carries[i] = broadcast(0);
  const uint32_t *step = words->unit_steps, *filter = words->unit_filter;
  if (words->units % 2 > 0) add_unit(tile, filter, pixel, *step++, sum, carries), filter += 2 * BLOCK;
  for (size_t n = words->units / 2; n > 0; --n, step += 2, filter += 4 * BLOCK) {
    add_unit(tile, filter, pixel, step[0], sum, carries);
    add_unit(tile, filter + 2 * BLOCK, pixel, step[1], sum, carries);
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

const facesdk_bconv2d_kernel facesdk_bconv2d_avx512vpopcntdq = {
    .block = BLOCK, .tile = TILE, .unit = 2, .sums = 2, .chains = CHAINS, .strip = strip};
