/* Convolution of floats, or of bytes that stand for them, with 1-bit weights: what the kernels share.
 *
 * A window is computed in *steps* of 32 input values, one word of the filter. The values are first encoded into
 * *cells* as a kernel wants to read them, in an image with padding cells; a list says where each step's cell lies,
 * the same for every output pixel. So strides, dilation and filter sizes are one loop, and what is done to a value is
 * done once for all windows and output channels that it enters. The image holds a band of rows at a time, small
 * enough for a cache.
 *
 * One kernel call computes a *strip* of output pixels for a *block* of output channels. */
#ifndef FACESDK_KERNELS_BINARY_CONV2D_BINARY_CONV2D_H_
#define FACESDK_KERNELS_BINARY_CONV2D_BINARY_CONV2D_H_

#include <stddef.h>
#include <stdint.h>

#include "base/packing.h"
#include "base/window.h"
#include "kernels/path.h"

/* How bytes stand for floats: value = scale * (level - zero), level in 0..255. */
typedef struct facesdk_levels {
  float scale, inverse_scale; /* 0 and 0 if every value counts as 0; scale is NaN if one is not finite */
  int32_t zero;
} facesdk_levels;

/* The values of an image or a part of it, with 0 always among them. */
typedef struct facesdk_range {
  float low, high;
  bool finite;
} facesdk_range;

typedef struct facesdk_binary_conv2d_strip {
  const facesdk_binary_conv2d *op;
  const char *image;     /* cells of the band of rows */
  size_t block;          /* which output channels */
  size_t first, end;     /* output pixels, counted from the band's first */
  facesdk_levels levels; /* of bytes */
  float *output;         /* of the band */
} facesdk_binary_conv2d_strip;

struct facesdk_binary_conv2d_kernel {
  size_t block;      /* output channels per block */
  size_t tile;       /* output pixels that are computed at a time */
  size_t cell_bytes; /* of 32 values */
  int32_t lowest;    /* of bytes: how level 0 is stored */

  /* Rearranges a block's words of one step, [block], in place; NULL: the kernel takes them as they are. */
  void (*arrange)(uint32_t *words);

  /* Values into ceil(count / 32) cells; what is missing in the last one counts as 0. `levels` matters to bytes. */
  void (*encode)(const float *values, size_t count, const facesdk_levels *levels, void *cells);

  facesdk_range (*range)(const float *values, size_t count); /* for bytes */

  void (*strip)(const facesdk_binary_conv2d_strip *strip);
};

struct facesdk_binary_conv2d {
  const facesdk_path *path;
  const facesdk_binary_conv2d_kernel *kernel; /* NULL: the reference computes it */
  facesdk_binary_conv2d_options options;
  facesdk_window y, x;
  size_t words; /* of a pixel */
  float minimum, maximum; /* of the activation */

  /* Arrays over output channels; the kernel's can be read for whole blocks. */
  float *scale, *bias;
  int32_t *weight_sums; /* of bytes: sums of w over all bits of a filter */

  uint32_t *filter; /* [block][step][channel of the block], or for the reference as it was given; released with free() */
  size_t step_count;
  uint32_t *steps; /* where the cell of each step lies, in bytes from that of the window's first */

  char *image;
  size_t image_row, pixel_bytes; /* bytes */
  size_t band_rows;              /* output rows of a band */
  facesdk_range *ranges;         /* of bytes: of each input row */
};

/* The oracle, in reference.c, for one image. */
void facesdk_binary_conv2d_reference(const facesdk_binary_conv2d *op, const float *input, float *output);

/* Nearest integer, half to even, of a float between -2^22 and 2^22; anything else gives an integer too. */
static inline int32_t facesdk_round(float value) {
  const float magic = 12582912.0f; /* 1.5 * 2^23: its sum's last bit counts ones */
  const float sum = value + magic;
  int32_t bits;
  __builtin_memcpy(&bits, &sum, sizeof bits);
  return bits - 0x4b400000;
}

static inline int32_t facesdk_level(float value, const facesdk_levels *levels) {
  const int32_t level = facesdk_round(value * levels->inverse_scale) + levels->zero;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

#endif
