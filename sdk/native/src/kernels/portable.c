/* Plain C for every CPU. Speed comes from 64-bit words and from counting bits with carry-save adders (Harley and Seal;
 * Muła, Kurz, Lemire, "Faster Population Counts Using AVX2 Instructions", Computer Journal 2018, arXiv:1611.07612),
 * which needs a real popcount for one word in eight only. GCC and Clang turn `lanes` into SSE2 or NEON where that is the
 * platform's baseline, and into plain 64-bit arithmetic elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "output_transform.h"
#include "packing.h"

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

static void quantize(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
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

static void dequantize(const uint32_t *input, size_t rows, size_t channels, const void *clear, const void *set,
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

static void bmaxpool2d(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output) {
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

/* One row of 64-bit words is everything one window of one group covers; two 32-bit words share a 64-bit one, so a row
 * need not align with taps. Filters are stored in blocks of BLOCK output channels, [block][word][BLOCK]. */
enum { BLOCK = 4, LANES = 2, VECTORS = BLOCK / LANES, CACHE_LINE = 64 };

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t)), may_alias));

static size_t row_words(const facesdk_bconv2d *op) { return (op->taps * op->group_words + 1) / 2; }

static size_t blocks_a_group(const facesdk_bconv2d *op) { return (op->group_channels_out + BLOCK - 1) / BLOCK; }

/* Scratch: one row, then one window's doubled popcounts for all channels of all groups, each group padded to blocks. */
typedef struct scratch {
  uint64_t *row;
  int32_t *doubled;
} scratch;

static scratch scratch_of(const facesdk_bconv2d *op) {
  uint64_t *row = op->scratch;
  return (scratch){.row = row, .doubled = (int32_t *)(row + row_words(op))};
}

static bool bconv2d_prepare(facesdk_bconv2d *op, const uint32_t *filter) {
  const size_t groups = (size_t)op->options.groups, row = row_words(op), blocks = blocks_a_group(op);
  const size_t filter_words = op->taps * op->group_words;
  const size_t block_bytes = row * BLOCK * sizeof(uint64_t);
  size_t packed_bytes = groups;
  if (!facesdk_multiply(&packed_bytes, blocks) || !facesdk_multiply(&packed_bytes, block_bytes)) return false;
  void *packed_memory;
  if (posix_memalign(&packed_memory, CACHE_LINE, packed_bytes) != 0) return false;
  uint64_t *packed = op->packed_filter = packed_memory;
  op->scratch = calloc(row * 2 + groups * blocks * BLOCK, sizeof(int32_t));
  if (op->scratch == NULL) return false;
  memset(packed, 0, packed_bytes);
  for (size_t channel = 0; channel < (size_t)op->options.channels_out; ++channel, filter += filter_words) {
    const size_t group = channel / op->group_channels_out, in_group = channel % op->group_channels_out;
    uint64_t *block = packed + (group * blocks + in_group / BLOCK) * row * BLOCK;
    for (size_t w = 0; w < filter_words; ++w) {
      block[w / 2 * BLOCK + in_group % BLOCK] |= (uint64_t)filter[w] << (w % 2 * 32);
    }
  }
  return true;
}

/* Copies the cells one window of one group covers into `row`; padded cells read as clear bits. */
static void gather(const facesdk_bconv2d *op, const uint32_t *image, int32_t out_y, int32_t out_x, size_t group,
                   uint64_t *row) {
  const size_t words = op->group_words, pixel_words = words * (size_t)op->options.groups;
  const size_t tap_bytes = words * sizeof(uint32_t);
  char *out = (char *)row;
  for (int32_t tap_y = 0; tap_y < op->y.filter; ++tap_y) {
    const int64_t in_y = facesdk_window_cell(&op->y, out_y, tap_y);
    const bool inside_y = facesdk_window_inside(&op->y, in_y);
    for (int32_t tap_x = 0; tap_x < op->x.filter; ++tap_x, out += tap_bytes) {
      const int64_t in_x = facesdk_window_cell(&op->x, out_x, tap_x);
      if (inside_y && facesdk_window_inside(&op->x, in_x)) {
        memcpy(out, image + ((size_t)in_y * (size_t)op->x.input + (size_t)in_x) * pixel_words + group * words, tap_bytes);
      } else {
        memset(out, 0, tap_bytes);
      }
    }
  }
}

/* The popcount of each byte, 0..8. */
static inline lanes count_bytes(lanes v) {
  v -= v >> 1 & 0x5555555555555555u;
  v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
  return (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

/* The sum of the eight bytes of each lane. */
static inline lanes sum_bytes(lanes v) {
  v = (v & 0x00ff00ff00ff00ffu) + (v >> 8 & 0x00ff00ff00ff00ffu);
  v += v >> 16;
  v += v >> 32;
  return v & 0xffff;
}

/* Bitwise full adder: *sum becomes the sum bit of *sum + a + b, the carry bit is returned. */
static inline lanes carry_save_add(lanes *sum, lanes a, lanes b) {
  const lanes half = *sum ^ a;
  const lanes carry = (*sum & a) | (half & b);
  *sum = half ^ b;
  return carry;
}

/* Doubled popcounts of row xor filter for the LANES channels that start at `filter`. Bytes count up to 248 before they
 * are summed: 31 groups of eight words for `eights`, and all the rest at the end. */
static inline lanes count_lanes(const uint64_t *row, size_t words, const lanes *filter) {
  lanes ones = {0}, twos = {0}, fours = {0}, total = {0};
#define DIFFER(i) (filter[(k + (i)) * VECTORS] ^ row[k + (i)])
  size_t k = 0;
  while (k + 8 <= words) {
    lanes eights = {0};
    for (int group = 0; group < 31 && k + 8 <= words; ++group, k += 8) {
      const lanes two_a = carry_save_add(&ones, DIFFER(0), DIFFER(1));
      const lanes two_b = carry_save_add(&ones, DIFFER(2), DIFFER(3));
      const lanes four_a = carry_save_add(&twos, two_a, two_b);
      const lanes two_c = carry_save_add(&ones, DIFFER(4), DIFFER(5));
      const lanes two_d = carry_save_add(&ones, DIFFER(6), DIFFER(7));
      const lanes four_b = carry_save_add(&twos, two_c, two_d);
      eights += count_bytes(carry_save_add(&fours, four_a, four_b));
    }
    total += sum_bytes(eights) << 3;
  }
  lanes rest = {0};
  for (; k + 2 <= words; k += 2) rest += count_bytes(carry_save_add(&ones, DIFFER(0), DIFFER(1))) << 1;
  if (k < words) rest += count_bytes(DIFFER(0));
#undef DIFFER
  rest += count_bytes(ones) + (count_bytes(twos) << 1) + (count_bytes(fours) << 2);
  return (total + sum_bytes(rest)) << 1;
}

static void convolve_group(const uint64_t *row, size_t words, const uint64_t *filter, size_t blocks, int32_t *doubled) {
  for (size_t block = 0; block < blocks; ++block, filter += words * BLOCK) {
    for (size_t v = 0; v < VECTORS; ++v) {
      const lanes counts = count_lanes(row, words, (const lanes *)(const void *)filter + v);
      for (size_t lane = 0; lane < LANES; ++lane) *doubled++ = (int32_t)counts[lane];
    }
  }
}

static void add_correction(const facesdk_bconv2d *op, const int32_t *correction, int32_t *doubled) {
  for (size_t c = 0; c < (size_t)op->options.channels_out; ++c) doubled[c] += correction[c];
}

static void store_pixel(const facesdk_bconv2d *op, int32_t *doubled, const int32_t *correction, void *output) {
  const size_t channels = (size_t)op->options.channels_out;
  if (op->correction == FACESDK_CORRECT_INTEGER && correction != NULL) add_correction(op, correction, doubled);
  switch (op->options.output_type) {
    case FACESDK_FLOAT32: {
      float *out = output;
      for (size_t c = 0; c < channels; ++c) out[c] = facesdk_to_float(op, doubled[c], c);
      if (op->correction == FACESDK_CORRECT_FLOAT && correction != NULL) {
        for (size_t c = 0; c < channels; ++c) out[c] += (float)correction[c] * op->multiplier[c];
      }
      break;
    }
    case FACESDK_INT8: {
      int8_t *out = output;
      for (size_t c = 0; c < channels; ++c) out[c] = facesdk_to_int8(op, doubled[c], c);
      break;
    }
    default: {
      uint32_t *out = output;
      for (size_t c = 0; c < channels; c += FACESDK_WORD_BITS) {
        const size_t count = channels - c < FACESDK_WORD_BITS ? channels - c : FACESDK_WORD_BITS;
        uint32_t word = 0;
        for (size_t i = 0; i < count; ++i) word |= facesdk_to_bit(op, doubled[c + i], c + i) << i;
        *out++ = word;
      }
    }
  }
}

/* The correction row of a window position; NULL if nothing hangs over the border. */
static const int32_t *correction_at(const facesdk_bconv2d *op, int32_t out_y, int32_t out_x) {
  if (op->correction == FACESDK_CORRECT_NOTHING) return NULL;
  const size_t row = op->y_class[out_y] * op->x_classes + op->x_class[out_x];
  return row == 0 ? NULL : op->corrections + row * (size_t)op->options.channels_out;
}

static void bconv2d_run(const facesdk_bconv2d *op, const uint32_t *input, void *output) {
  const size_t groups = (size_t)op->options.groups, words = row_words(op), blocks = blocks_a_group(op);
  const size_t image_words = (size_t)op->y.input * (size_t)op->x.input * op->group_words * groups;
  const scratch memory = scratch_of(op);
  char *pixel = output;
  for (int32_t batch = 0; batch < op->options.batch; ++batch, input += image_words) {
    for (int32_t out_y = 0; out_y < op->y.output; ++out_y) {
      for (int32_t out_x = 0; out_x < op->x.output; ++out_x, pixel += op->pixel_bytes) {
        const uint64_t *filter = op->packed_filter;
        for (size_t group = 0; group < groups; ++group, filter += words * blocks * BLOCK) {
          gather(op, input, out_y, out_x, group, memory.row);
          /* A group's padding channels are overwritten by the next group. */
          convolve_group(memory.row, words, filter, blocks, memory.doubled + group * op->group_channels_out);
        }
        store_pixel(op, memory.doubled, correction_at(op, out_y, out_x), pixel);
      }
    }
  }
}

const facesdk_path facesdk_path_portable = {
    .name = "portable",
    .supported = always,
    .quantize = quantize,
    .dequantize = dequantize,
    .bmaxpool2d = bmaxpool2d,
    .bconv2d_prepare = bconv2d_prepare,
    .bconv2d_run = bconv2d_run,
};
