/* The part of a blocked kernel that is the same for every instruction set: tiles along a strip of output pixels, and
 * the output transform. A path's file includes it after defining
 *
 *   LANES    see vectors.h
 *   VECTORS  vectors of a block of output channels
 *   TILE     output pixels of a tile
 *
 * and defines `signs` (vectors.h) and count_tile behind it. The arithmetic is that of output_transform.h, operation by
 * operation. */
#include "blocked.h"
#include "packing.h"
#include "vectors.h"

typedef int8_t bvec __attribute__((vector_size(LANES)));

enum { BLOCK = LANES * VECTORS };

/* counts[i][v], lane by lane: the population count of window i xor the filters of vector v. Window i starts at
 * pixel[i]; its units and singles are at plan->steps from there. */
INLINE void count_tile(const facesdk_blocked *plan, const uint32_t *const pixel[TILE], const uint32_t *filter,
                       vec counts[TILE][VECTORS]);

/* Channels of the output that a block computes. */
typedef struct block_channels {
  size_t first, count; /* count: 1..BLOCK; arrays over channels can be read for a whole block nevertheless */
} block_channels;

INLINE fvec to_float(const facesdk_bconv2d *op, ivec doubled, size_t channel) {
  if (op->clamps) {
    const ivec low = (ivec)broadcast((uint32_t)op->clamp_min), high = (ivec)broadcast((uint32_t)op->clamp_max);
    doubled = choose(doubled < high, doubled, high);
    doubled = choose(doubled > low, doubled, low);
  }
  const fvec scaled = __builtin_convertvector(doubled, fvec) * (fvec)load(op->multiplier + channel);
  return scaled + (fvec)load(op->bias + channel);
}

INLINE bvec to_int8(fvec value) {
  const fvec low = (fvec){0} - 128.0f, high = (fvec){0} + 127.0f, half = (fvec){0} + 0.5f;
  value = (fvec)choose(value > low, (ivec)value, (ivec)low); /* NaN gives -128 */
  value = (fvec)choose(value < high, (ivec)value, (ivec)high);
  const ivec whole = __builtin_convertvector(value, ivec);
  const fvec fraction = value - __builtin_convertvector(whole, fvec);
  const ivec rounded = whole - (fraction >= half) + (fraction <= -half); /* true is -1 */
  return __builtin_convertvector(rounded, bvec);
}

/* Vector v of the floats of a block; zeros for channels that do not exist. */
INLINE fvec load_floats(const float *floats, block_channels block, size_t v) {
  if (block.count == BLOCK) return (fvec)load(floats + block.first + v * LANES);
  float room[BLOCK] = {0};
  memcpy(room, floats + block.first, block.count * sizeof *floats);
  return (fvec)load(room + v * LANES);
}

/* One output pixel of a block. `type` is a constant wherever this is called. */
INLINE void store_pixel(const facesdk_bconv2d *op, block_channels block, const vec counts[VECTORS],
                        const int32_t *correction, const float *residual, facesdk_type type, char *pixel) {
  union {
    float floats[BLOCK];
    int8_t bytes[BLOCK];
  } result;
  uint32_t bits = 0;
  UNROLL for (size_t v = 0; v < VECTORS; ++v) {
    const size_t channel = block.first + v * LANES;
    ivec doubled = (ivec)(counts[v] + counts[v]);
    if (correction != NULL && op->correction == FACESDK_CORRECT_INTEGER) doubled += (ivec)load(correction + channel);
    if (type == FACESDK_BITS) {
      bits |= signs(doubled > (ivec)load(op->doubled_thresholds + channel)) << (v * LANES);
      continue;
    }
    fvec value = to_float(op, doubled, channel);
    if (type == FACESDK_INT8) {
      const bvec rounded = to_int8(value);
      memcpy(block.count == BLOCK ? (int8_t *)pixel + channel : result.bytes + v * LANES, &rounded, sizeof rounded);
      continue;
    }
    if (correction != NULL && op->correction == FACESDK_CORRECT_FLOAT) {
      value += __builtin_convertvector((ivec)load(correction + channel), fvec) * (fvec)load(op->multiplier + channel);
    }
    if (residual != NULL) value += load_floats(residual, block, v);
    memcpy(block.count == BLOCK ? (float *)(void *)pixel + channel : result.floats + v * LANES, &value, sizeof value);
  }
  if (type == FACESDK_BITS) {
    facesdk_blocked_store_bits(op, bits, block.first, block.count, (uint8_t *)pixel);
  } else if (block.count < BLOCK) {
    const size_t size = type == FACESDK_FLOAT32 ? sizeof(float) : 1;
    memcpy(pixel + block.first * size, &result, block.count * size);
  }
}

INLINE void strip_of_type(const facesdk_bconv2d *op, const uint32_t *image, size_t block, size_t first, size_t end,
                          const float *residual, char *output, facesdk_type type) {
  const facesdk_blocked *plan = op->blocked;
  const size_t group = block / plan->blocks, in_group = block % plan->blocks * BLOCK;
  const size_t left = op->group_channels_out - in_group;
  const block_channels channels = {.first = group * op->group_channels_out + in_group,
                                   .count = left < BLOCK ? left : BLOCK};
  const uint32_t *filter = plan->filter + block * plan->block_words;
  image += group * plan->group_offset;
  for (size_t at = first; at < end; at += TILE) {
    const uint32_t *pixel[TILE];
    UNROLL for (size_t i = 0; i < TILE; ++i) pixel[i] = image + plan->pixels[at + i];
    vec counts[TILE][VECTORS];
    count_tile(plan, pixel, filter, counts);
    UNROLL for (size_t i = 0; i < TILE; ++i) {
      if (at + i >= end) break;
      const float *add = residual == NULL ? NULL : residual + (at + i) * (size_t)op->options.channels_out;
      store_pixel(op, channels, counts[i], facesdk_bconv2d_correction(op, at + i), add, type,
                  output + (at + i) * op->pixel_bytes);
    }
  }
}

static void strip(const facesdk_bconv2d *op, const uint32_t *image, size_t block, size_t first, size_t end,
                  const float *residual, char *output) {
  switch (op->options.output_type) {
    case FACESDK_FLOAT32:
      strip_of_type(op, image, block, first, end, residual, output, FACESDK_FLOAT32);
      break;
    case FACESDK_INT8:
      strip_of_type(op, image, block, first, end, NULL, output, FACESDK_INT8);
      break;
    default:
      strip_of_type(op, image, block, first, end, NULL, output, FACESDK_BITS);
  }
}
