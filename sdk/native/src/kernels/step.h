/* A pointwise step: what pointwise chains and the chains of convolutions are made of.
 *
 * Every step rounds to float32 as the operator of a runtime that it stands for, so that fusing changes no bit. */
#ifndef FACESDK_KERNELS_STEP_H_
#define FACESDK_KERNELS_STEP_H_

#include "kernels/path.h"

typedef enum facesdk_step_kind {
  FACESDK_STEP_MULTIPLY, /* by constants[channel] */
  FACESDK_STEP_ADD,      /* constants[channel] */
  FACESDK_STEP_PRELU,    /* negative values times constants[channel] */
  FACESDK_STEP_LIMIT,    /* to [low, high]; what is not a number stays */
  FACESDK_STEP_STORE,    /* writes the values to `output` */
  FACESDK_STEP_SIGNS,    /* writes a bit per channel, 1 for negative values, to `output` */
} facesdk_step_kind;

struct facesdk_step {
  facesdk_step_kind kind;
  const float *constants; /* can be read to the next multiple of 32 channels */
  float low, high;
  void *output;
  size_t stride; /* of a step that stores: floats from one row of `output` to the next */
};

/* A matrix: a row for each pixel. The rows may be columns of a wider matrix. */
struct facesdk_rows {
  const float *values;
  size_t channels, stride; /* of a row, and floats from one row to the next */
};

/* A kernel (facesdk_pointwise_kernel) runs the chain on `rows` pixels from `first_row` on; input and outputs start at row
 * 0. */

/* The oracle, in reference.c. */
facesdk_pointwise_kernel facesdk_pointwise_reference;

/* Runs a chain on `rows` rows as a part of an operator; an output may be the input. */
void facesdk_pointwise_pass(const facesdk_path *path, const facesdk_step *steps, size_t count,
                            const facesdk_rows *input, size_t rows, int32_t threads);

#endif
