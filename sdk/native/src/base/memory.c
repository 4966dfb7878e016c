#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/packing.h"

void *facesdk_allocate(size_t count, size_t size) {
  size_t bytes = count > 0 ? count : 1;
  void *memory;
  if (!facesdk_multiply(&bytes, size) || posix_memalign(&memory, FACESDK_CACHE_LINE, bytes) != 0) return NULL;
  memset(memory, 0, bytes);
  return memory;
}
