/* LceBconv2d: what all kernels share, which is validation and the fused output transform. */
#include <stdlib.h>

#include "base/error.h"
#include "base/packing.h"
#include "base/thread_pool.h"
#include "kernels/bconv2d/blocked.h"

/* 2 * popcount, plus a correction of half that size, must fit int32 with room to spare. */
static const size_t MAX_FILTER_BITS = (size_t)1 << 28;

static bool positive_finite(float value) { return value > 0.0f && value <= 3.402823466e38f; }

static facesdk_status check_options(const facesdk_bconv2d_options *o, facesdk_error *error) {
  const facesdk_bounded ranges[] = {
      {"batch", o->batch, 1, INT32_MAX},
      {"channels_in", o->channels_in, 1, INT32_MAX - FACESDK_WORD_BITS},
      {"channels_out", o->channels_out, 1, INT32_MAX - FACESDK_WORD_BITS},
      {"groups", o->groups, 1, INT32_MAX},
      {"pad_value", o->pad_value, 0, 1},
      {"fused activation function", o->activation, FACESDK_ACTIVATION_NONE, FACESDK_ACTIVATION_RELU6},
      {"zero padding mode", o->zero_padding, FACESDK_ZERO_PADDING_OPTIMIZED, FACESDK_ZERO_PADDING_REFERENCE},
  };
  const facesdk_status status = facesdk_check_bounds(ranges, sizeof ranges / sizeof ranges[0], error);
  if (status != FACESDK_OK) return status;
  if (o->groups > 1 && (o->channels_in % o->groups != 0 || o->channels_in / o->groups % FACESDK_WORD_BITS != 0)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "channels_in / groups must be a multiple of 32, but got %d / %d", (int)o->channels_in,
                        (int)o->groups);
  }
  if (o->channels_out % o->groups != 0) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "channels_out must be a multiple of groups, but got %d and %d", (int)o->channels_out,
                        (int)o->groups);
  }
  switch (o->output_type) {
    case FACESDK_FLOAT32:
    case FACESDK_BITS:
      return FACESDK_OK;
    case FACESDK_INT8:
      if (!positive_finite(o->output_scale)) {
        return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "int8 output scale must be finite and > 0, but got %g",
                            (double)o->output_scale);
      }
      if (o->output_zero_point < INT8_MIN || o->output_zero_point > INT8_MAX) {
        return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "int8 output zero point must be in -128..127, but got %d",
                            (int)o->output_zero_point);
      }
      return FACESDK_OK;
    default:
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "output type must be float32, int8 or bits, but got %d",
                          (int)o->output_type);
  }
}

/* Everything that follows from the options alone. */
static facesdk_status derive(facesdk_bconv2d *op, const facesdk_bconv2d_options *o, facesdk_error *error) {
  facesdk_status status = check_options(o, error);
  if (status != FACESDK_OK) return status;
  status = facesdk_windows_init(&op->y, &op->x, &FACESDK_WINDOW_OPTIONS(o, o->dilation_height, o->dilation_width), error);
  if (status != FACESDK_OK) return status;
  op->options = *o;
  op->group_channels_in = o->channels_in / o->groups;
  op->group_channels_out = (size_t)(o->channels_out / o->groups);
  op->group_words = facesdk_words((size_t)op->group_channels_in);
  size_t filter_words;
  status = facesdk_windows_check_filters(&op->y, &op->x, op->group_channels_in, o->channels_out, MAX_FILTER_BITS,
                                         &filter_words, error);
  if (status != FACESDK_OK) return status;
  op->taps = filter_words / op->group_words;
  const uint64_t channels_out = (uint64_t)o->channels_out, word = sizeof(uint32_t);
  const uint64_t input_pixel = facesdk_words((size_t)o->channels_in) * word;
  const uint64_t output_pixel = o->output_type == FACESDK_BITS      ? facesdk_words((size_t)channels_out) * word
                                : o->output_type == FACESDK_FLOAT32 ? channels_out * sizeof(float)
                                                                    : channels_out;
  op->pixel_bytes = (size_t)output_pixel;
  op->residual_stride = (size_t)channels_out;
  return facesdk_windows_check_images(&op->y, &op->x, o->batch, input_pixel, output_pixel, error);
}

/* LCE fuses in double and rounds each constant to float32 once (tflite/kernels/bconv2d.cc, OneTimeSetup). */
static bool fuse_output_transform(facesdk_bconv2d *op, const float *multiplier, const float *bias,
                                  const int32_t *thresholds) {
  const size_t channels = (size_t)op->options.channels_out, room = channels + FACESDK_CHANNEL_SLACK;
  if (op->options.output_type == FACESDK_BITS) {
    op->doubled_thresholds = calloc(room, sizeof(int32_t));
    if (op->doubled_thresholds == NULL) return false;
    for (size_t c = 0; c < channels; ++c) {
      const int64_t doubled = 2 * (int64_t)thresholds[c];
      op->doubled_thresholds[c] = (int32_t)(doubled > INT32_MAX   ? INT32_MAX
                                            : doubled < INT32_MIN ? INT32_MIN
                                                                  : doubled);
    }
    return true;
  }
  op->multiplier = calloc(room, sizeof(float));
  op->bias = calloc(room, sizeof(float));
  if (op->multiplier == NULL || op->bias == NULL) return false;

  const int32_t dot_max = (int32_t)op->taps * op->group_channels_in;
  const bool int8 = op->options.output_type == FACESDK_INT8;
  const double scale = int8 ? (double)op->options.output_scale : 1.0;
  const double zero_point = int8 ? (double)op->options.output_zero_point : 0.0;
  for (size_t c = 0; c < channels; ++c) {
    const double m = (double)multiplier[c];
    op->multiplier[c] = (float)(-m / scale);
    op->bias[c] = (float)(((double)bias[c] + (double)dot_max * m) / scale + zero_point);
  }

  int32_t low = -dot_max, high = dot_max; /* of the dot product */
  switch (op->options.activation) {
    case FACESDK_ACTIVATION_RELU:
      low = 0;
      break;
    case FACESDK_ACTIVATION_RELU_N1_TO_1:
      low = low > -1 ? low : -1;
      high = high < 1 ? high : 1;
      break;
    case FACESDK_ACTIVATION_RELU6:
      low = 0;
      high = high < 6 ? high : 6;
      break;
    default:
      break;
  }
  op->clamps = low > -dot_max || high < dot_max;
  op->clamp_min = dot_max - high;
  op->clamp_max = dot_max - low;
  return true;
}

facesdk_status facesdk_bconv2d_output_shape(const facesdk_bconv2d_options *options, int32_t shape[4],
                                            facesdk_error *error) {
  facesdk_bconv2d op = {0};
  const facesdk_status status = derive(&op, options, error);
  if (status == FACESDK_OK) facesdk_windows_shape(&op.y, &op.x, options->batch, options->channels_out, shape);
  return status;
}

static bool prepare(facesdk_bconv2d *op, const uint32_t *filter) {
  return op->kernel != NULL ? facesdk_blocked_prepare(op, filter) : facesdk_bconv2d_reference_prepare(op, filter);
}

facesdk_status facesdk_bconv2d_create(const facesdk_path *path, const facesdk_bconv2d_options *options,
                                      const uint32_t *filter, const float *multiplier, const float *bias,
                                      const int32_t *thresholds, facesdk_bconv2d **result, facesdk_error *error) {
  facesdk_bconv2d derived = {.path = path, .kernel = path->bconv2d};
  const facesdk_status status = derive(&derived, options, error);
  if (status != FACESDK_OK) return status;
  const bool bits = options->output_type == FACESDK_BITS;
  if (filter == NULL || (bits ? thresholds == NULL : multiplier == NULL || bias == NULL)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s must not be NULL",
                        filter == NULL ? "filter" : bits ? "thresholds" : "multiplier and bias");
  }
  if (options->padding == FACESDK_SAME && options->pad_value == 0) {
    const bool as_optimized = options->zero_padding == FACESDK_ZERO_PADDING_OPTIMIZED &&
                              options->output_type == FACESDK_FLOAT32 &&
                              options->activation == FACESDK_ACTIVATION_NONE;
    derived.correction = as_optimized ? FACESDK_CORRECT_FLOAT : FACESDK_CORRECT_INTEGER;
  }
  if (derived.kernel != NULL && !facesdk_blocked_is_practical(&derived)) {
    derived.kernel = NULL;
    derived.path = facesdk_path_reference();
  }
  facesdk_bconv2d *op = malloc(sizeof *op);
  if (op == NULL) {
    return facesdk_windows_out_of_memory(&derived.y, &derived.x, options->channels_in, options->channels_out, error);
  }
  *op = derived;
  facesdk_pool_acquire();
  if (!fuse_output_transform(op, multiplier, bias, thresholds) ||
      (op->correction != FACESDK_CORRECT_NOTHING && !facesdk_bconv2d_correct_zero_padding(op, filter)) ||
      !prepare(op, filter)) {
    facesdk_bconv2d_destroy(op);
    return facesdk_windows_out_of_memory(&derived.y, &derived.x, options->channels_in, options->channels_out, error);
  }
  *result = op;
  return FACESDK_OK;
}

void facesdk_bconv2d_run(facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                         int32_t threads) {
  if (op->options.output_type != FACESDK_FLOAT32) residual = NULL;
  if (op->kernel != NULL) {
    facesdk_blocked_run(op, input, residual, NULL, output, threads);
  } else {
    facesdk_bconv2d_reference_run(op, input, residual, output);
  }
  facesdk_path_count_run(op->path);
}

void facesdk_bconv2d_set_strides(facesdk_bconv2d *op, size_t residual_stride, size_t output_stride) {
  op->residual_stride = residual_stride;
  if (op->options.output_type == FACESDK_FLOAT32) op->pixel_bytes = output_stride * sizeof(float);
}

static size_t pixels_of(const facesdk_bconv2d *op) {
  return (size_t)op->options.batch * (size_t)op->y.output * (size_t)op->x.output;
}

static bool chains_in_registers(const facesdk_bconv2d *op) { return op->kernel != NULL && op->kernel->chains; }

bool facesdk_bconv2d_prepare_chain(facesdk_bconv2d *op, bool stores) {
  if (chains_in_registers(op) || stores || op->floats != NULL) return true;
  op->floats = malloc(pixels_of(op) * (size_t)op->options.channels_out * sizeof *op->floats);
  return op->floats != NULL;
}

void facesdk_bconv2d_run_chain(facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                               const facesdk_step *steps, size_t count, int32_t threads) {
  if (chains_in_registers(op)) {
    facesdk_blocked_run(op, input, residual, &(facesdk_chain){steps, count, 0}, NULL, threads);
  } else {
    const size_t channels = (size_t)op->options.channels_out;
    float *results = op->floats;
    size_t stride = channels;
    for (size_t i = 0; i < count && results == NULL; ++i) {
      if (steps[i].kind != FACESDK_STEP_STORE) continue;
      results = steps[i].output;
      stride = steps[i].stride;
    }
    facesdk_bconv2d_set_strides(op, op->residual_stride, stride);
    if (op->kernel != NULL) {
      facesdk_blocked_run(op, input, residual, NULL, results, threads);
    } else {
      facesdk_bconv2d_reference_run(op, input, residual, results);
    }
    facesdk_pointwise_pass(op->path, steps, count, &(facesdk_rows){results, channels, stride}, pixels_of(op), threads);
  }
  facesdk_path_count_run(op->path);
}

void facesdk_bconv2d_destroy(facesdk_bconv2d *op) {
  if (op == NULL) return;
  free(op->multiplier);
  free(op->bias);
  free(op->doubled_thresholds);
  free(op->corrections);
  free(op->y_class);
  free(op->x_class);
  free(op->filter);
  free(op->floats);
  facesdk_blocked_release(op);
  free(op);
  facesdk_pool_release();
}
