/* Chains of operators that compute each value of a tensor from the same place of their input: batch normalisation as
 * factors and offsets by channel, activations, signs. A chain reads its input once and writes what others read. */
#ifndef FACESDK_KERNELS_POINTWISE_POINTWISE_H_
#define FACESDK_KERNELS_POINTWISE_POINTWISE_H_

#include "kernels/step.h"

/* The same as an operator, which counts. */
void facesdk_pointwise_run(const facesdk_path *path, const facesdk_step *steps, size_t count, const facesdk_rows *input,
                           size_t rows, int32_t threads);

#endif
