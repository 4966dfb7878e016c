#include "tflite/one_by_one.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "facesdk_ops.h"

bool one_by_one_runs;

typedef struct evaluation {
  const fake_graph *graph;
  const TfLiteContext *context;
  size_t pixels;
  void *values[FAKE_MAX_TENSORS];
} evaluation;

static size_t channels_of(const evaluation *e, int tensor) { return (size_t)e->graph->tensors[tensor].dims[3]; }

static float by_channel(const fake_node *node, float x, float constant) {
  switch (node->builtin_code) {
    case kTfLiteBuiltinMul:
      x *= constant;
      break;
    case kTfLiteBuiltinAdd:
      x += constant;
      break;
    case kTfLiteBuiltinPrelu:
      return x < 0.0f ? x * constant : x;
    case kTfLiteBuiltinRelu:
      return x < 0.0f ? 0.0f : x;
    case kTfLiteBuiltinReluN1To1:
      return x < -1.0f ? -1.0f : x > 1.0f ? 1.0f : x;
    default:
      return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x;
  }
  return node->activation == 1 && x < 0.0f ? 0.0f : x;
}

static void convolve(const evaluation *e, const facesdk_path *path, const fake_node *node) {
  const TfLiteTensor *tensors = e->context->tensors;
  const int *image = tensors[0].dims->data;
  const facesdk_bconv2d_options options = {
      .batch = image[0], .input_height = image[1], .input_width = image[2],
      .channels_in = (int32_t)channels_of(e, node->inputs[0]) * 32,
      .channels_out = (int32_t)channels_of(e, node->outputs[0]),
      .filter_height = 3, .filter_width = 3, .groups = 1, .stride_height = 1, .stride_width = 1,
      .dilation_height = 1, .dilation_width = 1, .padding = FACESDK_SAME, .pad_value = 1,
      .output_type = FACESDK_FLOAT32};
  facesdk_bconv2d *op;
  CHECK(facesdk_bconv2d_create(path, &options, tensors[node->inputs[1]].data, tensors[node->inputs[2]].data,
                               tensors[node->inputs[3]].data, NULL, &op, NULL) == FACESDK_OK);
  facesdk_bconv2d_run(op, e->values[node->inputs[0]], NULL, e->values[node->outputs[0]], 1);
  facesdk_bconv2d_destroy(op);
}

/* Copies channels from `first` on of `from` to those from `at` on of `to`. */
static void move_channels(const evaluation *e, int from, size_t first, int to, size_t at, size_t channels) {
  for (size_t i = 0; i < e->pixels; ++i) {
    const float *source = (const float *)e->values[from] + i * channels_of(e, from) + first;
    memcpy((float *)e->values[to] + i * channels_of(e, to) + at, source, channels * sizeof *source);
  }
}

static void concatenate(const evaluation *e, const fake_node *node) {
  size_t at = 0;
  for (int n = 0; n < node->input_count; at += channels_of(e, node->inputs[n++])) {
    move_channels(e, node->inputs[n], 0, node->outputs[0], at, channels_of(e, node->inputs[n]));
  }
}

static void evaluate(const evaluation *e, const fake_node *node) {
  const facesdk_path *path;
  CHECK(facesdk_ops_default(&path, NULL) == FACESDK_OK);
  const int from = node->inputs[0], to = node->outputs[0];
  const size_t channels = channels_of(e, from);
  const float *input = e->values[from];
  float *output = e->values[to];
  const float *other = node->input_count == 2 ? e->values[node->inputs[1]] : NULL;
  if (node->name != NULL && strcmp(node->name, "LceQuantize") == 0) {
    CHECK(facesdk_quantize(path, FACESDK_FLOAT32, input, e->pixels, channels, 0, (uint32_t *)(void *)output, 1, NULL) ==
          FACESDK_OK);
  } else if (node->name != NULL) {
    convolve(e, path, node);
  } else if (node->builtin_code == kTfLiteBuiltinConcatenation) {
    concatenate(e, node);
  } else if (node->builtin_code == kTfLiteBuiltinPad) {
    memset(output, 0, e->pixels * channels_of(e, to) * sizeof *output);
    move_channels(e, from, 0, to, (size_t)e->graph->tensors[node->inputs[1]].numbers[6], channels);
  } else if (node->builtin_code == kTfLiteBuiltinStridedSlice) {
    const int32_t first = e->graph->tensors[node->inputs[1]].numbers[3];
    move_channels(e, from, first < 0 ? channels - (size_t)-first : (size_t)first, to, 0, channels_of(e, to));
  } else if (other != NULL) {
    for (size_t i = 0; i < e->pixels * channels; ++i) output[i] = input[i] + other[i];
  } else {
    const float *constants = node->input_count > 1 ? e->context->tensors[node->inputs[1]].data : NULL;
    for (size_t i = 0; i < e->pixels * channels; ++i) {
      output[i] = by_channel(node, input[i], constants == NULL ? 0.0f : constants[i % channels]);
    }
  }
}

/* Whether a graph adds zeros to values, which turns -0 to 0: the delegate leaves such values as they are. */
static bool adds_zeros(const fake_graph *graph) {
  for (int i = 0; i < graph->node_count; ++i) {
    if (graph->nodes[i].name == NULL && graph->nodes[i].builtin_code == kTfLiteBuiltinPad) return true;
  }
  return false;
}

/* NaNs may have any bits. */
static bool same_values(const float *x, const float *y, size_t count, bool signs_of_zeros) {
  for (size_t i = 0; i < count; ++i) {
    const bool same = memcmp(&x[i], &y[i], sizeof *x) == 0 || (!signs_of_zeros && x[i] == y[i]);
    if (!same && !(isnan(x[i]) && isnan(y[i]))) return false;
  }
  return true;
}

comparison compare_one_by_one(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  const int *image = context->tensors[0].dims->data;
  comparison result = {0};
  evaluation e = {.graph = graph,
                  .context = context,
                  .pixels = (size_t)image[0] * (size_t)image[1] * (size_t)image[2]};
  for (int i = 0; i < graph->tensor_count; ++i) {
    if (graph->tensors[i].constant) continue;
    const size_t bytes = e.pixels * channels_of(&e, i) * sizeof(float);
    e.values[i] = allocate(bytes);
    memcpy(e.values[i], context->tensors[i].data, bytes < context->tensors[i].bytes ? bytes : context->tensors[i].bytes);
  }
  one_by_one_runs = true;
  for (int i = 0; i < graph->node_count; ++i) {
    const int written = graph->nodes[i].outputs[0];
    if (!claimed[i]) continue;
    ++result.nodes;
    evaluate(&e, &graph->nodes[i]);
    if (!graph->tensors[written].leaves) continue;
    const size_t count = e.pixels * channels_of(&e, written);
    CHECK(context->tensors[written].bytes == count * sizeof(float));
    CHECK(same_values(e.values[written], context->tensors[written].data, count, !adds_zeros(graph)));
    ++result.outputs;
  }
  one_by_one_runs = false;
  for (int i = 0; i < graph->tensor_count; ++i) free(e.values[i]);
  return result;
}
