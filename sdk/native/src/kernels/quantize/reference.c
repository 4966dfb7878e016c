/* The oracle: one bit at a time, written to be read. Every kernel must give the same bytes. */
#include <string.h>

#include "base/packing.h"
#include "kernels/quantize/quantize.h"

static bool is_negative(facesdk_type type, const void *input, size_t i, int32_t zero_point) {
  switch (type) {
    case FACESDK_FLOAT32:
      return ((const float *)input)[i] < 0.0f;
    case FACESDK_INT8:
      return ((const int8_t *)input)[i] < zero_point;
    default:
      return ((const uint8_t *)input)[i] == 0;
  }
}

static void quantize(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
                     uint32_t *output) {
  const size_t words = facesdk_words(channels);
  for (size_t i = 0; i < rows * words; ++i) output[i] = 0;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < channels; ++c) {
      const uint32_t bit = is_negative(type, input, row * channels + c, zero_point);
      output[row * words + c / FACESDK_WORD_BITS] |= bit << (c % FACESDK_WORD_BITS);
    }
  }
}

static void dequantize(const uint32_t *input, size_t rows, size_t channels, const void *clear, const void *set,
                       size_t size, void *output) {
  const size_t words = facesdk_words(channels);
  char *out = output;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < channels; ++c, out += size) {
      memcpy(out, facesdk_bit(input + row * words, c) ? set : clear, size);
    }
  }
}

const facesdk_quantize_kernel facesdk_quantize_reference = {quantize, dequantize};
