/* What a kernel path implements, and what it is given. A path is one file: it fills a facesdk_path with functions and
 * dispatch.c lists it. A path that does not speed up an operator points at the portable function for it. */
#ifndef FACESDK_KERNELS_PATH_H_
#define FACESDK_KERNELS_PATH_H_

#include <stdbool.h>

#include "facesdk_ops.h"
#include "base/window.h"

typedef struct facesdk_bmaxpool2d_plan {
  facesdk_window y, x;
  size_t batch, words; /* words a pixel */
} facesdk_bmaxpool2d_plan;

typedef enum facesdk_correction {
  FACESDK_CORRECT_NOTHING = 0, /* no padded cells, or padded with +1 */
  FACESDK_CORRECT_INTEGER,     /* add the correction to the doubled popcount */
  FACESDK_CORRECT_FLOAT,       /* add correction * multiplier to the float result */
} facesdk_correction;

/* Arrays over output channels can be read this far behind the last channel. */
enum { FACESDK_CHANNEL_SLACK = 64 };

struct facesdk_bconv2d {
  const facesdk_path *path;
  facesdk_bconv2d_options options;
  facesdk_window y, x;

  size_t group_words;        /* words of one filter tap, that is of one pixel of one group */
  size_t taps;               /* filter_height * filter_width */
  size_t group_channels_out; /* output channels of one group */
  int32_t group_channels_in; /* logical input channels of one group */
  size_t pixel_bytes;        /* bytes of one output pixel */

  /* Output transform: see output_transform.h. Arrays of channels_out; which exist depends on output_type. */
  bool clamps;
  int32_t clamp_min, clamp_max;
  float *multiplier, *bias;
  int32_t *doubled_thresholds;

  /* Zero padding: corrections[class of y * x_classes + class of x][channels_out] is what a window position whose taps
   * hang over the border lacks, see bconv2d.c. Class 0 is "nothing hangs over", its row is zero. */
  facesdk_correction correction;
  int32_t *corrections;
  uint32_t *y_class, *x_class;
  size_t x_classes;

  /* Made by the path's bconv2d_prepare. */
  uint32_t *filter;               /* released with free() */
  struct facesdk_blocked *blocked; /* see blocked.h */
};

/* The corrections of an output pixel (y * width + x) for all channels; NULL if it has none. For ops that correct. */
static inline const int32_t *facesdk_bconv2d_correction(const facesdk_bconv2d *op, size_t pixel) {
  const size_t width = (size_t)op->x.output;
  const size_t row = op->y_class[pixel / width] * op->x_classes + op->x_class[pixel % width];
  return row == 0 ? NULL : op->corrections + row * (size_t)op->options.channels_out;
}

struct facesdk_path {
  const char *name;
  const char *requires; /* what the CPU must have, in words; "" if nothing */
  bool (*supported)(void);

  void (*quantize)(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
                   uint32_t *output);
  /* clear and set are the output values for a clear and a set bit, `size` bytes each. */
  void (*dequantize)(const uint32_t *input, size_t rows, size_t channels, const void *clear, const void *set,
                     size_t size, void *output);
  void (*bmaxpool2d)(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output);

  /* Everything else in `op` is complete. False if memory ran out. */
  bool (*bconv2d_prepare)(facesdk_bconv2d *op, const uint32_t *filter);
  void (*bconv2d_run)(const facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                      int32_t threads);
  const struct facesdk_blocked_kernel *blocked; /* for paths that use blocked.h */

  /* 1-bit weights with float and with 8-bit activations; NULL: the reference computes them. */
  const struct facesdk_weights_kernel *floats, *bytes;
};

/* bmaxpool2d of every path but the reference. */
void facesdk_bmaxpool2d_rows(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output);

extern const facesdk_path facesdk_path_reference;
extern const facesdk_path facesdk_path_portable;
extern const facesdk_path facesdk_path_popcnt;
extern const facesdk_path facesdk_path_avx2;
extern const facesdk_path facesdk_path_avx512;
extern const facesdk_path facesdk_path_avx512vpopcntdq;
extern const facesdk_path facesdk_path_neon;

/* Its index, see facesdk_ops_isa_name(). */
int32_t facesdk_path_index(const facesdk_path *path);

/* Counts one operator run of the path, see facesdk_ops_isa_runs(). */
void facesdk_path_count_run(const facesdk_path *path);

#endif
