/* Results known by hand: each channel lands in its own bit and meets its own weight; edges of comparison and rounding. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "facesdk_ops.h"

enum { CHANNELS = 70, WORDS = 3 };

static uint32_t bit_of(const uint32_t *words, int channel) { return words[channel / 32] >> (channel % 32) & 1; }

static void quantize_one_hot(const facesdk_path *path) {
  for (int hot = 0; hot < CHANNELS; ++hot) {
    float input[CHANNELS], output[CHANNELS];
    uint32_t words[WORDS];
    for (int c = 0; c < CHANNELS; ++c) input[c] = c == hot ? -1.0f : 1.0f;
    CHECK(facesdk_quantize(path, FACESDK_FLOAT32, input, 1, CHANNELS, 0, words, 1, NULL) == FACESDK_OK);
    for (int c = 0; c < 32 * WORDS; ++c) CHECK(bit_of(words, c) == (c == hot));
    CHECK(facesdk_dequantize(path, words, 1, CHANNELS, FACESDK_FLOAT32, 0.0f, 0, output, NULL) == FACESDK_OK);
    CHECK(memcmp(input, output, sizeof input) == 0);
  }
}

/* -0.0 and NaN are not negative; int8 compares with the zero point, also one that int8 cannot hold. */
static void quantize_edges(const facesdk_path *path) {
  const float values[] = {-0.0f, 0.0f, NAN, -NAN, INFINITY, -INFINITY, 1e-45f, -1e-45f};
  const uint32_t expected = 1u << 5 | 1u << 7;
  uint32_t word;
  CHECK(facesdk_quantize(path, FACESDK_FLOAT32, values, 1, 8, 0, &word, 1, NULL) == FACESDK_OK && word == expected);
  float whole_word[32];
  for (int c = 0; c < 32; ++c) whole_word[c] = values[c % 8];
  CHECK(facesdk_quantize(path, FACESDK_FLOAT32, whole_word, 1, 32, 0, &word, 1, NULL) == FACESDK_OK);
  CHECK(word == expected * 0x01010101u);
  const int8_t bytes[] = {-128, -1, 0, 1, 127};
  const struct {
    int32_t zero_point;
    uint32_t word;
  } cases[] = {{0, 3}, {1, 7}, {-128, 0}, {127, 15}, {128, 31}, {-1000, 0}, {1000, 31}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    CHECK(facesdk_quantize(path, FACESDK_INT8, bytes, 1, 5, cases[i].zero_point, &word, 1, NULL) == FACESDK_OK);
    CHECK(word == cases[i].word);
  }
  const uint8_t truths[] = {0, 1, 2, 255};
  CHECK(facesdk_quantize(path, FACESDK_BOOL, truths, 1, 4, 0, &word, 1, NULL) == FACESDK_OK && word == 1);
}

/* A 1x1 convolution of a one-hot pixel with one-hot filters: the two agree in all channels, or differ in two. */
static void convolve_one_hot(const facesdk_path *path) {
  const facesdk_bconv2d_options options = {.batch = 1, .input_height = 1, .input_width = 1, .channels_in = CHANNELS,
                                           .channels_out = CHANNELS, .filter_height = 1, .filter_width = 1,
                                           .groups = 1, .stride_height = 1, .stride_width = 1, .dilation_height = 1,
                                           .dilation_width = 1, .padding = FACESDK_VALID, .pad_value = 1,
                                           .output_type = FACESDK_FLOAT32};
  uint32_t filter[CHANNELS][WORDS] = {{0}};
  float multiplier[CHANNELS], bias[CHANNELS] = {0};
  for (int c = 0; c < CHANNELS; ++c) {
    filter[c][c / 32] = 1u << (c % 32);
    multiplier[c] = 1.0f;
  }
  facesdk_bconv2d *op;
  CHECK(facesdk_bconv2d_create(path, &options, filter[0], multiplier, bias, NULL, &op, NULL) == FACESDK_OK);
  for (int hot = 0; hot < CHANNELS; ++hot) {
    float output[CHANNELS];
    facesdk_bconv2d_run(op, filter[hot], NULL, output, 1);
    for (int c = 0; c < CHANNELS; ++c) CHECK(output[c] == (float)(c == hot ? CHANNELS : CHANNELS - 4));
  }
  facesdk_bconv2d_destroy(op);
}

/* Halves round away from zero, the ends saturate, NaN gives -128. */
static void round_int8(const facesdk_path *path) {
  const facesdk_bconv2d_options options = {.batch = 1, .input_height = 1, .input_width = 1, .channels_in = 32,
                                           .channels_out = 9, .filter_height = 1, .filter_width = 1, .groups = 1,
                                           .stride_height = 1, .stride_width = 1, .dilation_height = 1,
                                           .dilation_width = 1, .padding = FACESDK_VALID, .pad_value = 1,
                                           .output_type = FACESDK_INT8, .output_scale = 8.0f,
                                           .output_zero_point = 0};
  const uint32_t input = 0x3fff; /* against clear weights: 14 differ, so dot = 32 - 28 = 4, and 4 / 8 = 0.5 */
  const uint32_t filter[9] = {0};
  const float multiplier[9] = {1, -1, 3, -3, 1, -1, 1000, -1000, NAN};
  const float bias[9] = {0, 0, 0, 0, -0.5f, 0.5f, 0, 0, 0};
  const int8_t expected[9] = {1, -1, 2, -2, 0, 0, 127, -128, -128};
  int8_t output[9];
  facesdk_bconv2d *op;
  CHECK(facesdk_bconv2d_create(path, &options, filter, multiplier, bias, NULL, &op, NULL) == FACESDK_OK);
  facesdk_bconv2d_run(op, &input, NULL, output, 1);
  for (int c = 0; c < 9; ++c) CHECK(output[c] == expected[c]);
  facesdk_bconv2d_destroy(op);
}

/* Every bit of every window differs: no partial count of a path may overflow. */
static void count_differences(const facesdk_path *path, int32_t channels_in, int32_t filter, int32_t dilation) {
  enum { OUTPUTS = 19 };
  const int32_t side = (filter - 1) * dilation + 1;
  const facesdk_bconv2d_options options = {.batch = 1, .input_height = side, .input_width = side,
                                           .channels_in = channels_in, .channels_out = OUTPUTS,
                                           .filter_height = filter, .filter_width = filter, .groups = 1,
                                           .stride_height = 1, .stride_width = 1, .dilation_height = dilation,
                                           .dilation_width = dilation, .padding = FACESDK_VALID, .pad_value = 1,
                                           .output_type = FACESDK_FLOAT32};
  const size_t words = (size_t)channels_in / 32, taps = (size_t)(filter * filter);
  const size_t weights_bytes = OUTPUTS * taps * words * sizeof(uint32_t);
  const size_t input_bytes = (size_t)(side * side) * words * sizeof(uint32_t);
  uint32_t *weights = allocate(weights_bytes), *input = allocate(input_bytes);
  memset(weights, 0, weights_bytes);
  memset(input, 0xff, input_bytes);
  float multiplier[OUTPUTS], bias[OUTPUTS], output[OUTPUTS];
  for (int c = 0; c < OUTPUTS; ++c) {
    multiplier[c] = 1.0f;
    bias[c] = (float)c;
  }
  facesdk_bconv2d *op;
  CHECK(facesdk_bconv2d_create(path, &options, weights, multiplier, bias, NULL, &op, NULL) == FACESDK_OK);
  facesdk_bconv2d_run(op, input, NULL, output, 1);
  for (int c = 0; c < OUTPUTS; ++c) CHECK(output[c] == (float)(c - channels_in * (int32_t)taps));
  facesdk_bconv2d_destroy(op);
  free(weights);
  free(input);
}

/* Results, products, factors and residuals below the smallest normal float are exact, not zero. */
static void keep_subnormals(const facesdk_path *path) {
  enum { OUTPUTS = 19 };
  const facesdk_bconv2d_options options = {.batch = 1, .input_height = 1, .input_width = 1, .channels_in = 32,
                                           .channels_out = OUTPUTS, .filter_height = 1, .filter_width = 1,
                                           .groups = 1, .stride_height = 1, .stride_width = 1, .dilation_height = 1,
                                           .dilation_width = 1, .padding = FACESDK_VALID, .pad_value = 1,
                                           .output_type = FACESDK_FLOAT32};
  static const struct {
    float multiplier, bias, residual, output;
  } cases[] = {
      {0x3p-149f, 0x1p-140f, 0.0f, 0x20cp-149f},               /* all of them */
      {0x1p-120f, -0x1.000008p-118f, 0.0f, -0x1p-139f},        /* the sum of normal numbers */
      {0.0f, 0.0f, 0x5p-149f, 0x5p-149f},                      /* the residual alone */
      {0x1p-30f, 0.0f, -0x1.8p-28f, -0x1p-29f},                /* nothing */
      {0x1p-126f, -0x1p-124f, -0x1.000002p-126f, -0x1.000002p-126f}, /* nothing but products */
  };
  const uint32_t input = 0x3fff, filter[OUTPUTS] = {0}; /* dot = 4, see above */
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    float multiplier[OUTPUTS], bias[OUTPUTS], residual[OUTPUTS], output[OUTPUTS];
    for (int c = 0; c < OUTPUTS; ++c) {
      multiplier[c] = cases[i].multiplier;
      bias[c] = cases[i].bias;
      residual[c] = cases[i].residual;
    }
    facesdk_bconv2d *op;
    CHECK(facesdk_bconv2d_create(path, &options, filter, multiplier, bias, NULL, &op, NULL) == FACESDK_OK);
    facesdk_bconv2d_run(op, &input, residual, output, 1);
    for (int c = 0; c < OUTPUTS; ++c) CHECK(output[c] == cases[i].output);
    facesdk_bconv2d_destroy(op);
  }
}

int main(void) {
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
    if (!facesdk_ops_isa_supported(i)) continue;
    const facesdk_path *path;
    CHECK(facesdk_ops_find(facesdk_ops_isa_name(i), &path, NULL) == FACESDK_OK);
    quantize_one_hot(path);
    quantize_edges(path);
    convolve_one_hot(path);
    round_int8(path);
    count_differences(path, 32 * 133, 1, 1);
    count_differences(path, 32, 7, 2);
    count_differences(path, 256, 3, 1);
    keep_subnormals(path);
  }
  return 0;
}
