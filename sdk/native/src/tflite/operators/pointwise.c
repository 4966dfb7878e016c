/* MUL and ADD by channel, PRELU and RELU: operators of the runtime that we compute where they stand beside ours. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/packing.h"
#include "tflite/operator.h"

#define NO_ACTIVATION {.kind = FACESDK_STEP_LIMIT, .low = -__builtin_inff(), .high = __builtin_inff()}
#define RELU {.kind = FACESDK_STEP_LIMIT, .low = 0.0f, .high = __builtin_inff()}
#define RELU_N1_TO_1 {.kind = FACESDK_STEP_LIMIT, .low = -1.0f, .high = 1.0f}
#define RELU6 {.kind = FACESDK_STEP_LIMIT, .low = 0.0f, .high = 6.0f}

/* By the number of a fused activation in TensorFlow Lite. */
static const facesdk_step activations[] = {NO_ACTIVATION, RELU, RELU_N1_TO_1, RELU6};
enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

static bool has_constants(const op_kind *kind) { return kind->step.kind != FACESDK_STEP_LIMIT; }

static bool commutes(const op_kind *kind) {
  return kind->step.kind == FACESDK_STEP_MULTIPLY || kind->step.kind == FACESDK_STEP_ADD;
}

/* The place of the computed tensor among the inputs of a node; the other is the constant. */
static int computed_place(const op_kind *kind, const TfLiteContext *context, const TfLiteNode *node) {
  return commutes(kind) && is_constant(tensor_of(context, node->inputs->data[0]));
}

static bool can_compute(const op_kind *kind, const TfLiteContext *context, const TfLiteNode *node) {
  if (!are_tensors(context, node->inputs, kind->input_count) || !are_tensors(context, node->outputs, 1)) return false;
  if (commutes(kind)) {
    const TfLiteAddParams *params = node->builtin_data;
    if (params == NULL || params->activation < 0 || params->activation >= ACTIVATIONS) return false;
  }
  const int place = computed_place(kind, context, node);
  tensor_shape shape, result;
  if (!shape_of_floats(&shape, tensor_of(context, node->inputs->data[place])) ||
      !shape_of_floats(&result, tensor_of(context, node->outputs->data[0])) || !shapes_equal(&shape, &result)) {
    return false;
  }
  const int32_t channels = channels_of(&shape);
  return channels > 0 && (!has_constants(kind) ||
                          is_by_channel(tensor_of(context, node->inputs->data[1 - place]), shape.rank, channels));
}

void op_chain_append(op_chain *chain, const facesdk_step *step, int tensor) {
  chain->steps[chain->count] = *step;
  chain->tensors[chain->count++] = tensor;
}

static facesdk_status read_steps(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                 facesdk_error *error) {
  (void)error;
  const int place = computed_place(op->kind, context, node);
  op->inputs[0] = node->inputs->data[place];
  op_chain_append(&op->chain, &op->kind->step, has_constants(op->kind) ? node->inputs->data[1 - place] : -1);
  const int activation = commutes(op->kind) ? ((const TfLiteAddParams *)node->builtin_data)->activation : 0;
  if (activation > 0) op_chain_append(&op->chain, &activations[activation], -1);
  return FACESDK_OK;
}

/* Copies the constants of a step for every channel. */
static void spread(float *constants, const TfLiteTensor *tensor, size_t channels) {
  const float *numbers = tensor->data;
  const bool one = tensor->bytes == sizeof *numbers;
  for (size_t c = 0; c < channels; ++c) constants[c] = numbers[one ? 0 : c];
}

facesdk_status op_prepare_chain(op_chain *chain, const TfLiteContext *context, const tensor_shape *values,
                                tensor_shape *output, facesdk_error *error) {
  const int last = values->rank - 1;
  const size_t channels = (size_t)values->dims[last], words = facesdk_words(channels), room = words * FACESDK_WORD_BITS;
  chain->constants = facesdk_allocate(chain->count * room, sizeof(float));
  if (chain->constants == NULL) return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "out of memory");
  for (size_t i = 0; i < chain->count; ++i) {
    chain->steps[i].constants = chain->constants + i * room;
    if (chain->tensors[i] < 0) continue;
    const TfLiteTensor *tensor = tensor_of(context, chain->tensors[i]);
    if (channels < 1 || !is_by_channel(tensor, values->rank, values->dims[last])) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%zu channels do not go with the constants", channels);
    }
    spread(chain->constants + i * room, tensor, channels);
  }
  *output = *values;
  if (chain->steps[chain->count - 1].kind == FACESDK_STEP_SIGNS) output->dims[last] = (int32_t)words;
  return FACESDK_OK;
}

static bool ends_with_signs(const op_chain *chain) { return chain->steps[chain->count - 1].kind == FACESDK_STEP_SIGNS; }

bool op_chain_stores(const op_chain *chain) {
  bool stores = !ends_with_signs(chain);
  for (size_t i = 0; i < chain->count; ++i) stores = stores || chain->steps[i].kind == FACESDK_STEP_STORE;
  return stores;
}

size_t op_chain_steps(const op_chain *chain, const op_memory *memory, facesdk_step *steps) {
  size_t count = chain->count;
  memcpy(steps, chain->steps, count * sizeof *steps);
  for (size_t i = 0; i < count; ++i) {
    if (steps[i].kind == FACESDK_STEP_STORE) {
      steps[i].output = memory->side.first;
      steps[i].stride = memory->side.stride;
    }
    if (steps[i].kind == FACESDK_STEP_SIGNS) steps[i].output = memory->output.first;
  }
  if (!ends_with_signs(chain)) {
    const op_rows output = memory->output;
    steps[count++] = (facesdk_step){.kind = FACESDK_STEP_STORE, .output = output.first, .stride = output.stride};
  }
  return count;
}

static facesdk_status prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                              const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  op_release(op);
  op->options.matrix.channels = (size_t)channels_of(input);
  *output = *input;
  return shape_rows(input, &op->options.matrix.rows, error);
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  (void)error;
  facesdk_step steps[CHAIN_MAX_STEPS + 1];
  const size_t count = op_chain_steps(&op->chain, memory, steps);
  const facesdk_rows input = {memory->inputs[0].first, op->options.matrix.channels, memory->inputs[0].stride};
  facesdk_pointwise_run(path, steps, count, &input, op->options.matrix.rows, context->recommended_num_threads);
  return FACESDK_OK;
}

#define CHAIN(text, code, inputs, ...)                                                                              \
  {.name = (text),                                                                                                  \
   .input_count = (inputs),                                                                                         \
   .input_types = TYPE_FLOAT32,                                                                                     \
   .output_types = TYPE_FLOAT32,                                                                                    \
   .claim = CLAIM_BESIDE,                                                                                           \
   .chains = true,                                                                                                  \
   .builtin_code = (code),                                                                                          \
   .reads_columns = true,                                                                                           \
   .writes_columns = true,                                                                                          \
   .step = __VA_ARGS__,                                                                                             \
   .read_constants = read_steps,                                                                                    \
   .prepare = prepare,                                                                                              \
   .run = run}

static const op_kind kinds[] = {
    CHAIN("MUL", kTfLiteBuiltinMul, 2, {.kind = FACESDK_STEP_MULTIPLY}),
    CHAIN("ADD", kTfLiteBuiltinAdd, 2, {.kind = FACESDK_STEP_ADD}),
    CHAIN("PRELU", kTfLiteBuiltinPrelu, 2, {.kind = FACESDK_STEP_PRELU}),
    CHAIN("RELU", kTfLiteBuiltinRelu, 1, RELU),
    CHAIN("RELU_N1_TO_1", kTfLiteBuiltinReluN1To1, 1, RELU_N1_TO_1),
    CHAIN("RELU6", kTfLiteBuiltinRelu6, 1, RELU6),
};

const op_kind *op_chain_kind(const TfLiteContext *context, const TfLiteNode *node, int32_t builtin_code) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (kinds[i].builtin_code == builtin_code) return can_compute(&kinds[i], context, node) ? &kinds[i] : NULL;
  }
  return NULL;
}
