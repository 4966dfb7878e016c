/* AVX-512 with VPOPCNTDQ. The differing bits of two words enter a running sum s of one bit a position: first t = s ^ a ^ b
 * for the words a of the image and b of the filter, then u from t and the next two words in the same way. A sum bit that
 * falls from 1 to 0 has carried, which counts twice; in two steps it falls at most once, so the carry is one function of
 * s, t and u. That makes three ternary operations, one population count and one addition for two words, where counting
 * each word takes six. */
#include <immintrin.h>

#include "cpu_x86.h"

#define LANES 16
#define VECTORS 1
#define TILE 7
#include "blocked_strip.h"
#include "bits.h"
#include "ternary.h"

INLINE uint32_t signs(ivec v) { return _mm512_movepi32_mask((__m512i)v); }

INLINE __m512i add_word(__m512i sum, __m512i filter, uint32_t word) {
  return _mm512_ternarylogic_epi32(sum, filter, _mm512_set1_epi32((int)word), XOR3);
}

INLINE void count_tile(const facesdk_blocked *plan, const uint32_t *const pixel[TILE], const uint32_t *filter,
                       vec counts[TILE][VECTORS]) {
  __m512i sum[TILE][VECTORS], carries[TILE][VECTORS];
#define EACH                                  \
  UNROLL for (size_t v = 0; v < VECTORS; ++v) \
    UNROLL for (size_t i = 0; i < TILE; ++i)
#define FILTER(n) _mm512_load_si512(filter + (n) * BLOCK + v * LANES)
  EACH sum[i][v] = carries[i][v] = _mm512_setzero_si512();
  const uint32_t *step = plan->steps;
  for (size_t n = plan->units; n > 0; --n, ++step, filter += 2 * BLOCK) {
    EACH {
      const uint32_t *words = pixel[i] + *step;
      const __m512i s = sum[i][v];
      const __m512i t = add_word(s, FILTER(0), words[0]);
      sum[i][v] = add_word(t, FILTER(1), words[1]);
      const __m512i carry = _mm512_ternarylogic_epi32(s, t, sum[i][v], FALLS);
      carries[i][v] = _mm512_add_epi32(carries[i][v], _mm512_popcnt_epi32(carry));
    }
  }
  for (size_t n = plan->singles; n > 0; --n, ++step, filter += BLOCK) {
    EACH {
      const __m512i s = sum[i][v];
      sum[i][v] = add_word(s, FILTER(0), pixel[i][*step]);
      const __m512i carry = _mm512_andnot_si512(sum[i][v], s);
      carries[i][v] = _mm512_add_epi32(carries[i][v], _mm512_popcnt_epi32(carry));
    }
  }
  EACH counts[i][v] = (vec)_mm512_add_epi32(_mm512_slli_epi32(carries[i][v], 1), _mm512_popcnt_epi32(sum[i][v]));
#undef EACH
#undef FILTER
}

static const facesdk_blocked_kernel kernel = {.block = BLOCK, .tile = TILE, .unit = 2, .strip = strip};

const facesdk_path facesdk_path_avx512vpopcntdq = {
    .name = "avx512vpopcntdq",
    .requires = "AVX-512 F, BW, DQ, VL and VPOPCNTDQ",
    .supported = facesdk_cpu_has_avx512_vpopcntdq,
    .quantize = quantize,
    .dequantize = dequantize,
    .bmaxpool2d = facesdk_bmaxpool2d_rows,
    .blocked = &kernel,
    .bconv2d_prepare = facesdk_blocked_prepare,
    .bconv2d_run = facesdk_blocked_run,
};
