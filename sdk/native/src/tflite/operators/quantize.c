/* LceQuantize. */
#include "base/packing.h"
#include "tflite/operator.h"

static facesdk_status prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                              const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  const int last = input->rank - 1;
  op->options.matrix.channels = (size_t)input->dims[last];
  if (input->dims[last] < 1) return invalid(error, "the last dimension must be at least 1");
  *output = *input;
  output->dims[last] = (int32_t)facesdk_words(op->options.matrix.channels);
  return shape_rows(input, &op->options.matrix.rows, error);
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  const TfLiteTensor *tensor = tensor_of(context, op->inputs[0]);
  const op_rows input = memory->inputs[0];
  const size_t rows = op->options.matrix.rows, channels = op->options.matrix.channels;
  const int32_t threads = context->recommended_num_threads;
  if (tensor->type == kTfLiteFloat32 && input.stride != channels) {
    const facesdk_step signs = {.kind = FACESDK_STEP_SIGNS, .output = memory->output.first};
    facesdk_pointwise_run(path, &signs, 1, &(facesdk_rows){input.first, channels, input.stride}, rows, threads);
    return FACESDK_OK;
  }
  return facesdk_quantize(path, kernel_type(tensor->type), input.first, rows, channels, tensor->params.zero_point,
                          memory->output.first, threads, error);
}

const op_kind quantize_kind = {.name = "LceQuantize",
                               .input_count = 1,
                               .input_types = TYPE_FLOAT32 | TYPE_INT8 | TYPE_BOOL,
                               .output_types = TYPE_INT32,
                               .reads_columns = true,
                               .prepare = prepare,
                               .run = run};
