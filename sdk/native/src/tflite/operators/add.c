/* ADD, where a convolution computes one of the inputs. */
#include "tflite/operator.h"

bool op_can_add(const TfLiteContext *context, const TfLiteNode *node) {
  const TfLiteAddParams *params = node->builtin_data;
  if (params == NULL || params->activation != 0) return false;
  if (!are_tensors(context, node->inputs, 2) || !are_tensors(context, node->outputs, 1)) return false;
  const int indices[] = {node->inputs->data[0], node->inputs->data[1], node->outputs->data[0]};
  tensor_shape shapes[3];
  for (int i = 0; i < 3; ++i) {
    if (!shape_of_floats(&shapes[i], tensor_of(context, indices[i]))) return false;
  }
  return shapes_equal(&shapes[0], &shapes[1]) && shapes_equal(&shapes[0], &shapes[2]) && indices[0] != indices[1];
}

static facesdk_status read_residual(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                    facesdk_error *error) {
  if (!op_can_add(context, node)) return invalid(error, "both inputs must be float32 tensors of the output's shape");
  op->residual = op->inputs[1];
  return FACESDK_OK;
}

static facesdk_status prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                              const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  *output = *input;
  op->options.matrix.channels = (size_t)channels_of(input);
  return shape_rows(input, &op->options.matrix.rows, error);
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  (void)path, (void)context, (void)error;
  const op_rows input = memory->inputs[0], residual = memory->residual, output = memory->output;
  for (size_t row = 0; row < op->options.matrix.rows; ++row) {
    const float *a = (const float *)input.first + row * input.stride;
    const float *b = (const float *)residual.first + row * residual.stride;
    float *sum = (float *)output.first + row * output.stride;
    for (size_t i = 0; i < op->options.matrix.channels; ++i) sum[i] = a[i] + b[i];
  }
  return FACESDK_OK;
}

const op_kind add_kind = {.name = "ADD",
                          .input_count = 2,
                          .input_types = TYPE_FLOAT32,
                          .output_types = TYPE_FLOAT32,
                          .claim = CLAIM_AFTER_CONVOLUTION,
                          .builtin_code = kTfLiteBuiltinAdd,
                          .reads_columns = true,
                          .writes_columns = true,
                          .read_constants = read_residual,
                          .prepare = prepare,
                          .run = run};
