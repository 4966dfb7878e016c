/* Warping and halving with AVX2: four and eight pixels at once. */
#include <immintrin.h>

#include "face/lanes.h"
#include "face/picture.h"
#include "face/rows/rows.h"

enum { WARPED = 4, HALVED = 8 };

/* The bytes of two pixels side by side as three pairs; -1 gives 0. */
#define PAIRS(at) (at), (at) + 3, (at) + 1, (at) + 4, (at) + 2, (at) + 5
#define NOTHING -1, -1

/* Both weights of four coordinates, in the lower halves of 64 bits. */
static inline __m256i weights_of(__m256i coordinates) {
  const __m256i fractions = _mm256_and_si256(_mm256_srli_epi64(coordinates, FACESDK_DROPPED),
                                             _mm256_set1_epi64x(FACESDK_WEIGHT_ONE - 1));
  const __m256i first = _mm256_sub_epi64(_mm256_set1_epi64x(FACESDK_WEIGHT_ONE), fractions);
  return _mm256_or_si256(first, _mm256_slli_epi64(fractions, 16));
}

/* Eight bytes at each of two places, weighed: four sums for each. */
static inline __m256i weigh_pixels(const uint8_t *a, const uint8_t *b, __m256i weights) {
  const __m128i bytes = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)a),
                                           _mm_loadl_epi64((const __m128i *)(const void *)b));
  const __m128i pairs = _mm_shuffle_epi8(bytes, _mm_setr_epi8(PAIRS(0), NOTHING, PAIRS(8), NOTHING));
  return _mm256_add_epi32(_mm256_madd_epi16(_mm256_cvtepu8_epi16(pairs), weights),
                          _mm256_set1_epi32(FACESDK_BETWEEN_HALF));
}

/* Two pixels of the result, each channel in 32 bits. */
static inline __m256i interpolate(const uint8_t *a, const uint8_t *b, ptrdiff_t next, __m256i across, __m256i down) {
  const __m256i upper = _mm256_srli_epi32(weigh_pixels(a, b, across), FACESDK_BETWEEN_SHIFT);
  const __m256i lower = _mm256_slli_epi32(weigh_pixels(a + next, b + next, across), 16 - FACESDK_BETWEEN_SHIFT);
  const __m256i sums = _mm256_madd_epi16(_mm256_blend_epi16(upper, lower, 0xaa), down);
  return _mm256_srli_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(FACESDK_RESULT_HALF)), FACESDK_RESULT_SHIFT);
}

/* A coordinate and the three after it. */
static inline __m256i from(int64_t coordinate, int64_t step) {
  return _mm256_setr_epi64x(coordinate, coordinate + step, coordinate + 2 * step, coordinate + 3 * step);
}

static void warp(const facesdk_image *image, int64_t column, int64_t row, const int64_t steps[2], uint8_t *result,
                 int32_t count) {
  const __m256i former = _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2), latter = _mm256_setr_epi32(4, 4, 4, 4, 6, 6, 6, 6);
  const __m256i next_columns = _mm256_set1_epi64x(WARPED * steps[0]), next_rows = _mm256_set1_epi64x(WARPED * steps[1]);
  __m256i columns = from(column, steps[0]), rows = from(row, steps[1]);
  for (; count >= WARPED; count -= WARPED, result += WARPED * FACESDK_CHANNELS) {
    const uint8_t *pixels[WARPED];
    for (int i = 0; i < WARPED; ++i, column += steps[0], row += steps[1]) {
      pixels[i] = facesdk_row(image, row >> FACESDK_POINT) + FACESDK_CHANNELS * (ptrdiff_t)(column >> FACESDK_POINT);
    }
    const __m256i across = weights_of(columns), down = weights_of(rows);
    columns = _mm256_add_epi64(columns, next_columns);
    rows = _mm256_add_epi64(rows, next_rows);
    const __m256i first =
        interpolate(pixels[0], pixels[1], image->row_bytes, _mm256_permutevar8x32_epi32(across, former),
                    _mm256_permutevar8x32_epi32(down, former));
    const __m256i second =
        interpolate(pixels[2], pixels[3], image->row_bytes, _mm256_permutevar8x32_epi32(across, latter),
                    _mm256_permutevar8x32_epi32(down, latter));
    const __m256i words = _mm256_packus_epi32(first, second); /* pixels 0 and 2, 1 and 3 */
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    const __m128i packed =
        _mm_shuffle_epi8(bytes, _mm_setr_epi8(0, 1, 2, 8, 9, 10, 4, 5, 6, 12, 13, 14, NOTHING, NOTHING));
    const int32_t last = _mm_extract_epi32(packed, 2);
    _mm_storel_epi64((__m128i *)(void *)result, packed);
    memcpy(result + 8, &last, sizeof last);
  }
  facesdk_rows_everywhere.warp(image, column, row, steps, result, count);
}

/* Twelve bytes in each half: sums of two pixels side by side. Reads four bytes more. */
static inline __m256i add_pairs(const uint8_t *low, const uint8_t *high) {
  const __m256i bytes = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low)),
      _mm_loadu_si128((const __m128i *)(const void *)high), 1);
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(PAIRS(0), PAIRS(6), NOTHING, NOTHING));
  return _mm256_maddubs_epi16(_mm256_shuffle_epi8(bytes, order), _mm256_set1_epi8(1));
}

static inline __m256i means(const uint8_t *row, const uint8_t *other, ptrdiff_t low, ptrdiff_t high) {
  const __m256i sums = _mm256_add_epi16(add_pairs(row + low, row + high), add_pairs(other + low, other + high));
  return _mm256_srli_epi16(_mm256_add_epi16(sums, _mm256_set1_epi16(2)), 2);
}

static void halve(const uint8_t *row, const uint8_t *other, uint8_t *result, int32_t count) {
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, NOTHING, NOTHING));
  /* A step reads and writes four bytes more than its own. */
  for (; count >= HALVED + 2; count -= HALVED, row += 48, other += 48, result += 24) {
    const __m256i bytes = _mm256_packus_epi16(means(row, other, 0, 24), means(row, other, 12, 36));
    const __m256i packed = _mm256_shuffle_epi8(bytes, order);
    _mm_storeu_si128((__m128i *)(void *)result, _mm256_castsi256_si128(packed));
    _mm_storeu_si128((__m128i *)(void *)(result + 12), _mm256_extracti128_si256(packed, 1));
  }
  facesdk_rows_everywhere.halve(row, other, result, count);
}

const facesdk_rows facesdk_rows_avx2 = {warp, halve};
