/* An operator of ours as a TFLite node, and what operators share: checks of tensors and constants, custom options.
 * Each has a file in operators/; node.c has the table of them. */
#ifndef FACESDK_TFLITE_OPERATOR_H_
#define FACESDK_TFLITE_OPERATOR_H_

#include <stdbool.h>

#include "facesdk_ops.h"
#include "kernels/pointwise/pointwise.h"
#include "tflite/tfl_abi.h"

enum { OPERATOR_MAX_INPUTS = 5, SHAPE_MAX_RANK = 8, CHAIN_MAX_STEPS = 8 };

typedef struct tensor_shape {
  int rank; /* 1..SHAPE_MAX_RANK */
  int32_t dims[SHAPE_MAX_RANK];
} tensor_shape;

/* A set of tensor types. */
typedef enum type_mask {
  TYPE_FLOAT32 = 1 << kTfLiteFloat32,
  TYPE_INT32 = 1 << kTfLiteInt32,
  TYPE_BOOL = 1 << kTfLiteBool,
  TYPE_INT8 = 1 << kTfLiteInt8,
} type_mask;

typedef struct op_kind op_kind;

/* Pointwise steps of nodes that are one operator, or that follow a convolution. Where the last one does not write signs,
 * the result is stored. */
typedef struct op_chain {
  size_t count;
  facesdk_step steps[CHAIN_MAX_STEPS];
  int tensors[CHAIN_MAX_STEPS]; /* of the steps' constants */
  float *constants;             /* of all steps, for each channel; set by preparing */
} op_chain;

/* Channels on both sides of others. */
typedef struct op_margins {
  int32_t before, after;
} op_margins;

typedef struct op_node {
  const op_kind *kind;
  int node_index;
  int inputs[OPERATOR_MAX_INPUTS]; /* tensor indices; the first are computed, the others constants */
  size_t computed;                 /* how many are computed */
  int residual;                    /* a computed tensor that is added to the result; -1 if there is none */
  int output;
  int side; /* a tensor of the values' shape that a chain writes on the way; -1 if there is none */
  size_t fused_count;
  int fused[CHAIN_MAX_STEPS];  /* indices of nodes that became part of this operator */
  int hidden[CHAIN_MAX_STEPS]; /* for each the tensor between, where nobody needs it any more; else -1 */
  op_margins margins; /* of a PAD; what a STRIDED_SLICE cuts off */
  bool padded;        /* a convolution with margins around its results: of the residual, or zeros */
  tensor_shape values; /* of what is computed and a chain works on, set by op_prepare */
  size_t values_bytes, output_bytes; /* set by op_prepare */
  union {
    facesdk_bconv2d_options bconv2d;
    facesdk_bmaxpool2d_options bmaxpool2d;
    facesdk_binary_conv2d_options binary_conv2d;
    struct {
      size_t rows;
      int32_t channels[OPERATOR_MAX_INPUTS];
    } concatenation;
    struct {
      size_t rows, channels;
    } matrix; /* all others */
  } options;
  op_chain chain;
  facesdk_bconv2d *bconv2d;
  facesdk_binary_conv2d *binary_conv2d;
} op_node;

/* Where a tensor lies: its first value, NULL if there is no tensor, and of a float32 tensor the floats from one row of
 * channels to the next. There are more of them than channels where it is columns of a wider tensor. */
typedef struct op_rows {
  void *first;
  size_t stride;
} op_rows;

/* What an operator reads and writes. `residual` may be an output. */
typedef struct op_memory {
  op_rows inputs[OPERATOR_MAX_INPUTS]; /* those computed */
  op_rows residual, output, side;
} op_memory;

/* When an operator of the runtime is claimed. */
typedef enum op_claim {
  CLAIM_ALWAYS = 0,        /* it is ours */
  CLAIM_BESIDE,            /* a claimed operator writes what it reads, or only claimed ones read what it writes */
  CLAIM_AFTER,             /* a claimed operator writes what it reads */
  CLAIM_AFTER_CONVOLUTION, /* for it alone a claimed convolution writes what it reads */
  CLAIM_BETWEEN,           /* a claimed operator writes what it reads, and only claimed ones read what it writes */
} op_claim;

/* Functions that an operator does not need are NULL, but for prepare and run. */
struct op_kind {
  const char *name; /* in model files */
  int input_count;  /* 0: 2 to OPERATOR_MAX_INPUTS, all of them computed */
  unsigned input_types, output_types; /* masks of type_mask: of input 0 and the output */
  op_claim claim;
  bool chains; /* it is a pointwise step */
  int32_t builtin_code;
  bool reads_columns, writes_columns; /* what is computed may lie in columns of a wider tensor; so may float results */
  facesdk_step step;                  /* of one that chains */

  /* Fill `op` from a node. Types are checked between the two. */
  facesdk_status (*read_options)(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                 facesdk_error *error);
  facesdk_status (*read_constants)(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                   facesdk_error *error);

  /* As op_prepare() and op_run() say. */
  facesdk_status (*prepare)(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                            const tensor_shape *input, tensor_shape *output, facesdk_error *error);
  facesdk_status (*run)(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                        facesdk_error *error);
};

extern const op_kind quantize_kind, dequantize_kind, bmaxpool2d_kind, bconv2d_kind, binary_conv2d_kind,
    binary_dense_kind, add_kind, concatenation_kind, pad_kind, slice_kind;

/* Whether an ADD is one that we compute: two float32 tensors of one shape, without activation. */
bool op_can_add(const TfLiteContext *context, const TfLiteNode *node);

/* Its kind if a node with that builtin code moves columns of float32 tensors: it concatenates, pads with zeros or cuts out
 * channels. Else NULL. */
const op_kind *op_columns_kind(const TfLiteContext *context, const TfLiteNode *node, int32_t builtin_code);

/* The kind of a node with that builtin code if it is a chain of its own: float32, with constants by channel; else NULL. */
const op_kind *op_chain_kind(const TfLiteContext *context, const TfLiteNode *node, int32_t builtin_code);

/* Adds a step, with the tensor of its constants, or -1; the chain has room. */
void op_chain_append(op_chain *chain, const facesdk_step *step, int tensor);

/* Spreads the constants of a chain over the channels of `values`, and makes `output` the shape of its result. */
facesdk_status op_prepare_chain(op_chain *chain, const TfLiteContext *context, const tensor_shape *values,
                                tensor_shape *output, facesdk_error *error);

/* Whether a step of a chain writes the values. */
bool op_chain_stores(const op_chain *chain);

/* The steps of a chain with what they write, and their number; room for CHAIN_MAX_STEPS + 1. */
size_t op_chain_steps(const op_chain *chain, const op_memory *memory, facesdk_step *steps);

/* Whether the constant tensor has one number for each of `channels`, or one for all. */
bool is_by_channel(const TfLiteTensor *tensor, int rank, int32_t channels);

/* Releases what preparing made. */
void op_release(op_node *op);

/* ---- tensors ---- */

static inline const TfLiteTensor *tensor_of(const TfLiteContext *context, int index) {
  return &context->tensors[index];
}

bool is_constant(const TfLiteTensor *tensor);

/* Whether there are `count` indices, all of tensors that exist. */
bool are_tensors(const TfLiteContext *context, const TfLiteIntArray *indices, int count);

/* Copies the dimensions of a computed float32 tensor; false if it is none, or shape_from_dims() fails. */
bool shape_of_floats(tensor_shape *shape, const TfLiteTensor *tensor);

/* Its data; NULL if the input is left out. */
const void *constant_data(const TfLiteContext *context, int index);

/* A constant of exactly `count` elements of 4 bytes; `what` names it in messages. */
facesdk_status check_constant(const TfLiteContext *context, int index, const char *what, TfLiteType type, size_t count,
                              facesdk_error *error);

/* Its type is in the mask `types`. */
facesdk_status check_type(const TfLiteTensor *tensor, const char *what, unsigned types, facesdk_error *error);

facesdk_type kernel_type(TfLiteType type);

/* Copies a tensor's dimensions; false if the rank is out of range or a dimension negative. */
bool shape_from_dims(tensor_shape *shape, const TfLiteIntArray *dims);

bool shapes_equal(const tensor_shape *a, const tensor_shape *b);

/* The same but for the number of channels, which is the last dimension. */
bool rows_equal(const tensor_shape *a, const tensor_shape *b);

/* Makes the last dimension larger; false if it then is out of range. */
bool op_add_channels(tensor_shape *shape, int64_t channels);

static inline int32_t channels_of(const tensor_shape *shape) { return shape->dims[shape->rank - 1]; }

/* Bytes of a tensor of that shape and type. */
facesdk_status shape_bytes(const tensor_shape *shape, TfLiteType type, size_t *bytes, facesdk_error *error);

/* Rows of a tensor whose last dimension is taken for columns. */
facesdk_status shape_rows(const tensor_shape *shape, size_t *rows, facesdk_error *error);

facesdk_status check_rank_4(const tensor_shape *input, facesdk_error *error);

/* The shape of input `index`, which must be a filter of `rank` dimensions, and then that it is a constant of that
 * shape. */
facesdk_status read_filter_shape(const TfLiteContext *context, int index, int rank, tensor_shape *filter,
                                 facesdk_error *error);
facesdk_status check_filter(const TfLiteContext *context, int index, const tensor_shape *filter, facesdk_error *error);

/* ---- columns ---- */

/* The columns from `first` on. */
op_rows op_columns_from(op_rows rows, int32_t first);

/* Copies `channels` columns of `rows` rows, unless they lie there already. */
void op_copy_columns(op_rows from, op_rows to, size_t rows, size_t channels);

/* Clears the columns on both sides of `channels` others. */
void op_clear_margins(op_rows around, op_margins margins, size_t rows, size_t channels);

/* ---- custom options ---- */

typedef struct option {
  const char *key;
  int32_t *value;
} option;

/* All of them must be there and fit. */
facesdk_status read_options(const TfLiteNode *node, const option *options, size_t count, facesdk_error *error);

/* Fails with a fixed text. */
facesdk_status invalid(facesdk_error *error, const char *message);

#endif
