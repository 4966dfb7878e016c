/* Four sums side by side, for the channels of a pixel (the fourth is of no use), and sixteen for a stretch of a row.
 * Integers only: what a sum is does not depend on how it is computed. */
#ifndef FACESDK_FACE_LANES_H_
#define FACESDK_FACE_LANES_H_

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/* Weights of an axis sum to 2^14; values between the axes have 7 fractional bits. */
enum { FACESDK_WEIGHT_BITS = 14, FACESDK_BETWEEN_SHIFT = 7, FACESDK_RESULT_SHIFT = 21 };
enum {
  FACESDK_WEIGHT_ONE = 1 << FACESDK_WEIGHT_BITS,
  FACESDK_BETWEEN_HALF = 1 << (FACESDK_BETWEEN_SHIFT - 1),
  FACESDK_RESULT_HALF = 1 << (FACESDK_RESULT_SHIFT - 1)
};

enum { FACESDK_STRETCH = 16 };

/* Two weights, as they lie in memory. */
typedef struct facesdk_weight_pair {
  int16_t first, second;
} facesdk_weight_pair;

#if defined(__SSE2__)

typedef __m128i facesdk_quad;

static inline __m128i facesdk_broadcast(facesdk_weight_pair pair) {
  int32_t both;
  memcpy(&both, &pair, sizeof both);
  return _mm_set1_epi32(both);
}

static inline facesdk_quad facesdk_quad_of(int32_t value) { return _mm_set1_epi32(value); }

/* sum + first * pixel + second * next pixel; reads 8 bytes. */
static inline facesdk_quad facesdk_weigh_pixels(facesdk_quad sum, const uint8_t *pixels, facesdk_weight_pair pair) {
  const __m128i bytes = _mm_loadl_epi64((const __m128i *)pixels);
  const __m128i mixed = _mm_unpacklo_epi8(bytes, _mm_srli_si128(bytes, 3));
  const __m128i words = _mm_unpacklo_epi8(mixed, _mm_setzero_si128());
  return _mm_add_epi32(sum, _mm_madd_epi16(words, facesdk_broadcast(pair)));
}

/* sum + first * value + second * the value of the next pixel; reads 7 values, which are below 2^15. */
static inline facesdk_quad facesdk_weigh_between(facesdk_quad sum, const uint16_t *values, facesdk_weight_pair pair) {
  const __m128i mixed = _mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *)values),
                                           _mm_loadl_epi64((const __m128i *)(values + 3)));
  return _mm_add_epi32(sum, _mm_madd_epi16(mixed, facesdk_broadcast(pair)));
}

/* sum + first * above + second * below, of values below 2^15. */
static inline facesdk_quad facesdk_weigh_quads(facesdk_quad sum, facesdk_quad above, facesdk_quad below,
                                               facesdk_weight_pair pair) {
  const __m128i words = _mm_packs_epi32(above, below);
  const __m128i mixed = _mm_unpacklo_epi16(words, _mm_unpackhi_epi64(words, words));
  return _mm_add_epi32(sum, _mm_madd_epi16(mixed, facesdk_broadcast(pair)));
}

static inline facesdk_quad facesdk_between(facesdk_quad sum) { return _mm_srli_epi32(sum, FACESDK_BETWEEN_SHIFT); }

/* The four results, the first in the lowest byte. */
static inline uint32_t facesdk_result_bytes(facesdk_quad sum) {
  const __m128i words = _mm_packs_epi32(_mm_srli_epi32(sum, FACESDK_RESULT_SHIFT), _mm_setzero_si128());
  return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, words));
}

typedef struct facesdk_stretch {
  __m128i sums[4];
} facesdk_stretch;

static inline facesdk_stretch facesdk_stretch_of(int32_t value) {
  const __m128i v = _mm_set1_epi32(value);
  return (facesdk_stretch){{v, v, v, v}};
}

/* Each sum + first * byte of one row + second * byte of another. */
static inline facesdk_stretch facesdk_weigh_rows(facesdk_stretch s, const uint8_t *row, const uint8_t *other,
                                                 facesdk_weight_pair pair) {
  const __m128i a = _mm_loadu_si128((const __m128i *)row), b = _mm_loadu_si128((const __m128i *)other);
  const __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b), zero = _mm_setzero_si128();
  const __m128i weights = facesdk_broadcast(pair);
  s.sums[0] = _mm_add_epi32(s.sums[0], _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), weights));
  s.sums[1] = _mm_add_epi32(s.sums[1], _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), weights));
  s.sums[2] = _mm_add_epi32(s.sums[2], _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), weights));
  s.sums[3] = _mm_add_epi32(s.sums[3], _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), weights));
  return s;
}

static inline void facesdk_store_between(facesdk_stretch s, uint16_t *values) {
  for (int half = 0; half < 2; ++half) {
    const __m128i words = _mm_packs_epi32(_mm_srli_epi32(s.sums[2 * half], FACESDK_BETWEEN_SHIFT),
                                          _mm_srli_epi32(s.sums[2 * half + 1], FACESDK_BETWEEN_SHIFT));
    _mm_storeu_si128((__m128i *)(values + 8 * half), words);
  }
}

#elif defined(__ARM_NEON)

typedef uint32x4_t facesdk_quad;

static inline facesdk_quad facesdk_quad_of(int32_t value) { return vdupq_n_u32((uint32_t)value); }

static inline facesdk_quad facesdk_weigh_pixels(facesdk_quad sum, const uint8_t *pixels, facesdk_weight_pair pair) {
  const uint8x8_t bytes = vld1_u8(pixels);
  const uint16x4_t pixel = vget_low_u16(vmovl_u8(bytes)), next = vget_low_u16(vmovl_u8(vext_u8(bytes, bytes, 3)));
  return vmlal_n_u16(vmlal_n_u16(sum, pixel, (uint16_t)pair.first), next, (uint16_t)pair.second);
}

static inline facesdk_quad facesdk_weigh_between(facesdk_quad sum, const uint16_t *values, facesdk_weight_pair pair) {
  const uint16x4_t value = vld1_u16(values), next = vld1_u16(values + 3);
  return vmlal_n_u16(vmlal_n_u16(sum, value, (uint16_t)pair.first), next, (uint16_t)pair.second);
}

static inline facesdk_quad facesdk_weigh_quads(facesdk_quad sum, facesdk_quad above, facesdk_quad below,
                                               facesdk_weight_pair pair) {
  return vmlaq_n_u32(vmlaq_n_u32(sum, above, (uint32_t)pair.first), below, (uint32_t)pair.second);
}

static inline facesdk_quad facesdk_between(facesdk_quad sum) { return vshrq_n_u32(sum, FACESDK_BETWEEN_SHIFT); }

static inline uint32_t facesdk_result_bytes(facesdk_quad sum) {
  const uint16x4_t words = vmovn_u32(vshrq_n_u32(sum, FACESDK_RESULT_SHIFT));
  return vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(words, words))), 0);
}

typedef struct facesdk_stretch {
  uint32x4_t sums[4];
} facesdk_stretch;

static inline facesdk_stretch facesdk_stretch_of(int32_t value) {
  const uint32x4_t v = vdupq_n_u32((uint32_t)value);
  return (facesdk_stretch){{v, v, v, v}};
}

static inline facesdk_stretch facesdk_weigh_row(facesdk_stretch s, const uint8_t *row, uint16_t weight) {
  const uint8x16_t bytes = vld1q_u8(row);
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
  s.sums[0] = vmlal_n_u16(s.sums[0], vget_low_u16(low), weight);
  s.sums[1] = vmlal_n_u16(s.sums[1], vget_high_u16(low), weight);
  s.sums[2] = vmlal_n_u16(s.sums[2], vget_low_u16(high), weight);
  s.sums[3] = vmlal_n_u16(s.sums[3], vget_high_u16(high), weight);
  return s;
}

static inline facesdk_stretch facesdk_weigh_rows(facesdk_stretch s, const uint8_t *row, const uint8_t *other,
                                                 facesdk_weight_pair pair) {
  return facesdk_weigh_row(facesdk_weigh_row(s, row, (uint16_t)pair.first), other, (uint16_t)pair.second);
}

static inline void facesdk_store_between(facesdk_stretch s, uint16_t *values) {
  for (int i = 0; i < 4; ++i) vst1_u16(values + 4 * i, vshrn_n_u32(s.sums[i], FACESDK_BETWEEN_SHIFT));
}

#else

typedef struct facesdk_quad {
  uint32_t sums[4];
} facesdk_quad;

static inline facesdk_quad facesdk_quad_of(int32_t value) {
  const uint32_t v = (uint32_t)value;
  return (facesdk_quad){{v, v, v, v}};
}

static inline facesdk_quad facesdk_weigh_pixels(facesdk_quad sum, const uint8_t *pixels, facesdk_weight_pair pair) {
  const uint32_t first = (uint32_t)pair.first, second = (uint32_t)pair.second;
  for (int c = 0; c < 3; ++c) sum.sums[c] += first * pixels[c] + second * pixels[3 + c];
  return sum;
}

static inline facesdk_quad facesdk_weigh_between(facesdk_quad sum, const uint16_t *values, facesdk_weight_pair pair) {
  const uint32_t first = (uint32_t)pair.first, second = (uint32_t)pair.second;
  for (int c = 0; c < 3; ++c) sum.sums[c] += first * values[c] + second * values[3 + c];
  return sum;
}

static inline facesdk_quad facesdk_weigh_quads(facesdk_quad sum, facesdk_quad above, facesdk_quad below,
                                               facesdk_weight_pair pair) {
  const uint32_t first = (uint32_t)pair.first, second = (uint32_t)pair.second;
  for (int c = 0; c < 3; ++c) sum.sums[c] += first * above.sums[c] + second * below.sums[c];
  return sum;
}

static inline facesdk_quad facesdk_between(facesdk_quad sum) {
  for (int c = 0; c < 3; ++c) sum.sums[c] >>= FACESDK_BETWEEN_SHIFT;
  return sum;
}

static inline uint32_t facesdk_result_bytes(facesdk_quad sum) {
  return sum.sums[0] >> FACESDK_RESULT_SHIFT | sum.sums[1] >> FACESDK_RESULT_SHIFT << 8 |
         sum.sums[2] >> FACESDK_RESULT_SHIFT << 16;
}

typedef struct facesdk_stretch {
  uint32_t sums[FACESDK_STRETCH];
} facesdk_stretch;

static inline facesdk_stretch facesdk_stretch_of(int32_t value) {
  facesdk_stretch s;
  for (int i = 0; i < FACESDK_STRETCH; ++i) s.sums[i] = (uint32_t)value;
  return s;
}

static inline facesdk_stretch facesdk_weigh_rows(facesdk_stretch s, const uint8_t *row, const uint8_t *other,
                                                 facesdk_weight_pair pair) {
  const uint32_t first = (uint32_t)pair.first, second = (uint32_t)pair.second;
  for (int i = 0; i < FACESDK_STRETCH; ++i) s.sums[i] += first * row[i] + second * other[i];
  return s;
}

static inline void facesdk_store_between(facesdk_stretch s, uint16_t *values) {
  for (int i = 0; i < FACESDK_STRETCH; ++i) values[i] = (uint16_t)(s.sums[i] >> FACESDK_BETWEEN_SHIFT);
}

#endif

static inline void facesdk_store_pixel(uint8_t *pixel, uint32_t bytes) {
  pixel[0] = (uint8_t)bytes;
  pixel[1] = (uint8_t)(bytes >> 8);
  pixel[2] = (uint8_t)(bytes >> 16);
}

/* The same in one step, where the next pixel's first byte is written later. */
static inline void facesdk_store_pixel_of_many(uint8_t *pixel, uint32_t bytes) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(pixel, &bytes, sizeof bytes);
#else
  facesdk_store_pixel(pixel, bytes);
#endif
}

#endif
