/* The operators in plain C that other paths use where an instruction set gains nothing. See path.h. */
#ifndef FACESDK_KERNELS_PORTABLE_H_
#define FACESDK_KERNELS_PORTABLE_H_

#include "path.h"

void facesdk_portable_quantize(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
                               uint32_t *output);
void facesdk_portable_dequantize(const uint32_t *input, size_t rows, size_t channels, const void *clear,
                                 const void *set, size_t size, void *output);
void facesdk_portable_bmaxpool2d(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output);

#endif
