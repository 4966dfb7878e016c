#include "tflite/node.h"

#include <string.h>

#include "base/error.h"
#include "base/packing.h"
#include "tflite/flexbuffer.h"

struct op_kind {
  const char *name;
  int input_count;
  facesdk_status (*read)(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error);
  facesdk_status (*prepare)(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                            const tensor_shape *input, tensor_shape *output, facesdk_error *error);
  facesdk_status (*run)(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                        const void *residual, void *output, facesdk_error *error);
};

static facesdk_status invalid(facesdk_error *error, const char *message) {
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s", message);
}

/* ---- tensors ---- */

static const TfLiteTensor *tensor_of(const TfLiteContext *context, int index) { return &context->tensors[index]; }

static bool is_constant(const TfLiteTensor *tensor) {
  return tensor->allocation_type == kTfLiteMmapRo || tensor->allocation_type == kTfLitePersistentRo;
}

static facesdk_status check_type(const TfLiteTensor *tensor, const char *what, TfLiteType a, TfLiteType b,
                                 TfLiteType c, facesdk_error *error) {
  if (tensor->type == a || tensor->type == b || tensor->type == c) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the %s tensor has type %d, which is not supported", what,
                      (int)tensor->type);
}

/* A constant of exactly `count` elements of 4 bytes. */
static facesdk_status check_constant(const TfLiteContext *context, int index, const char *what, TfLiteType type,
                                     size_t count, facesdk_error *error) {
  if (index == kTfLiteOptionalTensor) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the %s input is missing", what);
  }
  const TfLiteTensor *tensor = tensor_of(context, index);
  size_t bytes = sizeof(int32_t);
  if (!is_constant(tensor) || tensor->data == NULL) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the %s tensor must be a constant", what);
  }
  if (tensor->type != type || !facesdk_multiply(&bytes, count) || tensor->bytes != bytes) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "the %s tensor must have type %d and %zu elements, but has type %d and %zu bytes", what,
                        (int)type, count, (int)tensor->type, tensor->bytes);
  }
  return FACESDK_OK;
}

static size_t element_bytes(TfLiteType type) { return type == kTfLiteInt8 || type == kTfLiteBool ? 1 : 4; }

static facesdk_type kernel_type(TfLiteType type) {
  return type == kTfLiteFloat32 ? FACESDK_FLOAT32 : type == kTfLiteInt8 ? FACESDK_INT8 : FACESDK_BOOL;
}

bool shape_from_dims(tensor_shape *shape, const TfLiteIntArray *dims) {
  if (dims == NULL || dims->size < 1 || dims->size > SHAPE_MAX_RANK) return false;
  shape->rank = dims->size;
  for (int i = 0; i < dims->size; ++i) {
    if (dims->data[i] < 0) return false;
    shape->dims[i] = dims->data[i];
  }
  return true;
}

bool shapes_equal(const tensor_shape *a, const tensor_shape *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

/* Bytes of a tensor of that shape and type. */
static facesdk_status shape_bytes(const tensor_shape *shape, TfLiteType type, size_t *bytes, facesdk_error *error) {
  *bytes = element_bytes(type);
  for (int i = 0; i < shape->rank; ++i) {
    if (!facesdk_multiply(bytes, (size_t)shape->dims[i])) {
      return invalid(error, "a tensor is larger than 1 GiB");
    }
  }
  return FACESDK_OK;
}

static facesdk_status check_rank_4(const tensor_shape *input, facesdk_error *error) {
  if (input->rank == 4) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the input must have 4 dimensions (NHWC), but has %d",
                      input->rank);
}

/* ---- custom options ---- */

static facesdk_status open_options(flexbuffer_map *map, const TfLiteNode *node, facesdk_error *error) {
  const size_t size = node->custom_initial_data_size > 0 ? (size_t)node->custom_initial_data_size : 0;
  if (flexbuffer_map_open(map, node->custom_initial_data, size) == FLEXBUFFER_OK) return FACESDK_OK;
  return invalid(error, "the custom options are not a valid FlexBuffer map; the model file is damaged");
}

typedef struct option {
  const char *key;
  int32_t *value;
} option;

static facesdk_status read_options(const TfLiteNode *node, const option *options, size_t count,
                                   facesdk_error *error) {
  flexbuffer_map map;
  facesdk_status status = open_options(&map, node, error);
  for (size_t i = 0; i < count && status == FACESDK_OK; ++i) {
    int64_t value = 0;
    switch (flexbuffer_map_integer(&map, options[i].key, &value)) {
      case FLEXBUFFER_OK:
        if (value < INT32_MIN || value > INT32_MAX) {
          status = facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "custom option %s is out of range: %lld",
                                options[i].key, (long long)value);
        } else {
          *options[i].value = (int32_t)value;
        }
        break;
      case FLEXBUFFER_MISSING:
        status = facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "custom option %s is missing", options[i].key);
        break;
      case FLEXBUFFER_NOT_INTEGER:
        status = facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "custom option %s is not an integer", options[i].key);
        break;
      default:
        status = invalid(error, "the custom options are damaged: an offset leads outside of them");
    }
  }
  return status;
}

/* ---- LceQuantize ---- */

static facesdk_status quantize_read(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error) {
  (void)node;
  const facesdk_status status = check_type(tensor_of(context, op->inputs[0]), "input", kTfLiteFloat32, kTfLiteInt8,
                                           kTfLiteBool, error);
  if (status != FACESDK_OK) return status;
  return check_type(tensor_of(context, op->output), "output", kTfLiteInt32, kTfLiteInt32, kTfLiteInt32, error);
}

/* Splits a shape into rows and channels, its last dimension. */
static facesdk_status set_matrix(op_node *op, const tensor_shape *unpacked, facesdk_error *error) {
  op->options.matrix.rows = 1;
  for (int i = 0; i < unpacked->rank - 1; ++i) {
    if (!facesdk_multiply(&op->options.matrix.rows, (size_t)unpacked->dims[i])) {
      return invalid(error, "a tensor is larger than 1 GiB");
    }
  }
  op->options.matrix.channels = (size_t)unpacked->dims[unpacked->rank - 1];
  if (op->options.matrix.channels < 1) return invalid(error, "the last dimension must be at least 1");
  return FACESDK_OK;
}

static facesdk_status quantize_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                                       const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  (void)path, (void)zero_padding, (void)context;
  const facesdk_status status = set_matrix(op, input, error);
  if (status != FACESDK_OK) return status;
  *output = *input;
  output->dims[output->rank - 1] = (int32_t)facesdk_words(op->options.matrix.channels);
  return FACESDK_OK;
}

static facesdk_status quantize_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                                   const void *residual, void *output, facesdk_error *error) {
  (void)residual;
  const TfLiteTensor *tensor = tensor_of(context, op->inputs[0]);
  return facesdk_quantize(path, kernel_type(tensor->type), input, op->options.matrix.rows,
                          op->options.matrix.channels, tensor->params.zero_point, output,
                          context->recommended_num_threads, error);
}

/* ---- LceDequantize ---- */

static facesdk_status dequantize_read(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error) {
  (void)node;
  const facesdk_status status = check_type(tensor_of(context, op->inputs[0]), "input", kTfLiteInt32, kTfLiteInt32,
                                           kTfLiteInt32, error);
  if (status != FACESDK_OK) return status;
  return check_type(tensor_of(context, op->output), "output", kTfLiteFloat32, kTfLiteInt8, kTfLiteBool, error);
}

/* The packed input does not tell how many channels there are; the output tensor in the file does. */
static facesdk_status dequantize_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                         TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                                         facesdk_error *error) {
  (void)path, (void)zero_padding;
  tensor_shape declared;
  if (!shape_from_dims(&declared, tensor_of(context, op->output)->dims) || declared.rank != input->rank) {
    return invalid(error, "the output must have as many dimensions as the input");
  }
  *output = *input;
  output->dims[output->rank - 1] = declared.dims[declared.rank - 1];
  const facesdk_status status = set_matrix(op, output, error);
  if (status != FACESDK_OK) return status;
  const size_t words = facesdk_words(op->options.matrix.channels);
  if (words != (size_t)input->dims[input->rank - 1]) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%d channels need %zu words, but the input has %d",
                        (int)output->dims[output->rank - 1], words, (int)input->dims[input->rank - 1]);
  }
  return FACESDK_OK;
}

static facesdk_status dequantize_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                                     const void *residual, void *output, facesdk_error *error) {
  (void)residual;
  const TfLiteTensor *tensor = tensor_of(context, op->output);
  return facesdk_dequantize(path, input, op->options.matrix.rows, op->options.matrix.channels,
                            kernel_type(tensor->type), tensor->params.scale, tensor->params.zero_point, output, error);
}

/* ---- LceBMaxPool2d ---- */

static facesdk_status bmaxpool2d_read(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error) {
  facesdk_bmaxpool2d_options *o = &op->options.bmaxpool2d;
  const option options[] = {
      {"filter_height", &o->filter_height}, {"filter_width", &o->filter_width}, {"stride_height", &o->stride_height},
      {"stride_width", &o->stride_width},   {"padding", &o->padding},
  };
  facesdk_status status = read_options(node, options, sizeof options / sizeof options[0], error);
  if (status == FACESDK_OK) {
    status = check_type(tensor_of(context, op->inputs[0]), "input", kTfLiteInt32, kTfLiteInt32, kTfLiteInt32, error);
  }
  if (status == FACESDK_OK) {
    status = check_type(tensor_of(context, op->output), "output", kTfLiteInt32, kTfLiteInt32, kTfLiteInt32, error);
  }
  return status;
}

static facesdk_status bmaxpool2d_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                         TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
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

static facesdk_status bmaxpool2d_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                                     const void *residual, void *output, facesdk_error *error) {
  (void)residual;
  (void)context;
  return facesdk_bmaxpool2d(path, &op->options.bmaxpool2d, input, output, error);
}

/* ---- LceBconv2d ---- */

enum { FILTER = 1, MULTIPLIER = 2, BIAS = 3, THRESHOLDS = 4 };

static facesdk_status bconv2d_read(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error) {
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
  facesdk_status status = read_options(node, options, sizeof options / sizeof options[0], error);
  if (status == FACESDK_OK) {
    status = check_type(tensor_of(context, op->inputs[0]), "input", kTfLiteInt32, kTfLiteInt32, kTfLiteInt32, error);
  }
  if (status == FACESDK_OK) {
    status = check_type(tensor_of(context, op->output), "output", kTfLiteFloat32, kTfLiteInt8, kTfLiteInt32, error);
  }
  if (status != FACESDK_OK) return status;

  tensor_shape filter;
  if (op->inputs[FILTER] == kTfLiteOptionalTensor) return invalid(error, "the filter input is missing");
  if (!shape_from_dims(&filter, tensor_of(context, op->inputs[FILTER])->dims) || filter.rank != 4) {
    return invalid(error, "the filter must have 4 dimensions (OHWI)");
  }
  o->channels_out = filter.dims[0];
  o->filter_height = filter.dims[1];
  o->filter_width = filter.dims[2];
  if (o->channels_in < 1 || filter.dims[3] < 1 || facesdk_words((size_t)o->channels_in) % (size_t)filter.dims[3] != 0) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "channels_in (%d) does not go with a filter of %d words a tap", (int)o->channels_in,
                        (int)filter.dims[3]);
  }
  o->groups = (int32_t)(facesdk_words((size_t)o->channels_in) / (size_t)filter.dims[3]);

  size_t filter_words = (size_t)filter.dims[0];
  for (int i = 1; i < 4; ++i) {
    if (!facesdk_multiply(&filter_words, (size_t)filter.dims[i])) return invalid(error, "the filter is too large");
  }
  status = check_constant(context, op->inputs[FILTER], "filter", kTfLiteInt32, filter_words, error);
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

static const void *constant_data(const TfLiteContext *context, int index) {
  return index == kTfLiteOptionalTensor ? NULL : tensor_of(context, index)->data;
}

static facesdk_status bconv2d_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
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
  return facesdk_bconv2d_create(path, o, constant_data(context, op->inputs[FILTER]),
                                constant_data(context, op->inputs[MULTIPLIER]),
                                constant_data(context, op->inputs[BIAS]),
                                constant_data(context, op->inputs[THRESHOLDS]), &op->bconv2d, error);
}

static facesdk_status bconv2d_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                                  const void *residual, void *output, facesdk_error *error) {
  (void)path, (void)error;
  facesdk_bconv2d_run(op->bconv2d, input, residual, output, context->recommended_num_threads);
  return FACESDK_OK;
}

/* ---- FacesdkBinaryConv2D, FacesdkBinaryDense ---- */

enum { SCALE = 2, OFFSET = 3 }; /* behind FILTER */

/* Of the options both have, with those of a 1 x 1 convolution. */
static facesdk_status binary_read(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error) {
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
  if (status == FACESDK_OK) {
    status = check_type(tensor_of(context, op->inputs[0]), "input", kTfLiteFloat32, kTfLiteFloat32, kTfLiteFloat32, error);
  }
  if (status == FACESDK_OK) {
    status = check_type(tensor_of(context, op->output), "output", kTfLiteFloat32, kTfLiteFloat32, kTfLiteFloat32, error);
  }
  return status;
}

/* Filter, scale and bias; filter_height and filter_width are read from a filter of 4 dimensions. */
static facesdk_status binary_read_constants(op_node *op, TfLiteContext *context, int rank, facesdk_error *error) {
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  tensor_shape filter;
  if (op->inputs[FILTER] == kTfLiteOptionalTensor) return invalid(error, "the filter input is missing");
  if (!shape_from_dims(&filter, tensor_of(context, op->inputs[FILTER])->dims) || filter.rank != rank) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the filter must have %d dimensions", rank);
  }
  const int32_t words = filter.dims[rank - 1];
  o->channels_out = filter.dims[0];
  if (rank == 4) {
    o->filter_height = filter.dims[1];
    o->filter_width = filter.dims[2];
  }
  if (o->channels_in < 1 || (size_t)words != facesdk_words((size_t)o->channels_in)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "channels_in (%d) does not go with a filter of %d words a tap",
                        (int)o->channels_in, (int)words);
  }
  size_t count = 1;
  for (int i = 0; i < rank; ++i) {
    if (!facesdk_multiply(&count, (size_t)filter.dims[i])) return invalid(error, "the filter is too large");
  }
  const size_t channels_out = (size_t)o->channels_out;
  facesdk_status status = check_constant(context, op->inputs[FILTER], "filter", kTfLiteInt32, count, error);
  if (status == FACESDK_OK) {
    status = check_constant(context, op->inputs[SCALE], "scale", kTfLiteFloat32, channels_out, error);
  }
  if (status == FACESDK_OK && op->inputs[OFFSET] != kTfLiteOptionalTensor) {
    status = check_constant(context, op->inputs[OFFSET], "bias", kTfLiteFloat32, channels_out, error);
  }
  return status;
}

static facesdk_status binary_conv2d_read(op_node *op, TfLiteContext *context, const TfLiteNode *node,
                                         facesdk_error *error) {
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  facesdk_status status = binary_read(op, context, node, error);
  const option options[] = {{"dilation_height_factor", &o->dilation_height},
                            {"dilation_width_factor", &o->dilation_width},
                            {"padding", &o->padding},
                            {"stride_height", &o->stride_height},
                            {"stride_width", &o->stride_width}};
  if (status == FACESDK_OK) status = read_options(node, options, sizeof options / sizeof options[0], error);
  return status == FACESDK_OK ? binary_read_constants(op, context, 4, error) : status;
}

static facesdk_status binary_dense_read(op_node *op, TfLiteContext *context, const TfLiteNode *node,
                                        facesdk_error *error) {
  const facesdk_status status = binary_read(op, context, node, error);
  return status == FACESDK_OK ? binary_read_constants(op, context, 2, error) : status;
}

/* With the sizes of the input in the options. */
static facesdk_status binary_create(op_node *op, const facesdk_path *path, const TfLiteContext *context,
                                    int32_t output[4], facesdk_error *error) {
  const facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  op_release(op);
  const facesdk_status status = facesdk_binary_conv2d_output_shape(o, output, error);
  if (status != FACESDK_OK) return status;
  return facesdk_binary_conv2d_create(path, o, constant_data(context, op->inputs[FILTER]),
                                      constant_data(context, op->inputs[SCALE]),
                                      constant_data(context, op->inputs[OFFSET]), &op->binary_conv2d, error);
}

static facesdk_status check_channels(const op_node *op, const tensor_shape *input, facesdk_error *error) {
  const int32_t channels = op->options.binary_conv2d.channels_in, got = input->dims[input->rank - 1];
  if (got == channels) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the filter is for %d channels, but the input has %d", (int)channels,
                      (int)got);
}

static facesdk_status binary_conv2d_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                            TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
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
  return binary_create(op, path, context, output->dims, error);
}

/* A row is an image of one pixel, or for floats, where that makes no difference, a pixel of one image. */
static facesdk_status binary_dense_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding,
                                           TfLiteContext *context, const tensor_shape *input, tensor_shape *output,
                                           facesdk_error *error) {
  (void)zero_padding;
  facesdk_binary_conv2d_options *o = &op->options.binary_conv2d;
  facesdk_status status = check_channels(op, input, error);
  if (status != FACESDK_OK) return status;
  size_t rows = 1;
  for (int i = 0; i + 1 < input->rank; ++i) {
    if (!facesdk_multiply(&rows, (size_t)input->dims[i])) return invalid(error, "a tensor is larger than 1 GiB");
  }
  const bool one_image = o->activation_bits == 0 && rows <= FACESDK_MAX_SPATIAL;
  o->batch = one_image ? 1 : (int32_t)rows;
  o->input_height = one_image ? (int32_t)rows : 1;
  o->input_width = 1;
  *output = *input;
  output->dims[output->rank - 1] = o->channels_out;
  int32_t image[4];
  return binary_create(op, path, context, image, error);
}

static facesdk_status binary_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                                 const void *residual, void *output, facesdk_error *error) {
  (void)path, (void)residual, (void)error;
  facesdk_binary_conv2d_run(op->binary_conv2d, input, output, context->recommended_num_threads);
  return FACESDK_OK;
}

/* ---- ADD ---- */

static facesdk_status add_read(op_node *op, TfLiteContext *context, const TfLiteNode *node, facesdk_error *error) {
  if (!op_can_add(context, node)) return invalid(error, "both inputs must be float32 tensors of the output's shape");
  op->residual = op->inputs[1];
  return FACESDK_OK;
}

static facesdk_status add_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                                  const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  (void)op, (void)path, (void)zero_padding, (void)context, (void)error;
  *output = *input;
  return FACESDK_OK;
}

static facesdk_status add_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                              const void *residual, void *output, facesdk_error *error) {
  (void)path, (void)context, (void)error;
  const float *a = input, *b = residual;
  float *sum = output;
  for (size_t i = 0; i < op->output_bytes / sizeof *sum; ++i) sum[i] = a[i] + b[i];
  return FACESDK_OK;
}

bool op_can_add(const TfLiteContext *context, const TfLiteNode *node) {
  const TfLiteAddParams *params = node->builtin_data;
  if (params == NULL || params->activation != 0) return false;
  if (node->inputs == NULL || node->inputs->size != 2 || node->outputs == NULL || node->outputs->size != 1) return false;
  const int indices[] = {node->inputs->data[0], node->inputs->data[1], node->outputs->data[0]};
  tensor_shape shapes[3];
  for (int i = 0; i < 3; ++i) {
    if (indices[i] < 0 || (size_t)indices[i] >= context->tensors_size) return false;
    const TfLiteTensor *tensor = tensor_of(context, indices[i]);
    if (tensor->type != kTfLiteFloat32 || is_constant(tensor) || !shape_from_dims(&shapes[i], tensor->dims)) return false;
  }
  return shapes_equal(&shapes[0], &shapes[1]) && shapes_equal(&shapes[0], &shapes[2]) && indices[0] != indices[1];
}

/* ---- all ---- */

static const op_kind kinds[] = {
    {"LceQuantize", 1, quantize_read, quantize_prepare, quantize_run},
    {"LceDequantize", 1, dequantize_read, dequantize_prepare, dequantize_run},
    {"LceBMaxPool2d", 1, bmaxpool2d_read, bmaxpool2d_prepare, bmaxpool2d_run},
    {"LceBconv2d", 5, bconv2d_read, bconv2d_prepare, bconv2d_run},
    {"FacesdkBinaryConv2D", 4, binary_conv2d_read, binary_conv2d_prepare, binary_run},
    {"FacesdkBinaryDense", 4, binary_dense_read, binary_dense_prepare, binary_run},
};

static const op_kind add_kind = {"ADD", 2, add_read, add_prepare, add_run};

const op_kind *op_kind_of(const TfLiteRegistration *registration) {
  if (registration->builtin_code == kTfLiteBuiltinAdd) return &add_kind;
  if (registration->builtin_code != kTfLiteBuiltinCustom || registration->custom_name == NULL) return NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (strcmp(registration->custom_name, kinds[i].name) == 0) return &kinds[i];
  }
  return NULL;
}

bool op_is_add(const op_kind *kind) { return kind == &add_kind; }

bool op_is_convolution(const op_kind *kind) { return kind->run == bconv2d_run; }

bool op_fuse_add(op_node *add, const op_node *convolution) {
  const bool goes = op_is_add(add->kind) && op_is_convolution(convolution->kind) && convolution->residual < 0 &&
                    convolution->options.bconv2d.output_type == FACESDK_FLOAT32 &&
                    (convolution->output == add->inputs[0]) != (convolution->output == add->residual);
  if (!goes) return false;
  const int residual = convolution->output == add->residual ? add->inputs[0] : add->residual, output = add->output;
  const int added_node = add->node_index;
  *add = *convolution;
  add->added_node = added_node;
  add->residual = residual;
  add->output = output;
  return true;
}

const char *op_name(const op_node *op) { return op->kind->name; }

facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error) {
  memset(op, 0, sizeof *op);
  op->kind = kind;
  op->node_index = node_index;
  op->residual = kTfLiteOptionalTensor;
  op->added_node = -1;
  if (node->inputs == NULL || node->inputs->size != kind->input_count || node->outputs == NULL ||
      node->outputs->size != 1) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "expected %d inputs and 1 output, but got %d and %d",
                        kind->input_count, node->inputs ? node->inputs->size : 0,
                        node->outputs ? node->outputs->size : 0);
  }
  op->output = node->outputs->data[0];
  if (op->output < 0 || (size_t)op->output >= context->tensors_size) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "output is tensor %d, but the model has %zu", op->output,
                        context->tensors_size);
  }
  if (is_constant(tensor_of(context, op->output))) return invalid(error, "the output tensor must not be a constant");
  for (int i = 0; i < kind->input_count; ++i) {
    const int index = node->inputs->data[i];
    const bool left_out = i > 0 && index == kTfLiteOptionalTensor;
    if (!left_out && (index < 0 || (size_t)index >= context->tensors_size)) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "input %d is tensor %d, but the model has %zu", i, index,
                          context->tensors_size);
    }
    if (index == op->output) return invalid(error, "a tensor must not be both input and output");
    op->inputs[i] = index;
  }
  return kind->read(op, context, node, error);
}

facesdk_status op_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                          const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  facesdk_status status = op->kind->prepare(op, path, zero_padding, context, input, output, error);
  if (status == FACESDK_OK) {
    status = shape_bytes(input, tensor_of(context, op->inputs[0])->type, &op->input_bytes, error);
  }
  if (status == FACESDK_OK) {
    status = shape_bytes(output, tensor_of(context, op->output)->type, &op->output_bytes, error);
  }
  return status;
}

facesdk_status op_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                      const void *residual, void *output, facesdk_error *error) {
  return op->kind->run(op, path, context, input, residual, output, error);
}

void op_release(op_node *op) {
  facesdk_bconv2d_destroy(op->bconv2d);
  facesdk_binary_conv2d_destroy(op->binary_conv2d);
  op->bconv2d = NULL;
  op->binary_conv2d = NULL;
}
