/* 1-bit weights: every path against the reference on random shapes. 8-bit activations byte for byte, float sums
 * within the bound that facesdk_ops.h states; any number of threads gives the same bytes; what is wrong is refused by
 * name. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/packing.h"
#include "check.h"
#include "facesdk_ops.h"
#include "kernels/binary_conv2d/binary_conv2d.h"
#include "kernels/random_options.h"

enum { ROUNDS = 160, MAX_PATHS = 16 };

static facesdk_binary_conv2d_options random_options(uint64_t *seed) {
  static const int32_t inputs[] = {1, 3, 31, 32, 33, 64, 96, 100, 289}, outputs[] = {1, 7, 8, 16, 17, 32, 33, 70};
  return (facesdk_binary_conv2d_options){
      RANDOM_CONVOLUTION(seed, 4, 4),
      .channels_in = one_of(seed, inputs, 9),
      .channels_out = one_of(seed, outputs, 8),
      .activation_bits = 8 * random_between(seed, 0, 1),
  };
}

/* Mostly ordinary values; sometimes an image of zeros, of one sign, or of very small or large values. */
static void fill_images(uint64_t *seed, const facesdk_binary_conv2d_options *o, float *values) {
  const size_t size = (size_t)o->input_height * (size_t)o->input_width * (size_t)o->channels_in;
  for (int32_t image = 0; image < o->batch; ++image, values += size) {
    static const float magnitudes[] = {1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 1e-38f, 1e-42f, 1e30f};
    const float magnitude = magnitudes[random_between(seed, 0, 7)];
    const int32_t low = random_between(seed, 0, 3) == 0 ? 0 : -100000;
    for (size_t i = 0; i < size; ++i) values[i] = (float)random_between(seed, low, 70000) / 30000.0f * magnitude;
  }
}

typedef struct test_arrays {
  size_t input_size, output_size, filter_size;
  float *input, *scale, *bias;
  uint32_t *filter;
} test_arrays;

static test_arrays make_arrays(uint64_t *seed, const facesdk_binary_conv2d_options *o, const int32_t shape[4]) {
  const size_t channels = (size_t)o->channels_out;
  test_arrays a = {
      .input_size = (size_t)o->batch * (size_t)o->input_height * (size_t)o->input_width * (size_t)o->channels_in,
      .output_size = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2] * (size_t)shape[3],
      .filter_size =
          channels * (size_t)o->filter_height * (size_t)o->filter_width * facesdk_words((size_t)o->channels_in)};
  a.input = allocate(a.input_size * sizeof *a.input);
  a.filter = allocate(a.filter_size * sizeof *a.filter);
  a.scale = allocate(channels * sizeof *a.scale);
  a.bias = allocate(channels * sizeof *a.bias);
  fill_images(seed, o, a.input);
  for (size_t i = 0; i < a.filter_size; ++i) a.filter[i] = random_u32(seed); /* unused bits too */
  for (size_t c = 0; c < channels; ++c) {
    a.scale[c] = (float)random_between(seed, -100, 1000) / 777.0f;
    a.bias[c] = (float)random_between(seed, -1000, 1000) / 333.0f;
  }
  return a;
}

static void free_arrays(test_arrays *a) {
  free(a->input);
  free(a->filter);
  free(a->scale);
  free(a->bias);
}

static void run_often(int times, const facesdk_path *path, const facesdk_binary_conv2d_options *o, const test_arrays *a,
                      const float *bias, int32_t threads, float *output) {
  facesdk_binary_conv2d *op;
  facesdk_error error;
  CHECK(facesdk_binary_conv2d_create(path, o, a->filter, a->scale, bias, &op, &error) == FACESDK_OK);
  for (int i = 0; i < times; ++i) {
    memset(output, 0xa5, a->output_size * sizeof *output);
    facesdk_binary_conv2d_run(op, a->input, output, threads);
  }
  facesdk_binary_conv2d_destroy(op);
}

/* Twice: scratch memory must not remember the first. */
static void run(const facesdk_path *path, const facesdk_binary_conv2d_options *o, const test_arrays *a, const float *bias,
                int32_t threads, float *output) {
  run_often(2, path, o, a, bias, threads, output);
}

/* sum(|x|) of every window: all weights +1. */
static float *sums_of_magnitudes(const facesdk_path *reference, const facesdk_binary_conv2d_options *o,
                                 const test_arrays *a) {
  const size_t channels = (size_t)o->channels_out;
  test_arrays plain = *a;
  plain.input = allocate(a->input_size * sizeof *plain.input);
  plain.filter = allocate(a->filter_size * sizeof *plain.filter);
  plain.scale = allocate(channels * sizeof *plain.scale);
  float *sums = allocate(a->output_size * sizeof *sums);
  for (size_t i = 0; i < a->input_size; ++i) plain.input[i] = fabsf(a->input[i]);
  memset(plain.filter, 0, a->filter_size * sizeof *plain.filter);
  for (size_t c = 0; c < channels; ++c) plain.scale[c] = 1.0f;
  facesdk_binary_conv2d_options options = *o;
  options.activation = FACESDK_ACTIVATION_NONE;
  run_often(1, reference, &options, &plain, NULL, 1, sums);
  free(plain.input);
  free(plain.filter);
  free(plain.scale);
  return sums;
}

static void check_floats(const facesdk_binary_conv2d_options *o, const test_arrays *a, const float *bias,
                         const float *sums, const float *expected, const float *actual) {
  const double n = 32.0 * (double)facesdk_words((size_t)o->channels_in) * o->filter_height * o->filter_width;
  for (size_t i = 0; i < a->output_size; ++i) {
    const size_t c = i % (size_t)o->channels_out;
    const double sum = (double)sums[i], scale = fabs((double)a->scale[c]);
    const double offset = bias == NULL ? 0.0 : fabs((double)bias[c]);
    const double bound = (n + 3) * ldexp(sum * scale, -24) + ldexp(sum * scale + offset, -22) + ldexp(n * scale + 2, -126);
    CHECK(fabs((double)expected[i] - (double)actual[i]) <= bound);
  }
}

/* Every path on the same shape. */
static int check_round(uint64_t *seed, const facesdk_path *reference) {
  const facesdk_binary_conv2d_options options = random_options(seed);
  int32_t shape[4];
  if (facesdk_binary_conv2d_output_shape(&options, shape, NULL) != FACESDK_OK) return 0;
  test_arrays a = make_arrays(seed, &options, shape);
  const float *bias = random_between(seed, 0, 3) == 0 ? NULL : a.bias;
  float *expected = allocate(a.output_size * sizeof *expected), *actual = allocate(a.output_size * sizeof *actual);
  run_often(1, reference, &options, &a, bias, 1, expected);
  float *sums = options.activation_bits == 8 ? NULL : sums_of_magnitudes(reference, &options, &a);
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
    if (!facesdk_ops_isa_supported(i)) continue;
    run(path_named(facesdk_ops_isa_name(i)), &options, &a, bias, 1, actual);
    if (sums == NULL) {
      CHECK(memcmp(expected, actual, a.output_size * sizeof *actual) == 0);
    } else {
      check_floats(&options, &a, bias, sums, expected, actual);
    }
  }
  free(sums);
  free(expected);
  free(actual);
  free_arrays(&a);
  return 1;
}

static void random_rounds(const facesdk_path *reference) {
  uint64_t seed = 20261125;
  size_t runs[MAX_PATHS], rounds = 0;
  const size_t paths = facesdk_ops_isa_count();
  CHECK(paths <= MAX_PATHS);
  for (size_t i = 0; i < paths; ++i) runs[i] = facesdk_ops_isa_runs(i);
  for (int round = 0; round < ROUNDS; ++round) rounds += (size_t)check_round(&seed, reference);
  CHECK(rounds > ROUNDS / 2);
  for (size_t i = 0; i < paths; ++i) {
    if (!facesdk_ops_isa_supported(i)) continue;
    CHECK(facesdk_ops_isa_runs(i) - runs[i] >= 2 * rounds);
    printf("%s: %zu rounds agree with reference\n", facesdk_ops_isa_name(i), rounds);
  }
}

/* One convolution that is worth several threads and bands, with an odd number of channels. */
static void same_with_threads(const facesdk_path *path, int32_t activation_bits) {
  const facesdk_binary_conv2d_options options = {
      .batch = 2, .input_height = 30, .input_width = 33, .channels_in = 70, .channels_out = 21, .filter_height = 3,
      .filter_width = 3, .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1,
      .padding = FACESDK_SAME, .activation_bits = activation_bits};
  int32_t shape[4];
  CHECK(facesdk_binary_conv2d_output_shape(&options, shape, NULL) == FACESDK_OK);
  uint64_t seed = 5;
  test_arrays a = make_arrays(&seed, &options, shape);
  for (size_t i = 0; i < a.input_size; ++i) a.input[i] = (float)random_between(&seed, -100, 100) / 7.0f;
  float *expected = allocate(a.output_size * sizeof *expected), *actual = allocate(a.output_size * sizeof *actual);
  run_often(1, path, &options, &a, a.bias, 1, expected);
  for (int32_t threads = 2; threads <= 3; ++threads) {
    run(path, &options, &a, a.bias, threads, actual);
    CHECK(memcmp(expected, actual, a.output_size * sizeof *actual) == 0);
  }
  free(expected);
  free(actual);
  free_arrays(&a);
}

/* Every level is 255 and every weight the same, over more steps than 16 bits can take. */
static void sum_without_overflow(const facesdk_path *path) {
  enum { CHANNELS = 1 << 17, OUTPUTS = 3 };
  const facesdk_binary_conv2d_options options = {
      .batch = 1, .input_height = 1, .input_width = 1, .channels_in = CHANNELS, .channels_out = OUTPUTS,
      .filter_height = 1, .filter_width = 1, .stride_height = 1, .stride_width = 1, .dilation_height = 1,
      .dilation_width = 1, .padding = FACESDK_VALID, .activation_bits = 8};
  float *input = allocate(CHANNELS * sizeof *input);
  for (size_t i = 0; i < CHANNELS; ++i) input[i] = 255.0f;
  uint32_t *filter = allocate(CHANNELS / 32 * OUTPUTS * sizeof *filter);
  memset(filter, 0, CHANNELS / 32 * sizeof *filter);
  memset(filter + CHANNELS / 32, 0xff, 2 * CHANNELS / 32 * sizeof *filter);
  const float scale[OUTPUTS] = {1.0f, 1.0f, 0.5f};
  float output[OUTPUTS];
  facesdk_binary_conv2d *op;
  CHECK(facesdk_binary_conv2d_create(path, &options, filter, scale, NULL, &op, NULL) == FACESDK_OK);
  facesdk_binary_conv2d_run(op, input, output, 1);
  const float sum = 255.0f * (float)CHANNELS;
  CHECK(output[0] == sum && output[1] == -sum && output[2] == -sum / 2);
  facesdk_binary_conv2d_destroy(op);
  free(input);
  free(filter);
}

/* A value that is not finite gives NaN in its image, and in no other. */
static void not_finite(const facesdk_path *path) {
  const facesdk_binary_conv2d_options options = {
      .batch = 2, .input_height = 1, .input_width = 2, .channels_in = 40, .channels_out = 2, .filter_height = 1,
      .filter_width = 1, .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1,
      .padding = FACESDK_VALID, .activation = FACESDK_ACTIVATION_RELU, .activation_bits = 8};
  const uint32_t filter[4] = {5, 6, 7, 8};
  const float scale[2] = {1.0f, 2.0f}, bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t place = 0; place < 80; place += 39) {
      float input[160], output[8];
      for (size_t j = 0; j < 160; ++j) input[j] = (float)j - 70.0f;
      input[place] = bad[i];
      facesdk_binary_conv2d *op;
      CHECK(facesdk_binary_conv2d_create(path, &options, filter, scale, NULL, &op, NULL) == FACESDK_OK);
      facesdk_binary_conv2d_run(op, input, output, 1);
      for (size_t j = 0; j < 8; ++j) CHECK((j < 4) == (isnan(output[j]) != 0));
      facesdk_binary_conv2d_destroy(op);
    }
  }
}

#define EXPECT_REFUSED(field, value, text)                                                           \
  do {                                                                                               \
    facesdk_binary_conv2d_options options = good;                                                    \
    options.field = (value);                                                                         \
    facesdk_error error = {""};                                                                      \
    int32_t unused[4];                                                                               \
    CHECK(facesdk_binary_conv2d_output_shape(&options, unused, &error) == FACESDK_INVALID_ARGUMENT); \
    CHECK(strstr(error.message, text) != NULL && strchr(error.message, '\n') == NULL);               \
  } while (0)

static void wrong_arguments(const facesdk_path *path) {
  const facesdk_binary_conv2d_options good = {
      .batch = 1, .input_height = 4, .input_width = 4, .channels_in = 64, .channels_out = 8, .filter_height = 3,
      .filter_width = 3, .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1,
      .padding = FACESDK_VALID};
  EXPECT_REFUSED(batch, 0, "batch");
  EXPECT_REFUSED(input_height, 2, "VALID");
  EXPECT_REFUSED(channels_in, 0, "channels_in");
  EXPECT_REFUSED(channels_in, 1 << 24, "too large");
  EXPECT_REFUSED(channels_out, 1 << 30, "1 GiB");
  EXPECT_REFUSED(stride_width, 0, "stride width");
  EXPECT_REFUSED(dilation_height, FACESDK_MAX_SPATIAL + 1, "dilation height");
  EXPECT_REFUSED(padding, 2, "padding");
  EXPECT_REFUSED(activation, 4, "fused activation function");
  EXPECT_REFUSED(activation_bits, 4, "activation_bits must be 0 (float32) or 8, but got 4");
  facesdk_binary_conv2d *op = NULL;
  facesdk_error error;
  const float scale[8] = {0};
  const uint32_t filter[8 * 9 * 2] = {0};
  CHECK(facesdk_binary_conv2d_create(path, &good, NULL, scale, NULL, &op, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "filter") != NULL && op == NULL);
  CHECK(facesdk_binary_conv2d_create(path, &good, filter, NULL, NULL, &op, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "scale") != NULL && op == NULL);
  facesdk_binary_conv2d_destroy(NULL);
}

/* An image with padding would be huge: the reference computes it, and says so. */
static void far_taps(const facesdk_path *path, const facesdk_path *reference) {
  const facesdk_binary_conv2d_options options = {
      .batch = 1, .input_height = 2, .input_width = 3, .channels_in = 5, .channels_out = 2, .filter_height = 3,
      .filter_width = 3, .stride_height = 1, .stride_width = 1, .dilation_height = 9000, .dilation_width = 60000,
      .padding = FACESDK_SAME};
  uint64_t seed = 9;
  int32_t shape[4];
  CHECK(facesdk_binary_conv2d_output_shape(&options, shape, NULL) == FACESDK_OK);
  test_arrays a = make_arrays(&seed, &options, shape);
  float expected[12], actual[12];
  run(reference, &options, &a, a.bias, 1, expected);
  run(path, &options, &a, a.bias, 1, actual);
  CHECK(memcmp(expected, actual, sizeof expected) == 0);
  free_arrays(&a);
}

/* More cells under a row of windows than 32 bits can count: no image on any machine (32-bit ones divided by 0). */
static void taps_beyond_32_bits(const facesdk_path *path) {
  const facesdk_binary_conv2d_options options = {
      .batch = 1, .input_height = 1, .input_width = FACESDK_MAX_SPATIAL, .channels_in = 1, .channels_out = 1,
      .filter_height = 1, .filter_width = FACESDK_MAX_SPATIAL, .stride_height = 1, .stride_width = 1,
      .dilation_height = 1, .dilation_width = FACESDK_MAX_SPATIAL, .padding = FACESDK_SAME};
  uint32_t *filter = calloc(FACESDK_MAX_SPATIAL, sizeof *filter);
  CHECK(filter != NULL);
  const float scale = 1.0f;
  facesdk_binary_conv2d *op;
  CHECK(facesdk_binary_conv2d_create(path, &options, filter, &scale, NULL, &op, NULL) == FACESDK_OK);
  CHECK(op->kernel == NULL && op->image == NULL);
  facesdk_binary_conv2d_destroy(op);
  free(filter);
}

int main(void) {
  const facesdk_path *reference = path_named("reference");
  wrong_arguments(reference);
  random_rounds(reference);
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
    if (!facesdk_ops_isa_supported(i)) continue;
    const facesdk_path *path = path_named(facesdk_ops_isa_name(i));
    if (path != reference) same_with_threads(path, 0), same_with_threads(path, 8);
    sum_without_overflow(path);
    not_finite(path);
    far_taps(path, reference);
    taps_beyond_32_bits(path);
  }
  return 0;
}
