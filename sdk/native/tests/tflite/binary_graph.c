#include "tflite/binary_graph.h"

#include <string.h>

#include "tflite/flexbuffer_writer.h"

enum { CHANNELS = 40, WORDS = 2, MIDDLE = 24, OUTPUTS = 10 };

static void write_options(fake_node *node, const flexbuffer_entry *entries, size_t count) {
  uint8_t options[512];
  node->options_size = (int)write_flexbuffer(options, entries, count, 0);
  memcpy(node->options, options, (size_t)node->options_size);
}

fake_graph binary_graph_valid(int activation_bits) {
  fake_graph graph = {.tensor_count = 8, .node_count = 2};
  graph.tensors[0] = fake_tensor_of(kTfLiteFloat32, 4, (int[]){1, 5, 4, CHANNELS}, false);
  graph.tensors[1] = fake_tensor_of(kTfLiteFloat32, 4, (int[]){1, 5, 4, MIDDLE}, false);
  graph.tensors[2] = fake_tensor_of(kTfLiteFloat32, 4, (int[]){1, 5, 4, OUTPUTS}, false);
  graph.tensors[2].leaves = true;
  graph.tensors[3] = fake_tensor_of(kTfLiteInt32, 4, (int[]){MIDDLE, 3, 2, WORDS}, true);
  graph.tensors[4] = fake_tensor_of(kTfLiteFloat32, 1, (int[]){MIDDLE}, true);
  graph.tensors[5] = fake_tensor_of(kTfLiteFloat32, 1, (int[]){MIDDLE}, true);
  graph.tensors[6] = fake_tensor_of(kTfLiteInt32, 2, (int[]){OUTPUTS, 1}, true);
  graph.tensors[7] = fake_tensor_of(kTfLiteFloat32, 1, (int[]){OUTPUTS}, true);
  graph.nodes[0] = (fake_node){.name = "FacesdkBinaryConv2D", .input_count = 4, .inputs = {0, 3, 4, 5}, .output_count = 1,
                               .outputs = {1}};
  graph.nodes[1] = (fake_node){.name = "FacesdkBinaryDense", .input_count = 4, .inputs = {1, 6, 7, -1}, .output_count = 1,
                               .outputs = {2}};
  const flexbuffer_entry convolution[] = {
      {"activation_bits", activation_bits}, {"channels_in", CHANNELS}, {"dilation_height_factor", 1},
      {"dilation_width_factor", 1},         {"fused_activation_function", 1}, {"padding", 0},
      {"stride_height", 1},                 {"stride_width", 1},       {"version", 1},
  };
  const flexbuffer_entry dense[] = {{"activation_bits", activation_bits},
                                    {"channels_in", MIDDLE},
                                    {"fused_activation_function", 0},
                                    {"version", 1}};
  write_options(&graph.nodes[0], convolution, sizeof convolution / sizeof convolution[0]);
  write_options(&graph.nodes[1], dense, sizeof dense / sizeof dense[0]);
  return graph;
}
