/* FacesdkBinaryConv2D and FacesdkBinaryDense. */
#include "base/error.h"
#include "base/packing.h"
#include "tflite/operator.h"

enum { FILTER = 1, SCALE = 2, BIAS = 3 }; /* inputs */

/* Of the options both have, with those of a 1 x 1 convolution. */
static facesdk_status read_common_options(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                          facesdk_error *error) {
  (void)context;
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  *o = (facesdk_binary_conv2d_options){.filter_height = 1, .filter_width = 1, .stride_height = 1, .stride_width = 1,
                                       .dilation_height = 1, .dilation_width = 1, .padding = FACESDK_VALID};
  int32_t version = 0;
  const option options[] = {{"version", &version},
                            {"channels_in", &o->channels_in},
                            {"fused_activation_function", &o->activation},
                            {"activation_bits", &o->activation_bits}};
  facesdk_status status = read_options(node, options, sizeof options / sizeof options[0], error);
  if (status == FACESDK_OK && version != 1) {
    status = facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                          "the operator has version %d, but this library knows version 1; update facesdk", (int)version);
  }
  return status;
}

/* Filter, scale and bias; filter_height and filter_width are read from a filter of 4 dimensions. */
static facesdk_status read_constants(op_node *op, const TfLiteContext *context, int rank, facesdk_error *error) {
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  tensor_shape filter;
  facesdk_status status = read_filter_shape(context, op->inputs[FILTER], rank, &filter, error);
  if (status != FACESDK_OK) return status;
  const int32_t words = filter.dims[rank - 1];
  o->channels_out = filter.dims[0];
  if (rank == 4) {
    o->filter_height = filter.dims[1];
    o->filter_width = filter.dims[2];
  }
  if (o->channels_in < 1 || (size_t)words != facesdk_words((size_t)o->channels_in)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "channels_in (%d) does not go with a filter of %d words per tap",
                        (int)o->channels_in, (int)words);
  }
  const size_t channels_out = (size_t)o->channels_out;
  status = check_filter(context, op->inputs[FILTER], &filter, error);
  if (status == FACESDK_OK) {
    status = check_constant(context, op->inputs[SCALE], "scale", kTfLiteFloat32, channels_out, error);
  }
  if (status == FACESDK_OK && op->inputs[BIAS] != kTfLiteOptionalTensor) {
    status = check_constant(context, op->inputs[BIAS], "bias", kTfLiteFloat32, channels_out, error);
  }
  return status;
}

static facesdk_status read_convolution_options(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                               facesdk_error *error) {
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  const facesdk_status status = read_common_options(op, context, node, error);
  if (status != FACESDK_OK) return status;
  const option options[] = {{"dilation_height_factor", &o->dilation_height},
                            {"dilation_width_factor", &o->dilation_width},
                            {"padding", &o->padding},
                            {"stride_height", &o->stride_height},
                            {"stride_width", &o->stride_width}};
  return read_options(node, options, sizeof options / sizeof options[0], error);
}

static facesdk_status read_convolution_constants(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                                 facesdk_error *error) {
  (void)node;
  return read_constants(op, context, 4, error);
}

static facesdk_status read_dense_constants(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                           facesdk_error *error) {
  (void)node;
  return read_constants(op, context, 2, error);
}

/* With the sizes of the input in the options. */
static facesdk_status create(op_node *op, const facesdk_path *path, const TfLiteContext *context,
                             int32_t output[4], facesdk_error *error) {
  const facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  op_release(op);
  const facesdk_status status = facesdk_binary_conv2d_output_shape(o, output, error);
  if (status != FACESDK_OK) return status;
  return facesdk_binary_conv2d_create(path, o, constant_data(context, op->inputs[FILTER]),
                                      constant_data(context, op->inputs[SCALE]),
                                      constant_data(context, op->inputs[BIAS]), &op->binary_conv2d, error);
}

static facesdk_status check_channels(const op_node *op, const tensor_shape *input, facesdk_error *error) {
  const int32_t channels = op->options.binary_conv2d.channels_in, got = input->dims[input->rank - 1];
  if (got == channels) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the filter is for %d channels, but the input has %d", (int)channels,
                      (int)got);
}

static facesdk_status prepare_convolution(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                          const TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                                          facesdk_error *error) {
  (void)zero_padding;
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  facesdk_status status = check_rank_4(input, error);
  if (status == FACESDK_OK) status = check_channels(op, input, error);
  if (status != FACESDK_OK) return status;
  o->batch = input->dims[0];
  o->input_height = input->dims[1];
  o->input_width = input->dims[2];
  output->rank = 4;
  return create(op, path, context, output->dims, error);
}

/* A row is an image of one pixel, or for floats, where that makes no difference, a pixel of one image. */
static facesdk_status prepare_dense(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                    const TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                                    facesdk_error *error) {
  (void)zero_padding;
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  facesdk_status status = check_channels(op, input, error);
  if (status != FACESDK_OK) return status;
  size_t rows;
  status = shape_rows(input, &rows, error);
  if (status != FACESDK_OK) return status;
  const bool one_image = o->activation_bits == 0 && rows <= FACESDK_MAX_SPATIAL;
  o->batch = one_image ? 1 : (int32_t)rows;
  o->input_height = one_image ? (int32_t)rows : 1;
  o->input_width = 1;
  *output = *input;
  output->dims[output->rank - 1] = o->channels_out;
  int32_t image[4];
  return create(op, path, context, image, error);
}

static facesdk_status run(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                          facesdk_error *error) {
  (void)path, (void)error;
  facesdk_binary_conv2d_run(op->binary_conv2d, memory->inputs[0].first, memory->output.first, context->recommended_num_threads);
  return FACESDK_OK;
}

const op_kind binary_conv2d_kind = {.name = "FacesdkBinaryConv2D",
                                    .input_count = 4,
                                    .input_types = TYPE_FLOAT32,
                                    .output_types = TYPE_FLOAT32,
                                    .read_options = read_convolution_options,
                                    .read_constants = read_convolution_constants,
                                    .prepare = prepare_convolution,
                                    .run = run};

const op_kind binary_dense_kind = {.name = "FacesdkBinaryDense",
                                   .input_count = 4,
                                   .input_types = TYPE_FLOAT32,
                                   .output_types = TYPE_FLOAT32,
                                   .read_options = read_common_options,
                                   .read_constants = read_dense_constants,
                                   .prepare = prepare_dense,
                                   .run = run};
