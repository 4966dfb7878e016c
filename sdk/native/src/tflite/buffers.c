#include "tflite/buffers.h"

#include <stdlib.h>

enum { CACHE_LINE = 64 };

bool buffers_init(buffers *self, size_t tensors) {
  *self = (buffers){.room = tensors, .all = calloc(tensors, sizeof *self->all)};
  return self->all != NULL;
}

void buffers_reset(buffers *self) {
  for (size_t i = 0; i < self->count; ++i) {
    free(self->all[i].memory);
    self->all[i] = (buffer){0};
  }
  self->count = 0;
}

/* The free buffer that wastes least: the smallest that is large enough, else the largest, which then grows. */
static size_t best_free(const buffers *self, size_t bytes) {
  size_t best = self->count;
  for (size_t i = 0; i < self->count; ++i) {
    if (self->all[i].taken) continue;
    const size_t size = self->all[i].bytes;
    if (best == self->count) {
      best = i;
    } else if (self->all[best].bytes >= bytes ? size >= bytes && size < self->all[best].bytes
                                              : size > self->all[best].bytes) {
      best = i;
    }
  }
  return best;
}

size_t buffers_take(buffers *self, size_t bytes) {
  const size_t number = best_free(self, bytes);
  if (number == self->count) ++self->count; /* at most one for each tensor */
  buffer *b = &self->all[number];
  if (b->bytes < bytes) b->bytes = bytes;
  b->taken = true;
  return number;
}

void buffers_give(buffers *self, size_t number) { self->all[number].taken = false; }

bool buffers_allocate(buffers *self) {
  for (size_t i = 0; i < self->count; ++i) {
    buffer *b = &self->all[i];
    if (posix_memalign(&b->memory, CACHE_LINE, b->bytes > 0 ? b->bytes : 1) != 0) {
      b->memory = NULL;
      return false;
    }
  }
  return true;
}

void buffers_release(buffers *self) {
  if (self->all != NULL) buffers_reset(self);
  free(self->all);
  self->all = NULL;
}
