#include "tflite/fake_runtime.h"

#include <stdarg.h>
#include <string.h>

#include "check.h"
#include "tflite/flexbuffer_writer.h"

TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                              void (*report_error)(const char *));
void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate);

enum { MESSAGE_SIZE = 512, MAX_RUN_BYTES = 1 << 22 };

typedef struct runtime {
  TfLiteContext context; /* first */
  TfLiteTensor tensors[FAKE_MAX_TENSORS];
  TfLiteNode nodes[FAKE_MAX_NODES];
  TfLiteRegistration registrations[FAKE_MAX_NODES];
  TfLiteIntArray *plan;
  TfLiteNode kernel_node;
  TfLiteRegistration kernel;
  const fake_graph *graph;
  int params[FAKE_MAX_NODES][FAKE_MAX_PARAMS];
  bool claimed[FAKE_MAX_NODES];
  char *message;
  int messages;
} runtime;

fake_tensor fake_tensor_of(TfLiteType type, int rank, const int *dims, bool constant) {
  fake_tensor result = {.type = type, .rank = rank, .params = {0.5f, 3}, .constant = constant};
  size_t bytes = type == kTfLiteInt8 ? 1 : 4;
  for (int i = 0; i < rank; ++i) {
    result.dims[i] = dims[i];
    bytes *= (size_t)dims[i];
  }
  result.data_bytes = bytes;
  return result;
}

fake_graph fake_graph_valid(unsigned variant) {
  const int channels = variant & 1 ? 40 : 64, words = 2;
  const TfLiteType result_type = variant & 2 ? kTfLiteInt8 : kTfLiteFloat32;
  const int per_channel[] = {channels};
  fake_graph graph = {.tensor_count = 10, .node_count = 4};
  graph.tensors[0] = fake_tensor_of(result_type, 4, (int[]){1, 5, 4, channels}, false);
  graph.tensors[1] = fake_tensor_of(kTfLiteInt32, 4, (int[]){1, 5, 4, words}, false);
  graph.tensors[2] = fake_tensor_of(kTfLiteInt32, 4, (int[]){1, 5, 4, words}, false);
  graph.tensors[3] = fake_tensor_of(kTfLiteInt32, 4, (int[]){1, 3, 2, words}, false);
  graph.tensors[4] = fake_tensor_of(result_type, 4, (int[]){1, 3, 2, channels}, false);
  graph.tensors[4].leaves = true;
  graph.tensors[5] = fake_tensor_of(kTfLiteInt32, 4, (int[]){channels, 3, 3, words}, true);
  graph.tensors[6] = fake_tensor_of(kTfLiteFloat32, 1, per_channel, true);
  graph.tensors[7] = fake_tensor_of(kTfLiteFloat32, 1, per_channel, true);
  graph.tensors[8] = fake_tensor_of(kTfLiteInt32, 1, per_channel, true);
  graph.tensors[9] = fake_tensor_of(kTfLiteInt32, 4, (int[]){channels, 3, 3, words}, true);
  graph.nodes[0] = (fake_node){.name = "LceQuantize", .input_count = 1, .inputs = {0}, .output_count = 1, .outputs = {1}};
  graph.nodes[1] = (fake_node){.name = "LceBconv2d", .input_count = 5, .inputs = {1, 5, -1, -1, 8}, .output_count = 1,
                               .outputs = {2}};
  graph.nodes[2] = (fake_node){.name = "LceBMaxPool2d", .input_count = 1, .inputs = {2}, .output_count = 1, .outputs = {3}};
  graph.nodes[3] = variant & 4
      ? (fake_node){.name = "LceDequantize", .input_count = 1, .inputs = {3}, .output_count = 1, .outputs = {4}}
      : (fake_node){.name = "LceBconv2d", .input_count = 5, .inputs = {3, 9, 6, 7, -1}, .output_count = 1, .outputs = {4}};
  uint8_t options[512];
  for (int i = 1; i < 4; ++i) {
    size_t size = 0;
    if (i == 2) size = write_bmaxpool2d_options(options, 0);
    if (i == 1 || (i == 3 && !(variant & 4))) size = write_bconv2d_options(options, channels, 0, variant & 8 ? 0 : 1, 0);
    memcpy(graph.nodes[i].options, options, size);
    graph.nodes[i].options_size = (int)size;
  }
  return graph;
}

static TfLiteIntArray *int_array(const int *values, int count) {
  TfLiteIntArray *array = allocate(sizeof *array + (size_t)count * sizeof(int));
  array->size = count;
  if (count > 0) memcpy(array->data, values, (size_t)count * sizeof(int));
  return array;
}

__attribute__((format(printf, 2, 3))) static void report_error(TfLiteContext *context, const char *format, ...) {
  runtime *self = (runtime *)context;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(self->message, MESSAGE_SIZE, format, arguments);
  va_end(arguments);
  CHECK(strchr(self->message, '\n') == NULL);
  ++self->messages;
}

static TfLiteStatus get_execution_plan(TfLiteContext *context, TfLiteIntArray **plan) {
  *plan = ((runtime *)context)->plan;
  return kTfLiteOk;
}

static TfLiteStatus get_node(TfLiteContext *context, int index, TfLiteNode **node, TfLiteRegistration **registration) {
  runtime *self = (runtime *)context;
  CHECK(index >= 0 && index < self->graph->node_count);
  *node = &self->nodes[index];
  *registration = &self->registrations[index];
  return kTfLiteOk;
}

static TfLiteStatus resize_tensor(TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *dims) {
  (void)context;
  free(tensor->dims);
  tensor->dims = dims;
  return kTfLiteOk;
}

static TfLiteStatus replace_nodes(TfLiteContext *context, TfLiteRegistration registration,
                                  const TfLiteIntArray *nodes, TfLiteDelegate *delegate) {
  runtime *self = (runtime *)context;
  self->kernel = registration;
  int leaving[FAKE_MAX_TENSORS], count = 0;
  for (int i = 0; i < self->graph->tensor_count; ++i) {
    if (self->graph->tensors[i].leaves) leaving[count++] = i;
  }
  for (int i = 0; i < nodes->size; ++i) {
    CHECK(!self->claimed[nodes->data[i]]);
    self->claimed[nodes->data[i]] = true;
  }
  TfLiteDelegateParams params = {.delegate = delegate,
                                 .nodes_to_replace = int_array(nodes->data, nodes->size),
                                 .input_tensors = int_array(NULL, 0),
                                 .output_tensors = int_array(leaving, count)};
  self->kernel_node.user_data = registration.init(context, (const char *)&params, 0);
  free(params.nodes_to_replace);
  free(params.input_tensors);
  free(params.output_tensors);
  return kTfLiteOk;
}

static size_t element_bytes(TfLiteType type) { return type == kTfLiteFloat32 || type == kTfLiteInt32 ? 4 : 1; }

/* Bytes of a tensor as its shape says; more than MAX_RUN_BYTES counts as MAX_RUN_BYTES + 1. */
static size_t bytes_of(const TfLiteTensor *tensor) {
  size_t bytes = element_bytes(tensor->type);
  for (int i = 0; i < tensor->dims->size; ++i) {
    const int dim = tensor->dims->data[i];
    if (dim <= 0) return 0;
    if (bytes > MAX_RUN_BYTES / (size_t)dim) return MAX_RUN_BYTES + 1;
    bytes *= (size_t)dim;
  }
  return bytes;
}

/* Floats are mostly of ordinary size, so that sums depend on all that is added; one in 32 is anything. */
static uint32_t anything(TfLiteType type, uint64_t *seed) {
  uint32_t bits = random_u32(seed);
  if (type != kTfLiteFloat32 || bits % 32 == 0) return bits;
  const float value = (float)((int32_t)(bits >> 8) % 6001 - 3000) / 999.0f;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static void write_pattern(TfLiteType type, uint8_t *data, size_t bytes, uint64_t seed) {
  size_t i = 0;
  for (; bytes - i >= sizeof(uint32_t); i += sizeof(uint32_t)) {
    const uint32_t bits = anything(type, &seed);
    memcpy(data + i, &bits, sizeof bits);
  }
  const uint32_t rest = anything(type, &seed);
  if (i < bytes) memcpy(data + i, &rest, bytes - i);
}

static void write_data(const runtime *self, int index, uint8_t *data) {
  const size_t bytes = self->tensors[index].bytes, numbers = (size_t)self->graph->tensors[index].number_count * 4;
  write_pattern(self->tensors[index].type, data, bytes, (uint64_t)index + 7);
  if (numbers > 0) memcpy(data, self->graph->tensors[index].numbers, numbers < bytes ? numbers : bytes);
}

static void fill(runtime *self, int index, size_t bytes) {
  TfLiteTensor *tensor = &self->tensors[index];
  tensor->bytes = bytes;
  tensor->data = allocate(bytes);
  write_data(self, index, tensor->data);
}

static void check_unchanged(const runtime *self, int index) {
  const TfLiteTensor *tensor = &self->tensors[index];
  uint8_t *pattern = allocate(tensor->bytes);
  write_data(self, index, pattern);
  CHECK(tensor->bytes == 0 || memcmp(pattern, tensor->data, tensor->bytes) == 0);
  free(pattern);
}

static void load(runtime *self, const fake_graph *graph, char *message) {
  memset(self, 0, sizeof *self);
  self->graph = graph;
  self->message = message;
  message[0] = '\0';
  self->context = (TfLiteContext){.tensors_size = (size_t)graph->tensor_count,
                                  .GetExecutionPlan = get_execution_plan,
                                  .tensors = self->tensors,
                                  .ResizeTensor = resize_tensor,
                                  .ReportError = report_error,
                                  .GetNodeAndRegistration = get_node,
                                  .ReplaceNodeSubsetsWithDelegateKernels = replace_nodes};
  for (int i = 0; i < graph->tensor_count; ++i) {
    const fake_tensor *source = &graph->tensors[i];
    TfLiteTensor *tensor = &self->tensors[i];
    tensor->type = source->type;
    tensor->dims = int_array(source->dims, source->rank);
    tensor->params = source->params;
    tensor->allocation_type = source->constant ? kTfLiteMmapRo : kTfLiteArenaRw;
    if (source->constant) fill(self, i, source->data_bytes);
  }
  int order[FAKE_MAX_NODES];
  for (int i = 0; i < graph->node_count; ++i) {
    const fake_node *source = &graph->nodes[i];
    void *options = allocate((size_t)source->options_size);
    if (source->options_size > 0) memcpy(options, source->options, (size_t)source->options_size);
    self->nodes[i] = (TfLiteNode){.inputs = int_array(source->inputs, source->input_count),
                                  .outputs = int_array(source->outputs, source->output_count),
                                  .custom_initial_data = options,
                                  .custom_initial_data_size = source->options_size};
    if (source->name != NULL) {
      self->registrations[i] = (TfLiteRegistration){.builtin_code = kTfLiteBuiltinCustom, .custom_name = source->name};
    } else {
      self->registrations[i] = (TfLiteRegistration){.builtin_code = source->builtin_code};
      memcpy(self->params[i], source->params, sizeof source->params);
      if (!source->no_builtin_data) self->nodes[i].builtin_data = self->params[i];
    }
    order[i] = i;
  }
  self->plan = int_array(order, graph->node_count);
}

static void unload(runtime *self) {
  for (int i = 0; i < self->graph->tensor_count; ++i) {
    free(self->tensors[i].dims);
    free(self->tensors[i].data);
  }
  for (int i = 0; i < self->graph->node_count; ++i) {
    free(self->nodes[i].inputs);
    free(self->nodes[i].outputs);
    free((void *)(uintptr_t)self->nodes[i].custom_initial_data);
  }
  free(self->plan);
}

/* Gives memory to every tensor that is not constant; false if the graph is too large to run in a test. */
static bool plan_memory(runtime *self) {
  for (int i = 0; i < self->graph->tensor_count; ++i) {
    if (self->graph->tensors[i].constant) continue;
    const size_t bytes = bytes_of(&self->tensors[i]);
    if (bytes > MAX_RUN_BYTES) return false;
    free(self->tensors[i].data);
    fill(self, i, bytes);
  }
  return true;
}

static void resize_input(runtime *self) {
  if (self->graph->resized.size > 0) {
    self->tensors[self->graph->resized.tensor].dims->data[self->graph->resized.dim] = self->graph->resized.size;
  }
}

/* Whether a claimed node writes the tensor. */
static bool is_written(const runtime *self, int index) {
  for (int i = 0; i < self->graph->node_count; ++i) {
    if (self->claimed[i] && self->graph->nodes[i].outputs[0] == index) return true;
  }
  return false;
}

static fake_outcome invoke(runtime *self, fake_inspector inspect) {
  if (self->kernel.invoke(&self->context, &self->kernel_node) != kTfLiteOk) return FAKE_INVOKE_REFUSED;
  for (int i = 0; i < self->graph->tensor_count; ++i) {
    if (!is_written(self, i) || !self->graph->tensors[i].leaves) check_unchanged(self, i);
  }
  if (inspect != NULL) inspect(self->graph, &self->context, self->claimed);
  return FAKE_RAN;
}

static fake_outcome run_once(runtime *self, TfLiteDelegate *delegate, fake_inspector inspect) {
  if (delegate->Prepare(&self->context, delegate) != kTfLiteOk) return FAKE_CLAIM_REFUSED;
  if (self->kernel.prepare == NULL) return FAKE_RAN; /* nothing was claimed */
  for (int i = 0; i < 2; ++i) { /* allocate_tensors() may be called again */
    if (i == 1) resize_input(self);
    if (self->kernel.prepare(&self->context, &self->kernel_node) != kTfLiteOk) return FAKE_PREPARE_REFUSED;
  }
  return plan_memory(self) ? invoke(self, inspect) : FAKE_RAN;
}

fake_outcome fake_runtime_run(const fake_graph *graph, fake_inspector inspect, char *message) {
  runtime self;
  load(&self, graph, message);
  TfLiteDelegate *delegate = tflite_plugin_create_delegate(NULL, NULL, 0, NULL);
  CHECK(delegate != NULL);
  const fake_outcome outcome = run_once(&self, delegate, inspect);
  CHECK((outcome == FAKE_RAN) == (self.messages == 0));
  if (self.kernel.free != NULL && self.kernel_node.user_data != NULL) {
    self.kernel.free(&self.context, self.kernel_node.user_data);
  }
  tflite_plugin_destroy_delegate(delegate);
  unload(&self);
  return outcome;
}
