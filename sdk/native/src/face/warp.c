/* Warping: each pixel of the result is interpolated between four of the picture. */
#include <stdbool.h>

#include "base/error.h"
#include "face/picture.h"
#include "face/rows/rows.h"

/* The four pixels at and after (column, row), as two pairs side by side; those outside the picture are `fill`. */
static void gather(const facesdk_image *image, int64_t column, int64_t row, uint8_t fill, uint8_t pairs[2][8]) {
  for (int64_t y = 0; y < 2; ++y) {
    for (int64_t x = 0; x < 2; ++x) {
      const bool inside = row + y >= 0 && row + y < image->height && column + x >= 0 && column + x < image->width;
      const uint8_t *pixel = inside ? facesdk_row(image, row + y) + FACESDK_CHANNELS * (ptrdiff_t)(column + x) : NULL;
      for (int64_t c = 0; c < FACESDK_CHANNELS; ++c) {
        pairs[y][FACESDK_CHANNELS * x + c] = inside ? pixel[c] : fill;
      }
    }
  }
}

/* Whether eight bytes can be read from a pixel on in two rows: two pixels, and most of a third. */
static bool inside(const facesdk_image *image, int64_t column, int64_t row) {
  const int64_t left = column >> FACESDK_POINT, top = row >> FACESDK_POINT;
  return left >= 0 && left < image->width - 2 && top >= 0 && top < image->height - 1;
}

/* One pixel at the border of the picture, or beyond it. */
static void warp_border(const facesdk_image *image, int64_t column, int64_t row, uint8_t fill, uint8_t *result) {
  const int64_t fractions = ((int64_t)1 << FACESDK_POINT) - 1, no_steps[2] = {0};
  uint8_t pairs[2][8] = {{0}};
  gather(image, column >> FACESDK_POINT, row >> FACESDK_POINT, fill, pairs);
  const facesdk_image four = {pairs[0], 2, 2, sizeof pairs[0]};
  facesdk_rows_everywhere.warp(&four, column & fractions, row & fractions, no_steps, result, 1);
}

/* Inside the picture lies one stretch of a row, since the row is straight. */
static void warp_row(const facesdk_rows *rows, const facesdk_image *image, const int64_t steps[2], int64_t column,
                     int64_t row, uint8_t fill, uint8_t *result, int32_t width) {
  int64_t first = 0, end = width;
  for (; first < end && !inside(image, column + first * steps[0], row + first * steps[1]); ++first) {
    warp_border(image, column + first * steps[0], row + first * steps[1], fill, result + FACESDK_CHANNELS * first);
  }
  for (; first < end && !inside(image, column + (end - 1) * steps[0], row + (end - 1) * steps[1]); --end) {
    warp_border(image, column + (end - 1) * steps[0], row + (end - 1) * steps[1], fill,
                result + FACESDK_CHANNELS * (end - 1));
  }
  rows->warp(image, column + first * steps[0], row + first * steps[1], steps, result + FACESDK_CHANNELS * first,
             (int32_t)(end - first));
}

facesdk_status facesdk_warp(const facesdk_image *image, const int64_t matrix[6], uint8_t fill, uint8_t *result,
                            int32_t height, int32_t width, facesdk_error *error) {
  const facesdk_status status = facesdk_check_pictures(image, result, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  const facesdk_bounded sides[] = {{"height of the result", height, 1, FACESDK_MAX_WARPED_SIDE},
                                   {"width of the result", width, 1, FACESDK_MAX_WARPED_SIDE}};
  const facesdk_status fits = facesdk_check_bounds(sides, 2, error);
  if (fits != FACESDK_OK) return fits;
  for (int i = 0; i < 6; ++i) {
    const int64_t most = (int64_t)1 << (i % 3 == 2 ? 58 : 44);
    if (matrix[i] < -most || matrix[i] > most) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                          "the transform must take steps of at most 4096 pixels and start within 2^26 pixels");
    }
  }
  const int64_t half = (int64_t)1 << (FACESDK_DROPPED - 1), steps[2] = {matrix[0], matrix[3]};
  const facesdk_rows *rows = facesdk_rows_chosen();
  for (int32_t y = 0; y < height; ++y) {
    warp_row(rows, image, steps, matrix[1] * y + matrix[2] + half, matrix[4] * y + matrix[5] + half, fill,
             result + (size_t)y * (size_t)width * FACESDK_CHANNELS, width);
  }
  return FACESDK_OK;
}
