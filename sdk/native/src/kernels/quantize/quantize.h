/* Packing of signs into bits and back: what a kernel path implements. */
#ifndef FACESDK_KERNELS_QUANTIZE_QUANTIZE_H_
#define FACESDK_KERNELS_QUANTIZE_QUANTIZE_H_

#include "kernels/path.h"

struct facesdk_quantize_kernel {
  void (*quantize)(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
                   uint32_t *output);
  /* clear and set are the output values for a clear and a set bit, `size` bytes each. */
  void (*dequantize)(const uint32_t *input, size_t rows, size_t channels, const void *clear, const void *set,
                     size_t size, void *output);
};

/* The oracle, in reference.c. */
extern const facesdk_quantize_kernel facesdk_quantize_reference;

#endif
