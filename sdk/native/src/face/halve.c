#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/picture.h"

static void add_rows(const uint8_t *row, const uint8_t *other, uint16_t *sums, size_t count) {
  for (size_t i = 0; i < count; ++i) sums[i] = (uint16_t)(row[i] + other[i]);
}

/* Two sums side by side are those of pixels 2 x and 2 x + 1. */
static void add_pairs(const uint16_t *sums, uint8_t *result, int32_t width) {
  for (int32_t x = 0; x < width; ++x, sums += 2 * FACESDK_CHANNELS, result += FACESDK_CHANNELS) {
    for (int c = 0; c < FACESDK_CHANNELS; ++c) result[c] = (uint8_t)((sums[c] + sums[FACESDK_CHANNELS + c] + 2) >> 2);
  }
}

facesdk_status facesdk_halve(const facesdk_image *image, uint8_t *result, facesdk_error *error) {
  const int32_t height = (image->height + 1) / 2, width = (image->width + 1) / 2;
  const facesdk_status status = facesdk_check_pictures(image, result, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  const size_t values = FACESDK_CHANNELS * (size_t)image->width;
  uint16_t *sums = facesdk_allocate(values + FACESDK_CHANNELS, sizeof *sums);
  if (sums == NULL) return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory to halve a picture");
  for (int32_t y = 0; y < height; ++y) {
    const int32_t next = 2 * y + 1 < image->height ? 2 * y + 1 : 2 * y;
    add_rows(facesdk_row(image, 2 * y), facesdk_row(image, next), sums, values);
    for (int c = 0; c < FACESDK_CHANNELS; ++c) sums[values + (size_t)c] = sums[values - FACESDK_CHANNELS + (size_t)c];
    add_pairs(sums, result + (size_t)y * (size_t)width * FACESDK_CHANNELS, width);
  }
  free(sums);
  return FACESDK_OK;
}
