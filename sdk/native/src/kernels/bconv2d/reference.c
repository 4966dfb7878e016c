/* The oracle: one bit at a time, written to be read. Every other path must give the same bytes. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/bconv2d/output_transform.h"
#include "base/packing.h"
#include "kernels/binary_conv2d/binary_conv2d.h"

static bool always(void) { return true; }

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

static uint32_t get_bit(const uint32_t *words, size_t i) {
  return words[i / FACESDK_WORD_BITS] >> (i % FACESDK_WORD_BITS) & 1u;
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
      memcpy(out, get_bit(input + row * words, c) ? set : clear, size);
    }
  }
}

static void bmaxpool2d(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output) {
  const facesdk_window *y = &plan->y, *x = &plan->x;
  for (size_t batch = 0; batch < plan->batch; ++batch) {
    for (int32_t out_y = 0; out_y < y->output; ++out_y) {
      for (int32_t out_x = 0; out_x < x->output; ++out_x) {
        for (size_t word = 0; word < plan->words; ++word) {
          uint32_t all = UINT32_MAX;
          for (int32_t tap_y = 0; tap_y < y->filter; ++tap_y) {
            for (int32_t tap_x = 0; tap_x < x->filter; ++tap_x) {
              const int64_t in_y = facesdk_window_cell(y, out_y, tap_y), in_x = facesdk_window_cell(x, out_x, tap_x);
              if (!facesdk_window_inside(y, in_y) || !facesdk_window_inside(x, in_x)) continue;
              const size_t pixel =
                  (batch * (size_t)y->input + (size_t)in_y) * (size_t)x->input + (size_t)in_x;
              all &= input[pixel * plan->words + word];
            }
          }
          *output++ = all;
        }
      }
    }
  }
}

/* The filter as it is. */
static bool bconv2d_prepare(facesdk_bconv2d *op, const uint32_t *filter) {
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
        const uint32_t differ = cells ^ filter[w];
        for (size_t bit = 0; bit < FACESDK_WORD_BITS; ++bit) popcount += (int32_t)get_bit(&differ, bit);
      }
      if (!inside) {
        for (int32_t c = 0; c < op->group_channels_in; ++c) *padded_sum += get_bit(filter, (size_t)c) ? -1 : 1;
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

static void bconv2d_run(const facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                        int32_t threads) {
  (void)threads;
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
        if (residual != NULL) residual += op->options.channels_out;
      }
    }
  }
}

/* ---- 1-bit weights ---- */

/* What facesdk_ops.h says of u, s and z. Rounds half to even, without the C library's rounding mode. */
static int32_t round_to_even(float value) {
  const double whole = (double)(int32_t)value, rest = (double)value - whole;
  const int32_t n = (int32_t)whole;
  if (rest > 0.5 || (rest == 0.5 && n % 2 != 0)) return n + 1;
  if (rest < -0.5 || (rest == -0.5 && n % 2 != 0)) return n - 1;
  return n;
}

static int32_t clamp_level(int32_t level) { return level < 0 ? 0 : level > 255 ? 255 : level; }

typedef struct levels {
  float scale, inverse;
  int32_t zero;
} levels;

static levels find_levels(const float *image, size_t count) {
  float low = 0.0f, high = 0.0f;
  for (size_t i = 0; i < count; ++i) {
    if (!(image[i] >= -FLT_MAX && image[i] <= FLT_MAX)) return (levels){.scale = NAN};
    if (image[i] < low) low = image[i];
    if (image[i] > high) high = image[i];
  }
  const float scale = high / 255.0f - low / 255.0f;
  if (scale < FLT_MIN) return (levels){.scale = 0.0f};
  const float inverse = 1.0f / scale;
  return (levels){scale, inverse, clamp_level(round_to_even(-low * inverse))};
}

/* A value as it enters the sum: itself, or its level less that of zero. */
static double summand(const facesdk_binary_conv2d *op, const levels *known, float value) {
  if (op->options.activation_bits == 0) return (double)value;
  if (!(known->inverse > 0.0f)) return 0.0;
  return clamp_level(round_to_even(value * known->inverse) + known->zero) - known->zero;
}

static float transform(const facesdk_binary_conv2d *op, const levels *known, double sum, size_t channel) {
  float value;
  if (op->options.activation_bits == 0) {
    value = (float)(sum * (double)op->scale[channel] + (double)op->bias[channel]);
  } else {
    const float scale = known->scale * op->scale[channel], product = (float)sum * scale;
    value = product + op->bias[channel];
  }
  return value < op->minimum ? op->minimum : value > op->maximum ? op->maximum : value;
}

static double sum_window(const facesdk_binary_conv2d *op, const levels *known, const float *image, int32_t out_y,
                         int32_t out_x, size_t channel) {
  const size_t channels = (size_t)op->options.channels_in;
  const uint32_t *filter = op->filter + channel * op->step_count;
  double sum = 0.0;
  for (int32_t tap_y = 0; tap_y < op->y.filter; ++tap_y) {
    for (int32_t tap_x = 0; tap_x < op->x.filter; ++tap_x, filter += op->words) {
      const int64_t in_y = facesdk_window_cell(&op->y, out_y, tap_y), in_x = facesdk_window_cell(&op->x, out_x, tap_x);
      if (!facesdk_window_inside(&op->y, in_y) || !facesdk_window_inside(&op->x, in_x)) continue;
      const float *pixel = image + ((size_t)in_y * (size_t)op->x.input + (size_t)in_x) * channels;
      for (size_t c = 0; c < channels; ++c) {
        const double value = summand(op, known, pixel[c]);
        sum += get_bit(filter, c) ? -value : value;
      }
    }
  }
  return sum;
}

void facesdk_binary_conv2d_reference(const facesdk_binary_conv2d *op, const float *input, float *output) {
  const levels known = find_levels(input, (size_t)op->y.input * (size_t)op->x.input * (size_t)op->options.channels_in);
  for (int32_t out_y = 0; out_y < op->y.output; ++out_y) {
    for (int32_t out_x = 0; out_x < op->x.output; ++out_x) {
      for (size_t channel = 0; channel < (size_t)op->options.channels_out; ++channel) {
        *output++ = transform(op, &known, sum_window(op, &known, input, out_y, out_x, channel), channel);
      }
    }
  }
}

const facesdk_path facesdk_path_reference = {
    .name = "reference",
    .requires = "",
    .supported = always,
    .quantize = quantize,
    .dequantize = dequantize,
    .bmaxpool2d = bmaxpool2d,
    .bconv2d_prepare = bconv2d_prepare,
    .bconv2d_run = bconv2d_run,
};
