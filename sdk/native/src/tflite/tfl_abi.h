/* The part of TensorFlow Lite's C ABI that an external delegate meets, restated so that no TensorFlow header is needed.
 *
 * Source: tensorflow/lite/core/c/common.h and c_api_types.h of TensorFlow 2.14 (tflite-runtime 2.14.0) and the same
 * files under tflite/ in google-ai-edge/LiteRT (ai-edge-litert 1.4 to 2.3); their layouts agree on every field below.
 * Only callbacks of TfLiteContext may be used: the runtimes export no TfLite* symbols. Arrays handed to the runtime
 * are released by it with free(), so they must come from malloc().
 */
#ifndef FACESDK_TFLITE_TFL_ABI_H_
#define FACESDK_TFLITE_TFL_ABI_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;

typedef enum TfLiteType {
  kTfLiteNoType = 0,
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteBool = 6,
  kTfLiteInt8 = 9,
} TfLiteType;

typedef enum TfLiteAllocationType {
  kTfLiteMemNone = 0,
  kTfLiteMmapRo = 1, /* constant, in the model file */
  kTfLiteArenaRw = 2,
  kTfLiteArenaRwPersistent = 3,
  kTfLiteDynamic = 4,
  kTfLitePersistentRo = 5, /* constant, made in Prepare */
  kTfLiteCustom = 6,
} TfLiteAllocationType;

/* TfLiteRegistration.builtin_code */
enum {
  kTfLiteBuiltinAdd = 0,
  kTfLiteBuiltinConcatenation = 2,
  kTfLiteBuiltinMul = 18,
  kTfLiteBuiltinRelu = 19,
  kTfLiteBuiltinReluN1To1 = 20,
  kTfLiteBuiltinRelu6 = 21,
  kTfLiteBuiltinCustom = 32,
  kTfLiteBuiltinPad = 34,
  kTfLiteBuiltinStridedSlice = 45,
  kTfLiteBuiltinPrelu = 54,
};
enum { kTfLiteDelegateFlagsAllowDynamicTensors = 1 };
enum { kTfLiteOptionalTensor = -1 };      /* index of an input that is left out */

typedef struct TfLiteIntArray {
  int size;
  int data[];
} TfLiteIntArray;

static inline bool int_array_contains(const TfLiteIntArray *array, int value) {
  for (int i = 0; i < array->size; ++i) {
    if (array->data[i] == value) return true;
  }
  return false;
}

/* Of a quantized tensor as a whole; per-channel parameters live elsewhere and are not used here. */
typedef struct TfLiteQuantizationParams {
  float scale;
  int32_t zero_point;
} TfLiteQuantizationParams;

typedef struct TfLiteQuantization {
  int type;
  void *params;
} TfLiteQuantization;

typedef struct TfLiteTensor {
  TfLiteType type;
  void *data; /* the union TfLitePtrUnion */
  TfLiteIntArray *dims;
  TfLiteQuantizationParams params;
  TfLiteAllocationType allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  struct TfLiteDelegate *delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  TfLiteQuantization quantization;
  void *sparsity;
  const TfLiteIntArray *dims_signature;
} TfLiteTensor;

/* builtin_data of ADD and MUL; leading field. */
typedef struct TfLiteAddParams {
  int activation; /* 0: none, 1: ReLU, 2: ReLU_N1_TO_1, 3: ReLU6 */
} TfLiteAddParams;

/* builtin_data of CONCATENATION; leading fields. */
typedef struct TfLiteConcatenationParams {
  int axis;
  int activation;
} TfLiteConcatenationParams;

/* builtin_data of STRIDED_SLICE; leading fields. Bit i of a mask is for dimension i. */
typedef struct TfLiteStridedSliceParams {
  int begin_mask, end_mask; /* from the first, to the last index */
  int ellipsis_mask, new_axis_mask, shrink_axis_mask;
} TfLiteStridedSliceParams;

typedef struct TfLiteNode {
  TfLiteIntArray *inputs; /* tensor indices */
  TfLiteIntArray *outputs;
  TfLiteIntArray *intermediates;
  TfLiteIntArray *temporaries;
  void *user_data; /* what TfLiteRegistration.init returned */
  void *builtin_data;
  const void *custom_initial_data; /* a custom operator's options */
  int custom_initial_data_size;
  struct TfLiteDelegate *delegate;
  bool might_have_side_effect;
} TfLiteNode;

struct TfLiteContext;
struct TfLiteDelegate;

/* Passed by value to ReplaceNodeSubsetsWithDelegateKernels: its size must be exact on ABIs that pass it on the stack
 * ahead of other arguments (armv7). */
typedef struct TfLiteRegistration {
  void *(*init)(struct TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(struct TfLiteContext *context, void *buffer);
  TfLiteStatus (*prepare)(struct TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(struct TfLiteContext *context, TfLiteNode *node);
  const char *(*profiling_string)(const struct TfLiteContext *context, const TfLiteNode *node);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *(*async_kernel)(struct TfLiteContext *context, TfLiteNode *node);
  uint64_t inplace_operator;
} TfLiteRegistration;

/* Leading fields; the runtime's struct goes on, but it is only ever handled by pointer. */
typedef struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(struct TfLiteContext *context, TfLiteIntArray **execution_plan);
  TfLiteTensor *tensors;
  void *impl_;
  TfLiteStatus (*ResizeTensor)(struct TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *new_size);
  void (*ReportError)(struct TfLiteContext *context, const char *format, ...);
  TfLiteStatus (*AddTensors)(struct TfLiteContext *context, int tensors_to_add, int *first_new_tensor_index);
  TfLiteStatus (*GetNodeAndRegistration)(struct TfLiteContext *context, int node_index, TfLiteNode **node,
                                         TfLiteRegistration **registration);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(struct TfLiteContext *context,
                                                        TfLiteRegistration registration,
                                                        const TfLiteIntArray *nodes_to_replace,
                                                        struct TfLiteDelegate *delegate);
  int recommended_num_threads; /* the interpreter's num_threads; -1 if the user did not say */
} TfLiteContext;

/* `buffer` of a delegate kernel's init. */
typedef struct TfLiteDelegateParams {
  struct TfLiteDelegate *delegate;
  TfLiteIntArray *nodes_to_replace;
  TfLiteIntArray *input_tensors;
  TfLiteIntArray *output_tensors;
} TfLiteDelegateParams;

typedef struct TfLiteDelegate {
  void *data_;
  TfLiteStatus (*Prepare)(TfLiteContext *context, struct TfLiteDelegate *delegate);
  TfLiteStatus (*CopyFromBufferHandle)(TfLiteContext *context, struct TfLiteDelegate *delegate, int buffer_handle,
                                       TfLiteTensor *tensor);
  TfLiteStatus (*CopyToBufferHandle)(TfLiteContext *context, struct TfLiteDelegate *delegate, int buffer_handle,
                                     TfLiteTensor *tensor);
  void (*FreeBufferHandle)(TfLiteContext *context, struct TfLiteDelegate *delegate, int *buffer_handle);
  int64_t flags;
  void *opaque_delegate_builder;
} TfLiteDelegate;

#endif
