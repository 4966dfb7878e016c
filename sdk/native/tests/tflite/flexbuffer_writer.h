/* Writes FlexBuffer maps of integers, in every width the format allows. */
#ifndef FACESDK_TESTS_TFLITE_FLEXBUFFER_WRITER_H_
#define FACESDK_TESTS_TFLITE_FLEXBUFFER_WRITER_H_

#include <stddef.h>
#include <stdint.h>

typedef struct flexbuffer_entry {
  const char *key;
  int64_t value;
} flexbuffer_entry;

/* Writes the map into `buffer` (512 bytes) and returns its size. `log2_width` (0..3) is the width of values and key
 * offsets; values must fit it. */
size_t write_flexbuffer(uint8_t *buffer, const flexbuffer_entry *entries, size_t count, int log2_width);

/* The options of a 3x3 LceBconv2d and of a 2x2 LceBMaxPool2d. */
size_t write_bconv2d_options(uint8_t *buffer, int32_t channels_in, int32_t padding, int32_t pad_value, int log2_width);
size_t write_bmaxpool2d_options(uint8_t *buffer, int log2_width);

#endif
