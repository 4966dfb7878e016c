#include "tflite/operator.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/packing.h"
#include "tflite/flexbuffer.h"

static const char TOO_LARGE[] = "a tensor is larger than 1 GiB";

facesdk_status invalid(facesdk_error *error, const char *message) {
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s", message);
}

void op_release(op_node *op) {
  facesdk_bconv2d_destroy(op->bconv2d);
  facesdk_binary_conv2d_destroy(op->binary_conv2d);
  op->bconv2d = NULL;
  op->binary_conv2d = NULL;
  free(op->chain.constants);
  op->chain.constants = NULL;
}

/* ---- tensors ---- */

bool is_constant(const TfLiteTensor *tensor) {
  return tensor->allocation_type == kTfLiteMmapRo || tensor->allocation_type == kTfLitePersistentRo;
}

bool is_by_channel(const TfLiteTensor *tensor, int rank, int32_t channels) {
  if (!is_constant(tensor) || tensor->data == NULL || tensor->type != kTfLiteFloat32) return false;
  const TfLiteIntArray *dims = tensor->dims;
  if (dims == NULL || dims->size > rank) return false;
  for (int i = 0; i + 1 < dims->size; ++i) {
    if (dims->data[i] != 1) return false;
  }
  const int count = dims->size == 0 ? 1 : dims->data[dims->size - 1];
  return (count == 1 || count == channels) && tensor->bytes == (size_t)count * sizeof(float);
}

const void *constant_data(const TfLiteContext *context, int index) {
  return index == kTfLiteOptionalTensor ? NULL : tensor_of(context, index)->data;
}

facesdk_status check_type(const TfLiteTensor *tensor, const char *what, unsigned types, facesdk_error *error) {
  const unsigned type = (unsigned)tensor->type;
  if (type < 8 * sizeof types && (types >> type & 1) != 0) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the %s tensor has type %d, which is not supported", what,
                      (int)tensor->type);
}

facesdk_status check_constant(const TfLiteContext *context, int index, const char *what, TfLiteType type, size_t count,
                              facesdk_error *error) {
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

bool are_tensors(const TfLiteContext *context, const TfLiteIntArray *indices, int count) {
  if (indices == NULL || indices->size != count) return false;
  for (int i = 0; i < count; ++i) {
    if (indices->data[i] < 0 || (size_t)indices->data[i] >= context->tensors_size) return false;
  }
  return true;
}

bool shape_of_floats(tensor_shape *shape, const TfLiteTensor *tensor) {
  return tensor->type == kTfLiteFloat32 && !is_constant(tensor) && shape_from_dims(shape, tensor->dims);
}

static size_t element_bytes(TfLiteType type) { return type == kTfLiteInt8 || type == kTfLiteBool ? 1 : 4; }

facesdk_type kernel_type(TfLiteType type) {
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

bool rows_equal(const tensor_shape *a, const tensor_shape *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)(a->rank - 1) * sizeof a->dims[0]) == 0;
}

bool op_add_channels(tensor_shape *shape, int64_t channels) {
  channels += channels_of(shape);
  shape->dims[shape->rank - 1] = (int32_t)channels;
  return channels > 0 && channels <= INT32_MAX;
}

facesdk_status shape_bytes(const tensor_shape *shape, TfLiteType type, size_t *bytes, facesdk_error *error) {
  *bytes = element_bytes(type);
  for (int i = 0; i < shape->rank; ++i) {
    if (!facesdk_multiply(bytes, (size_t)shape->dims[i])) return invalid(error, TOO_LARGE);
  }
  return FACESDK_OK;
}

facesdk_status shape_rows(const tensor_shape *shape, size_t *rows, facesdk_error *error) {
  *rows = 1;
  for (int i = 0; i + 1 < shape->rank; ++i) {
    if (!facesdk_multiply(rows, (size_t)shape->dims[i])) return invalid(error, TOO_LARGE);
  }
  return FACESDK_OK;
}

facesdk_status check_rank_4(const tensor_shape *input, facesdk_error *error) {
  if (input->rank == 4) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the input must have 4 dimensions (NHWC), but has %d",
                      input->rank);
}

facesdk_status read_filter_shape(const TfLiteContext *context, int index, int rank, tensor_shape *filter,
                                 facesdk_error *error) {
  if (index == kTfLiteOptionalTensor) return invalid(error, "the filter input is missing");
  if (shape_from_dims(filter, tensor_of(context, index)->dims) && filter->rank == rank) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the filter must have %d dimensions", rank);
}

facesdk_status check_filter(const TfLiteContext *context, int index, const tensor_shape *filter, facesdk_error *error) {
  size_t words = 1;
  for (int i = 0; i < filter->rank; ++i) {
    if (!facesdk_multiply(&words, (size_t)filter->dims[i])) return invalid(error, "the filter is too large");
  }
  return check_constant(context, index, "filter", kTfLiteInt32, words, error);
}

/* ---- columns ---- */

op_rows op_columns_from(op_rows rows, int32_t first) {
  return (op_rows){rows.first == NULL ? NULL : (float *)rows.first + first, rows.stride};
}

void op_copy_columns(op_rows from, op_rows to, size_t rows, size_t channels) {
  const float *source = from.first;
  float *target = to.first;
  for (; rows > 0 && source != target; --rows, source += from.stride, target += to.stride) {
    memcpy(target, source, channels * sizeof *target);
  }
}

void op_clear_margins(op_rows around, op_margins margins, size_t rows, size_t channels) {
  float *row = around.first;
  for (; rows > 0; --rows, row += around.stride) {
    memset(row, 0, (size_t)margins.before * sizeof *row);
    memset(row + (size_t)margins.before + channels, 0, (size_t)margins.after * sizeof *row);
  }
}

/* ---- custom options ---- */

static facesdk_status open_options(flexbuffer_map *map, const TfLiteNode *node, facesdk_error *error) {
  const size_t size = node->custom_initial_data_size > 0 ? (size_t)node->custom_initial_data_size : 0;
  if (flexbuffer_map_open(map, node->custom_initial_data, size) == FLEXBUFFER_OK) return FACESDK_OK;
  return invalid(error, "the custom options are not a valid FlexBuffer map; the model file is damaged");
}

facesdk_status read_options(const TfLiteNode *node, const option *options, size_t count, facesdk_error *error) {
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
