#include <string.h>

#include "base/error.h"
#include "face/picture.h"

static uint8_t *repeat(uint8_t *result, const uint8_t *pixel, int32_t count) {
  for (int32_t i = 0; i < count; ++i, result += FACESDK_CHANNELS) memcpy(result, pixel, FACESDK_CHANNELS);
  return result;
}

facesdk_status facesdk_pad(const facesdk_image *image, int32_t top, int32_t bottom, int32_t left, int32_t right,
                           facesdk_border border, uint8_t fill, uint8_t *result, facesdk_error *error) {
  const facesdk_bounded sides[] = {{"border on top", top, 0, FACESDK_MAX_SIDE},
                                   {"border at the bottom", bottom, 0, FACESDK_MAX_SIDE},
                                   {"border on the left", left, 0, FACESDK_MAX_SIDE},
                                   {"border on the right", right, 0, FACESDK_MAX_SIDE},
                                   {"kind of border", (int32_t)border, FACESDK_BORDER_FILL, FACESDK_BORDER_EDGE}};
  facesdk_status status = facesdk_check_bounds(sides, sizeof sides / sizeof sides[0], error);
  if (status != FACESDK_OK) return status;
  const int64_t height = (int64_t)image->height + top + bottom, width = (int64_t)image->width + left + right;
  status = facesdk_check_pictures(image, result, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  const uint8_t blank[FACESDK_CHANNELS] = {fill, fill, fill};
  for (int64_t y = 0; y < height; ++y) {
    const int64_t row = y - top, last = image->height - 1;
    if (border == FACESDK_BORDER_FILL && (row < 0 || row > last)) {
      result = repeat(result, blank, (int32_t)width);
      continue;
    }
    const uint8_t *pixels = facesdk_row(image, row < 0 ? 0 : row > last ? last : row);
    const size_t bytes = FACESDK_CHANNELS * (size_t)image->width;
    result = repeat(result, border == FACESDK_BORDER_EDGE ? pixels : blank, left);
    memcpy(result, pixels, bytes);
    result += bytes;
    result = repeat(result, border == FACESDK_BORDER_EDGE ? pixels + bytes - FACESDK_CHANNELS : blank, right);
  }
  return FACESDK_OK;
}
