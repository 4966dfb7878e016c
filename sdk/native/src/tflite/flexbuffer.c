#include "tflite/flexbuffer.h"

#include <string.h>

/* Type numbers of the format; the low two bits of a type byte are log2 of the width in bytes. */
enum { TYPE_INT = 1, TYPE_UINT = 2, TYPE_INDIRECT_INT = 6, TYPE_INDIRECT_UINT = 7, TYPE_MAP = 9 };

static bool is_width(uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

/* Little-endian unsigned integer of `width` bytes at `offset`; false if not all of it is inside the buffer. */
static bool read_unsigned(const uint8_t *data, size_t size, size_t offset, size_t width, uint64_t *value) {
  if (offset > size || width > size - offset) return false;
  uint64_t result = 0;
  for (size_t i = 0; i < width; ++i) result |= (uint64_t)data[offset + i] << (8 * i);
  *value = result;
  return true;
}

/* Follows the backward offset of `width` bytes stored at `offset`. */
static bool follow(const uint8_t *data, size_t size, size_t offset, size_t width, size_t *target) {
  uint64_t back;
  if (!read_unsigned(data, size, offset, width, &back) || back > offset) return false;
  *target = offset - (size_t)back;
  return true;
}

/* True if a vector of `count` elements of `width` bytes fits between `start` and the end of the buffer. */
static bool vector_fits(size_t size, size_t start, uint64_t count, size_t width) {
  return start <= size && count <= (size - start) / width;
}

flexbuffer_status flexbuffer_map_open(flexbuffer_map *map, const uint8_t *data, size_t size) {
  if (data == NULL || size < 3) return FLEXBUFFER_MALFORMED;
  /* The buffer ends with the root value, its type byte and its width in bytes. */
  const size_t root_width = data[size - 1];
  const uint8_t root_type = data[size - 2];
  if (!is_width(root_width) || root_width > size - 2 || root_type >> 2 != TYPE_MAP) return FLEXBUFFER_MALFORMED;
  const size_t width = (size_t)1 << (root_type & 3);
  size_t values;
  if (!follow(data, size, size - 2 - root_width, root_width, &values)) return FLEXBUFFER_MALFORMED;

  /* Before a map's values come: backward offset to the keys, width of a key offset, number of entries. */
  uint64_t count, key_width, key_count;
  size_t keys;
  if (values < 3 * width || !read_unsigned(data, size, values - width, width, &count) ||
      !read_unsigned(data, size, values - 2 * width, width, &key_width) || !is_width(key_width) ||
      !follow(data, size, values - 3 * width, width, &keys)) {
    return FLEXBUFFER_MALFORMED;
  }
  /* Behind the values: one type byte each. The keys' vector has its own count. */
  if (keys < key_width || !read_unsigned(data, size, keys - (size_t)key_width, (size_t)key_width, &key_count) ||
      key_count != count || !vector_fits(size, keys, count, (size_t)key_width) ||
      !vector_fits(size, values, count, width + 1)) {
    return FLEXBUFFER_MALFORMED;
  }
  *map = (flexbuffer_map){.data = data, .size = size, .keys = keys, .values = values,
                          .key_width = (size_t)key_width, .value_width = width, .count = (size_t)count};
  return FLEXBUFFER_OK;
}

/* True if the terminated string at `offset` is `key`; a string that runs out of the buffer is not. */
static bool key_is(const flexbuffer_map *map, size_t offset, const char *key) {
  const size_t length = strlen(key) + 1;
  return length <= map->size - offset && memcmp(map->data + offset, key, length) == 0;
}

static flexbuffer_status read_integer(const flexbuffer_map *map, size_t index, int64_t *value) {
  const uint8_t type = map->data[map->values + map->count * map->value_width + index];
  size_t offset = map->values + index * map->value_width;
  size_t width = map->value_width;
  bool is_signed;
  switch (type >> 2) {
    case TYPE_INT:
    case TYPE_UINT:
      is_signed = type >> 2 == TYPE_INT;
      break;
    case TYPE_INDIRECT_INT:
    case TYPE_INDIRECT_UINT:
      is_signed = type >> 2 == TYPE_INDIRECT_INT;
      if (!follow(map->data, map->size, offset, width, &offset)) return FLEXBUFFER_MALFORMED;
      width = (size_t)1 << (type & 3);
      break;
    default:
      return FLEXBUFFER_NOT_INTEGER;
  }
  uint64_t bits;
  if (!read_unsigned(map->data, map->size, offset, width, &bits)) return FLEXBUFFER_MALFORMED;
  if (!is_signed) {
    if (bits > INT64_MAX) return FLEXBUFFER_NOT_INTEGER;
    *value = (int64_t)bits;
    return FLEXBUFFER_OK;
  }
  const uint64_t sign = (uint64_t)1 << (8 * width - 1);
  const uint64_t extended = (bits ^ sign) - sign; /* sign extension modulo 2^64 */
  memcpy(value, &extended, sizeof *value);
  return FLEXBUFFER_OK;
}

flexbuffer_status flexbuffer_map_integer(const flexbuffer_map *map, const char *key, int64_t *value) {
  for (size_t i = 0; i < map->count; ++i) {
    size_t offset;
    if (!follow(map->data, map->size, map->keys + i * map->key_width, map->key_width, &offset)) {
      return FLEXBUFFER_MALFORMED;
    }
    if (key_is(map, offset, key)) return read_integer(map, i, value);
  }
  return FLEXBUFFER_MISSING;
}
