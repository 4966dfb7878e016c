/* Operators of a partition that become one.
 *
 * An addition of a convolution's result to something else, as residual networks have it, becomes part of the convolution,
 * also where it adds to some channels only: as PAD and ADD, or as an ADD to a slice that is concatenated with the other
 * channels. Batch normalisation, which is a MUL and an ADD by channel, and activations become a chain with each other, with
 * the convolution before them and with an LceQuantize that reads their result. */
#include <string.h>

#include "tflite/node.h"
#include "tflite/partition.h"

static bool is_float_convolution(const op_node *op) {
  return op->kind == &bconv2d_kind && op->options.bconv2d.output_type == FACESDK_FLOAT32;
}

static size_t count_readers(const partition *self, int index) {
  size_t readers = 0;
  for (size_t i = 0; i < self->op_count; ++i) readers += op_reads(&self->ops[i], index);
  return readers;
}

static void remove_op(partition *self, size_t i) {
  const size_t after = --self->op_count - i;
  memmove(&self->ops[i], &self->ops[i + 1], after * sizeof *self->ops);
  memmove(&self->results[i], &self->results[i + 1], after * sizeof *self->results);
}

/* Notes that a node became part of `op`, and the tensor between that is not written any more, or -1. */
static void note_fused(op_node *op, int node_index, int hidden) {
  op->fused[op->fused_count] = node_index;
  op->hidden[op->fused_count++] = hidden;
}

/* The operator before `reader` that writes a tensor for it alone; op_count if there is none. */
static size_t find_writer(const partition *self, size_t reader, int index) {
  for (size_t i = 0; i < reader; ++i) {
    const result *main = &self->results[i][MAIN];
    if (main->index == index) return !main->leaves && count_readers(self, index) == 1 ? i : self->op_count;
  }
  return self->op_count;
}

/* ---- sums ---- */

/* A convolution whose result a PAD alone reads goes on to write what the PAD would. */
static void fuse_pads(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    const op_node *pad = &self->ops[i];
    const size_t writer = pad->kind == &pad_kind ? find_writer(self, i, pad->inputs[0]) : self->op_count;
    if (writer == self->op_count || !is_float_convolution(&self->ops[writer]) || self->ops[writer].padded) continue;
    op_node *convolution = &self->ops[writer];
    note_fused(convolution, pad->node_index, convolution->output);
    convolution->padded = true;
    convolution->margins = pad->margins;
    convolution->output = pad->output;
    self->results[writer][MAIN] = self->results[i][MAIN];
    remove_op(self, i--);
  }
}

/* The convolution that can take in a sum of its result; op_count if there is none. */
static size_t find_summand(const partition *self, size_t sum) {
  const op_node *add = &self->ops[sum];
  for (size_t i = 0; i < sum; ++i) {
    const op_node *op = &self->ops[i];
    if (is_float_convolution(op) && op->residual < 0 && (op->output == add->inputs[0]) != (op->output == add->residual) &&
        find_writer(self, sum, op->output) == i) {
      return i;
    }
  }
  return self->op_count;
}

/* `sum` becomes the convolution, which adds something else and writes what `sum` wrote. */
static void take_in(op_node *sum, const op_node *convolution, int residual) {
  const int node = sum->node_index, output = sum->output;
  *sum = *convolution;
  note_fused(sum, node, convolution->output);
  sum->residual = residual;
  sum->output = output;
}

static void fuse_sums(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    op_node *add = &self->ops[i];
    const size_t summand = add->kind == &add_kind ? find_summand(self, i) : self->op_count;
    if (summand == self->op_count) continue;
    const int other = self->ops[summand].output == add->residual ? add->inputs[0] : add->residual;
    take_in(add, &self->ops[summand], other);
    remove_op(self, summand);
    --i;
  }
}

static int32_t channels_of_tensor(const TfLiteContext *context, int index) {
  const TfLiteIntArray *dims = tensor_of(context, index)->dims;
  return dims->data[dims->size - 1];
}

/* Whether two slices of one tensor are all of it, `before` first. */
static bool are_complements(const TfLiteContext *context, const op_node *before, const op_node *after) {
  const int source = before->inputs[0];
  return source == after->inputs[0] && before->margins.before == 0 && after->margins.after == 0 &&
         before->margins.after == channels_of_tensor(context, source) - after->margins.before;
}

/* A concatenation of a slice, and of a convolution that adds the other slice of the same tensor, becomes the convolution,
 * which adds to some channels of the tensor. `place` is that of the convolution among the two. */
static bool fuse_slices(partition *self, const TfLiteContext *context, size_t i, int place) {
  op_node *concatenation = &self->ops[i];
  const size_t sum = find_writer(self, i, concatenation->inputs[place]), none = self->op_count;
  const size_t rest = find_writer(self, i, concatenation->inputs[1 - place]);
  if (sum == none || rest == none || !is_float_convolution(&self->ops[sum]) || self->ops[sum].padded) return false;
  const size_t added = find_writer(self, sum, self->ops[sum].residual);
  if (added == none || self->ops[added].kind != &slice_kind || self->ops[rest].kind != &slice_kind) return false;
  const op_node *slices[] = {&self->ops[place == 1 ? rest : added], &self->ops[place == 1 ? added : rest]};
  if (!are_complements(context, slices[0], slices[1])) return false;

  take_in(concatenation, &self->ops[sum], slices[0]->inputs[0]);
  concatenation->padded = true;
  concatenation->margins = self->ops[added].margins;
  for (size_t s = 0; s < 2; ++s) note_fused(concatenation, slices[s]->node_index, slices[s]->output);
  for (size_t j = i; j-- > 0;) {
    if (j == sum || j == added || j == rest) remove_op(self, j);
  }
  return true;
}

static void fuse_partial_sums(partition *self, const TfLiteContext *context) {
  for (size_t i = 0; i < self->op_count; ++i) {
    const bool pair = self->ops[i].kind == &concatenation_kind && self->ops[i].computed == 2;
    if (pair && (fuse_slices(self, context, i, 0) || fuse_slices(self, context, i, 1))) i -= 3;
  }
}

/* ---- chains ---- */

/* Whether others may become part of it. */
static bool starts_chain(const op_node *op) {
  return op->kind->chains || (is_float_convolution(op) && op->options.bconv2d.groups == 1 && !op->padded);
}

static bool has_ended(const op_chain *chain) {
  return chain->count > 0 && chain->steps[chain->count - 1].kind == FACESDK_STEP_SIGNS;
}

/* Makes an operator that starts a chain and one that reads its result into one, which the first becomes; with `keep` it goes
 * on to write what it wrote before. False if they do not go together. */
static bool append_to_chain(op_node *op, const op_node *next, bool keep) {
  op_chain *chain = &op->chain;
  const bool signs = next->kind == &quantize_kind;
  const size_t steps = signs ? 1 : next->chain.count, sides = (size_t)keep + (op->side >= 0) + (next->side >= 0);
  const bool alone = signs && chain->count == 0; /* signs of a convolution's result: as fast apart */
  if (!starts_chain(op) || alone || has_ended(chain) || !(signs || next->kind->chains) || next->inputs[0] != op->output ||
      sides > 1 || chain->count + keep + steps > CHAIN_MAX_STEPS ||
      op->fused_count + 1 + next->fused_count > CHAIN_MAX_STEPS) {
    return false;
  }
  if (keep) {
    op_chain_append(chain, &(facesdk_step){.kind = FACESDK_STEP_STORE}, -1);
    op->side = op->output;
  }
  if (next->side >= 0) op->side = next->side;
  if (signs) op_chain_append(chain, &(facesdk_step){.kind = FACESDK_STEP_SIGNS}, -1);
  for (size_t i = 0; i < next->chain.count; ++i) op_chain_append(chain, &next->chain.steps[i], next->chain.tensors[i]);
  note_fused(op, next->node_index, keep ? -1 : op->output);
  for (size_t i = 0; i < next->fused_count; ++i) note_fused(op, next->fused[i], next->hidden[i]);
  op->output = next->output;
  return true;
}

/* Makes the operator and the first after it that goes on with its result into one; false if there is none. It runs where
 * the first of them stood, since the other reads nothing else that is computed. */
static bool fuse_next(partition *self, size_t i) {
  result *results = self->results[i];
  const bool keep = results[MAIN].leaves || count_readers(self, self->ops[i].output) > 1;
  for (size_t j = i + 1; j < self->op_count; ++j) {
    if (!append_to_chain(&self->ops[i], &self->ops[j], keep)) continue;
    if (keep) results[SIDE] = results[MAIN];
    if (self->results[j][SIDE].index >= 0) results[SIDE] = self->results[j][SIDE];
    results[MAIN] = self->results[j][MAIN];
    remove_op(self, j);
    return true;
  }
  return false;
}

static void fuse_chains(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    while (self->ops[i].kind->chains && fuse_next(self, i)) continue;
  }
  for (size_t i = 0; i < self->op_count; ++i) {
    while (starts_chain(&self->ops[i]) && fuse_next(self, i)) continue;
  }
}

void partition_fuse(partition *self, const TfLiteContext *context) {
  fuse_pads(self);
  fuse_sums(self);
  fuse_partial_sums(self, context);
  fuse_chains(self);
}
