/* Where the results of a partition lie.
 *
 * What a concatenation puts together is written where the concatenation would put it, into columns of its result; a sum to
 * some channels of a tensor is written over the tensor. Such a result may be part of another concatenation, and so on: a
 * block of layers that each add channels works in one tensor. All other results have memory of their own. */
#include "tflite/node.h"
#include "tflite/partition.h"

result *partition_result(const partition *self, int index) {
  if (index < 0) return NULL;
  for (size_t i = 0; i < self->op_count; ++i) {
    for (size_t r = 0; r < RESULTS; ++r) {
      if (self->results[i][r].index == index) return &self->results[i][r];
    }
  }
  return NULL;
}

/* Whether the operator that writes a result, and all that read it, take columns of a wider tensor. */
static bool can_lie_in_columns(const partition *self, const result *part) {
  const size_t writer = (size_t)(part - *self->results) / RESULTS;
  bool can = self->ops[writer].kind->writes_columns;
  for (size_t i = 0; i < self->op_count && can; ++i) {
    const op_node *op = &self->ops[i];
    can = op->residual == part->index || !op_reads(op, part->index) || op->kind->reads_columns;
  }
  return can;
}

/* Puts a tensor into columns of `host`, which later operators may write over after operator `overwritten`. */
static void try_place(const partition *self, int index, result *host, int32_t first_channel, size_t overwritten) {
  result *part = partition_result(self, index);
  if (part == NULL || part->leaves || part->host != NULL || part->last_use > overwritten ||
      !can_lie_in_columns(self, part)) {
    return;
  }
  part->host = host;
  part->first_channel = first_channel;
  part->overwritten = overwritten;
}

static result *root_of(result *part) {
  while (part->host != NULL) part = part->host;
  return part;
}

/* From the last operator to the first: the place of what an operator writes is known before that of what it reads. */
static void place_in_columns(partition *self) {
  for (size_t i = self->op_count; i-- > 0;) {
    const op_node *op = &self->ops[i];
    result *host = &self->results[i][MAIN];
    if (op->kind == &concatenation_kind) {
      int32_t channel = 0;
      for (size_t n = 0; n < op->computed; channel += op->options.concatenation.channels[n++]) {
        try_place(self, op->inputs[n], host, channel, host->overwritten);
      }
    } else if (op->padded && op->residual >= 0) {
      try_place(self, op->residual, host, 0, i);
    }
  }
}

static void find_lives(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    for (size_t r = 0; r < RESULTS; ++r) {
      const result *part = &self->results[i][r];
      result *root = root_of(&self->results[i][r]);
      if (i < root->first_write) root->first_write = i;
      if (part->last_use > root->release) root->release = part->last_use;
    }
  }
}

static bool has_buffer(const result *r) { return r->index >= 0 && !r->leaves && r->host == NULL; }

/* What operator i may write a result of as many bytes over, since nothing reads it later: what a sum adds, or the input of
 * a chain. NULL if there is nothing. */
static const result *find_overwritable(const partition *self, size_t i, size_t bytes) {
  const op_node *op = &self->ops[i];
  const result *old = partition_result(self, op->kind->chains ? op->inputs[0] : op->residual);
  return old != NULL && has_buffer(old) && old->release == i && old->bytes == bytes ? old : NULL;
}

/* Finds buffers for all memory that operator i is the first to write, after all before it. */
static void plan_buffers(partition *self, size_t i) {
  const result *overwritten = NULL;
  for (size_t j = i; j < self->op_count; ++j) {
    for (size_t r = RESULTS; r-- > 0;) {
      result *root = &self->results[j][r];
      if (!has_buffer(root) || root->first_write != i) continue;
      const result *old = j == i && overwritten == NULL ? find_overwritable(self, i, root->bytes) : NULL;
      if (old != NULL) overwritten = old;
      root->buffer = old != NULL ? old->buffer : buffers_take(&self->buffers, root->bytes);
    }
  }
  for (size_t j = 0; j < self->op_count; ++j) {
    for (size_t r = 0; r < RESULTS; ++r) {
      const result *done = &self->results[j][r];
      if (has_buffer(done) && done->release == i && done != overwritten) buffers_give(&self->buffers, done->buffer);
    }
  }
}

void partition_place(partition *self) {
  for (size_t i = 0; i < self->op_count; ++i) {
    for (size_t r = 0; r < RESULTS; ++r) {
      result *one = &self->results[i][r];
      one->host = NULL;
      one->overwritten = SIZE_MAX;
      one->first_write = i;
      one->release = one->last_use;
    }
  }
  place_in_columns(self);
  find_lives(self);
  buffers_reset(&self->buffers);
  for (size_t i = 0; i < self->op_count; ++i) plan_buffers(self, i);
}
