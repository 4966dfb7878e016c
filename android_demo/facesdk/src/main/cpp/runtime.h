/* The app's own TensorFlow Lite or LiteRT: its C API, found when it is first needed. This library links against none. */
#ifndef FACESDK_ANDROID_RUNTIME_H_
#define FACESDK_ANDROID_RUNTIME_H_

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

typedef struct runtime_quantization {
  float scale;
  int32_t zero_point;
} runtime_quantization;

/* tensorflow/lite/core/c/c_api.h, without the prefix TfLite; its structures are opaque here. */
#define RUNTIME_FUNCTIONS(X)                                                                                     \
  X(const char *, Version, (void))                                                                               \
  X(void *, ModelCreate, (const void *content, size_t size))                                                     \
  X(void, ModelDelete, (void *model))                                                                            \
  X(void *, InterpreterOptionsCreate, (void))                                                                    \
  X(void, InterpreterOptionsDelete, (void *options))                                                             \
  X(void, InterpreterOptionsSetNumThreads, (void *options, int32_t threads))                                     \
  X(void, InterpreterOptionsAddDelegate, (void *options, void *delegate))                                        \
  X(void, InterpreterOptionsSetErrorReporter,                                                                    \
    (void *options, void (*reporter)(void *context, const char *format, va_list arguments), void *context))      \
  X(void *, InterpreterCreate, (const void *model, const void *options))                                         \
  X(void, InterpreterDelete, (void *interpreter))                                                                \
  X(int32_t, InterpreterGetInputTensorCount, (const void *interpreter))                                          \
  X(int32_t, InterpreterGetOutputTensorCount, (const void *interpreter))                                         \
  X(void *, InterpreterGetInputTensor, (const void *interpreter, int32_t index))                                 \
  X(const void *, InterpreterGetOutputTensor, (const void *interpreter, int32_t index))                          \
  X(int, InterpreterResizeInputTensor, (void *interpreter, int32_t index, const int *sizes, int32_t dimensions)) \
  X(int, InterpreterAllocateTensors, (void *interpreter))                                                        \
  X(int, InterpreterInvoke, (void *interpreter))                                                                 \
  X(int, TensorType, (const void *tensor))                                                                       \
  X(int32_t, TensorNumDims, (const void *tensor))                                                                \
  X(int32_t, TensorDim, (const void *tensor, int32_t index))                                                     \
  X(size_t, TensorByteSize, (const void *tensor))                                                                \
  X(void *, TensorData, (const void *tensor))                                                                    \
  X(runtime_quantization, TensorQuantizationParams, (const void *tensor))

/* TfLiteXNNPackDelegateOptions. It grows from version to version; every one begins with the threads, and is larger than what
   a function returns in registers, so that the function writes its own into the room that is here. */
typedef struct runtime_xnnpack {
  int32_t threads;
  uint8_t rest[508];
} runtime_xnnpack;

/* tensorflow/lite/delegates/xnnpack/xnnpack_delegate.h: the fast float operators, which Python's runtimes take unasked and
   the C API does not. A runtime may come without them; then all three are NULL. */
#define RUNTIME_FAST_FUNCTIONS(X)                                        \
  X(runtime_xnnpack, XNNPackDelegateOptionsDefault, (void))              \
  X(void *, XNNPackDelegateCreate, (const runtime_xnnpack *options))     \
  X(void, XNNPackDelegateDelete, (void *delegate))

typedef struct runtime {
#define FIELD(type, name, arguments) type(*name) arguments;
  RUNTIME_FUNCTIONS(FIELD)
  RUNTIME_FAST_FUNCTIONS(FIELD)
#undef FIELD
} runtime;

/* TfLiteType. */
enum { RUNTIME_FLOAT32 = 1, RUNTIME_UINT8 = 3, RUNTIME_INT8 = 9 };

/* The runtime, the same for every call; NULL if the app brings none, or one that lacks a function. */
const runtime *runtime_find(failure *failure);

#endif
