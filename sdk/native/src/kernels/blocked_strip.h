/* The part of a blocked kernel that is the same for every instruction set: tiles along a strip of output pixels, and
 * the output transform. A path's file includes it after defining
 *
 *   LANES    see vectors.h
 *   VECTORS  vectors of a block of output channels
 *   TILE     output pixels of a tile, at most 8
 *
 * and defines `signs`, `below_zero` and count_tile behind it. The arithmetic is that of output_transform.h, operation by
 * operation. */
#include "blocked.h"
#include "float_vectors.h"
#include "packing.h"

typedef int8_t bvec __attribute__((vector_size(LANES)));

enum { BLOCK = LANES * VECTORS };

/* Bit i is the sign of lane i; the other bits are 0. */
INLINE uint32_t signs(ivec v);

/* Bit i is set where lane i is less than zero: not for -0 and NaN. */
INLINE uint32_t below_zero(fvec v);

/* counts[i][v], lane by lane: the population count of window i xor the filters of vector v, for `tile` windows. Window i
 * starts at pixel[i]. `tile` is a constant wherever this is called: TILE, or less at the end of a zone. */
INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]);

/* What the tiles of a strip have in common. It is a copy, so that compilers see that writing results does not change it.
 * Arrays over channels can be read for a whole block, even where only some of its channels exist. */
typedef struct strip_context {
  const facesdk_bconv2d *op;
  const uint32_t *image, *pixels;
  facesdk_window_words words;
  const int32_t *outside;   /* of the zone, see facesdk_zone */
  size_t channel, channels; /* of the output: the block's first, and how many of the block exist */
  size_t pixel_bytes, pixel_channels;
  facesdk_correction correction;
  bool clamps;
  int32_t clamp_min, clamp_max;
  fvec multiplier[VECTORS], bias[VECTORS];
  ivec thresholds[VECTORS];
} strip_context;

INLINE fvec to_float(const strip_context *s, ivec doubled, size_t v) {
  if (s->clamps) {
    const ivec low = (ivec)broadcast((uint32_t)s->clamp_min), high = (ivec)broadcast((uint32_t)s->clamp_max);
    doubled = choose(doubled < high, doubled, high);
    doubled = choose(doubled > low, doubled, low);
  }
  return add(multiply(__builtin_convertvector(doubled, fvec), s->multiplier[v]), s->bias[v]);
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

/* Elements v * LANES... of a block; zeros for channels that do not exist. */
INLINE fvec load_floats(const strip_context *s, const float *block, size_t v) {
  if (s->channels == BLOCK) return (fvec)load(block + v * LANES);
  float room[BLOCK] = {0};
  memcpy(room, block, s->channels * sizeof *block);
  return (fvec)load(room + v * LANES);
}

/* One output pixel of a block. `correction` and `residual` are NULL or the pixel's, from the block's first channel on;
 * `pixel` is the whole pixel. `type` is a constant wherever this is called. */
INLINE void store_pixel(const strip_context *s, const vec counts[VECTORS], const int32_t *correction,
                        const float *residual, facesdk_type type, char *pixel) {
  union {
    float floats[BLOCK];
    int8_t bytes[BLOCK];
  } part;
  const size_t size = type == FACESDK_FLOAT32 ? sizeof(float) : 1;
  char *block = pixel + s->channel * size;
  uint32_t bits = 0;
  UNROLL for (size_t v = 0; v < VECTORS; ++v) {
    ivec doubled = (ivec)(counts[v] + counts[v]);
    if (correction != NULL && s->correction == FACESDK_CORRECT_INTEGER) doubled += (ivec)load(correction + v * LANES);
    if (type == FACESDK_BITS) {
      bits |= signs(doubled > s->thresholds[v]) << (v * LANES);
      continue;
    }
    fvec value = to_float(s, doubled, v);
    if (type == FACESDK_INT8) {
      const bvec rounded = to_int8(value);
      memcpy(s->channels == BLOCK ? (int8_t *)block + v * LANES : part.bytes + v * LANES, &rounded, sizeof rounded);
      continue;
    }
    if (correction != NULL && s->correction == FACESDK_CORRECT_FLOAT) {
      const fvec missing = __builtin_convertvector((ivec)load(correction + v * LANES), fvec);
      value = add(value, multiply(missing, s->multiplier[v]));
    }
    if (residual != NULL) value = add(value, load_floats(s, residual, v));
    memcpy(s->channels == BLOCK ? (float *)(void *)block + v * LANES : part.floats + v * LANES, &value, sizeof value);
  }
  if (type == FACESDK_BITS) {
    facesdk_blocked_store_bits(s->op, bits, s->channel, s->channels, (uint8_t *)pixel);
  } else if (s->channels < BLOCK) {
    memcpy(block, &part, s->channels * size);
  }
}

INLINE void run_tile(size_t tile, const strip_context *s, size_t at, const float *residual, facesdk_type type,
                     char *output) {
  const uint32_t *pixel[TILE];
  vec counts[TILE][VECTORS];
  UNROLL for (size_t i = 0; i < tile; ++i) pixel[i] = s->image + s->pixels[at + i];
  count_tile(tile, &s->words, pixel, counts);
  if (s->outside != NULL) {
    UNROLL for (size_t i = 0; i < tile; ++i) {
      UNROLL for (size_t v = 0; v < VECTORS; ++v) counts[i][v] += load(s->outside + v * LANES);
    }
  }
  if (residual != NULL) residual += at * s->pixel_channels + s->channel;
  output += at * s->pixel_bytes;
  UNROLL for (size_t i = 0; i < tile; ++i) {
    const int32_t *correction = NULL;
    if (s->correction != FACESDK_CORRECT_NOTHING) {
      correction = facesdk_bconv2d_correction(s->op, at + i);
      if (correction != NULL) correction += s->channel;
    }
    store_pixel(s, counts[i], correction, residual, type, output);
    if (residual != NULL) residual += s->pixel_channels;
    output += s->pixel_bytes;
  }
}

INLINE void strip_of_type(const facesdk_bconv2d *op, const uint32_t *image, size_t block, const facesdk_zone *zone,
                          size_t first, size_t end, const float *residual, char *output, facesdk_type type) {
  const facesdk_blocked *plan = op->blocked;
  const size_t group = block / plan->blocks, in_group = block % plan->blocks * BLOCK;
  const size_t left = op->group_channels_out - in_group, unit = op->path->blocked->unit;
  const uint32_t *filter = plan->filter + block * plan->block_words;
  const size_t channel = group * op->group_channels_out + in_group;
  strip_context s = {
      .op = op,
      .image = image + group * plan->group_offset,
      .pixels = plan->pixels,
      .words = {.unit_steps = plan->steps + zone->first_unit,
                .single_steps = plan->steps + plan->units + zone->first_single,
                .unit_distances = plan->distances == NULL ? NULL : plan->distances + zone->first_unit,
                .single_distances = plan->distances == NULL ? NULL : plan->distances + plan->units + zone->first_single,
                .unit_filter = filter + zone->first_unit * unit * BLOCK,
                .single_filter = filter + (plan->units * unit + zone->first_single) * BLOCK,
                .units = zone->units,
                .singles = zone->singles},
      .outside = zone->outside == NULL ? NULL : zone->outside + channel,
      .channel = channel,
      .channels = left < BLOCK ? left : BLOCK,
      .pixel_bytes = op->pixel_bytes,
      .pixel_channels = (size_t)op->options.channels_out,
      .correction = op->correction,
      .clamps = op->clamps,
      .clamp_min = op->clamp_min,
      .clamp_max = op->clamp_max,
  };
  UNROLL for (size_t v = 0; v < VECTORS; ++v) {
    if (type == FACESDK_BITS) {
      s.thresholds[v] = (ivec)load(op->doubled_thresholds + channel + v * LANES);
    } else {
      s.multiplier[v] = (fvec)load(op->multiplier + channel + v * LANES);
      s.bias[v] = (fvec)load(op->bias + channel + v * LANES);
    }
  }
  size_t at = first;
  for (; end - at >= TILE; at += TILE) run_tile(TILE, &s, at, residual, type, output);
#if TILE > 4
  if (end - at >= 4) run_tile(4, &s, at, residual, type, output), at += 4;
#endif
#if TILE == 4
  if (end - at == 3) run_tile(3, &s, at, residual, type, output), at += 3;
#endif
#if TILE > 2
  if (end - at >= 2) run_tile(2, &s, at, residual, type, output), at += 2;
#endif
#if TILE > 1
  if (end - at >= 1) run_tile(1, &s, at, residual, type, output);
#endif
}

/* One function a type: compilers allot registers better than in one for all. */
#define STRIP_PARAMETERS                                                                                           \
  const facesdk_bconv2d *op, const uint32_t *image, size_t block, const facesdk_zone *zone, size_t first, size_t end, \
      const float *residual, char *output
#define STRIP(name, type)                                                           \
  static __attribute__((noinline)) void name(STRIP_PARAMETERS) {                    \
    strip_of_type(op, image, block, zone, first, end, residual, output, type);      \
  }
STRIP(strip_float, FACESDK_FLOAT32)
STRIP(strip_int8, FACESDK_INT8)
STRIP(strip_bits, FACESDK_BITS)

static void strip(STRIP_PARAMETERS) {
  switch (op->options.output_type) {
    case FACESDK_FLOAT32:
      strip_float(op, image, block, zone, first, end, residual, output);
      break;
    case FACESDK_INT8:
      strip_int8(op, image, block, zone, first, end, NULL, output);
      break;
    default:
      strip_bits(op, image, block, zone, first, end, NULL, output);
  }
}
