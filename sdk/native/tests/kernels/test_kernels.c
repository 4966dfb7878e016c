/* Every operator of every path against reference.c, on random shapes, byte for byte. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/packing.h"
#include "base/window.h"
#include "check.h"
#include "facesdk_ops.h"
#include "kernels/bconv2d/bconv2d.h"
#include "kernels/random_options.h"

enum { ROUNDS = 600, MAX_PATHS = 16 };

/* Those that this processor runs; each meets what the others meet. */
static const facesdk_path *paths[MAX_PATHS];
static size_t path_count;

static void quantize_round(uint64_t *seed, const facesdk_path *reference) {
  const size_t rows = (size_t)random_between(seed, 0, 5), channels = (size_t)random_between(seed, 1, 140);
  const facesdk_type type = (facesdk_type)random_between(seed, FACESDK_FLOAT32, FACESDK_BOOL);
  const int32_t zero_point = random_between(seed, -140, 140);
  const size_t element = type == FACESDK_FLOAT32 ? sizeof(float) : 1;
  const size_t packed = rows * facesdk_words(channels) * sizeof(uint32_t), plain = rows * channels * element;
  uint8_t *input = allocate(plain);
  for (size_t i = 0; i < plain; ++i) input[i] = (uint8_t)random_u32(seed);
  if (type == FACESDK_BOOL) {
    for (size_t i = 0; i < plain; ++i) input[i] &= 1;
  }
  uint32_t *expected = allocate(packed), *actual = allocate(packed);
  CHECK(facesdk_quantize(reference, type, input, rows, channels, zero_point, expected, 1, NULL) == FACESDK_OK);
  for (size_t i = 0; i < path_count; ++i) {
    CHECK(facesdk_quantize(paths[i], type, input, rows, channels, zero_point, actual, 1, NULL) == FACESDK_OK);
    CHECK(packed == 0 || memcmp(expected, actual, packed) == 0);
  }

  uint8_t *unpacked = allocate(plain), *unpacked_reference = allocate(plain);
  const float scale = (float)random_between(seed, 1, 400) / 100.0f;
  const int32_t int8_zero = random_between(seed, -128, 127);
  CHECK(facesdk_dequantize(reference, expected, rows, channels, type, scale, int8_zero, unpacked_reference, NULL) ==
        FACESDK_OK);
  for (size_t i = 0; i < path_count; ++i) {
    CHECK(facesdk_dequantize(paths[i], expected, rows, channels, type, scale, int8_zero, unpacked, NULL) == FACESDK_OK);
    CHECK(plain == 0 || memcmp(unpacked, unpacked_reference, plain) == 0);
  }
  free(input);
  free(expected);
  free(actual);
  free(unpacked);
  free(unpacked_reference);
}

static void bmaxpool2d_round(uint64_t *seed, const facesdk_path *reference) {
  const facesdk_bmaxpool2d_options options = {
      RANDOM_WINDOWS(seed, 4, 4),
      .channels = random_between(seed, 1, 70),
  };
  int32_t shape[4];
  if (facesdk_bmaxpool2d_output_shape(&options, shape, NULL) != FACESDK_OK) return;
  const size_t channels = (size_t)options.channels;
  const size_t bytes = (size_t)(shape[0] * shape[1] * shape[2]) * facesdk_words(channels) * sizeof(uint32_t);
  uint32_t *input =
      random_bits(seed, (size_t)(options.batch * options.input_height * options.input_width), channels);
  uint32_t *expected = allocate(bytes), *actual = allocate(bytes);
  CHECK(facesdk_bmaxpool2d(reference, &options, input, expected, NULL) == FACESDK_OK);
  for (size_t i = 0; i < path_count; ++i) {
    CHECK(facesdk_bmaxpool2d(paths[i], &options, input, actual, NULL) == FACESDK_OK);
    CHECK(memcmp(expected, actual, bytes) == 0);
  }
  free(input);
  free(expected);
  free(actual);
}

static facesdk_bconv2d_options random_convolution(uint64_t *seed) {
  static const int32_t groupings[] = {1, 1, 1, 1, 2, 3, 8}; /* 8 groups of 4 channels fill a word, but share its bytes */
  static const int32_t types[] = {FACESDK_FLOAT32, FACESDK_INT8, FACESDK_BITS};
  const int32_t groups = one_of(seed, groupings, 7);
  return (facesdk_bconv2d_options){
      RANDOM_CONVOLUTION(seed, 6, 5),
      .channels_in = groups > 1 ? 32 * groups * random_between(seed, 1, 3) : random_between(seed, 1, 300),
      .channels_out = groups * random_between(seed, 1, 21),
      .groups = groups,
      .pad_value = random_between(seed, 0, 1),
      .output_type = one_of(seed, types, 3),
      .zero_padding = random_between(seed, FACESDK_ZERO_PADDING_OPTIMIZED, FACESDK_ZERO_PADDING_REFERENCE),
      .output_scale = (float)random_between(seed, 1, 100) / 10.0f,
      .output_zero_point = random_between(seed, -128, 127),
  };
}

/* What the sweep has met of rows of taps that lie outside the input. */
typedef struct sweep_counts {
  int rows_outside[2], all_outside[2]; /* by pad_value: some, or every row, at some window position */
  int grouped, dilated, strided;       /* of those with some */
} sweep_counts;

static void count_options(const facesdk_bconv2d_options *o, sweep_counts *counts) {
  facesdk_window y, x;
  CHECK(facesdk_windows_init(&y, &x, &FACESDK_WINDOW_OPTIONS(o, o->dilation_height, o->dilation_width), NULL) ==
        FACESDK_OK);
  bool some = false, all = false;
  for (int32_t position = 0; position < y.output; ++position) {
    int32_t inside = 0;
    for (int32_t tap = 0; tap < y.filter; ++tap) {
      inside += facesdk_window_inside(&y, facesdk_window_cell(&y, position, tap));
    }
    some |= inside < y.filter;
    all |= inside == 0;
  }
  counts->rows_outside[o->pad_value] += some;
  counts->all_outside[o->pad_value] += all;
  counts->grouped += some && o->groups > 1;
  counts->dilated += some && o->dilation_height > 1;
  counts->strided += some && o->stride_height > 1;
}

/* Mostly 1; else a power of two that makes results or residuals so small that some are subnormal numbers, or 0. */
static float random_scale(uint64_t *seed) {
  const int kind = random_between(seed, 0, 5);
  return kind == 0 ? 0.0f : kind <= 2 ? ldexpf(1.0f, -random_between(seed, 50, 140)) : 1.0f;
}

static void bconv2d_round(uint64_t *seed, const facesdk_path *reference, sweep_counts *counts) {
  const facesdk_bconv2d_options options = random_convolution(seed);
  int32_t shape[4];
  if (facesdk_bconv2d_output_shape(&options, shape, NULL) != FACESDK_OK) return;
  count_options(&options, counts);
  const size_t outputs = (size_t)options.channels_out;
  const size_t taps = (size_t)(options.filter_height * options.filter_width);
  const size_t group_channels = (size_t)(options.channels_in / options.groups);
  const size_t stride = outputs + (random_between(seed, 0, 3) == 0 ? (size_t)random_between(seed, 1, 40) : 0);
  const size_t pixel = options.output_type == FACESDK_FLOAT32 ? stride * sizeof(float)
                       : options.output_type == FACESDK_INT8  ? outputs
                                                              : facesdk_words(outputs) * sizeof(uint32_t);
  const size_t bytes = (size_t)(shape[0] * shape[1] * shape[2]) * pixel;
  uint32_t *filter = random_bits(seed, outputs * taps, group_channels);
  uint32_t *input = random_bits(seed, (size_t)(options.batch * options.input_height * options.input_width),
                                (size_t)options.channels_in);
  float *multiplier = allocate(outputs * sizeof *multiplier), *bias = allocate(outputs * sizeof *bias);
  int32_t *thresholds = allocate(outputs * sizeof *thresholds);
  const float scale = random_scale(seed), residual_scale = random_scale(seed);
  for (size_t c = 0; c < outputs; ++c) {
    multiplier[c] = random_float(seed) * scale;
    bias[c] = random_float(seed) * scale;
    thresholds[c] = random_between(seed, -2, (int32_t)(taps * group_channels) + 2);
  }
  thresholds[0] = random_between(seed, 0, 1) ? INT32_MAX : INT32_MIN;
  void *expected = allocate(bytes), *actual = allocate(bytes);
  float *residual = NULL;
  if (options.output_type == FACESDK_FLOAT32 && random_between(seed, 0, 1)) {
    residual = allocate(bytes);
    memset(residual, 0xa5, bytes);
    for (size_t i = 0; i < bytes / sizeof *residual; ++i) {
      if (i % stride < outputs) residual[i] = random_float(seed) * residual_scale;
    }
  }
  for (size_t i = 0; i <= path_count; ++i) {
    const bool first = i == 0; /* the reference, whose results are expected */
    void *result = first ? expected : actual;
    facesdk_bconv2d *op;
    facesdk_error error;
    CHECK(facesdk_bconv2d_create(first ? reference : paths[i - 1], &options, filter, multiplier, bias, thresholds, &op,
                                 &error) == FACESDK_OK);
    facesdk_bconv2d_set_strides(op, stride, stride); /* columns of a wider tensor: the others stay as they are */
    memset(result, 0xa5, bytes);
    if (!first) facesdk_bconv2d_run(op, input, NULL, result, 1); /* scratch memory must not remember it */
    const bool in_place = residual != NULL && !first;
    if (in_place) memcpy(result, residual, bytes);
    facesdk_bconv2d_run(op, input, in_place ? result : residual, result, 1);
    facesdk_bconv2d_destroy(op);
    CHECK(first || memcmp(expected, actual, bytes) == 0);
  }
  free(filter);
  free(input);
  free(multiplier);
  free(bias);
  free(thresholds);
  free(expected);
  free(actual);
  free(residual);
}

/* Every bit differs, over more words than any counter narrower than 32 bits can take. */
static void count_without_overflow(const facesdk_path *path) {
  const int32_t channels[] = {32, 64, 480, 992, 15872, 15904, 70000 / 32 * 32, 400000};
  for (size_t i = 0; i < sizeof channels / sizeof channels[0]; ++i) {
    const facesdk_bconv2d_options options = {
        .batch = 1, .input_height = 1, .input_width = 1, .channels_in = channels[i], .channels_out = 5,
        .filter_height = 1, .filter_width = 1, .groups = 1, .stride_height = 1, .stride_width = 1,
        .dilation_height = 1, .dilation_width = 1, .padding = FACESDK_VALID, .pad_value = 1,
        .output_type = FACESDK_FLOAT32};
    const size_t words = facesdk_words((size_t)channels[i]);
    uint32_t *input = allocate(words * sizeof *input), *filter = calloc(5 * words, sizeof *filter);
    CHECK(filter != NULL);
    memset(input, 0xff, words * sizeof *input);
    const float multiplier[] = {1, 1, 1, 1, 1}, bias[5] = {0};
    float output[5];
    facesdk_bconv2d *op;
    CHECK(facesdk_bconv2d_create(path, &options, filter, multiplier, bias, NULL, &op, NULL) == FACESDK_OK);
    facesdk_bconv2d_run(op, input, NULL, output, 1);
    for (int c = 0; c < 5; ++c) CHECK(output[c] == -(float)channels[i]);
    facesdk_bconv2d_destroy(op);
    free(input);
    free(filter);
  }
}

static void random_rounds(const facesdk_path *reference) {
  uint64_t seed = 20240601;
  sweep_counts counts = {0};
  for (int round = 0; round < ROUNDS; ++round) {
    quantize_round(&seed, reference);
    bmaxpool2d_round(&seed, reference);
    bconv2d_round(&seed, reference, &counts);
  }
  CHECK(counts.rows_outside[0] > ROUNDS / 8 && counts.rows_outside[1] > ROUNDS / 8);
  CHECK(counts.all_outside[0] > 2 && counts.all_outside[1] > 2);
  CHECK(counts.grouped > ROUNDS / 20 && counts.dilated > ROUNDS / 8 && counts.strided > ROUNDS / 8);
}

int main(void) {
  size_t numbers[MAX_PATHS], runs[MAX_PATHS];
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
    if (!facesdk_ops_isa_supported(i)) continue;
    CHECK(path_count < MAX_PATHS);
    numbers[path_count] = i;
    runs[path_count] = facesdk_ops_isa_runs(i);
    paths[path_count++] = path_named(facesdk_ops_isa_name(i));
  }
  random_rounds(path_named("reference"));
  for (size_t i = 0; i < path_count; ++i) {
    CHECK(facesdk_ops_isa_runs(numbers[i]) - runs[i] > 3 * ROUNDS);
    count_without_overflow(paths[i]);
    printf("%s: %d rounds agree with reference\n", facesdk_ops_isa_name(numbers[i]), ROUNDS);
  }
  return 0;
}
