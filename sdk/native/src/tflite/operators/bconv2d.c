/* LceBconv2d. */
#include "base/error.h"
#include "base/packing.h"
#include "kernels/bconv2d/bconv2d.h"
#include "tflite/operator.h"

enum { FILTER = 1, MULTIPLIER = 2, BIAS = 3, THRESHOLDS = 4 }; /* inputs */

static facesdk_status read_convolution_options(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                               facesdk_error *error) {
  (void)context;
  facesdk_bconv2d_options *o = &op->options.bconv2d;
  const option options[] = {
      {"channels_in", &o->channels_in},
      {"dilation_height_factor", &o->dilation_height},
      {"dilation_width_factor", &o->dilation_width},
      {"fused_activation_function", &o->activation},
      {"pad_values", &o->pad_value},
      {"padding", &o->padding},
      {"stride_height", &o->stride_height},
      {"stride_width", &o->stride_width},
  };
  return read_options(node, options, sizeof options / sizeof options[0], error);
}

static facesdk_status read_constants(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                     facesdk_error *error) {
  (void)node;
  facesdk_bconv2d_options *o = &op->options.bconv2d;
  tensor_shape filter;
  facesdk_status status = read_filter_shape(context, op->inputs[FILTER], 4, &filter, error);
  if (status != FACESDK_OK) return status;
  o->channels_out = filter.dims[0];
  o->filter_height = filter.dims[1];
  o->filter_width = filter.dims[2];
  if (o->channels_in < 1 || filter.dims[3] < 1 || facesdk_words((size_t)o->channels_in) % (size_t)filter.dims[3] != 0) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "channels_in (%d) does not go with a filter of %d words per tap", (int)o->channels_in,
                        (int)filter.dims[3]);
  }
  o->groups = (int32_t)(facesdk_words((size_t)o->channels_in) / (size_t)filter.dims[3]);
  status = check_filter(context, op->inputs[FILTER], &filter, error);
  if (status != FACESDK_OK) return status;

  const TfLiteTensor *output = tensor_of(context, op->output);
  const size_t channels_out = (size_t)o->channels_out;
  if (output->type == kTfLiteInt32) {
    o->output_type = FACESDK_BITS;
    return check_constant(context, op->inputs[THRESHOLDS], "threshold", kTfLiteInt32, channels_out, error);
  }
  o->output_type = (int32_t)kernel_type(output->type);
  o->output_scale = output->params.scale;
  o->output_zero_point = output->params.zero_point;
  status = check_constant(context, op->inputs[MULTIPLIER], "multiplier", kTfLiteFloat32, channels_out, error);
  if (status != FACESDK_OK) return status;
  return check_constant(context, op->inputs[BIAS], "bias", kTfLiteFloat32, channels_out, error);
}

static facesdk_status prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                              const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  facesdk_status status = check_rank_4(input, error);
  if (status != FACESDK_OK) return status;
  facesdk_bconv2d_options *o = &op->options.bconv2d;
  const size_t words = facesdk_words((size_t)o->channels_in);
  if ((size_t)input->dims[3] != words) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%d input channels need %zu words, but the input has %d",
                        (int)o->channels_in, words, (int)input->dims[3]);
  }
  o->batch = input->dims[0];
  o->input_height = input->dims[1];
  o->input_width = input->dims[2];
  o->zero_padding = zero_padding;
  op_release(op);
  status = facesdk_bconv2d_output_shape(o, output->dims, error);
  if (status != FACESDK_OK) return status;
  output->rank = 4;
  if (o->output_type == FACESDK_BITS) output->dims[3] = (int32_t)facesdk_words((size_t)o->channels_out);
  status = facesdk_bconv2d_create(path, o, constant_data(context, op->inputs[FILTER]),
                                  constant_data(context, op->inputs[MULTIPLIER]),
                                  constant_data(context, op->inputs[BIAS]),
                                  constant_data(context, op->inputs[THRESHOLDS]), &op->bconv2d, error);
  if (status != FACESDK_OK || op->chain.count == 0) return status;
  if (facesdk_bconv2d_prepare_chain(op->bconv2d, op_chain_stores(&op->chain))) return status;
  return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "out of memory");
}

/* Makes the margins of the output, and `residual` and `output` the columns between. */
static void make_margins(const op_node *op, op_rows *residual, op_rows *output) {
  const size_t results = (size_t)channels_of(&op->values), rows = op->values_bytes / (results * sizeof(float));
  if (residual->first == NULL) {
    op_clear_margins(*output, op->margins, rows, results);
  } else {
    op_copy_columns(*residual, *output, rows, results + (size_t)op->margins.before + (size_t)op->margins.after);
    *residual = op_columns_from(*output, op->margins.before);
  }
  *output = op_columns_from(*output, op->margins.before);
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  (void)path, (void)error;
  const int32_t threads = context->recommended_num_threads;
  op_rows residual = memory->residual, output = memory->output;
  if (op->padded) make_margins(op, &residual, &output);
  facesdk_bconv2d_set_strides(op->bconv2d, residual.stride, output.stride);
  if (op->chain.count > 0) {
    facesdk_step steps[CHAIN_MAX_STEPS + 1];
    const size_t count = op_chain_steps(&op->chain, memory, steps);
    facesdk_bconv2d_run_chain(op->bconv2d, memory->inputs[0].first, residual.first, steps, count, threads);
  } else {
    facesdk_bconv2d_run(op->bconv2d, memory->inputs[0].first, residual.first, output.first, threads);
  }
  return FACESDK_OK;
}

const op_kind bconv2d_kind = {.name = "LceBconv2d",
                              .input_count = 5,
                              .input_types = TYPE_INT32,
                              .output_types = TYPE_FLOAT32 | TYPE_INT8 | TYPE_INT32,
                              .writes_columns = true,
                              .read_options = read_convolution_options,
                              .read_constants = read_constants,
                              .prepare = prepare,
                              .run = run};
