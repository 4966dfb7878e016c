/* The oracle: one word at a time, written to be read. Every kernel must give the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/packing.h"
#include "kernels/bconv2d/bconv2d.h"
#include "kernels/bconv2d/output_transform.h"

/* The filter as it is. */
bool facesdk_bconv2d_reference_prepare(facesdk_bconv2d *op, const uint32_t *filter) {
  const size_t bytes = (size_t)op->options.channels_out * op->taps * op->group_words * sizeof(uint32_t);
  op->filter = malloc(bytes);
  if (op->filter == NULL) return false;
  memcpy(op->filter, filter, bytes);
  return true;
}

/* Doubled popcount of one output channel at one window position, with padded cells read as +1; *padded_sum gets the sum
 * of the weights (+1 or -1) that lie over padded cells. */
static int32_t convolve(const facesdk_bconv2d *op, const uint32_t *image, int32_t out_y, int32_t out_x,
                        size_t channel, int32_t *padded_sum) {
  const size_t group = channel / op->group_channels_out;
  const size_t pixel_words = op->group_words * (size_t)op->options.groups;
  const uint32_t *filter = op->filter + channel * op->taps * op->group_words;
  int32_t popcount = 0;
  *padded_sum = 0;
  for (int32_t tap_y = 0; tap_y < op->y.filter; ++tap_y) {
    for (int32_t tap_x = 0; tap_x < op->x.filter; ++tap_x, filter += op->group_words) {
      const int64_t in_y = facesdk_window_cell(&op->y, out_y, tap_y), in_x = facesdk_window_cell(&op->x, out_x, tap_x);
      const bool inside = facesdk_window_inside(&op->y, in_y) && facesdk_window_inside(&op->x, in_x);
      for (size_t w = 0; w < op->group_words; ++w) {
        uint32_t cells = 0;
        if (inside) {
          cells = image[((size_t)in_y * (size_t)op->x.input + (size_t)in_x) * pixel_words + group * op->group_words + w];
        }
        popcount += __builtin_popcount(cells ^ filter[w]);
      }
      if (!inside) {
        for (int32_t c = 0; c < op->group_channels_in; ++c) *padded_sum += facesdk_bit(filter, (size_t)c) ? -1 : 1;
      }
    }
  }
  return 2 * popcount;
}

static void store(const facesdk_bconv2d *op, int32_t doubled, int32_t padded_sum, size_t channel,
                  const float *residual, void *pixel) {
  if (op->correction == FACESDK_CORRECT_INTEGER) doubled += padded_sum;
  switch (op->options.output_type) {
    case FACESDK_FLOAT32: {
      float value = facesdk_to_float(op, doubled, channel);
      if (op->correction == FACESDK_CORRECT_FLOAT) value += (float)padded_sum * op->multiplier[channel];
      if (residual != NULL) value += residual[channel];
      ((float *)pixel)[channel] = value;
      break;
    }
    case FACESDK_INT8:
      ((int8_t *)pixel)[channel] = facesdk_to_int8(op, doubled, channel);
      break;
    default:
      ((uint32_t *)pixel)[channel / FACESDK_WORD_BITS] |= facesdk_to_bit(op, doubled, channel)
                                                          << (channel % FACESDK_WORD_BITS);
  }
}

void facesdk_bconv2d_reference_run(const facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                                   void *output) {
  const size_t image_words =
      (size_t)op->y.input * (size_t)op->x.input * op->group_words * (size_t)op->options.groups;
  char *pixel = output;
  for (int32_t batch = 0; batch < op->options.batch; ++batch, input += image_words) {
    for (int32_t out_y = 0; out_y < op->y.output; ++out_y) {
      for (int32_t out_x = 0; out_x < op->x.output; ++out_x, pixel += op->pixel_bytes) {
        if (op->options.output_type == FACESDK_BITS) memset(pixel, 0, op->pixel_bytes);
        for (size_t channel = 0; channel < (size_t)op->options.channels_out; ++channel) {
          int32_t padded_sum;
          const int32_t doubled = convolve(op, input, out_y, out_x, channel, &padded_sum);
          store(op, doubled, padded_sum, channel, residual, pixel);
        }
        if (residual != NULL) residual += op->residual_stride;
      }
    }
  }
}
