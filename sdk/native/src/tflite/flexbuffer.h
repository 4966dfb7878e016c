/* Integers out of a FlexBuffer map, the form in which LCE stores an operator's options.
 *
 * Format: https://flatbuffers.dev/internals/ (FlexBuffers). Only what operators use is read: a root map with integer
 * values, inline or indirect, of 1, 2, 4 or 8 bytes. Input may be hostile: nothing outside data[0, size) is ever read.
 */
#ifndef FACESDK_TFLITE_FLEXBUFFER_H_
#define FACESDK_TFLITE_FLEXBUFFER_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct flexbuffer_map {
  const uint8_t *data;
  size_t size;
  size_t keys, values;           /* offsets of the first element of either vector */
  size_t key_width, value_width; /* bytes an element: 1, 2, 4 or 8 */
  size_t count;
} flexbuffer_map;

typedef enum flexbuffer_status {
  FLEXBUFFER_OK = 0,
  FLEXBUFFER_MALFORMED,   /* an offset or width leads outside the buffer, or the root is no map */
  FLEXBUFFER_MISSING,     /* no such key */
  FLEXBUFFER_NOT_INTEGER, /* the value has another type, or does not fit int64 */
} flexbuffer_status;

/* OK or MALFORMED. `map` borrows `data`. */
flexbuffer_status flexbuffer_map_open(flexbuffer_map *map, const uint8_t *data, size_t size);

/* The integer under `key`. `value` is written only if the result is OK. */
flexbuffer_status flexbuffer_map_integer(const flexbuffer_map *map, const char *key, int64_t *value);

#endif
