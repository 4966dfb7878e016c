/* The external delegate: claims the nodes of a graph that are ours and runs each connected set of them as one kernel.
 *
 * Operators of the runtime are claimed as well where that saves reading and writing a tensor once more. An addition of a
 * convolution's result to something else, as residual networks have it, becomes part of the convolution. Batch
 * normalisation, which is a MUL and an ADD by channel, and activations become a chain with each other and with an
 * LceQuantize that reads their result.
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

enum { MAIN = 0, SIDE = 1, RESULTS = 2 }; /* what an operator writes */

/* What an operator writes, if only other operators of the partition read it. */
typedef struct inner_tensor {
  int index;       /* -1: there is none, or it leaves the partition, and the runtime has its memory */
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
  inner_tensor (*inner)[RESULTS]; /* of each operator */
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
    if (op_read(op, op_kind_of(context, node, registration), context, node_index, node, &error) != FACESDK_OK) {
      return report(context, op, &error);
    }
    for (size_t j = 0; j < i; ++j) {
      if (self->ops[j].output == op->output) return report_text(context, "two nodes write the same tensor");
    }
    self->inner[i][MAIN].index = contains(params->output_tensors, op->output) ? -1 : op->output;
    self->inner[i][SIDE].index = -1;
  }
  return kTfLiteOk;
}

static bool reads(const op_node *op, int index) { return op->inputs[0] == index || op->residual == index; }

static size_t count_reading(const partition *self, int index) {
  size_t readers = 0;
  for (size_t i = 0; i < self->op_count; ++i) readers += reads(&self->ops[i], index);
  return readers;
}

static void remove_op(partition *self, size_t i) {
  const size_t after = --self->op_count - i;
  memmove(&self->ops[i], &self->ops[i + 1], after * sizeof *self->ops);
  memmove(&self->inner[i], &self->inner[i + 1], after * sizeof *self->inner);
}

/* The operator of a sum's inputs that can take the sum in: one whose result nothing else reads. op_count if none. */
static size_t find_fusable(const partition *self, size_t add) {
  for (size_t i = 0; i < add; ++i) {
    const int result = self->inner[i][MAIN].index;
    if (result < 0 || !reads(&self->ops[add], result)) continue;
    if (count_reading(self, result) == 1 && op_fuse_add(&self->ops[add], &self->ops[i])) return i;
  }
  return self->op_count;
}

static void fuse_sums(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    if (!op_is_add(self->ops[i].kind)) continue;
    const size_t fused = find_fusable(self, i);
    if (fused == self->op_count) continue;
    remove_op(self, fused);
    --i;
  }
}

/* Makes the operator and the first after it that goes on with its result into one; false if there is none. It runs where
 * the first of them stood, since the other reads nothing else that is computed. */
static bool fuse_next(partition *self, size_t i) {
  const int result = self->ops[i].output;
  const bool leaves = self->inner[i][MAIN].index < 0;
  const bool keep = leaves || count_reading(self, result) > 1;
  for (size_t j = i + 1; j < self->op_count; ++j) {
    if (!op_fuse_chain(&self->ops[i], &self->ops[j], keep)) continue;
    if (keep) self->inner[i][SIDE].index = self->inner[i][MAIN].index;
    if (self->inner[j][SIDE].index >= 0) self->inner[i][SIDE].index = self->inner[j][SIDE].index;
    self->inner[i][MAIN].index = self->inner[j][MAIN].index;
    remove_op(self, j);
    return true;
  }
  return false;
}

static void fuse_chains(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    while (op_is_chain(self->ops[i].kind) && fuse_next(self, i)) continue;
  }
  for (size_t i = 0; i < self->op_count; ++i) {
    while (op_starts_chain(&self->ops[i]) && fuse_next(self, i)) continue;
  }
}

static void find_last_uses(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    for (size_t r = 0; r < RESULTS; ++r) {
      inner_tensor *inner = &self->inner[i][r];
      inner->last_use = i;
      for (size_t j = i + 1; j < self->op_count; ++j) {
        if (inner->index >= 0 && reads(&self->ops[j], inner->index)) inner->last_use = j;
      }
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
  if (self == NULL || self->ops == NULL || self->inner == NULL || !buffers_init(&self->buffers, RESULTS * count)) {
    report_text(context, "out of memory");
  } else if (partition_read(self, context, params) == kTfLiteOk) {
    fuse_sums(self);
    fuse_chains(self);
    find_last_uses(self);
    return self;
  }
  partition_destroy(self);
  return NULL;
}

static inner_tensor *find_inner(const partition *self, int index) {
  if (index < 0) return NULL;
  for (size_t i = 0; i < self->op_count; ++i) {
    for (size_t r = 0; r < RESULTS; ++r) {
      if (self->inner[i][r].index == index) return &self->inner[i][r];
    }
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

/* What operator i may write a result of as many bytes over, since nothing reads it later: what a sum adds, or the input of
 * a chain. NULL if there is nothing. */
static inner_tensor *find_overwritable(const partition *self, size_t i, size_t bytes) {
  const op_node *op = &self->ops[i];
  inner_tensor *old = find_inner(self, op_is_chain(op->kind) ? op->inputs[0] : op->residual);
  return old != NULL && old->last_use == i && old->bytes == bytes ? old : NULL;
}

/* Finds buffers for the results of operator i, after all before it. */
static void plan_buffers(partition *self, size_t i) {
  inner_tensor *overwritten = NULL;
  for (size_t r = RESULTS; r-- > 0;) {
    inner_tensor *result = &self->inner[i][r];
    if (result->index < 0) continue;
    inner_tensor *old = overwritten == NULL ? find_overwritable(self, i, result->bytes) : NULL;
    if (old != NULL) overwritten = old;
    result->buffer = old != NULL ? old->buffer : buffers_take(&self->buffers, result->bytes);
  }
  for (size_t j = 0; j <= i; ++j) {
    for (size_t r = 0; r < RESULTS; ++r) {
      inner_tensor *done = &self->inner[j][r];
      if (done->index >= 0 && done->last_use == i && done != overwritten) buffers_give(&self->buffers, done->buffer);
    }
  }
}

static void note_written(inner_tensor *inner, const tensor_shape *shape, size_t bytes) {
  if (inner->index < 0) return;
  inner->shape = *shape;
  inner->bytes = bytes;
  inner->written = true;
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
    if (!shapes_equal(&residual, &op->values)) return report_text(context, "a sum needs tensors of one shape");
  }
  /* Tensors inside the partition have no memory of the runtime's, but shapes: tflite-runtime makes the partitions anew
   * when an input is resized, and op_kind_of() must find the same operators as before. */
  for (size_t n = 0; n < op->fused_count; ++n) {
    if (op->hidden[n] >= 0 && resize(context, op->hidden[n], &op->values) != kTfLiteOk) return kTfLiteError;
  }
  if (op->side >= 0 && resize(context, op->side, &op->values) != kTfLiteOk) return kTfLiteError;
  if (resize(context, op->output, &output) != kTfLiteOk) return kTfLiteError;
  note_written(&self->inner[i][MAIN], &output, op->output_bytes);
  note_written(&self->inner[i][SIDE], &op->values, op->values_bytes);
  return kTfLiteOk;
}

static TfLiteStatus kernel_prepare(TfLiteContext *context, TfLiteNode *node) {
  partition *self = node->user_data;
  if (self == NULL) return kTfLiteError; /* kernel_init said why */
  for (size_t i = 0; i < self->op_count; ++i) self->inner[i][MAIN].written = self->inner[i][SIDE].written = false;
  buffers_reset(&self->buffers);
  for (size_t i = 0; i < self->op_count; ++i) {
    if (prepare_op(self, context, i) != kTfLiteOk) return kTfLiteError;
    plan_buffers(self, i);
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
  event.start_ns = event.end_ns;
  event.within = op->node_index;
  for (size_t i = 0; i < op->fused_count; ++i) {
    event.node = op->fused[i];
    profile_record(&event);
  }
}

static TfLiteStatus kernel_invoke(TfLiteContext *context, TfLiteNode *node) {
  partition *self = node->user_data;
  const bool profiled = profile_is_on();
  for (size_t i = 0; i < self->op_count; ++i) {
    op_node *op = &self->ops[i];
    if (op->output_bytes == 0) continue;
    const bool adds = op->residual >= 0, has_side = op->side >= 0;
    const op_memory memory = {
        .input = memory_of(self, context, op->inputs[0], op->input_bytes),
        .residual = adds ? memory_of(self, context, op->residual, op->values_bytes) : NULL,
        .output = memory_of(self, context, op->output, op->output_bytes),
        .side = has_side ? memory_of(self, context, op->side, op->values_bytes) : NULL,
    };
    facesdk_error error;
    if (memory.input == NULL || memory.output == NULL || (adds && memory.residual == NULL) ||
        (has_side && memory.side == NULL)) {
      return report_text(context, "a tensor changed its size after allocate_tensors()");
    }
    const uint64_t start = profiled ? profile_now() : 0;
    if (op_run(op, self->plugin->path, context, &memory, &error) != FACESDK_OK) {
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

/* The nodes of a graph, in the order in which the runtime runs them, and which of them are claimed. */
typedef struct claims {
  TfLiteContext *context;
  const TfLiteIntArray *plan;
  bool *ours; /* by place in the plan */
} claims;

/* A node, and how it is registered; `node` is NULL if the runtime does not give it. */
typedef struct planned_node {
  const TfLiteNode *node;
  const TfLiteRegistration *registration;
} planned_node;

static planned_node node_at(const claims *self, int place) {
  TfLiteNode *node;
  TfLiteRegistration *registration;
  const int index = self->plan->data[place];
  if (self->context->GetNodeAndRegistration(self->context, index, &node, &registration) != kTfLiteOk) {
    return (planned_node){NULL, NULL};
  }
  return (planned_node){node, registration};
}

static const op_kind *kind_of(const claims *self, planned_node planned) {
  return op_kind_of(self->context, planned.node, planned.registration);
}

/* How many nodes of the plan read a tensor, all of them or those that are claimed. */
static int count_readers(const claims *self, int index, bool claimed_only) {
  int readers = 0;
  for (int i = 0; i < self->plan->size; ++i) {
    const TfLiteNode *node = claimed_only && !self->ours[i] ? NULL : node_at(self, i).node;
    readers += node != NULL && node->inputs != NULL && contains(node->inputs, index);
  }
  return readers;
}

/* Whether a node reads what a claimed one before it writes; with `alone`, what a convolution writes for this node only. */
static bool follows(const claims *self, int place, const TfLiteNode *reader, bool alone) {
  for (int i = 0; i < place; ++i) {
    if (!self->ours[i]) continue;
    const planned_node writer = node_at(self, i);
    const int result = writer.node->outputs->data[0];
    if (!contains(reader->inputs, result)) continue;
    if (!alone || (op_is_convolution(kind_of(self, writer)) && count_readers(self, result, false) == 1)) return true;
  }
  return false;
}

/* Claims a node, after checking it. */
static TfLiteStatus claim(claims *self, int place, const TfLiteNode *node, const op_kind *kind) {
  op_node op;
  facesdk_error error;
  self->ours[place] = true;
  if (op_read(&op, kind, self->context, self->plan->data[place], node, &error) == FACESDK_OK) return kTfLiteOk;
  return report(self->context, &op, &error);
}

/* Claims operators of ours, and those of the runtime that read what these write. */
static TfLiteStatus claim_forward(claims *self) {
  bool advised = false;
  for (int i = 0; i < self->plan->size; ++i) {
    const planned_node planned = node_at(self, i);
    if (planned.node == NULL) return kTfLiteError;
    const op_kind *kind = kind_of(self, planned);
    if (kind == NULL) {
      if (is_unresolved(planned.registration) && !advised) {
        advise(self->context, planned.registration->custom_name, self->plan->data[i]);
        advised = true;
      }
      continue;
    }
    const bool of_the_runtime = op_is_add(kind) || op_is_chain(kind);
    if (of_the_runtime && !follows(self, i, planned.node, op_is_add(kind))) continue;
    if (claim(self, i, planned.node, kind) != kTfLiteOk) return kTfLiteError;
  }
  return kTfLiteOk;
}

/* Claims operators of the runtime whose result only claimed ones read. */
static TfLiteStatus claim_backward(claims *self) {
  for (int i = self->plan->size; i-- > 0;) {
    if (self->ours[i]) continue;
    const planned_node planned = node_at(self, i);
    const op_kind *kind = planned.node != NULL ? kind_of(self, planned) : NULL;
    if (kind == NULL || !op_is_chain(kind)) continue;
    const int result = planned.node->outputs->data[0], readers = count_readers(self, result, true);
    if (readers == 0 || readers < count_readers(self, result, false)) continue;
    if (claim(self, i, planned.node, kind) != kTfLiteOk) return kTfLiteError;
  }
  return kTfLiteOk;
}

/* Fills `claimed` (room for the whole plan) with the nodes that are ours, after checking each. */
static TfLiteStatus collect(TfLiteContext *context, const TfLiteIntArray *plan, TfLiteIntArray *claimed) {
  claims self = {context, plan, calloc((size_t)plan->size + 1, sizeof *self.ours)};
  claimed->size = 0;
  if (self.ours == NULL) return report_text(context, "out of memory");
  TfLiteStatus status = claim_forward(&self);
  if (status == kTfLiteOk) status = claim_backward(&self);
  for (int i = 0; i < plan->size; ++i) {
    if (self.ours[i]) claimed->data[claimed->size++] = plan->data[i];
  }
  free(self.ours);
  return status;
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
