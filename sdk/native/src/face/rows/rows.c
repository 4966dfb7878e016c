#include "face/rows/rows.h"

#include "face/lanes.h"
#include "face/picture.h"

static facesdk_weight_pair weights_of(int64_t coordinate) {
  const int16_t fraction = (int16_t)((coordinate >> FACESDK_DROPPED) & (FACESDK_WEIGHT_ONE - 1));
  return (facesdk_weight_pair){(int16_t)(FACESDK_WEIGHT_ONE - fraction), fraction};
}

static void warp(const facesdk_image *image, int64_t column, int64_t row, const int64_t steps[2], uint8_t *result,
                 int32_t count) {
  const facesdk_quad half = facesdk_quad_of(FACESDK_BETWEEN_HALF);
  for (int32_t x = 0; x < count; ++x, column += steps[0], row += steps[1], result += FACESDK_CHANNELS) {
    const uint8_t *above =
        facesdk_row(image, row >> FACESDK_POINT) + FACESDK_CHANNELS * (ptrdiff_t)(column >> FACESDK_POINT);
    const facesdk_weight_pair across = weights_of(column);
    const facesdk_quad upper = facesdk_between(facesdk_weigh_pixels(half, above, across));
    const facesdk_quad lower = facesdk_between(facesdk_weigh_pixels(half, above + image->row_bytes, across));
    const uint32_t bytes =
        facesdk_result_bytes(facesdk_weigh_quads(facesdk_quad_of(FACESDK_RESULT_HALF), upper, lower, weights_of(row)));
    if (x + 1 < count) {
      facesdk_store_pixel_of_many(result, bytes);
    } else {
      facesdk_store_pixel(result, bytes);
    }
  }
}

#if defined(__SSE2__)
/* Sums of the first pixel and the second, of 16 bits each: three in the lowest lanes, and zeros. */
static inline __m128i add_pair(__m128i words) {
  return _mm_srli_si128(_mm_slli_si128(_mm_add_epi16(words, _mm_srli_si128(words, 6)), 10), 10);
}
#endif

static void halve(const uint8_t *row, const uint8_t *other, uint8_t *result, int32_t count) {
#if defined(__ARM_NEON)
  for (; count >= 8; count -= 8, row += 48, other += 48, result += 24) {
    const uint8x16x3_t a = vld3q_u8(row), b = vld3q_u8(other);
    uint8x8x3_t means;
    for (int c = 0; c < FACESDK_CHANNELS; ++c) {
      means.val[c] = vrshrn_n_u16(vpadalq_u8(vpaddlq_u8(a.val[c]), b.val[c]), 2);
    }
    vst3_u8(result, means);
  }
#elif defined(__SSE2__)
  /* Two pixels from twelve bytes; a step reads four bytes more and writes two more. */
  const __m128i zero = _mm_setzero_si128();
  for (; count >= 3; count -= 2, row += 12, other += 12, result += 6) {
    const __m128i a = _mm_loadu_si128((const __m128i *)row), b = _mm_loadu_si128((const __m128i *)other);
    const __m128i low = _mm_add_epi16(_mm_unpacklo_epi8(a, zero), _mm_unpacklo_epi8(b, zero));
    const __m128i high = _mm_add_epi16(_mm_unpackhi_epi8(a, zero), _mm_unpackhi_epi8(b, zero));
    const __m128i rest = _mm_or_si128(_mm_srli_si128(low, 12), _mm_slli_si128(high, 4));
    const __m128i sums = _mm_or_si128(add_pair(low), _mm_slli_si128(add_pair(rest), 6));
    const __m128i means = _mm_srli_epi16(_mm_add_epi16(sums, _mm_set1_epi16(2)), 2);
    _mm_storel_epi64((__m128i *)result, _mm_packus_epi16(means, means));
  }
#endif
  for (; count > 0; --count, row += 2 * FACESDK_CHANNELS, other += 2 * FACESDK_CHANNELS, result += FACESDK_CHANNELS) {
    for (int c = 0; c < FACESDK_CHANNELS; ++c) {
      const int sum = row[c] + row[FACESDK_CHANNELS + c] + other[c] + other[FACESDK_CHANNELS + c];
      result[c] = (uint8_t)((sum + 2) >> 2);
    }
  }
}

const facesdk_rows facesdk_rows_everywhere = {warp, halve};

#if defined(__x86_64__)
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_x86.h"

/* Asked once: an answer takes microseconds in a virtual machine. */
static bool has_avx2(void) {
  static atomic_int answer; /* 0 until asked, then 1 for no and 2 for yes */
  int known = atomic_load_explicit(&answer, memory_order_relaxed);
  if (known == 0) {
    known = facesdk_cpu_has_avx2() ? 2 : 1;
    atomic_store_explicit(&answer, known, memory_order_relaxed);
  }
  return known == 2;
}

const facesdk_rows *facesdk_rows_chosen(void) {
  const char *forced = getenv("FACESDK_OPS_ISA");
  const bool asked = forced == NULL || forced[0] == '\0' || strncmp(forced, "avx", 3) == 0;
  return asked && has_avx2() ? &facesdk_rows_avx2 : &facesdk_rows_everywhere;
}
#else
const facesdk_rows *facesdk_rows_chosen(void) { return &facesdk_rows_everywhere; }
#endif
