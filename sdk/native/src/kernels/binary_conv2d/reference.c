/* The oracle: one value at a time, written to be read. */
#include <float.h>
#include <math.h>

#include "base/packing.h"
#include "kernels/binary_conv2d/binary_conv2d.h"

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
        sum += facesdk_bit(filter, c) ? -value : value;
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
