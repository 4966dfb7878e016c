/* Camera frames in memory that ends with the last sample, of every stride and rotation, and what must be refused. */
#include "check.h"
#include "facesdk_face.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const int32_t ROTATIONS[] = {0, 90, 180, 270};

static void *copy(const uint8_t *from, size_t bytes) {
  uint8_t *memory = allocate(bytes);
  memcpy(memory, from, bytes);
  return memory;
}

/* Where an upright pixel was: the inverse of the turn, written down independently of frame.c. */
static void source_of(int32_t rotation, int32_t height, int32_t width, int32_t row, int32_t column, int32_t *y,
                      int32_t *x) {
  *y = rotation == 0 ? row : rotation == 90 ? height - 1 - column : rotation == 180 ? height - 1 - row : column;
  *x = rotation == 0 ? column : rotation == 90 ? row : rotation == 180 ? width - 1 - column : width - 1 - row;
}

static facesdk_plane random_plane(uint64_t *state, int32_t height, int32_t width, int32_t channels) {
  facesdk_plane plane;
  plane.sample_bytes = channels + random_between(state, 0, 3);
  const int32_t row = (width - 1) * plane.sample_bytes + channels;
  plane.row_bytes = row + random_between(state, 0, 9);
  plane.bytes = (size_t)(height - 1) * (size_t)plane.row_bytes + (size_t)row;
  uint8_t *memory = allocate(plane.bytes);
  for (size_t i = 0; i < plane.bytes; ++i) memory[i] = (uint8_t)random_u32(state);
  plane.samples = memory;
  return plane;
}

static int32_t sample(const facesdk_plane *plane, int32_t y, int32_t x, int32_t channel) {
  return plane->samples[(ptrdiff_t)y * plane->row_bytes + (ptrdiff_t)x * plane->sample_bytes + channel];
}

static int32_t within_byte(int64_t value) { return value < 0 ? 0 : value > 255 ? 255 : (int32_t)value; }

/* floor(a / 2^16) without shifting a negative number */
static int64_t scaled(int64_t a) { return a >= 0 ? a / 65536 : -((-a + 65535) / 65536); }

static void test_random_frames(void) {
  uint64_t state = 7;
  for (int i = 0; i < 1000; ++i) {
    const int32_t height = random_between(&state, 1, 23), width = random_between(&state, 1, 23);
    const int32_t rotation = ROTATIONS[i % 4], rows = rotation % 180 == 0 ? height : width;
    const int32_t columns = rotation % 180 == 0 ? width : height;
    const bool yuv = i % 3 != 0;
    facesdk_plane planes[3];
    uint8_t *result = allocate(3 * (size_t)height * (size_t)width);
    for (int k = 0; k < (yuv ? 3 : 1); ++k) {
      const int32_t halves = k > 0 ? 2 : 1;
      planes[k] = random_plane(&state, (height + halves - 1) / halves, (width + halves - 1) / halves, yuv ? 1 : 3);
    }
    CHECK((yuv ? facesdk_upright_yuv420(planes, height, width, rotation, result, NULL)
               : facesdk_upright_rgb(planes, height, width, rotation, result, NULL)) == FACESDK_OK);
    for (int32_t row = 0; row < rows; ++row) {
      for (int32_t column = 0; column < columns; ++column) {
        int32_t y, x, expected[3];
        source_of(rotation, height, width, row, column, &y, &x);
        for (int c = 0; c < 3 && !yuv; ++c) expected[c] = sample(&planes[0], y, x, c);
        if (yuv) {
          const int64_t level = sample(&planes[0], y, x, 0), u = sample(&planes[1], y / 2, x / 2, 0) - 128;
          const int64_t v = sample(&planes[2], y / 2, x / 2, 0) - 128;
          expected[0] = within_byte(level + scaled(91881 * v + 32768));
          expected[1] = within_byte(level - scaled(22554 * u + 46802 * v + 32768));
          expected[2] = within_byte(level + scaled(116130 * u + 32768));
        }
        for (int c = 0; c < 3; ++c) CHECK(result[3 * (row * columns + column) + c] == expected[c]);
      }
    }
    for (int k = 0; k < (yuv ? 3 : 1); ++k) free((void *)(uintptr_t)planes[k].samples);
    free(result);
  }
}

/* Whatever the numbers are: a result, or a refusal, and no byte beyond the memory. */
static void test_fuzzed_layouts(void) {
  uint64_t state = 11;
  int refused = 0, made = 0;
  uint8_t bytes[300];
  for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = (uint8_t)i;
  for (int i = 0; i < 20000; ++i) {
    const int32_t height = random_between(&state, -1, 9), width = random_between(&state, -1, 9);
    const int32_t rotation = 45 * random_between(&state, -1, 8);
    facesdk_plane planes[3];
    for (int k = 0; k < 3; ++k) {
      planes[k].bytes = (size_t)random_between(&state, 0, 300);
      planes[k].samples = copy(bytes, planes[k].bytes);
      planes[k].row_bytes = random_between(&state, -5, 40);
      planes[k].sample_bytes = random_between(&state, -1, 5);
    }
    uint8_t *result = allocate(height > 0 && width > 0 ? 3 * (size_t)height * (size_t)width : 1);
    facesdk_error error = {{0}};
    const facesdk_status status = i % 2 == 0 ? facesdk_upright_rgb(planes, height, width, rotation, result, &error)
                                             : facesdk_upright_yuv420(planes, height, width, rotation, result, &error);
    CHECK(status == FACESDK_OK || (status == FACESDK_INVALID_ARGUMENT && error.message[0] != 0));
    made += status == FACESDK_OK;
    refused += status != FACESDK_OK;
    for (int k = 0; k < 3; ++k) free((void *)(uintptr_t)planes[k].samples);
    free(result);
  }
  CHECK(made > 200 && refused > 2000);
}

static void test_limits(void) {
  uint8_t byte = 0;
  const facesdk_plane plane = {&byte, 1, INT32_MAX, INT32_MAX}, nothing = {NULL, 100, 30, 3};
  CHECK(facesdk_upright_rgb(&plane, FACESDK_MAX_SIDE, FACESDK_MAX_SIDE, 0, &byte, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_upright_rgb(&plane, FACESDK_MAX_SIDE, 1, 0, &byte, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_upright_rgb(&plane, 1, FACESDK_MAX_SIDE, 0, &byte, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_upright_rgb(&nothing, 1, 1, 0, &byte, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_upright_rgb(&plane, 1, 1, 0, NULL, NULL) == FACESDK_INVALID_ARGUMENT);
}

int main(void) {
  test_random_frames();
  test_fuzzed_layouts();
  test_limits();
  return 0;
}
