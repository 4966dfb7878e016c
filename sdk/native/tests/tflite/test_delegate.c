/* Valid graphs run; each way to break one is refused with a line that names it. */
#include <string.h>

#include "check.h"
#include "tflite/binary_graph.h"
#include "tflite/fake_runtime.h"

enum { QUANTIZE, CONVOLVE, POOL, LAST }; /* nodes of fake_graph_valid() */
enum { DEQUANTIZE_LAST = 4 };            /* its variant */

static void expect_refused(const fake_graph *graph, const char *text) {
  char message[512];
  CHECK(fake_runtime_run(graph, NULL, message) != FAKE_RAN);
  if (strstr(message, text) == NULL) {
    fprintf(stderr, "expected '%s' in: %s\n", text, message);
    abort();
  }
}

#define EXPECT_REFUSED(variant, edit, text)        \
  do {                                             \
    fake_graph graph = fake_graph_valid(variant);  \
    edit;                                          \
    expect_refused(&graph, text);                  \
  } while (0)

#define EXPECT_BINARY_REFUSED(edit, text)      \
  do {                                         \
    fake_graph graph = binary_graph_valid(8);  \
    edit;                                      \
    expect_refused(&graph, text);              \
  } while (0)

static void one_bit_weights(void) {
  for (int activation_bits = 0; activation_bits <= 8; activation_bits += 8) {
    const fake_graph graph = binary_graph_valid(activation_bits);
    char message[512];
    CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_RAN);
  }
  EXPECT_BINARY_REFUSED(graph.tensors[0].type = kTfLiteInt8, "FacesdkBinaryConv2D (node 0): the input tensor has type 9");
  EXPECT_BINARY_REFUSED(graph.tensors[3].rank = 3, "FacesdkBinaryConv2D (node 0): the filter must have 4 dimensions");
  EXPECT_BINARY_REFUSED(graph.tensors[3].dims[3] = 3, "channels_in (40) does not go with a filter of 3 words per tap");
  EXPECT_BINARY_REFUSED(graph.tensors[3].dims[0] = 25, "the filter tensor must have type 2 and 300 elements");
  EXPECT_BINARY_REFUSED(graph.tensors[4].data_bytes -= 4, "the scale tensor must have type 1 and 24 elements");
  EXPECT_BINARY_REFUSED(graph.tensors[5].constant = false, "the bias tensor must be a constant");
  EXPECT_BINARY_REFUSED(graph.tensors[0].dims[3] = 41, "the filter is for 40 channels, but the input has 41");
  EXPECT_BINARY_REFUSED(graph.tensors[0].rank = 3, "the input must have 4 dimensions (NHWC), but has 3");
  EXPECT_BINARY_REFUSED(graph.tensors[6].rank = 1, "FacesdkBinaryDense (node 1): the filter must have 2 dimensions");
  EXPECT_BINARY_REFUSED(graph.nodes[1].inputs[2] = -1, "FacesdkBinaryDense (node 1): the scale input is missing");
  EXPECT_BINARY_REFUSED(graph.nodes[1].inputs[1] = -1, "the filter input is missing");
  EXPECT_BINARY_REFUSED(graph.nodes[1].input_count = 3, "expected 4 inputs and 1 output, but got 3 and 1");
  EXPECT_BINARY_REFUSED(graph.tensors[2].type = kTfLiteInt32, "the output tensor has type 2");
  EXPECT_BINARY_REFUSED(graph.nodes[1].options_size = 0, "not a valid FlexBuffer map");
}

int main(void) {
  one_bit_weights();
  for (unsigned variant = 0; variant < 16; ++variant) {
    const fake_graph graph = fake_graph_valid(variant);
    char message[512];
    CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_RAN);
  }
  EXPECT_REFUSED(0, graph.nodes[QUANTIZE].inputs[0] = -1, "LceQuantize (node 0): input 0 is tensor -1");
  EXPECT_REFUSED(0, graph.nodes[CONVOLVE].inputs[0] = 10, "LceBconv2d (node 1): input 0 is tensor 10");
  EXPECT_REFUSED(0, graph.nodes[POOL].outputs[0] = -1, "LceBMaxPool2d (node 2): output is tensor -1");
  EXPECT_REFUSED(0, graph.nodes[POOL].output_count = 0, "expected 1 inputs and 1 output, but got 1 and 0");
  EXPECT_REFUSED(0, graph.nodes[CONVOLVE].input_count = 4, "expected 5 inputs and 1 output, but got 4 and 1");
  EXPECT_REFUSED(0, graph.nodes[POOL].inputs[0] = 3, "must not be both input and output");
  EXPECT_REFUSED(0, graph.nodes[POOL].outputs[0] = 1, "two nodes write the same tensor");
  EXPECT_REFUSED(0, graph.nodes[CONVOLVE].inputs[0] = 3, "reads a tensor before it is written");
  EXPECT_REFUSED(0, graph.tensors[4].constant = true, "the output tensor must not be a constant");
  EXPECT_REFUSED(0, graph.tensors[5].constant = false, "the filter tensor must be a constant");
  EXPECT_REFUSED(0, graph.tensors[5].data_bytes -= 4, "the filter tensor must have type 2");
  EXPECT_REFUSED(0, graph.tensors[5].rank = 3, "the filter must have 4 dimensions");
  EXPECT_REFUSED(0, graph.tensors[8].data_bytes += 4, "the threshold tensor must have type 2 and 64 elements");
  EXPECT_REFUSED(0, graph.tensors[6].type = kTfLiteInt32, "the multiplier tensor must have type 1");
  EXPECT_REFUSED(0, graph.nodes[CONVOLVE].inputs[1] = -1, "the filter input is missing");
  EXPECT_REFUSED(0, graph.nodes[CONVOLVE].inputs[4] = -1, "the threshold input is missing");
  EXPECT_REFUSED(0, graph.nodes[LAST].inputs[3] = -1, "the bias input is missing");
  EXPECT_REFUSED(0, graph.nodes[LAST].options_size = 0, "not a valid FlexBuffer map");
  EXPECT_REFUSED(0, graph.tensors[0].type = (TfLiteType)3, "the input tensor has type 3");
  EXPECT_REFUSED(0, graph.tensors[1].type = kTfLiteFloat32, "the output tensor has type 1");
  EXPECT_REFUSED(0, graph.tensors[0].rank = 0, "must have 1 to 8 dimensions");
  EXPECT_REFUSED(0, graph.tensors[0].rank = 3, "the input must have 4 dimensions (NHWC), but has 3");
  EXPECT_REFUSED(0, graph.tensors[0].dims[3] = 65, "64 input channels need 2 words, but the input has 3");
  EXPECT_REFUSED(0, graph.tensors[0].dims[1] = 0, "input height must be in 1..65536, but got 0");
  EXPECT_REFUSED(0, graph.tensors[0].dims[1] = 1 << 30, "1 GiB");
  EXPECT_REFUSED(2, graph.tensors[4].params.scale = 0.0f, "int8 output scale must be finite and > 0");
  EXPECT_REFUSED(2 | DEQUANTIZE_LAST, graph.tensors[4].params.scale = -1.0f, "int8 output needs a finite scale > 0");
  EXPECT_REFUSED(DEQUANTIZE_LAST, graph.tensors[4].dims[3] = 65, "65 channels need 3 words, but the input has 2");
  EXPECT_REFUSED(DEQUANTIZE_LAST, graph.tensors[4].rank = 3, "as many dimensions as the input");
  return 0;
}
