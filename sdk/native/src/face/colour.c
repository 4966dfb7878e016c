#include "face/picture.h"

facesdk_status facesdk_grey(const facesdk_image *image, uint8_t *result, facesdk_error *error) {
  const facesdk_status status = facesdk_check_pictures(image, result, image->height, image->width, 1, error);
  if (status != FACESDK_OK) return status;
  for (int32_t y = 0; y < image->height; ++y) {
    const uint8_t *pixel = facesdk_row(image, y);
    for (int32_t x = 0; x < image->width; ++x, pixel += FACESDK_CHANNELS) {
      *result++ = (uint8_t)((9798 * pixel[0] + 19235 * pixel[1] + 3735 * pixel[2] + (1 << 14)) >> 15);
    }
  }
  return FACESDK_OK;
}

facesdk_status facesdk_swap_channels(const facesdk_image *image, uint8_t *result, facesdk_error *error) {
  const facesdk_status status =
      facesdk_check_pictures(image, result, image->height, image->width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  for (int32_t y = 0; y < image->height; ++y) {
    const uint8_t *pixel = facesdk_row(image, y);
    for (int32_t x = 0; x < image->width; ++x, pixel += FACESDK_CHANNELS, result += FACESDK_CHANNELS) {
      result[0] = pixel[2];
      result[1] = pixel[1];
      result[2] = pixel[0];
    }
  }
  return FACESDK_OK;
}
