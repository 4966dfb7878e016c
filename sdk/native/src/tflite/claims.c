/* Claims operators of ours, and operators of the runtime where that saves reading and writing a tensor once more. */
#include "tflite/claims.h"

#include <stdlib.h>
#include <string.h>

#include "tflite/node.h"
#include "tflite/report.h"

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
    readers += node != NULL && node->inputs != NULL && int_array_contains(node->inputs, index);
  }
  return readers;
}

static bool convolves(const op_kind *kind) { return kind == &bconv2d_kind || kind == &pad_kind; }

/* Whether a node reads what a claimed one before it writes; with `alone`, what a convolution, padded or not, writes for this
 * node only. */
static bool follows(const claims *self, int place, const TfLiteNode *reader, bool alone) {
  for (int i = 0; i < place; ++i) {
    if (!self->ours[i]) continue;
    const planned_node writer = node_at(self, i);
    const int result = writer.node->outputs->data[0];
    if (!int_array_contains(reader->inputs, result)) continue;
    if (!alone || (convolves(kind_of(self, writer)) && count_readers(self, result, false) == 1)) return true;
  }
  return false;
}

/* Claims a node, after checking it. */
static TfLiteStatus claim(claims *self, int place, const TfLiteNode *node, const op_kind *kind) {
  op_node op;
  facesdk_error error;
  self->ours[place] = true;
  if (op_read(&op, kind, self->context, self->plan->data[place], node, &error) == FACESDK_OK) return kTfLiteOk;
  return report_operator(self->context, &op, &error);
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
    if (kind->claim == CLAIM_BETWEEN) continue;
    if (kind->claim != CLAIM_ALWAYS && !follows(self, i, planned.node, kind->claim == CLAIM_AFTER_CONVOLUTION)) continue;
    if (claim(self, i, planned.node, kind) != kTfLiteOk) return kTfLiteError;
  }
  return kTfLiteOk;
}

/* Claims operators of the runtime whose result only claimed ones read, where that is enough. */
static TfLiteStatus claim_backward(claims *self) {
  for (int i = self->plan->size; i-- > 0;) {
    if (self->ours[i]) continue;
    const planned_node planned = node_at(self, i);
    const op_kind *kind = planned.node != NULL ? kind_of(self, planned) : NULL;
    const bool between = kind != NULL && kind->claim == CLAIM_BETWEEN && follows(self, i, planned.node, false);
    if (!between && (kind == NULL || kind->claim != CLAIM_BESIDE)) continue;
    const int result = planned.node->outputs->data[0], readers = count_readers(self, result, true);
    if (readers == 0 || readers < count_readers(self, result, false)) continue;
    if (claim(self, i, planned.node, kind) != kTfLiteOk) return kTfLiteError;
  }
  return kTfLiteOk;
}

TfLiteStatus claim_nodes(TfLiteContext *context, const TfLiteIntArray *plan, TfLiteIntArray *claimed) {
  claims self = {context, plan, calloc((size_t)plan->size + 1, sizeof *self.ours)};
  claimed->size = 0;
  if (self.ours == NULL) return report(context, "out of memory");
  TfLiteStatus status = claim_forward(&self);
  if (status == kTfLiteOk) status = claim_backward(&self);
  for (int i = 0; i < plan->size; ++i) {
    if (self.ours[i]) claimed->data[claimed->size++] = plan->data[i];
  }
  free(self.ours);
  return status;
}
