/* LceBMaxPool2d. */
#include "base/packing.h"
#include "tflite/operator.h"

static facesdk_status read_pool_options(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                        facesdk_error *error) {
  (void)context;
  facesdk_bmaxpool2d_options *o = &op->options.bmaxpool2d;
  const option options[] = {
      {"filter_height", &o->filter_height}, {"filter_width", &o->filter_width}, {"stride_height", &o->stride_height},
      {"stride_width", &o->stride_width},   {"padding", &o->padding},
  };
  return read_options(node, options, sizeof options / sizeof options[0], error);
}

static facesdk_status prepare(op_node *op, const facesdk_path *path, int32_t zero_padding,
                              const TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                              facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  facesdk_status status = check_rank_4(input, error);
  if (status != FACESDK_OK) return status;
  facesdk_bmaxpool2d_options *o = &op->options.bmaxpool2d;
  if (input->dims[3] > INT32_MAX / FACESDK_WORD_BITS) return invalid(error, "the input has too many channels");
  o->batch = input->dims[0];
  o->input_height = input->dims[1];
  o->input_width = input->dims[2];
  o->channels = input->dims[3] * FACESDK_WORD_BITS; /* unused bits stay 0 under AND */
  status = facesdk_bmaxpool2d_output_shape(o, output->dims, error);
  output->rank = 4;
  output->dims[3] = input->dims[3];
  return status;
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  (void)context;
  return facesdk_bmaxpool2d(path, &op->options.bmaxpool2d, memory->inputs[0].first, memory->output.first, error);
}

const op_kind bmaxpool2d_kind = {.name = "LceBMaxPool2d",
                                 .input_count = 1,
                                 .input_types = TYPE_INT32,
                                 .output_types = TYPE_INT32,
                                 .read_options = read_pool_options,
                                 .prepare = prepare,
                                 .run = run};
