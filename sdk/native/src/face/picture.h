/* What the functions on pictures check. */
#ifndef FACESDK_FACE_PICTURE_H_
#define FACESDK_FACE_PICTURE_H_

#include "facesdk_face.h"

enum { FACESDK_CHANNELS = 3 };

/* Fails unless the image can be read and a result of these sides, with so many bytes for each pixel, can be made. */
facesdk_status facesdk_check_pictures(const facesdk_image *image, const void *result, int64_t height, int64_t width,
                                      int32_t channels, facesdk_error *error);

/* The first byte of a row. */
static inline const uint8_t *facesdk_row(const facesdk_image *image, int64_t row) {
  return image->pixels + row * image->row_bytes;
}

#endif
