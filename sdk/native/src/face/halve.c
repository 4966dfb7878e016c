#include "face/picture.h"
#include "face/rows/rows.h"

facesdk_status facesdk_halve(const facesdk_image *image, uint8_t *result, facesdk_error *error) {
  const int32_t height = (image->height + 1) / 2, width = (image->width + 1) / 2;
  const facesdk_status status = facesdk_check_pictures(image, result, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  const facesdk_rows *rows = facesdk_rows_chosen();
  const int32_t pairs = image->width / 2;
  for (int32_t y = 0; y < height; ++y, result += (size_t)width * FACESDK_CHANNELS) {
    const uint8_t *row = facesdk_row(image, 2 * y);
    const uint8_t *other = 2 * y + 1 < image->height ? row + image->row_bytes : row;
    rows->halve(row, other, result, pairs);
    if (pairs == width) continue;
    for (size_t c = 0, at = 2 * (size_t)pairs * FACESDK_CHANNELS; c < FACESDK_CHANNELS; ++c) {
      result[(size_t)pairs * FACESDK_CHANNELS + c] = (uint8_t)((2 * (row[at + c] + other[at + c]) + 2) >> 2);
    }
  }
  return FACESDK_OK;
}
