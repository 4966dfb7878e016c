/* Plain C for every CPU. GCC and Clang turn the vectors into SSE2 or NEON where that is the platform's baseline, and into
 * plain 32-bit arithmetic elsewhere. */
#include "portable.h"

#include <string.h>

#define LANES 4
#define VECTORS 2
#define TILE 2
#define PAIRED true
#include "blocked_strip.h"
#include "carry_save.h"

static bool always(void) { return true; }

/* ---- quantize, dequantize, max-pool ---- */

/* Packs `count` <= 32 comparisons; NEGATIVE(i) is 0 or 1. */
#define PACK_WORD(count, NEGATIVE)                                        \
  uint32_t word = 0;                                                      \
  for (size_t i = 0; i < (count); ++i) word |= (uint32_t)(NEGATIVE) << i; \
  return word

static uint32_t pack_float32(const float *x, size_t count) { PACK_WORD(count, x[i] < 0.0f); }
static uint32_t pack_int8(const int8_t *x, size_t count, int32_t zero_point) { PACK_WORD(count, x[i] < zero_point); }
static uint32_t pack_bool(const uint8_t *x, size_t count) { PACK_WORD(count, x[i] == 0); }

void facesdk_portable_quantize(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
                     uint32_t *output) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < channels; c += FACESDK_WORD_BITS) {
      const size_t count = channels - c < FACESDK_WORD_BITS ? channels - c : FACESDK_WORD_BITS;
      const size_t i = row * channels + c;
      switch (type) {
        case FACESDK_FLOAT32:
          *output++ = pack_float32((const float *)input + i, count);
          break;
        case FACESDK_INT8:
          *output++ = pack_int8((const int8_t *)input + i, count, zero_point);
          break;
        default:
          *output++ = pack_bool((const uint8_t *)input + i, count);
      }
    }
  }
}

static void unpack_float32(const uint32_t *words, size_t channels, float clear, float set, float *output) {
  for (size_t c = 0; c < channels; ++c) output[c] = words[c / FACESDK_WORD_BITS] >> (c % FACESDK_WORD_BITS) & 1 ? set : clear;
}

static void unpack_byte(const uint32_t *words, size_t channels, uint8_t clear, uint8_t set, uint8_t *output) {
  for (size_t c = 0; c < channels; ++c) output[c] = words[c / FACESDK_WORD_BITS] >> (c % FACESDK_WORD_BITS) & 1 ? set : clear;
}

void facesdk_portable_dequantize(const uint32_t *input, size_t rows, size_t channels, const void *clear, const void *set,
                       size_t size, void *output) {
  const size_t words = facesdk_words(channels);
  for (size_t row = 0; row < rows; ++row, input += words) {
    if (size == sizeof(float)) {
      unpack_float32(input, channels, *(const float *)clear, *(const float *)set, (float *)output + row * channels);
    } else {
      unpack_byte(input, channels, *(const uint8_t *)clear, *(const uint8_t *)set, (uint8_t *)output + row * channels);
    }
  }
}

void facesdk_portable_bmaxpool2d(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output) {
  const size_t words = plan->words;
  for (size_t batch = 0; batch < plan->batch; ++batch) {
    for (int32_t out_y = 0; out_y < plan->y.output; ++out_y) {
      const facesdk_taps y = facesdk_window_taps(&plan->y, out_y);
      for (int32_t out_x = 0; out_x < plan->x.output; ++out_x, output += words) {
        const facesdk_taps x = facesdk_window_taps(&plan->x, out_x);
        memset(output, 0xff, words * sizeof *output);
        for (int32_t tap_y = y.first; tap_y < y.end; ++tap_y) {
          const size_t row = batch * (size_t)plan->y.input + (size_t)facesdk_window_cell(&plan->y, out_y, tap_y);
          for (int32_t tap_x = x.first; tap_x < x.end; ++tap_x) {
            const size_t pixel = row * (size_t)plan->x.input + (size_t)facesdk_window_cell(&plan->x, out_x, tap_x);
            for (size_t w = 0; w < words; ++w) output[w] &= input[pixel * words + w];
          }
        }
      }
    }
  }
}

/* ---- convolution ---- */

INLINE uint32_t signs(ivec v) {
  uint32_t bits = 0;
  UNROLL for (size_t i = 0; i < LANES; ++i) bits |= ((uint32_t)v[i] >> 31) << i;
  return bits;
}

/* Majority of sum, d and e, where u = d ^ e: where d and e differ it is the sum, else d. */
INLINE vec majority(vec u, vec sum, vec d) { return (u & sum) | (~u & d); }

INLINE vec add_unit(vec *sum, vec first, vec both, const uint32_t pair[2]) {
  const vec d = first ^ broadcast(pair[0]), u = both ^ broadcast(pair[1]);
  const vec carry = majority(u, *sum, d);
  *sum ^= u;
  return carry;
}

INLINE vec add_bits(vec *sum, vec a, vec b) {
  const vec u = a ^ b, carry = majority(u, *sum, a);
  *sum ^= u;
  return carry;
}

INLINE vec count_bytes(vec v) {
  v -= v >> 1 & 0x55555555u;
  v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
  return (v + (v >> 4)) & 0x0f0f0f0fu;
}

INLINE vec sum_bytes(vec v) {
  v = (v & 0x00ff00ffu) + (v >> 8 & 0x00ff00ffu);
  return (v + (v >> 16)) & 0xffffu;
}

const facesdk_path facesdk_path_portable = {
    .name = "portable",
    .requires = "",
    .supported = always,
    .quantize = facesdk_portable_quantize,
    .dequantize = facesdk_portable_dequantize,
    .bmaxpool2d = facesdk_portable_bmaxpool2d,
    .blocked = &kernel,
    .bconv2d_prepare = facesdk_blocked_prepare,
    .bconv2d_run = facesdk_blocked_run,
};
