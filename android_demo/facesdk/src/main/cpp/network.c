#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* sdk/native/src/tflite/delegate.c */
struct TfLiteDelegate;
struct TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                                     void (*report_error)(const char *));
void tflite_plugin_destroy_delegate(struct TfLiteDelegate *delegate);

enum { ALIGNMENT = 64, DIMENSIONS = 4, CHANNELS = 3 };

/* The first line that the runtime reports says why; what follows are consequences. */
static void note(void *context, const char *format, va_list arguments) {
  network *self = context;
  if (self->log[0] == 0) (void)vsnprintf(self->log, sizeof self->log, format, arguments);
}

static bool refused(const network *self, failure *failure) {
  return fail(failure, FAILURE_MODEL, "the runtime refuses %s: %s", self->name,
              self->log[0] != 0 ? self->log : "it does not say why");
}

static bool make_delegate(network *self, failure *failure) {
  const facesdk_path *path;
  facesdk_error error;
  if (!check_status(failure, facesdk_ops_default(&path, &error), &error)) return false;
  self->delegate = tflite_plugin_create_delegate(NULL, NULL, 0, NULL);
  return self->delegate != NULL || fail(failure, FAILURE_MEMORY, "no memory for the operators");
}

bool network_open(network *self, const runtime *lite, const char *name, const void *content, size_t size,
                  int32_t threads, bool with_operators, failure *failure) {
  *self = (network){.lite = lite, .name = name, .outputs = 1, .threads = threads};
  /* The runtime reads the weights where they are, and no tensor is aligned to more. */
  if (posix_memalign(&self->content, ALIGNMENT, size > 0 ? size : 1) != 0) {
    self->content = NULL;
    return fail(failure, FAILURE_MEMORY, "no memory for the model %s", name);
  }
  memcpy(self->content, content, size);
  self->model = lite->ModelCreate(self->content, size);
  if (self->model == NULL) return refused(self, failure);
  return !with_operators || make_delegate(self, failure);
}

/* Our operators first, as in Python; what is left goes to the runtime's fast ones. */
static bool make_interpreter(network *self, network_run *run, failure *failure) {
  const runtime *lite = self->lite;
  void *options = lite->InterpreterOptionsCreate();
  if (options == NULL) return fail(failure, FAILURE_MEMORY, "no memory for the model %s", self->name);
  lite->InterpreterOptionsSetNumThreads(options, self->threads);
  lite->InterpreterOptionsSetErrorReporter(options, note, self);
  if (self->delegate != NULL) lite->InterpreterOptionsAddDelegate(options, self->delegate);
  if (lite->XNNPackDelegateCreate != NULL) {
    runtime_xnnpack fast = lite->XNNPackDelegateOptionsDefault();
    fast.threads = self->threads;
    run->fast = lite->XNNPackDelegateCreate(&fast);
    if (run->fast != NULL) lite->InterpreterOptionsAddDelegate(options, run->fast);
  }
  run->interpreter = lite->InterpreterCreate(self->model, options);
  lite->InterpreterOptionsDelete(options);
  return run->interpreter != NULL || refused(self, failure);
}

static void delete_run(const runtime *lite, const network_run *run) {
  if (run->interpreter != NULL) lite->InterpreterDelete(run->interpreter);
  if (run->fast != NULL) lite->XNNPackDelegateDelete(run->fast); /* after its interpreter */
}

static bool has_shape(const runtime *lite, const void *tensor, const int sizes[DIMENSIONS]) {
  if (lite->TensorNumDims(tensor) != DIMENSIONS) return false;
  for (int32_t i = 0; i < DIMENSIONS; ++i) {
    if (lite->TensorDim(tensor, i) != sizes[i]) return false;
  }
  return true;
}

static bool allocate(network *self, network_run *run, failure *failure) {
  const runtime *lite = self->lite;
  const network_shape shape = run->shape;
  const int sizes[DIMENSIONS] = {shape.count, shape.height, shape.width, CHANNELS};
  self->log[0] = 0;
  if (!make_interpreter(self, run, failure)) return false;
  if (lite->InterpreterGetInputTensorCount(run->interpreter) != 1 ||
      lite->InterpreterGetOutputTensorCount(run->interpreter) != self->outputs) {
    return fail(failure, FAILURE_MODEL, "%s must have one input and %d output%s", self->name, (int)self->outputs,
                self->outputs > 1 ? "s" : "");
  }
  if (!has_shape(lite, lite->InterpreterGetInputTensor(run->interpreter, 0), sizes) &&
      lite->InterpreterResizeInputTensor(run->interpreter, 0, sizes, DIMENSIONS) != 0) {
    return refused(self, failure);
  }
  if (lite->InterpreterAllocateTensors(run->interpreter) != 0) return refused(self, failure);
  if (!has_shape(lite, lite->InterpreterGetInputTensor(run->interpreter, 0), sizes)) {
    return fail(failure, FAILURE_MODEL, "%s must have one input of shape (%d, %d, %d, %d)", self->name, sizes[0],
                sizes[1], sizes[2], sizes[3]);
  }
  return true;
}

/* Room for another interpreter: that of the one that was not used for the longest time. */
static network_run *make_room(network *self) {
  if (self->run_count < NETWORK_KEPT) return &self->runs[self->run_count++];
  network_run *oldest = &self->runs[0];
  for (int32_t i = 1; i < self->run_count; ++i) {
    if (self->runs[i].last_use < oldest->last_use) oldest = &self->runs[i];
  }
  delete_run(self->lite, oldest);
  return oldest;
}

network_run *network_for(network *self, network_shape shape, failure *failure) {
  for (int32_t i = 0; i < self->run_count; ++i) {
    network_run *run = &self->runs[i];
    if (memcmp(&run->shape, &shape, sizeof shape) == 0) {
      run->last_use = ++self->clock;
      return run;
    }
  }
  network_run *run = make_room(self);
  *run = (network_run){.shape = shape, .last_use = ++self->clock};
  if (allocate(self, run, failure)) return run;
  delete_run(self->lite, run);
  *run = self->runs[--self->run_count];
  return NULL;
}

void *network_input(const network *self, const network_run *run) {
  return self->lite->InterpreterGetInputTensor(run->interpreter, 0);
}

const void *network_output(const network *self, const network_run *run, int32_t index) {
  return self->lite->InterpreterGetOutputTensor(run->interpreter, index);
}

bool network_invoke(network *self, network_run *run, failure *failure) {
  self->log[0] = 0;
  const uint64_t start = self->recording != NULL ? recording_clock() : 0;
  const bool done = self->lite->InterpreterInvoke(run->interpreter) == 0;
  recording_add(self->recording, self->number, start);
  if (done) return true;
  return fail(failure, FAILURE_MODEL, "model %s fails: %s", self->name,
              self->log[0] != 0 ? self->log : "the runtime does not say why");
}

void network_close(network *self) {
  for (int32_t i = 0; i < self->run_count; ++i) delete_run(self->lite, &self->runs[i]);
  if (self->model != NULL) self->lite->ModelDelete(self->model);
  if (self->delegate != NULL) tflite_plugin_destroy_delegate(self->delegate); /* after its interpreters */
  free(self->content);
  *self = (network){0};
}
