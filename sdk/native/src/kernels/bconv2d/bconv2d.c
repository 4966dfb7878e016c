/* LceBconv2d: what all kernel paths share. Validation, the fused output transform, and zero padding. */
#include <stdlib.h>
#include <string.h>

#include "kernels/bconv2d/blocked.h"
#include "base/error.h"
#include "base/packing.h"
#include "base/thread_pool.h"

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
  if (status == FACESDK_OK) {
    status = facesdk_window_init(&op->y, "height", o->input_height, o->filter_height, o->stride_height,
                                 o->dilation_height, o->padding, error);
  }
  if (status == FACESDK_OK) {
    status = facesdk_window_init(&op->x, "width", o->input_width, o->filter_width, o->stride_width,
                                 o->dilation_width, o->padding, error);
  }
  if (status != FACESDK_OK) return status;

  op->options = *o;
  op->group_channels_in = o->channels_in / o->groups;
  op->group_channels_out = (size_t)(o->channels_out / o->groups);
  op->group_words = facesdk_words((size_t)op->group_channels_in);
  op->taps = (size_t)o->filter_height;
  size_t filter_bits = FACESDK_WORD_BITS;
  if (!facesdk_multiply(&op->taps, (size_t)o->filter_width) || !facesdk_multiply(&filter_bits, op->taps) ||
      !facesdk_multiply(&filter_bits, op->group_words) || filter_bits > MAX_FILTER_BITS) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a %d x %d filter over %d channels is too large",
                        (int)o->filter_height, (int)o->filter_width, (int)op->group_channels_in);
  }
  const size_t channels_out = (size_t)o->channels_out;
  op->pixel_bytes = o->output_type == FACESDK_BITS      ? facesdk_words(channels_out) * sizeof(uint32_t)
                    : o->output_type == FACESDK_FLOAT32 ? channels_out * sizeof(float)
                                                        : channels_out;
  const size_t input_pixel_bytes = facesdk_words((size_t)o->channels_in) * sizeof(uint32_t);
  const size_t filter_bytes = filter_bits / 8;
  size_t input_bytes = (size_t)o->batch, output_bytes = (size_t)o->batch, all_filters = channels_out;
  if (!facesdk_multiply(&input_bytes, (size_t)o->input_height) ||
      !facesdk_multiply(&input_bytes, (size_t)o->input_width) ||
      !facesdk_multiply(&input_bytes, input_pixel_bytes) || !facesdk_multiply(&output_bytes, (size_t)op->y.output) ||
      !facesdk_multiply(&output_bytes, (size_t)op->x.output) || !facesdk_multiply(&output_bytes, op->pixel_bytes) ||
      !facesdk_multiply(&all_filters, filter_bytes)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the input, output or filter is larger than 1 GiB");
  }
  return FACESDK_OK;
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

/* Sorts the window positions of one axis into classes of equal inside taps. Class 0 has every tap inside. Writes
 * class_of[position] and taps[class] (room for output + 1) and returns the number of classes. Both ends of the inside
 * taps fall monotonically along the axis, so positions of equal taps are neighbours. */
static size_t classify(const facesdk_window *window, uint32_t *class_of, facesdk_taps *taps) {
  size_t count = 1;
  taps[0] = (facesdk_taps){0, window->filter};
  for (int32_t position = 0; position < window->output; ++position) {
    const facesdk_taps here = facesdk_window_taps(window, position);
    const bool whole = here.first == 0 && here.end == window->filter;
    const bool as_before = taps[count - 1].first == here.first && taps[count - 1].end == here.end;
    if (!whole && !as_before) taps[count++] = here;
    class_of[position] = whole ? 0 : (uint32_t)(count - 1);
  }
  return count;
}

/* sums[y * (width + 1) + x]: sum of one output channel's weights over the taps above and left of (y, x). */
static void integrate_weights(const facesdk_bconv2d *op, const uint32_t *filter, int32_t *sums) {
  const size_t pitch = (size_t)op->x.filter + 1;
  memset(sums, 0, pitch * sizeof *sums);
  for (size_t y = 0; y < (size_t)op->y.filter; ++y) {
    int32_t *above = sums + y * pitch, *row = above + pitch;
    int32_t line = 0;
    row[0] = 0;
    for (size_t x = 0; x + 1 < pitch; ++x) {
      int32_t negative = 0;
      for (size_t w = 0; w < op->group_words; ++w) negative += __builtin_popcount(*filter++);
      line += op->group_channels_in - 2 * negative;
      row[x + 1] = above[x + 1] + line;
    }
  }
}

/* Sum of the weights of the taps that are not inside. */
static int32_t padded_weights(const int32_t *sums, size_t pitch, size_t taps, facesdk_taps y, facesdk_taps x) {
  const int32_t *top = sums + (size_t)y.first * pitch, *bottom = sums + (size_t)y.end * pitch;
  const int32_t inside = bottom[x.end] - bottom[x.first] - top[x.end] + top[x.first];
  return sums[taps - 1] - inside;
}

/* Kernels read padded cells as clear bits, that is +1. For padding with 0 a padded tap must add nothing to the dot
 * product, so that doubled = K - dot is larger by the sum of the padded taps' weights. That sum depends on nothing but
 * the class of the window position. */
static bool tabulate_corrections(facesdk_bconv2d *op, const uint32_t *filter) {
  const size_t channels = (size_t)op->options.channels_out;
  const size_t heights = (size_t)op->y.output, widths = (size_t)op->x.output;
  const size_t pitch = (size_t)op->x.filter + 1, sums_count = ((size_t)op->y.filter + 1) * pitch;
  facesdk_taps *y_taps = calloc(heights + 1, sizeof *y_taps);
  facesdk_taps *x_taps = calloc(widths + 1, sizeof *x_taps);
  int32_t *sums = calloc(sums_count, sizeof *sums);
  op->y_class = calloc(heights, sizeof *op->y_class);
  op->x_class = calloc(widths, sizeof *op->x_class);
  bool done = false;
  if (y_taps != NULL && x_taps != NULL && sums != NULL && op->y_class != NULL && op->x_class != NULL) {
    const size_t y_classes = classify(&op->y, op->y_class, y_taps);
    op->x_classes = classify(&op->x, op->x_class, x_taps);
    const size_t rows = y_classes * op->x_classes;
    size_t bytes = sizeof(int32_t);
    if (facesdk_multiply(&bytes, rows) && facesdk_multiply(&bytes, channels)) {
      op->corrections = calloc(bytes / sizeof(int32_t) + FACESDK_CHANNEL_SLACK, sizeof(int32_t));
    }
    done = op->corrections != NULL;
    for (size_t c = 0; done && c < channels; ++c, filter += op->taps * op->group_words) {
      integrate_weights(op, filter, sums);
      for (size_t row = 0; row < rows; ++row) {
        op->corrections[row * channels + c] =
            padded_weights(sums, pitch, sums_count, y_taps[row / op->x_classes], x_taps[row % op->x_classes]);
      }
    }
  }
  free(y_taps);
  free(x_taps);
  free(sums);
  return done;
}

facesdk_status facesdk_bconv2d_output_shape(const facesdk_bconv2d_options *options, int32_t shape[4],
                                            facesdk_error *error) {
  facesdk_bconv2d op = {0};
  const facesdk_status status = derive(&op, options, error);
  if (status != FACESDK_OK) return status;
  shape[0] = options->batch;
  shape[1] = op.y.output;
  shape[2] = op.x.output;
  shape[3] = options->channels_out;
  return FACESDK_OK;
}

facesdk_status facesdk_bconv2d_create(const facesdk_path *path, const facesdk_bconv2d_options *options,
                                      const uint32_t *filter, const float *multiplier, const float *bias,
                                      const int32_t *thresholds, facesdk_bconv2d **result, facesdk_error *error) {
  facesdk_bconv2d derived = {.path = path};
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
  facesdk_bconv2d *op = malloc(sizeof *op);
  if (op == NULL) return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "out of memory");
  *op = derived;
  facesdk_pool_acquire();
  if (!fuse_output_transform(op, multiplier, bias, thresholds) ||
      (op->correction != FACESDK_CORRECT_NOTHING && !tabulate_corrections(op, filter)) ||
      !path->bconv2d_prepare(op, filter)) {
    facesdk_bconv2d_destroy(op);
    return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "out of memory for a %d x %d filter with %d x %d channels",
                        (int)options->filter_height, (int)options->filter_width, (int)options->channels_in,
                        (int)options->channels_out);
  }
  *result = op;
  return FACESDK_OK;
}

void facesdk_bconv2d_run(facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                         int32_t threads) {
  op->path->bconv2d_run(op, input, op->options.output_type == FACESDK_FLOAT32 ? residual : NULL, output, threads);
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
  facesdk_blocked_release(op);
  free(op);
  facesdk_pool_release();
}
