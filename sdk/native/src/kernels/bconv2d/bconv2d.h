/* A prepared binary convolution: what kernels are given. */
#ifndef FACESDK_KERNELS_BCONV2D_BCONV2D_H_
#define FACESDK_KERNELS_BCONV2D_BCONV2D_H_

#include <stdbool.h>

#include "base/window.h"
#include "kernels/path.h"
#include "kernels/step.h"

typedef enum facesdk_correction {
  FACESDK_CORRECT_NOTHING = 0, /* no padded cells, or padded with +1 */
  FACESDK_CORRECT_INTEGER,     /* add the correction to the doubled popcount */
  FACESDK_CORRECT_FLOAT,       /* add correction * multiplier to the float result */
} facesdk_correction;

/* Arrays over output channels can be read this far after the last channel. */
enum { FACESDK_CHANNEL_SLACK = 64 };

struct facesdk_bconv2d {
  const facesdk_path *path;
  const facesdk_bconv2d_kernel *kernel; /* NULL: the reference computes it */
  facesdk_bconv2d_options options;
  facesdk_window y, x;

  size_t group_words;        /* words of one filter tap, that is of one pixel of one group */
  size_t taps;               /* filter_height * filter_width */
  size_t group_channels_out; /* output channels of one group */
  int32_t group_channels_in; /* logical input channels of one group */
  size_t pixel_bytes;        /* from one output pixel to the next */
  size_t residual_stride;    /* floats from one pixel of a residual to the next */

  /* Output transform: see output_transform.h. Arrays of channels_out; which exist depends on output_type. */
  bool clamps;
  int32_t clamp_min, clamp_max;
  float *multiplier, *bias;
  int32_t *doubled_thresholds;

  /* Zero padding: corrections[class of y * x_classes + class of x][channels_out] is what a window position whose taps
   * hang over the border lacks, see zero_padding.c. Class 0 is "nothing hangs over", its row is zero. */
  facesdk_correction correction;
  int32_t *corrections;
  uint32_t *y_class, *x_class;
  size_t x_classes;

  uint32_t *filter;                /* for the reference, as it was given */
  float *floats;                   /* results before a chain that has no place for them; NULL if none is needed */
  struct facesdk_blocked *blocked; /* for kernels, see blocked.h */
};

/* Pointwise steps that results of one image go through, in registers. */
typedef struct facesdk_chain {
  const facesdk_step *steps;
  size_t count;
  size_t first_pixel; /* of the image, in the steps' outputs */
} facesdk_chain;

/* Makes the results go through a chain from now on, one with a step that stores if `stores`; false if memory ran out. For
 * float results of one group. */
bool facesdk_bconv2d_prepare_chain(facesdk_bconv2d *op, bool stores);

/* From now on pixels of a residual and of a float output lie that many floats apart, as in columns of a wider tensor. */
void facesdk_bconv2d_set_strides(facesdk_bconv2d *op, size_t residual_stride, size_t output_stride);

/* Runs a prepared convolution with a chain. A step that stores may write over `residual`. */
void facesdk_bconv2d_run_chain(facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                               const facesdk_step *steps, size_t count, int32_t threads);

/* The corrections of an output pixel (y * width + x) for all channels; NULL if it has none. For ops that correct. */
static inline const int32_t *facesdk_bconv2d_correction(const facesdk_bconv2d *op, size_t pixel) {
  const size_t width = (size_t)op->x.output;
  const size_t row = op->y_class[pixel / width] * op->x_classes + op->x_class[pixel % width];
  return row == 0 ? NULL : op->corrections + row * (size_t)op->options.channels_out;
}

/* Fills corrections, y_class, x_class and x_classes; false if memory ran out. */
bool facesdk_bconv2d_correct_zero_padding(facesdk_bconv2d *op, const uint32_t *filter);

/* The oracle, in reference.c. Everything else in `op` is complete; false if memory ran out. */
bool facesdk_bconv2d_reference_prepare(facesdk_bconv2d *op, const uint32_t *filter);
void facesdk_bconv2d_reference_run(const facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                                   void *output);

#endif
