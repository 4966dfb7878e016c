/* The oracle: one value at a time, written to be read. Every kernel must give the same bytes. */
#include "base/packing.h"
#include "kernels/pointwise/pointwise.h"

static float apply(const facesdk_step *step, float value, size_t channel) {
  switch (step->kind) {
    case FACESDK_STEP_MULTIPLY:
      return value * step->constants[channel];
    case FACESDK_STEP_ADD:
      return value + step->constants[channel];
    case FACESDK_STEP_PRELU:
      return value < 0.0f ? value * step->constants[channel] : value;
    case FACESDK_STEP_LIMIT:
      return value < step->low ? step->low : value > step->high ? step->high : value;
    default:
      return value;
  }
}

static void write_sign(uint32_t *word, size_t bit, bool negative) {
  if (bit == 0) *word = 0;
  *word |= (uint32_t)negative << bit;
}

void facesdk_pointwise_reference(const facesdk_step *steps, size_t count, const facesdk_rows *input, size_t first_row,
                                 size_t rows) {
  const size_t channels = input->channels, words = facesdk_words(channels);
  for (size_t row = first_row; row < first_row + rows; ++row) {
    for (size_t c = 0; c < channels; ++c) {
      float value = input->values[row * input->stride + c];
      for (size_t i = 0; i < count; ++i) {
        value = apply(&steps[i], value, c);
        if (steps[i].kind == FACESDK_STEP_STORE) ((float *)steps[i].output)[row * steps[i].stride + c] = value;
        if (steps[i].kind == FACESDK_STEP_SIGNS) {
          write_sign((uint32_t *)steps[i].output + row * words + c / FACESDK_WORD_BITS, c % FACESDK_WORD_BITS,
                     value < 0.0f);
        }
      }
    }
  }
}
