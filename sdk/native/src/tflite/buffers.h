/* Memory for tensors of which not all live at the same time: each takes a buffer and gives it back, and only then, when
 * the largest size of each buffer is known, it is allocated. */
#ifndef FACESDK_TFLITE_BUFFERS_H_
#define FACESDK_TFLITE_BUFFERS_H_

#include <stdbool.h>
#include <stddef.h>

typedef struct buffer {
  size_t bytes;
  bool taken;
  void *memory;
} buffer;

typedef struct buffers {
  size_t count, room;
  buffer *all;
} buffers;

/* Room for as many tensors; false if memory ran out. */
bool buffers_init(buffers *self, size_t tensors);

/* Forgets all sizes, and releases the memory. */
void buffers_reset(buffers *self);

/* The number of a buffer that will have at least `bytes`. */
size_t buffers_take(buffers *self, size_t bytes);

/* The buffer may be taken again. */
void buffers_give(buffers *self, size_t number);

/* Allocates every buffer; false if memory ran out. */
bool buffers_allocate(buffers *self);

void buffers_release(buffers *self);

#endif
