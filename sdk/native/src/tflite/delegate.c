/* The external delegate: claims the nodes of a graph that are ours and runs each connected set of them as one kernel.
 *
 * An addition of a convolution's result to something else, as residual networks have it, is claimed as well and becomes
 * part of the convolution: the sum is written at once, instead of being read and written once more.
 *
 * Tensors between two nodes of one set get no memory from the runtime, so the set owns it ("inner" tensors). Everything
 * read from the model is checked before use; what is wrong is reported in one line through the runtime.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/path.h"
#include "tflite/buffers.h"
#include "tflite/node.h"
#include "tflite/profile.h"

#define EXPORT __attribute__((visibility("default")))

typedef struct plugin {
  TfLiteDelegate delegate; /* first: the runtime sees a pointer to it */
  const facesdk_path *path;
  int32_t zero_padding; /* facesdk_zero_padding */
} plugin;

/* The result of an operator, if only other operators of the partition read it. */
typedef struct inner_tensor {
  int index;       /* -1: it leaves the partition, and the runtime has its memory */
  size_t last_use; /* the operator that reads it last; its own if none does */
  bool written;    /* by an operator already prepared */
  tensor_shape shape;
  size_t bytes;
  size_t buffer;
} inner_tensor;

/* A set of nodes that the runtime runs as one. */
typedef struct partition {
  const plugin *plugin;
  uint32_t number; /* for profiles */
  size_t op_count;
  op_node *ops;
  inner_tensor *inner; /* of each operator's result */
  buffers buffers;
} partition;

static TfLiteStatus report(TfLiteContext *context, const op_node *op, const facesdk_error *error) {
  context->ReportError(context, "facesdk operators: %s (node %d): %s", op_name(op), op->node_index, error->message);
  return kTfLiteError;
}

static TfLiteStatus report_text(TfLiteContext *context, const char *text) {
  context->ReportError(context, "facesdk operators: %s", text);
  return kTfLiteError;
}

/* ---- a partition's life: init, prepare, invoke, free ---- */

static bool contains(const TfLiteIntArray *array, int value) {
  for (int i = 0; i < array->size; ++i) {
    if (array->data[i] == value) return true;
  }
  return false;
}

static void partition_destroy(partition *self) {
  if (self == NULL) return;
  for (size_t i = 0; i < self->op_count; ++i) {
    if (self->ops != NULL) op_release(&self->ops[i]);
  }
  free(self->ops);
  free(self->inner);
  buffers_release(&self->buffers);
  free(self);
}

static void kernel_free(TfLiteContext *context, void *self) {
  (void)context;
  partition_destroy(self);
}

static TfLiteStatus partition_read(partition *self, TfLiteContext *context, const TfLiteDelegateParams *params) {
  for (size_t i = 0; i < self->op_count; ++i) {
    const int node_index = params->nodes_to_replace->data[i];
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, node_index, &node, &registration) != kTfLiteOk) return kTfLiteError;
    facesdk_error error;
    op_node *op = &self->ops[i];
    if (op_read(op, op_kind_of(registration), context, node_index, node, &error) != FACESDK_OK) {
      return report(context, op, &error);
    }
    for (size_t j = 0; j < i; ++j) {
      if (self->ops[j].output == op->output) return report_text(context, "two nodes write the same tensor");
    }
    self->inner[i].index = contains(params->output_tensors, op->output) ? -1 : op->output;
  }
  return kTfLiteOk;
}

static bool reads(const op_node *op, int index) { return op->inputs[0] == index || op->residual == index; }

/* The operator of a sum's inputs that can take the sum in: one whose result nothing else reads. op_count if none. */
static size_t find_fusable(const partition *self, size_t add) {
  for (size_t i = 0; i < add; ++i) {
    const int result = self->inner[i].index;
    if (result < 0 || !reads(&self->ops[add], result)) continue;
    size_t readers = 0;
    for (size_t j = 0; j < self->op_count; ++j) readers += reads(&self->ops[j], result);
    if (readers == 1 && op_fuse_add(&self->ops[add], &self->ops[i])) return i;
  }
  return self->op_count;
}

static void fuse_sums(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    if (!op_is_add(self->ops[i].kind)) continue;
    const size_t fused = find_fusable(self, i);
    if (fused == self->op_count) continue;
    const size_t after = self->op_count - fused - 1;
    memmove(&self->ops[fused], &self->ops[fused + 1], after * sizeof *self->ops);
    memmove(&self->inner[fused], &self->inner[fused + 1], after * sizeof *self->inner);
    --self->op_count;
    --i;
  }
}

static void find_last_uses(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    self->inner[i].last_use = i;
    for (size_t j = i + 1; j < self->op_count; ++j) {
      if (self->inner[i].index >= 0 && reads(&self->ops[j], self->inner[i].index)) self->inner[i].last_use = j;
    }
  }
}

/* NULL after an error, which it reports; prepare then fails. */
static void *kernel_init(TfLiteContext *context, const char *params_bytes, size_t length) {
  (void)length;
  const TfLiteDelegateParams *params = (const TfLiteDelegateParams *)(const void *)params_bytes;
  const size_t count = (size_t)params->nodes_to_replace->size;
  partition *self = calloc(1, sizeof *self);
  if (self != NULL) {
    *self = (partition){.plugin = params->delegate->data_,
                        .number = profile_new_partition(),
                        .op_count = count,
                        .ops = calloc(count, sizeof *self->ops),
                        .inner = calloc(count, sizeof *self->inner)};
  }
  if (self == NULL || self->ops == NULL || self->inner == NULL || !buffers_init(&self->buffers, count)) {
    report_text(context, "out of memory");
  } else if (partition_read(self, context, params) == kTfLiteOk) {
    fuse_sums(self);
    find_last_uses(self);
    return self;
  }
  partition_destroy(self);
  return NULL;
}

static inner_tensor *find_inner(const partition *self, int index) {
  if (index < 0) return NULL;
  for (size_t i = 0; i < self->op_count; ++i) {
    if (self->inner[i].index == index) return &self->inner[i];
  }
  return NULL;
}

static TfLiteStatus shape_of(const partition *self, TfLiteContext *context, int index, tensor_shape *result) {
  const inner_tensor *inner = find_inner(self, index);
  if (inner != NULL) {
    *result = inner->shape;
    return inner->written ? kTfLiteOk : report_text(context, "a node reads a tensor before it is written");
  }
  if (shape_from_dims(result, context->tensors[index].dims)) return kTfLiteOk;
  return report_text(context, "an input tensor must have 1 to 8 dimensions");
}

static TfLiteStatus resize(TfLiteContext *context, int index, const tensor_shape *shape) {
  TfLiteIntArray *dims = malloc(sizeof *dims + (size_t)shape->rank * sizeof dims->data[0]);
  if (dims == NULL) return report_text(context, "out of memory");
  dims->size = shape->rank;
  for (int i = 0; i < shape->rank; ++i) dims->data[i] = shape->dims[i];
  return context->ResizeTensor(context, &context->tensors[index], dims);
}

/* Finds a buffer for the result of operator i, after all before it. A sum may be written over what was added. */
static void plan_buffer(partition *self, size_t i) {
  inner_tensor *result = &self->inner[i];
  inner_tensor *residual = find_inner(self, self->ops[i].residual);
  const bool in_place = result->index >= 0 && residual != NULL && residual->last_use == i &&
                        residual->bytes == result->bytes;
  if (in_place) {
    result->buffer = residual->buffer;
  } else if (result->index >= 0) {
    result->buffer = buffers_take(&self->buffers, result->bytes);
  }
  for (size_t j = 0; j <= i; ++j) {
    inner_tensor *done = &self->inner[j];
    if (done->index >= 0 && done->last_use == i && !(in_place && done == residual)) {
      buffers_give(&self->buffers, done->buffer);
    }
  }
}

static TfLiteStatus prepare_op(partition *self, TfLiteContext *context, size_t i) {
  op_node *op = &self->ops[i];
  tensor_shape input, output, residual;
  if (shape_of(self, context, op->inputs[0], &input) != kTfLiteOk) return kTfLiteError;
  facesdk_error error;
  if (op_prepare(op, self->plugin->path, self->plugin->zero_padding, context, &input, &output, &error) != FACESDK_OK) {
    return report(context, op, &error);
  }
  if (op->residual >= 0) {
    if (shape_of(self, context, op->residual, &residual) != kTfLiteOk) return kTfLiteError;
    if (!shapes_equal(&residual, &output)) return report_text(context, "a sum needs tensors of one shape");
  }
  inner_tensor *inner = &self->inner[i];
  /* Tensors inside the partition have no memory of the runtime's, but shapes: tflite-runtime makes the partitions anew
   * when an input is resized, and op_can_add() must find the same sums as before. */
  if (op->summand >= 0 && resize(context, op->summand, &output) != kTfLiteOk) return kTfLiteError;
  if (resize(context, op->output, &output) != kTfLiteOk) return kTfLiteError;
  if (inner->index < 0) return kTfLiteOk;
  inner->shape = output;
  inner->bytes = op->output_bytes;
  inner->written = true;
  return kTfLiteOk;
}

static TfLiteStatus kernel_prepare(TfLiteContext *context, TfLiteNode *node) {
  partition *self = node->user_data;
  if (self == NULL) return kTfLiteError; /* kernel_init said why */
  for (size_t i = 0; i < self->op_count; ++i) self->inner[i].written = false;
  buffers_reset(&self->buffers);
  for (size_t i = 0; i < self->op_count; ++i) {
    if (prepare_op(self, context, i) != kTfLiteOk) return kTfLiteError;
    plan_buffer(self, i);
  }
  return buffers_allocate(&self->buffers) ? kTfLiteOk : report_text(context, "out of memory");
}

/* Memory of a tensor; NULL if the runtime's tensor does not have the size that was prepared for. */
static void *memory_of(const partition *self, const TfLiteContext *context, int index, size_t bytes) {
  const inner_tensor *inner = find_inner(self, index);
  if (inner != NULL) return inner->bytes == bytes ? self->buffers.all[inner->buffer].memory : NULL;
  const TfLiteTensor *tensor = &context->tensors[index];
  return tensor->bytes == bytes ? tensor->data : NULL;
}

static void record(const partition *self, const op_node *op, uint64_t start) {
  facesdk_profile_event event = {.start_ns = start,
                                 .end_ns = profile_now(),
                                 .partition = self->number,
                                 .node = op->node_index,
                                 .path = facesdk_path_index(self->plugin->path),
                                 .within = -1};
  profile_record(&event);
  if (op->added_node < 0) return;
  event.start_ns = event.end_ns;
  event.node = op->added_node;
  event.within = op->node_index;
  profile_record(&event);
}

static TfLiteStatus kernel_invoke(TfLiteContext *context, TfLiteNode *node) {
  partition *self = node->user_data;
  const bool profiled = profile_is_on();
  for (size_t i = 0; i < self->op_count; ++i) {
    op_node *op = &self->ops[i];
    if (op->output_bytes == 0) continue;
    const void *input = memory_of(self, context, op->inputs[0], op->input_bytes);
    const bool adds = op->residual >= 0;
    const void *residual = adds ? memory_of(self, context, op->residual, op->output_bytes) : NULL;
    void *output = memory_of(self, context, op->output, op->output_bytes);
    facesdk_error error;
    if (input == NULL || output == NULL || (adds && residual == NULL)) {
      return report_text(context, "a tensor changed its size after allocate_tensors()");
    }
    const uint64_t start = profiled ? profile_now() : 0;
    if (op_run(op, self->plugin->path, context, input, residual, output, &error) != FACESDK_OK) {
      return report(context, op, &error);
    }
    if (profiled) record(self, op, start);
  }
  return kTfLiteOk;
}

/* ---- claiming nodes ---- */

/* As the runtimes register a custom operator that they do not have. */
static bool is_unresolved(const TfLiteRegistration *registration) {
  return registration->builtin_code == kTfLiteBuiltinCustom && registration->custom_name != NULL &&
         registration->init == NULL && registration->prepare == NULL && registration->free == NULL;
}

/* No error here, since another delegate may claim the operator. If none does, the runtimes' error, which names no
 * remedy, follows this text. */
static void advise(TfLiteContext *context, const char *custom_name, int node_index) {
  const bool of_lce = strncmp(custom_name, "Lce", 3) == 0;
  context->ReportError(context, "facesdk operators: the model also needs the custom operator %.64s (node %d): %s. ",
                       custom_name, node_index,
                       of_lce ? "LCE 0.16 has no such operator; convert the network again with that version"
                              : "give the interpreter a delegate that has it, or convert the network without it");
}

/* The nodes of the plan that read a tensor. */
static int count_readers(TfLiteContext *context, const TfLiteIntArray *plan, int index) {
  int readers = 0;
  for (int i = 0; i < plan->size; ++i) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) != kTfLiteOk) continue;
    readers += node->inputs != NULL && contains(node->inputs, index);
  }
  return readers;
}

/* Whether an ADD sums up what a claimed convolution computes for it alone. */
static bool takes_convolution(TfLiteContext *context, const TfLiteIntArray *plan, const TfLiteIntArray *claimed,
                              const TfLiteNode *add) {
  if (!op_can_add(context, add)) return false;
  for (int i = 0; i < claimed->size; ++i) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, claimed->data[i], &node, &registration) != kTfLiteOk) continue;
    const int result = node->outputs->data[0];
    if (op_is_convolution(op_kind_of(registration)) && contains(add->inputs, result) &&
        count_readers(context, plan, result) == 1) {
      return true;
    }
  }
  return false;
}

/* Fills `claimed` (room for the whole plan) with the nodes that are ours, after checking each. */
static TfLiteStatus collect(TfLiteContext *context, const TfLiteIntArray *plan, TfLiteIntArray *claimed) {
  claimed->size = 0;
  bool advised = false;
  for (int i = 0; i < plan->size; ++i) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) != kTfLiteOk) {
      return kTfLiteError;
    }
    const op_kind *kind = op_kind_of(registration);
    if (kind == NULL) {
      if (is_unresolved(registration) && !advised) {
        advise(context, registration->custom_name, plan->data[i]);
        advised = true;
      }
      continue;
    }
    if (op_is_add(kind) && !takes_convolution(context, plan, claimed, node)) continue;
    op_node op;
    facesdk_error error;
    if (op_read(&op, kind, context, plan->data[i], node, &error) != FACESDK_OK) return report(context, &op, &error);
    claimed->data[claimed->size++] = plan->data[i];
  }
  return kTfLiteOk;
}

static TfLiteStatus delegate_prepare(TfLiteContext *context, TfLiteDelegate *delegate) {
  TfLiteIntArray *runtime_plan;
  if (context->GetExecutionPlan(context, &runtime_plan) != kTfLiteOk) return kTfLiteError;
  /* The runtime may reuse the plan's memory in any later call. */
  const size_t bytes = sizeof(TfLiteIntArray) + (size_t)runtime_plan->size * sizeof(int);
  TfLiteIntArray *plan = malloc(bytes), *claimed = malloc(bytes);
  TfLiteStatus status = kTfLiteError;
  if (plan == NULL || claimed == NULL) {
    report_text(context, "out of memory");
  } else {
    memcpy(plan, runtime_plan, bytes);
    status = collect(context, plan, claimed);
    if (status == kTfLiteOk && claimed->size > 0) {
      const TfLiteRegistration registration = {
          .init = kernel_init,
          .free = kernel_free,
          .prepare = kernel_prepare,
          .invoke = kernel_invoke,
          .custom_name = "FacesdkOperators",
          .version = 1,
      };
      status = context->ReplaceNodeSubsetsWithDelegateKernels(context, registration, claimed, delegate);
    }
  }
  free(plan);
  free(claimed);
  return status;
}

/* ---- entry points ---- */

typedef void (*error_callback)(const char *);

__attribute__((format(printf, 2, 3))) static void tell(error_callback report_error, const char *format, ...) {
  if (report_error == NULL) return;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  report_error(line);
}

static bool read_plugin_option(plugin *self, const char *key, const char *value, error_callback report_error) {
  if (key == NULL || value == NULL || strcmp(key, "zero_padding") != 0) {
    tell(report_error, "facesdk operators: unknown delegate option '%.64s'; the only one is zero_padding",
         key != NULL ? key : "(null)");
    return false;
  }
  if (strcmp(value, "optimized") == 0) {
    self->zero_padding = FACESDK_ZERO_PADDING_OPTIMIZED;
  } else if (strcmp(value, "reference") == 0) {
    self->zero_padding = FACESDK_ZERO_PADDING_REFERENCE;
  } else {
    tell(report_error, "facesdk operators: zero_padding must be 'optimized' or 'reference', but got '%.64s'", value);
    return false;
  }
  return true;
}

EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate);
EXPORT TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                                     error_callback report_error);

void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) {
  if (delegate != NULL) free(delegate->data_);
}

TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                              error_callback report_error) {
  plugin *self = calloc(1, sizeof *self);
  if (self == NULL) {
    tell(report_error, "facesdk operators: out of memory");
    return NULL;
  }
  self->delegate = (TfLiteDelegate){
      .data_ = self, .Prepare = delegate_prepare, .flags = kTfLiteDelegateFlagsAllowDynamicTensors};
  facesdk_error error;
  bool usable = facesdk_ops_default(&self->path, &error) == FACESDK_OK;
  if (!usable) tell(report_error, "facesdk operators: %s", error.message);
  for (size_t i = 0; i < count && usable; ++i) usable = read_plugin_option(self, keys[i], values[i], report_error);
  if (!usable) {
    free(self);
    return NULL;
  }
  return &self->delegate;
}
