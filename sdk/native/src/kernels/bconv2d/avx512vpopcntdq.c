/* AVX-512 with VPOPCNTDQ. The differing bits of two words enter a running sum s of one bit per position: first t = s ^
 * a ^ b for the words a of the image and b of the filter, then u from t and the next two words in the same way. A sum
 * bit that falls from 1 to 0 has carried, which counts twice; in two steps it falls at most once, so the carry is one
 * function of s, t and u. That makes three ternary operations, one population count and one addition for two words,
 * where counting each word takes six. */
#include "base/vectors_avx512.inc"

#define VECTORS 1
#define TILE 7
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/bconv2d/ternary_logic.inc"

INLINE vec count_lanes(vec v) { return (vec)_mm512_popcnt_epi32((__m512i)v); }

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  vec sum[TILE], carries[TILE];
  UNROLL for (size_t i = 0; i < tile; ++i) sum[i] = carries[i] = broadcast(0);
  const uint32_t *step = words->unit_steps, *filter = words->unit_filter;
  for (size_t n = words->units; n > 0; --n, ++step, filter += 2 * BLOCK) {
    const vec first = load(filter), second = load(filter + BLOCK);
    UNROLL for (size_t i = 0; i < tile; ++i) {
      const uint32_t *unit = pixel[i] + *step;
      const vec before = sum[i], between = add_word(before, first, unit[0]);
      sum[i] = add_word(between, second, unit[1]);
      carries[i] += count_lanes(fallen(before, between, sum[i]));
    }
  }
  step = words->single_steps;
  filter = words->single_filter;
  for (size_t n = words->singles; n > 0; --n, ++step, filter += BLOCK) {
    const vec word = load(filter);
    UNROLL for (size_t i = 0; i < tile; ++i) {
      const vec before = sum[i];
      sum[i] = add_word(before, word, pixel[i][*step]);
      carries[i] += count_lanes(before & ~sum[i]);
    }
  }
  UNROLL for (size_t i = 0; i < tile; ++i) counts[i][0] = carries[i] + carries[i] + count_lanes(sum[i]);
}

const facesdk_bconv2d_kernel facesdk_bconv2d_avx512vpopcntdq = {.block = BLOCK, .tile = TILE, .unit = 2, .sums = 1, .strip = strip};
