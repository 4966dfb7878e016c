#include "tflite/residual_graph.h"

#include <string.h>

#include "check.h"
#include "tflite/flexbuffer_writer.h"

enum { HEIGHT = 5, WIDTH = 4, WORD = 32 };

static int append_tensor(fake_graph *graph, TfLiteType type, int rank, const int *dims, bool constant) {
  CHECK(graph->tensor_count < FAKE_MAX_TENSORS);
  graph->tensors[graph->tensor_count] = fake_tensor_of(type, rank, dims, constant);
  return graph->tensor_count++;
}

static int append_node(fake_graph *graph, const fake_node *node) {
  CHECK(graph->node_count < FAKE_MAX_NODES);
  graph->nodes[graph->node_count++] = *node;
  return node->outputs[0];
}

static int last_dim(const fake_graph *graph, int index) { return graph->tensors[index].dims[3]; }

int append_image(fake_graph *graph, int channels) {
  return append_tensor(graph, kTfLiteFloat32, 4, (int[]){1, HEIGHT, WIDTH, channels}, false);
}

int append_quantize(fake_graph *graph, int image) {
  const int dims[] = {1, HEIGHT, WIDTH, last_dim(graph, image) / WORD};
  const int bits = append_tensor(graph, kTfLiteInt32, 4, dims, false);
  return append_node(graph, &(fake_node){.name = "LceQuantize",
                                         .input_count = 1,
                                         .inputs = {image},
                                         .output_count = 1,
                                         .outputs = {bits}});
}

int append_convolution(fake_graph *graph, int bits, int channels) {
  const int words = last_dim(graph, bits);
  const int filter = append_tensor(graph, kTfLiteInt32, 4, (int[]){channels, 3, 3, words}, true);
  const int multiplier = append_tensor(graph, kTfLiteFloat32, 1, &channels, true);
  const int bias = append_tensor(graph, kTfLiteFloat32, 1, &channels, true);
  fake_node node = {.name = "LceBconv2d",
                    .input_count = 5,
                    .inputs = {bits, filter, multiplier, bias, -1},
                    .output_count = 1,
                    .outputs = {append_image(graph, channels)}};
  uint8_t options[512];
  node.options_size = (int)write_bconv2d_options(options, words * WORD, 0, 1, 0);
  memcpy(node.options, options, (size_t)node.options_size);
  return append_node(graph, &node);
}

int append_sum(fake_graph *graph, int a, int b) {
  const int sum = append_image(graph, last_dim(graph, a));
  return append_node(graph, &(fake_node){.input_count = 2, .inputs = {a, b}, .output_count = 1, .outputs = {sum}});
}

int append_by_channel(fake_graph *graph, int image, int32_t builtin_code) {
  const int channels = last_dim(graph, image);
  const bool constant = builtin_code < kTfLiteBuiltinRelu || builtin_code > kTfLiteBuiltinRelu6;
  fake_node node = {.builtin_code = builtin_code, .input_count = 1 + constant, .inputs = {image}, .output_count = 1};
  if (constant) node.inputs[1] = append_tensor(graph, kTfLiteFloat32, 1, &channels, true);
  node.outputs[0] = append_image(graph, channels);
  return append_node(graph, &node);
}

int append_concatenation(fake_graph *graph, int a, int b) {
  const int all = append_image(graph, last_dim(graph, a) + last_dim(graph, b));
  return append_node(graph, &(fake_node){.builtin_code = kTfLiteBuiltinConcatenation,
                                         .params = {3},
                                         .input_count = 2,
                                         .inputs = {a, b},
                                         .output_count = 1,
                                         .outputs = {all}});
}

static int append_numbers(fake_graph *graph, int rank, const int *dims, const int32_t *numbers) {
  const int index = append_tensor(graph, kTfLiteInt32, rank, dims, true);
  fake_tensor *tensor = &graph->tensors[index];
  tensor->number_count = (int)(tensor->data_bytes / sizeof *numbers);
  memcpy(tensor->numbers, numbers, tensor->data_bytes);
  return index;
}

int append_pad(fake_graph *graph, int image, int before, int after) {
  const int paddings = append_numbers(graph, 2, (int[]){4, 2}, (int32_t[]){0, 0, 0, 0, 0, 0, before, after});
  const int padded = append_image(graph, before + last_dim(graph, image) + after);
  return append_node(graph, &(fake_node){.builtin_code = kTfLiteBuiltinPad,
                                         .input_count = 2,
                                         .inputs = {image, paddings},
                                         .output_count = 1,
                                         .outputs = {padded}});
}

int append_slice(fake_graph *graph, int image, int first, int end) {
  const int begins = append_numbers(graph, 1, (int[]){4}, (int32_t[]){0, 0, 0, first});
  const int ends = append_numbers(graph, 1, (int[]){4}, (int32_t[]){0, 0, 0, end});
  const int strides = append_numbers(graph, 1, (int[]){4}, (int32_t[]){1, 1, 1, 1});
  return append_node(graph, &(fake_node){.builtin_code = kTfLiteBuiltinStridedSlice,
                                         .params = {7, 7},
                                         .input_count = 4,
                                         .inputs = {image, begins, ends, strides},
                                         .output_count = 1,
                                         .outputs = {append_image(graph, end - first)}});
}

fake_graph residual_graph_valid(void) {
  fake_graph graph = {0};
  int x = append_image(&graph, 64);
  for (int unit = 0; unit < 2; ++unit) {
    x = append_sum(&graph, x, append_convolution(&graph, append_quantize(&graph, x), 64));
  }
  graph.tensors[x].leaves = true;
  return graph;
}

fake_graph chain_graph_valid(void) {
  fake_graph graph = {0};
  int x = append_by_channel(&graph, append_image(&graph, 64), kTfLiteBuiltinMul);
  x = append_quantize(&graph, append_by_channel(&graph, x, kTfLiteBuiltinAdd));
  const int activated = append_by_channel(&graph, append_convolution(&graph, x, 64), kTfLiteBuiltinPrelu);
  x = append_quantize(&graph, append_by_channel(&graph, activated, kTfLiteBuiltinAdd));
  x = append_sum(&graph, activated, append_convolution(&graph, x, 64));
  x = append_by_channel(&graph, x, kTfLiteBuiltinRelu6);
  graph.tensors[x].leaves = true;
  return graph;
}

fake_graph columns_graph_valid(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, 64);
  int x = append_concatenation(&graph, image, append_convolution(&graph, append_quantize(&graph, image), 32));
  x = append_sum(&graph, x, append_pad(&graph, append_convolution(&graph, append_quantize(&graph, x), 32), 64, 0));
  const int better = append_convolution(&graph, append_quantize(&graph, x), 32);
  const int rest = append_slice(&graph, x, 0, 64), old = append_slice(&graph, x, 64, 96);
  x = append_concatenation(&graph, rest, append_sum(&graph, old, better));
  graph.tensors[x].leaves = true;
  return graph;
}
