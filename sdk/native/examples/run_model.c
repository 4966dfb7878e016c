/* Runs a whole model with facesdk's operators, on the TensorFlow Lite runtime that a program ships, through its C API.
 *
 *   cc -Wall -o run_model sdk/native/examples/run_model.c path/to/libfacesdk_ops.so -ldl
 *   ./run_model libtensorflowlite_c.so model.tflite input.bin > output.bin
 *
 * input.bin has the bytes of the model's first input (`facesdk models show` says shape and type, the contract how to
 * fill it), output.bin those of its first output. The runtime's library is opened when the program runs, so that the
 * program builds without its headers; with them, <tensorflow/lite/c/c_api.h> declares the same functions. Libraries
 * that the runtime needs first can stand before it, separated by colons.
 *
 * Exit status: 0, or 1 with a line on stderr. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libfacesdk_ops.so exports for runtimes: a delegate with all operators. */
void *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                    void (*report_error)(const char *));
void tflite_plugin_destroy_delegate(void *delegate);

/* The functions of c_api.h that a program needs; every object is opaque. */
#define RUNTIME_FUNCTIONS(X)                                                    \
  X(void *, ModelCreate, (const void *data, size_t size))                       \
  X(void, ModelDelete, (void *model))                                           \
  X(void *, InterpreterOptionsCreate, (void))                                   \
  X(void, InterpreterOptionsDelete, (void *options))                            \
  X(void, InterpreterOptionsSetNumThreads, (void *options, int32_t threads))    \
  X(void, InterpreterOptionsAddDelegate, (void *options, void *delegate))       \
  X(void *, InterpreterCreate, (const void *model, const void *options))        \
  X(void, InterpreterDelete, (void *interpreter))                               \
  X(int, InterpreterAllocateTensors, (void *interpreter))                       \
  X(int, InterpreterInvoke, (void *interpreter))                                \
  X(void *, InterpreterGetInputTensor, (const void *interpreter, int32_t index))  \
  X(void *, InterpreterGetOutputTensor, (const void *interpreter, int32_t index)) \
  X(size_t, TensorByteSize, (const void *tensor))                               \
  X(int, TensorCopyFromBuffer, (void *tensor, const void *data, size_t size))   \
  X(int, TensorCopyToBuffer, (const void *tensor, void *data, size_t size))

typedef struct runtime {
#define FIELD(type, name, arguments) type(*name) arguments;
  RUNTIME_FUNCTIONS(FIELD)
#undef FIELD
} runtime;

static void complain(const char *what) { fprintf(stderr, "run_model: %s\n", what); }

static int find(void *library, const char *name, void *function) {
  char symbol[64];
  snprintf(symbol, sizeof symbol, "TfLite%s", name);
  void *address = dlsym(library, symbol);
  if (!address) fprintf(stderr, "run_model: the runtime has no function %s\n", symbol);
  memcpy(function, &address, sizeof address); /* ISO C knows no conversion of void * to a function */
  return address != NULL;
}

static int open_runtime(const char *paths, runtime *found) {
  char *copy = malloc(strlen(paths) + 1), *library = NULL;
  if (!copy) return 0;
  strcpy(copy, paths);
  void *handle = NULL;
  for (library = strtok(copy, ":"); library; library = strtok(NULL, ":")) {
    handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    if (!handle) complain(dlerror());
    if (!handle) break;
  }
  free(copy);
  if (!handle) return 0;
#define FIND(type, name, arguments) \
  if (!find(handle, #name, &found->name)) return 0;
  RUNTIME_FUNCTIONS(FIND)
#undef FIND
  return 1;
}

static void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  unsigned char *content = NULL;
  *size = 0;
  for (size_t room = 1 << 16;; room *= 2) {
    unsigned char *larger = realloc(content, room);
    if (!larger) break;
    content = larger;
    *size += fread(content + *size, 1, room - *size, file);
    if (*size < room) {
      fclose(file);
      return content;
    }
  }
  free(content);
  fclose(file);
  return NULL;
}

static int run(const runtime *lite, void *interpreter, const char *path) {
  size_t size = 0;
  void *input = read_file(path, &size);
  void *from = lite->InterpreterGetInputTensor(interpreter, 0);
  const void *to = lite->InterpreterGetOutputTensor(interpreter, 0);
  size_t length = to ? lite->TensorByteSize(to) : 0;
  void *output = malloc(length ? length : 1);
  int done = 0;
  if (!input || !from || !output)
    complain("the input cannot be read");
  else if (size != lite->TensorByteSize(from))
    fprintf(stderr, "run_model: the input must have %zu bytes, but has %zu\n", lite->TensorByteSize(from), size);
  else if (lite->TensorCopyFromBuffer(from, input, size) || lite->InterpreterInvoke(interpreter) ||
           lite->TensorCopyToBuffer(to, output, length))
    complain("the runtime could not run the model");
  else
    done = fwrite(output, 1, length, stdout) == length && !fflush(stdout);
  free(output);
  free(input);
  return done;
}

int main(int count, char **arguments) {
  runtime lite;
  size_t size = 0;
  if (count != 4) {
    complain("usage: run_model RUNTIME.so MODEL.tflite INPUT");
    return 1;
  }
  if (!open_runtime(arguments[1], &lite)) return 1;
  void *content = read_file(arguments[2], &size); /* must outlive the model */
  void *model = content ? lite.ModelCreate(content, size) : NULL;
  void *delegate = tflite_plugin_create_delegate(NULL, NULL, 0, complain);
  void *options = lite.InterpreterOptionsCreate();
  int done = 0;
  if (!model || !delegate || !options) {
    complain("the model cannot be read, or has no delegate");
  } else {
    lite.InterpreterOptionsSetNumThreads(options, 1);
    lite.InterpreterOptionsAddDelegate(options, delegate);
    void *interpreter = lite.InterpreterCreate(model, options);
    if (!interpreter || lite.InterpreterAllocateTensors(interpreter))
      complain("the runtime refuses the model");
    else
      done = run(&lite, interpreter, arguments[3]);
    if (interpreter) lite.InterpreterDelete(interpreter);
  }
  if (options) lite.InterpreterOptionsDelete(options);
  if (delegate) tflite_plugin_destroy_delegate(delegate);
  if (model) lite.ModelDelete(model);
  free(content);
  return !done;
}
