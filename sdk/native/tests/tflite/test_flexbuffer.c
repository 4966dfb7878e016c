/* The FlexBuffer reader on maps of every width, on a map laid out by hand, and on broken maps. */
#include "tflite/flexbuffer.h"

#include <string.h>

#include "check.h"
#include "tflite/flexbuffer_writer.h"

static void every_width(void) {
  const int64_t largest[] = {INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
  for (int log2_width = 0; log2_width < 4; ++log2_width) {
    const flexbuffer_entry entries[] = {
        {"a", largest[log2_width]}, {"b", -largest[log2_width] - 1}, {"bb", -1}, {"c", 0}};
    uint8_t buffer[512];
    const size_t size = write_flexbuffer(buffer, entries, 4, log2_width);
    flexbuffer_map map;
    CHECK(flexbuffer_map_open(&map, buffer, size) == FLEXBUFFER_OK);
    for (int i = 0; i < 4; ++i) {
      int64_t value = 99;
      CHECK(flexbuffer_map_integer(&map, entries[i].key, &value) == FLEXBUFFER_OK && value == entries[i].value);
    }
    int64_t untouched = 99;
    CHECK(flexbuffer_map_integer(&map, "d", &untouched) == FLEXBUFFER_MISSING && untouched == 99);
  }
}

/* {"b": true, "i": 300 (indirect, 2 bytes), "u": 200 (unsigned)} laid out by hand after the format's description. */
static const uint8_t BY_HAND[] = {
    'b', 0, 'i', 0, 'u', 0, 0x2c, 0x01, /* names, then the indirect 300 at offset 6 */
    3, 9, 8, 7,                         /* keys: count, offsets at 9, 10, 11 */
    3, 1, 3,                            /* map: offset to the keys, their width, count */
    1, 10, 200,                         /* values at 15, 16, 17 */
    26 << 2, 6 << 2 | 1, 2 << 2,        /* bool, indirect int of 2 bytes, unsigned int */
    6, 9 << 2, 1,                       /* root: offset to the values, map, width */
};

static void other_types(void) {
  flexbuffer_map map;
  int64_t value;
  CHECK(flexbuffer_map_open(&map, BY_HAND, sizeof BY_HAND) == FLEXBUFFER_OK);
  CHECK(flexbuffer_map_integer(&map, "b", &value) == FLEXBUFFER_NOT_INTEGER);
  CHECK(flexbuffer_map_integer(&map, "i", &value) == FLEXBUFFER_OK && value == 300);
  CHECK(flexbuffer_map_integer(&map, "u", &value) == FLEXBUFFER_OK && value == 200);
}

/* The same map with one or two bytes changed. */
static flexbuffer_status changed(size_t first, uint8_t a, size_t second, uint8_t b, const char *key) {
  uint8_t *copy = allocate(sizeof BY_HAND);
  memcpy(copy, BY_HAND, sizeof BY_HAND);
  copy[first] = a;
  copy[second] = b;
  flexbuffer_map map;
  int64_t value;
  flexbuffer_status status = flexbuffer_map_open(&map, copy, sizeof BY_HAND);
  if (status == FLEXBUFFER_OK) status = flexbuffer_map_integer(&map, key, &value);
  free(copy);
  return status;
}

static void broken_maps(void) {
  CHECK(changed(8, 3, 8, 3, "u") == FLEXBUFFER_OK);                /* nothing changed */
  CHECK(changed(8, 5, 14, 5, "u") == FLEXBUFFER_MALFORMED);        /* five values, room for three */
  CHECK(changed(8, 255, 14, 255, "u") == FLEXBUFFER_MALFORMED);    /* no room for the keys either */
  CHECK(changed(8, 2, 8, 2, "u") == FLEXBUFFER_MALFORMED);         /* fewer keys than values */
  CHECK(changed(12, 13, 12, 13, "u") == FLEXBUFFER_MALFORMED);     /* keys before the buffer */
  CHECK(changed(12, 12, 12, 12, "u") == FLEXBUFFER_MALFORMED);     /* keys at its start, their count before it */
  CHECK(changed(13, 3, 13, 3, "u") == FLEXBUFFER_MALFORMED);       /* no such width */
  CHECK(changed(13, 8, 13, 8, "u") == FLEXBUFFER_MALFORMED);       /* keys too wide */
  CHECK(changed(9, 10, 9, 10, "u") == FLEXBUFFER_MALFORMED);       /* a name before the buffer */
  CHECK(changed(16, 17, 16, 17, "i") == FLEXBUFFER_MALFORMED);     /* an indirect value before it */
  CHECK(changed(16, 1, 19, 6 << 2 | 3, "i") == FLEXBUFFER_OK);     /* 8 bytes at 15: up to 23 */
  CHECK(changed(16, 0, 19, 6 << 2 | 3, "i") == FLEXBUFFER_OK);     /* the last 8 bytes */
  CHECK(changed(17, 0, 20, 6 << 2 | 3, "u") == FLEXBUFFER_MALFORMED); /* 8 bytes at 17: one too many */
  CHECK(changed(21, 22, 21, 22, "u") == FLEXBUFFER_MALFORMED);     /* the map before the buffer */
  CHECK(changed(21, 19, 21, 19, "u") == FLEXBUFFER_MALFORMED);     /* the map's head before it */
  CHECK(changed(22, 10 << 2, 22, 10 << 2, "u") == FLEXBUFFER_MALFORMED); /* a vector */
  CHECK(changed(23, 0, 23, 0, "u") == FLEXBUFFER_MALFORMED);       /* a root of no width */
}

/* A map shorter than the key that is looked up. */
static void short_map(void) {
  const uint8_t bytes[] = {'c', 0, 1, 3, 1, 1, 1, 7, 1 << 2, 2, 9 << 2, 1};
  uint8_t *map_bytes = allocate(sizeof bytes);
  memcpy(map_bytes, bytes, sizeof bytes);
  flexbuffer_map map;
  int64_t value;
  CHECK(flexbuffer_map_open(&map, map_bytes, sizeof bytes) == FLEXBUFFER_OK);
  CHECK(flexbuffer_map_integer(&map, "c", &value) == FLEXBUFFER_OK && value == 7);
  CHECK(flexbuffer_map_integer(&map, "channels_in", &value) == FLEXBUFFER_MISSING);
  map_bytes[3] = 0; /* the name is the vector of names itself */
  CHECK(flexbuffer_map_integer(&map, "channels_in", &value) == FLEXBUFFER_MISSING);
  free(map_bytes);
}

/* Every prefix and suffix of a valid map, in memory of exactly that size; the sanitizers watch the borders. */
static void truncation(void) {
  uint8_t whole[512];
  const size_t size = write_bconv2d_options(whole, 64, 0, 1, 0);
  for (size_t cut = 0; cut < size; ++cut) {
    for (int tail = 0; tail < 2; ++tail) {
      uint8_t *part = allocate(size - cut);
      memcpy(part, tail ? whole + cut : whole, size - cut);
      flexbuffer_map map;
      int64_t value;
      if (flexbuffer_map_open(&map, part, size - cut) == FLEXBUFFER_OK) {
        (void)flexbuffer_map_integer(&map, "stride_width", &value);
      } else {
        CHECK(cut > 0);
      }
      free(part);
    }
  }
  flexbuffer_map map;
  CHECK(flexbuffer_map_open(&map, NULL, 0) == FLEXBUFFER_MALFORMED);
  CHECK(flexbuffer_map_open(&map, whole, 2) == FLEXBUFFER_MALFORMED);
}

int main(void) {
  every_width();
  other_types();
  broken_maps();
  short_map();
  truncation();
  return 0;
}
