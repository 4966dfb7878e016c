/* Wrong arguments give a status and one line of text; the choice of a path is reported truthfully. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "facesdk_ops.h"

static const facesdk_bconv2d_options GOOD = {
    .batch = 1, .input_height = 4, .input_width = 4, .channels_in = 64, .channels_out = 8, .filter_height = 3,
    .filter_width = 3, .groups = 1, .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1,
    .padding = FACESDK_SAME, .pad_value = 1, .output_type = FACESDK_FLOAT32};

#define EXPECT_REFUSED(field, value, text)                                                     \
  do {                                                                                         \
    facesdk_bconv2d_options options = GOOD;                                                    \
    options.field = (value);                                                                   \
    facesdk_error error = {""};                                                                \
    int32_t unused[4];                                                                         \
    CHECK(facesdk_bconv2d_output_shape(&options, unused, &error) == FACESDK_INVALID_ARGUMENT); \
    CHECK(strstr(error.message, text) != NULL && strchr(error.message, '\n') == NULL);         \
  } while (0)

static void convolution_options(void) {
  int32_t shape[4];
  CHECK(facesdk_bconv2d_output_shape(&GOOD, shape, NULL) == FACESDK_OK);
  CHECK(shape[0] == 1 && shape[1] == 4 && shape[2] == 4 && shape[3] == 8);
  EXPECT_REFUSED(batch, 0, "batch");
  EXPECT_REFUSED(input_height, 0, "input height");
  EXPECT_REFUSED(input_width, FACESDK_MAX_SPATIAL + 1, "input width");
  EXPECT_REFUSED(channels_in, -1, "channels_in");
  EXPECT_REFUSED(channels_out, 0, "channels_out");
  EXPECT_REFUSED(filter_height, INT32_MAX, "filter height");
  EXPECT_REFUSED(stride_width, 0, "stride width");
  EXPECT_REFUSED(dilation_height, 0, "dilation height");
  EXPECT_REFUSED(groups, 3, "groups");
  EXPECT_REFUSED(groups, 4, "multiple of 32");
  EXPECT_REFUSED(padding, 2, "padding");
  EXPECT_REFUSED(pad_value, 2, "pad_value");
  EXPECT_REFUSED(activation, 4, "activation");
  EXPECT_REFUSED(zero_padding, 2, "zero padding");
  EXPECT_REFUSED(output_type, FACESDK_BOOL, "output type");
  EXPECT_REFUSED(output_type, FACESDK_INT8, "scale");
  EXPECT_REFUSED(batch, INT32_MAX, "1 GiB");
  EXPECT_REFUSED(channels_in, INT32_MAX - 64, "too large");
  facesdk_bconv2d_options options = GOOD;
  options.padding = FACESDK_VALID;
  options.filter_height = 5;
  facesdk_error error;
  CHECK(facesdk_bconv2d_output_shape(&options, shape, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "VALID") != NULL);
}

static void missing_arrays(const facesdk_path *path) {
  facesdk_bconv2d *op = NULL;
  facesdk_error error;
  CHECK(facesdk_bconv2d_create(path, &GOOD, NULL, NULL, NULL, NULL, &op, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "filter") != NULL);
  const uint32_t filter[8 * 9 * 2] = {0};
  CHECK(facesdk_bconv2d_create(path, &GOOD, filter, NULL, NULL, NULL, &op, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "multiplier") != NULL);
  CHECK(op == NULL);
  facesdk_bconv2d_destroy(NULL);
}

static void elementwise(const facesdk_path *path) {
  const float one = 1.0f;
  uint32_t word = 0;
  int8_t byte;
  CHECK(facesdk_quantize(path, FACESDK_BITS, &one, 1, 1, 0, &word, 1, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_quantize(path, FACESDK_FLOAT32, &one, 1, 0, 0, &word, 1, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_quantize(path, FACESDK_FLOAT32, &one, SIZE_MAX / 2, 64, 0, &word, 1, NULL) == FACESDK_INVALID_ARGUMENT);
  const float scales[] = {0.0f, -1.0f, INFINITY, NAN};
  for (size_t i = 0; i < sizeof scales / sizeof scales[0]; ++i) {
    CHECK(facesdk_dequantize(path, &word, 1, 1, FACESDK_INT8, scales[i], 0, &byte, NULL) == FACESDK_INVALID_ARGUMENT);
  }
  CHECK(facesdk_dequantize(path, &word, 1, 1, FACESDK_INT8, 1.0f, 128, &byte, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_dequantize(path, &word, 1, 1, FACESDK_INT8, 1e-30f, 0, &byte, NULL) == FACESDK_OK && byte == 127);
}

static void choice(void) {
  const facesdk_path *path = NULL;
  facesdk_error error;
  CHECK(facesdk_ops_find("nonsense", &path, &error) == FACESDK_UNKNOWN_ISA && path == NULL);
  CHECK(strstr(error.message, "nonsense") != NULL && strstr(error.message, "portable") != NULL);
  const size_t count = facesdk_ops_isa_count();
  CHECK(facesdk_ops_isa_name(count) == NULL && !facesdk_ops_isa_supported(count) && facesdk_ops_isa_runs(count) == 0);
  for (size_t i = 0; i < count; ++i) {
    if (!facesdk_ops_isa_supported(i)) continue;
    CHECK(setenv("FACESDK_OPS_ISA", facesdk_ops_isa_name(i), 1) == 0);
    CHECK(strcmp(facesdk_ops_isa(), facesdk_ops_isa_name(i)) == 0);
    const float one = 1.0f;
    uint32_t word;
    const size_t before = facesdk_ops_isa_runs(i);
    CHECK(facesdk_ops_default(&path, &error) == FACESDK_OK);
    CHECK(facesdk_quantize(path, FACESDK_FLOAT32, &one, 1, 1, 0, &word, 1, &error) == FACESDK_OK);
    CHECK(facesdk_ops_isa_runs(i) == before + 1);
  }
  CHECK(setenv("FACESDK_OPS_ISA", "nonsense", 1) == 0);
  CHECK(facesdk_ops_isa() == NULL && facesdk_ops_default(&path, &error) == FACESDK_UNKNOWN_ISA);
  CHECK(setenv("FACESDK_OPS_ISA", "", 1) == 0 && facesdk_ops_isa() != NULL);
  CHECK(facesdk_ops_abi_version() == FACESDK_OPS_ABI_VERSION && strlen(facesdk_ops_version()) >= 5);
}

int main(void) {
  choice();
  convolution_options();
  const facesdk_path *path;
  CHECK(facesdk_ops_find("portable", &path, NULL) == FACESDK_OK);
  missing_arrays(path);
  elementwise(path);
  return 0;
}
