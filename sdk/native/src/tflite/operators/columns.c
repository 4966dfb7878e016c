/* CONCATENATION, PAD and STRIDED_SLICE along the channels: operators of the runtime that only move columns. Where they stand
 * beside ours, most of them move nothing (places.h). */
#include "tflite/operator.h"

enum { PADDINGS = 1, BEGIN = 1, END = 2, STRIDES = 3 }; /* inputs */

/* The shapes of the first inputs and of the output of a node; false if these are not float32 tensors with channels. */
static bool read_shapes(const TfLiteContext *context, const TfLiteNode *node, int inputs, tensor_shape *shapes,
                        tensor_shape *output) {
  if (!are_tensors(context, node->outputs, 1)) return false;
  bool usable = shape_of_floats(output, tensor_of(context, node->outputs->data[0]));
  for (int i = 0; i < inputs && usable; ++i) {
    usable = shape_of_floats(&shapes[i], tensor_of(context, node->inputs->data[i])) && rows_equal(&shapes[i], output) &&
             channels_of(&shapes[i]) > 0;
  }
  return usable;
}

/* An int32 constant of `count` numbers; NULL if the input is none. */
static const int32_t *numbers_of(const TfLiteContext *context, const TfLiteNode *node, int input, int count) {
  facesdk_error error;
  const int index = node->inputs->data[input];
  const facesdk_status status = check_constant(context, index, "", kTfLiteInt32, (size_t)count, &error);
  return status == FACESDK_OK ? constant_data(context, index) : NULL;
}

/* ---- CONCATENATION ---- */

static bool can_concatenate(const TfLiteContext *context, const TfLiteNode *node) {
  const TfLiteConcatenationParams *params = node->builtin_data;
  const int parts = node->inputs == NULL ? 0 : node->inputs->size;
  tensor_shape shapes[OPERATOR_MAX_INPUTS], output;
  if (params == NULL || params->activation != 0 || parts < 2 || parts > OPERATOR_MAX_INPUTS ||
      !are_tensors(context, node->inputs, parts) || !read_shapes(context, node, parts, shapes, &output) ||
      (params->axis != -1 && params->axis != output.rank - 1)) {
    return false;
  }
  int64_t channels = 0;
  for (int i = 0; i < parts; ++i) channels += channels_of(&shapes[i]);
  return channels == channels_of(&output);
}

static facesdk_status prepare_concatenation(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                            const TfLiteContext *context, const tensor_shape *input,
                                            tensor_shape *output, facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  *output = input[0];
  for (size_t i = 0; i < op->computed; ++i) {
    op->options.concatenation.channels[i] = channels_of(&input[i]);
    if (!rows_equal(&input[i], output)) return invalid(error, "its parts must differ in their channels only");
    if (i > 0 && !op_add_channels(output, channels_of(&input[i]))) return invalid(error, "there are too many channels");
  }
  return shape_rows(output, &op->options.concatenation.rows, error);
}

static facesdk_status run_concatenation(op_node *op, const facesdk_path *path, const TfLiteContext *context,
                                        const op_memory *memory, facesdk_error *error) {
  (void)path, (void)context, (void)error;
  op_rows columns = memory->output;
  for (size_t i = 0; i < op->computed; ++i) {
    const int32_t channels = op->options.concatenation.channels[i];
    op_copy_columns(memory->inputs[i], columns, op->options.concatenation.rows, (size_t)channels);
    columns = op_columns_from(columns, channels);
  }
  return FACESDK_OK;
}

/* ---- PAD and STRIDED_SLICE ---- */

/* Zeros around channels only. */
static bool read_padding(const TfLiteContext *context, const TfLiteNode *node, op_margins *margins) {
  tensor_shape input, output;
  if (!are_tensors(context, node->inputs, 2) || !read_shapes(context, node, 1, &input, &output)) return false;
  const int32_t *paddings = numbers_of(context, node, PADDINGS, 2 * input.rank);
  const int last = input.rank - 1;
  if (paddings == NULL || tensor_of(context, node->inputs->data[PADDINGS])->dims->size != 2) return false;
  for (int i = 0; i < 2 * last; ++i) {
    if (paddings[i] != 0) return false;
  }
  *margins = (op_margins){paddings[2 * last], paddings[2 * last + 1]};
  return margins->before >= 0 && margins->after >= 0 &&
         (int64_t)margins->before + channels_of(&input) + margins->after == channels_of(&output);
}

/* Adjacent channels of all pixels. */
static bool read_slice(const TfLiteContext *context, const TfLiteNode *node, op_margins *margins) {
  const TfLiteStridedSliceParams *params = node->builtin_data;
  tensor_shape input, output;
  if (params == NULL || params->ellipsis_mask != 0 || params->new_axis_mask != 0 || params->shrink_axis_mask != 0 ||
      !are_tensors(context, node->inputs, 4) || !read_shapes(context, node, 1, &input, &output)) {
    return false;
  }
  const int last = input.rank - 1, pixels = (1 << last) - 1;
  const int32_t *begin = numbers_of(context, node, BEGIN, input.rank), *end = numbers_of(context, node, END, input.rank);
  const int32_t *strides = numbers_of(context, node, STRIDES, input.rank);
  if (begin == NULL || end == NULL || strides == NULL || (params->begin_mask & params->end_mask & pixels) != pixels) {
    return false;
  }
  for (int i = 0; i <= last; ++i) {
    if (strides[i] != 1) return false;
  }
  const int32_t channels = channels_of(&input);
  const int64_t first = params->begin_mask >> last & 1 ? 0 : begin[last] + (begin[last] < 0 ? (int64_t)channels : 0);
  const int64_t past = params->end_mask >> last & 1 ? channels : end[last] + (end[last] < 0 ? (int64_t)channels : 0);
  if (first < 0 || past > channels || past - first != channels_of(&output)) return false;
  *margins = (op_margins){(int32_t)first, (int32_t)(channels - past)};
  return true;
}

static facesdk_status read_pad(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                               facesdk_error *error) {
  if (read_padding(context, node, &op->margins)) return FACESDK_OK;
  return invalid(error, "it must put zeros around channels");
}

static facesdk_status read_strided_slice(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                         facesdk_error *error) {
  if (read_slice(context, node, &op->margins)) return FACESDK_OK;
  return invalid(error, "it must cut out adjacent channels");
}

static facesdk_status prepare_margins(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                      const TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                                      facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  *output = *input;
  op->options.matrix.channels = (size_t)channels_of(input);
  const int64_t margins = (int64_t)op->margins.before + op->margins.after;
  if (!op_add_channels(output, op->kind == &pad_kind ? margins : -margins)) {
    return invalid(error, "there are too many channels, or none");
  }
  return shape_rows(input, &op->options.matrix.rows, error);
}

static facesdk_status run_pad(op_node *op, const facesdk_path *path, const TfLiteContext *context,
                              const op_memory *memory, facesdk_error *error) {
  (void)path, (void)context, (void)error;
  const size_t channels = op->options.matrix.channels, rows = op->options.matrix.rows;
  op_clear_margins(memory->output, op->margins, rows, channels);
  op_copy_columns(memory->inputs[0], op_columns_from(memory->output, op->margins.before), rows, channels);
  return FACESDK_OK;
}

static facesdk_status run_slice(op_node *op, const facesdk_path *path, const TfLiteContext *context,
                                const op_memory *memory, facesdk_error *error) {
  (void)path, (void)context, (void)error;
  const size_t channels = op->options.matrix.channels - (size_t)(op->margins.before + op->margins.after);
  op_copy_columns(op_columns_from(memory->inputs[0], op->margins.before), memory->output, op->options.matrix.rows, channels);
  return FACESDK_OK;
}

#define COLUMNS(text, code, inputs, when, ...)                                                    \
  {.name = (text),                                                                                \
   .input_count = (inputs),                                                                       \
   .input_types = TYPE_FLOAT32,                                                                   \
   .output_types = TYPE_FLOAT32,                                                                  \
   .claim = (when),                                                                               \
   .builtin_code = (code),                                                                        \
   .reads_columns = true,                                                                         \
   .writes_columns = true,                                                                        \
   __VA_ARGS__}

const op_kind concatenation_kind = COLUMNS("CONCATENATION", kTfLiteBuiltinConcatenation, 0, CLAIM_AFTER,
                                           .prepare = prepare_concatenation, .run = run_concatenation);
const op_kind pad_kind = COLUMNS("PAD", kTfLiteBuiltinPad, 2, CLAIM_AFTER_CONVOLUTION, .read_constants = read_pad,
                                 .prepare = prepare_margins, .run = run_pad);
const op_kind slice_kind = COLUMNS("STRIDED_SLICE", kTfLiteBuiltinStridedSlice, 4, CLAIM_BETWEEN,
                                   .read_constants = read_strided_slice, .prepare = prepare_margins, .run = run_slice);

const op_kind *op_columns_kind(const TfLiteContext *context, const TfLiteNode *node, int32_t builtin_code) {
  op_margins margins;
  switch (builtin_code) {
    case kTfLiteBuiltinConcatenation:
      return can_concatenate(context, node) ? &concatenation_kind : NULL;
    case kTfLiteBuiltinPad:
      return read_padding(context, node, &margins) ? &pad_kind : NULL;
    case kTfLiteBuiltinStridedSlice:
      return read_slice(context, node, &margins) ? &slice_kind : NULL;
    default:
      return NULL;
  }
}
