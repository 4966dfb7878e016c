#include "tflite/flexbuffer_writer.h"

#include <string.h>

#include "check.h"

enum { TYPE_INT = 1, TYPE_MAP = 9, CAPACITY = 512 };

static size_t put(uint8_t *buffer, size_t at, uint64_t value, size_t width) {
  CHECK(at + width <= CAPACITY);
  for (size_t i = 0; i < width; ++i) buffer[at + i] = (uint8_t)(value >> (8 * i));
  return at + width;
}

size_t write_flexbuffer(uint8_t *buffer, const flexbuffer_entry *entries, size_t count, int log2_width) {
  const size_t width = (size_t)1 << log2_width;
  size_t at = 0, names[16];
  CHECK(count <= 16);
  for (size_t i = 0; i < count; ++i) {
    const size_t length = strlen(entries[i].key) + 1;
    CHECK(at + length <= CAPACITY);
    memcpy(buffer + at, entries[i].key, length);
    names[i] = at;
    at += length;
  }
  at = put(buffer, at, count, width);
  const size_t keys = at;
  for (size_t i = 0; i < count; ++i) at = put(buffer, at, at - names[i], width);
  at = put(buffer, at, at - keys, width);
  at = put(buffer, at, width, width);
  at = put(buffer, at, count, width);
  const size_t values = at;
  for (size_t i = 0; i < count; ++i) at = put(buffer, at, (uint64_t)entries[i].value, width);
  for (size_t i = 0; i < count; ++i) at = put(buffer, at, TYPE_INT << 2 | (unsigned)log2_width, 1);
  at = put(buffer, at, at - values, 2);
  at = put(buffer, at, TYPE_MAP << 2 | (unsigned)log2_width, 1);
  return put(buffer, at, 2, 1);
}

size_t write_bconv2d_options(uint8_t *buffer, int32_t channels_in, int32_t padding, int32_t pad_value,
                             int log2_width) {
  const flexbuffer_entry entries[] = {
      {"channels_in", channels_in},       {"dilation_height_factor", 1}, {"dilation_width_factor", 1},
      {"fused_activation_function", 0},   {"pad_values", pad_value},     {"padding", padding},
      {"stride_height", 1},               {"stride_width", 1},
  };
  return write_flexbuffer(buffer, entries, sizeof entries / sizeof entries[0], log2_width);
}

size_t write_bmaxpool2d_options(uint8_t *buffer, int log2_width) {
  const flexbuffer_entry entries[] = {
      {"filter_height", 2}, {"filter_width", 2}, {"padding", 0}, {"stride_height", 2}, {"stride_width", 2},
  };
  return write_flexbuffer(buffer, entries, sizeof entries / sizeof entries[0], log2_width);
}
