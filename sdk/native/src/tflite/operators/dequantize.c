/* LceDequantize. */
#include "base/error.h"
#include "base/packing.h"
#include "tflite/operator.h"

/* The packed input does not tell how many channels there are; the output tensor in the file does. */
static facesdk_status prepare(op_node *op, const facesdk_path *path, int32_t zero_padding,
                              const TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                              facesdk_error *error) {
  (void)path, (void)zero_padding;
  tensor_shape declared;
  if (!shape_from_dims(&declared, tensor_of(context, op->output)->dims) || declared.rank != input->rank) {
    return invalid(error, "the output must have as many dimensions as the input");
  }
  const int last = input->rank - 1;
  *output = *input;
  output->dims[last] = declared.dims[last];
  op->options.matrix.channels = (size_t)output->dims[last];
  if (output->dims[last] < 1) return invalid(error, "the last dimension must be at least 1");
  const size_t words = facesdk_words(op->options.matrix.channels);
  if (words != (size_t)input->dims[last]) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%d channels need %zu words, but the input has %d",
                        (int)output->dims[last], words, (int)input->dims[last]);
  }
  return shape_rows(output, &op->options.matrix.rows, error);
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  const TfLiteTensor *tensor = tensor_of(context, op->output);
  return facesdk_dequantize(path, memory->inputs[0].first, op->options.matrix.rows, op->options.matrix.channels,
                            kernel_type(tensor->type), tensor->params.scale, tensor->params.zero_point, memory->output.first, error);
}

const op_kind dequantize_kind = {.name = "LceDequantize",
                                 .input_count = 1,
                                 .input_types = TYPE_INT32,
                                 .output_types = TYPE_FLOAT32 | TYPE_INT8 | TYPE_BOOL,
                                 .prepare = prepare,
                                 .run = run};
