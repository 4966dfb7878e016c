#include "tflite/partition.h"

#include <stdlib.h>

#include "tflite/node.h"
#include "tflite/profile.h"
#include "tflite/report.h"

/* ---- init, free ---- */

static void destroy(partition *self) {
  if (self == NULL) return;
  for (size_t i = 0; i < self->op_count; ++i) {
    if (self->ops != NULL) op_release(&self->ops[i]);
  }
  free(self->ops);
  free(self->results);
  free(self->operands);
  buffers_release(&self->buffers);
  free(self);
}

static void kernel_free(TfLiteContext *context, void *self) {
  (void)context;
  destroy(self);
}

static TfLiteStatus read_nodes(partition *self, TfLiteContext *context, const TfLiteDelegateParams *params) {
  for (size_t i = 0; i < self->op_count; ++i) {
    const int node_index = params->nodes_to_replace->data[i];
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, node_index, &node, &registration) != kTfLiteOk) return kTfLiteError;
    facesdk_error error;
    op_node *op = &self->ops[i];
    if (op_read(op, op_kind_of(context, node, registration), context, node_index, node, &error) != FACESDK_OK) {
      return report_operator(context, op, &error);
    }
    for (size_t j = 0; j < i; ++j) {
      if (self->ops[j].output == op->output) return report(context, "two nodes write the same tensor");
    }
    const bool leaves = int_array_contains(params->output_tensors, op->output);
    self->results[i][MAIN] = (result){.index = op->output, .leaves = leaves};
    self->results[i][SIDE] = (result){.index = -1};
  }
  return kTfLiteOk;
}

static void find_last_uses(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    for (size_t r = 0; r < RESULTS; ++r) {
      result *one = &self->results[i][r];
      one->last_use = i;
      for (size_t j = i + 1; j < self->op_count; ++j) {
        if (one->index >= 0 && op_reads(&self->ops[j], one->index)) one->last_use = j;
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
                        .results = calloc(count, sizeof *self->results),
                        .operands = calloc(count, sizeof *self->operands)};
  }
  if (self == NULL || self->ops == NULL || self->results == NULL || self->operands == NULL ||
      !buffers_init(&self->buffers, RESULTS * count)) {
    report(context, "out of memory");
  } else if (read_nodes(self, context, params) == kTfLiteOk) {
    partition_fuse(self, context);
    find_last_uses(self);
    return self;
  }
  destroy(self);
  return NULL;
}

/* ---- prepare ---- */

static TfLiteStatus shape_of(const partition *self, TfLiteContext *context, int index, tensor_shape *shape) {
  const result *written = partition_result(self, index);
  if (written != NULL) {
    *shape = written->shape;
    return written->written ? kTfLiteOk : report(context, "a node reads a tensor before it is written");
  }
  if (shape_from_dims(shape, context->tensors[index].dims)) return kTfLiteOk;
  return report(context, "an input tensor must have 1 to 8 dimensions");
}

static TfLiteStatus resize(TfLiteContext *context, int index, const tensor_shape *shape) {
  TfLiteIntArray *dims = malloc(sizeof *dims + (size_t)shape->rank * sizeof dims->data[0]);
  if (dims == NULL) return report(context, "out of memory");
  dims->size = shape->rank;
  for (int i = 0; i < shape->rank; ++i) dims->data[i] = shape->dims[i];
  return context->ResizeTensor(context, &context->tensors[index], dims);
}

/* Gives a tensor that nobody writes the rows of `values`, with its own channels. */
static TfLiteStatus resize_hidden(TfLiteContext *context, int index, const tensor_shape *values) {
  tensor_shape shape;
  if (!shape_from_dims(&shape, context->tensors[index].dims) || shape.rank != values->rank) shape = *values;
  const int32_t channels = channels_of(&shape);
  shape = *values;
  shape.dims[shape.rank - 1] = channels;
  return resize(context, index, &shape);
}

static void note_written(result *one, const tensor_shape *shape, size_t bytes) {
  if (one->index < 0) return;
  one->shape = *shape;
  one->bytes = bytes;
  one->written = true;
}

static TfLiteStatus prepare_op(partition *self, TfLiteContext *context, size_t i) {
  op_node *op = &self->ops[i];
  tensor_shape inputs[OPERATOR_MAX_INPUTS], output, residual;
  for (size_t n = 0; n < op->computed; ++n) {
    if (shape_of(self, context, op->inputs[n], &inputs[n]) != kTfLiteOk) return kTfLiteError;
  }
  facesdk_error error;
  const plugin *options = self->plugin;
  if (op_prepare(op, options->path, options->zero_padding, context, inputs, &output, &error) != FACESDK_OK) {
    return report_operator(context, op, &error);
  }
  if (op->residual >= 0) {
    if (shape_of(self, context, op->residual, &residual) != kTfLiteOk) return kTfLiteError;
    const tensor_shape *sum = op->padded ? &output : &op->values;
    if (!shapes_equal(&residual, sum)) return report(context, "a sum needs tensors of one shape");
  }
  /* Tensors inside the partition have no memory of the runtime's, but shapes: tflite-runtime makes the partitions anew
   * when an input is resized, and op_kind_of() must find the same operators as before. */
  for (size_t n = 0; n < op->fused_count; ++n) {
    if (op->hidden[n] >= 0 && resize_hidden(context, op->hidden[n], &op->values) != kTfLiteOk) return kTfLiteError;
  }
  if (op->side >= 0 && resize(context, op->side, &op->values) != kTfLiteOk) return kTfLiteError;
  if (resize(context, op->output, &output) != kTfLiteOk) return kTfLiteError;
  note_written(&self->results[i][MAIN], &output, op->output_bytes);
  note_written(&self->results[i][SIDE], &op->values, op->values_bytes);
  return kTfLiteOk;
}

static TfLiteStatus locate(const partition *self, TfLiteContext *context, int index, operand *found) {
  *found = (operand){.exists = index >= 0, .tensor = index};
  if (index < 0) return kTfLiteOk;
  const result *part = partition_result(self, index);
  if (part == NULL) {
    const TfLiteTensor *tensor = &context->tensors[index];
    tensor_shape shape;
    facesdk_error error;
    if (!shape_from_dims(&shape, tensor->dims) || shape_bytes(&shape, tensor->type, &found->bytes, &error) != FACESDK_OK) {
      return report(context, "an input tensor is too large");
    }
    found->stride = (size_t)channels_of(&shape);
    return kTfLiteOk;
  }
  for (; part->host != NULL; part = part->host) found->offset += (size_t)part->first_channel;
  found->tensor = part->leaves ? part->index : -1;
  found->buffer = part->buffer;
  found->bytes = part->bytes;
  found->stride = (size_t)channels_of(&part->shape);
  return kTfLiteOk;
}

static TfLiteStatus locate_operands(partition *self, TfLiteContext *context, size_t i) {
  const op_node *op = &self->ops[i];
  operands *all = &self->operands[i];
  TfLiteStatus status = locate(self, context, op->residual, &all->residual);
  if (status == kTfLiteOk) status = locate(self, context, op->output, &all->output);
  if (status == kTfLiteOk) status = locate(self, context, op->side, &all->side);
  for (size_t n = 0; n < op->computed && status == kTfLiteOk; ++n) {
    status = locate(self, context, op->inputs[n], &all->inputs[n]);
  }
  return status;
}

static TfLiteStatus kernel_prepare(TfLiteContext *context, TfLiteNode *node) {
  partition *self = node->user_data;
  if (self == NULL) return kTfLiteError; /* kernel_init said why */
  for (size_t i = 0; i < self->op_count; ++i) self->results[i][MAIN].written = self->results[i][SIDE].written = false;
  for (size_t i = 0; i < self->op_count; ++i) {
    if (prepare_op(self, context, i) != kTfLiteOk) return kTfLiteError;
  }
  partition_place(self);
  for (size_t i = 0; i < self->op_count; ++i) {
    if (locate_operands(self, context, i) != kTfLiteOk) return kTfLiteError;
  }
  return buffers_allocate(&self->buffers) ? kTfLiteOk : report(context, "out of memory");
}

/* ---- invoke ---- */

/* Finds an operand's memory; false if the runtime's tensor does not have the size that was prepared for. */
static bool find_memory(const partition *self, const TfLiteContext *context, const operand *place, op_rows *found) {
  *found = (op_rows){NULL, place->stride};
  if (!place->exists) return true;
  char *memory = NULL;
  if (place->tensor < 0) {
    memory = self->buffers.all[place->buffer].memory;
  } else if (context->tensors[place->tensor].bytes == place->bytes) {
    memory = context->tensors[place->tensor].data;
  }
  if (memory == NULL) return false;
  found->first = memory + place->offset * sizeof(float);
  return true;
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
    const operands *places = &self->operands[i];
    if (op->output_bytes == 0) continue;
    op_memory memory;
    bool found = find_memory(self, context, &places->residual, &memory.residual) &&
                 find_memory(self, context, &places->output, &memory.output) &&
                 find_memory(self, context, &places->side, &memory.side);
    for (size_t n = 0; n < op->computed && found; ++n) {
      found = find_memory(self, context, &places->inputs[n], &memory.inputs[n]);
    }
    if (!found) return report(context, "a tensor changed its size after allocate_tensors()");
    const uint64_t start = profiled ? profile_now() : 0;
    facesdk_error error;
    if (op_run(op, self->plugin->path, context, &memory, &error) != FACESDK_OK) {
      return report_operator(context, op, &error);
    }
    if (profiled) record(self, op, start);
  }
  return kTfLiteOk;
}

const TfLiteRegistration partition_registration = {
    .init = kernel_init,
    .free = kernel_free,
    .prepare = kernel_prepare,
    .invoke = kernel_invoke,
    .custom_name = "FacesdkOperators",
    .version = 1,
};
