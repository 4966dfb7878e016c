/* Warping: each pixel of the result is interpolated between four of the picture. */
#include <stdbool.h>

#include "base/error.h"
#include "face/lanes.h"
#include "face/picture.h"

/* Coordinates have 32 fractional bits, weights 14: half of the latter's unit is added before it is cut. */
enum { POINT = 32, DROPPED = POINT - FACESDK_WEIGHT_BITS };

static facesdk_weight_pair weights_of(int64_t coordinate) {
  const int16_t fraction = (int16_t)((coordinate >> DROPPED) & (FACESDK_WEIGHT_ONE - 1));
  return (facesdk_weight_pair){(int16_t)(FACESDK_WEIGHT_ONE - fraction), fraction};
}

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

static uint32_t interpolate(const uint8_t *above, const uint8_t *below, int64_t column, int64_t row) {
  const facesdk_weight_pair across = weights_of(column);
  const facesdk_quad half = facesdk_quad_of(FACESDK_BETWEEN_HALF);
  const facesdk_quad upper = facesdk_between(facesdk_weigh_pixels(half, above, across));
  const facesdk_quad lower = facesdk_between(facesdk_weigh_pixels(half, below, across));
  return facesdk_result_bytes(
      facesdk_weigh_quads(facesdk_quad_of(FACESDK_RESULT_HALF), upper, lower, weights_of(row)));
}

static void warp_row(const facesdk_image *image, const int64_t matrix[6], int64_t column, int64_t row, uint8_t fill,
                     uint8_t *result, int32_t width) {
  for (int32_t x = 0; x < width; ++x, column += matrix[0], row += matrix[3], result += FACESDK_CHANNELS) {
    const int64_t left = column >> POINT, top = row >> POINT;
    uint8_t pairs[2][8] = {{0}};
    const uint8_t *above = pairs[0], *below = pairs[1];
    /* Eight bytes are read at once: two pixels, and most of a third. */
    if (left >= 0 && left < image->width - 2 && top >= 0 && top < image->height - 1) {
      above = facesdk_row(image, top) + FACESDK_CHANNELS * (ptrdiff_t)left;
      below = above + image->row_bytes;
    } else {
      gather(image, left, top, fill, pairs);
    }
    facesdk_store_pixel(result, interpolate(above, below, column, row));
  }
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
  const int64_t half = (int64_t)1 << (DROPPED - 1);
  for (int32_t y = 0; y < height; ++y) {
    warp_row(image, matrix, matrix[1] * y + matrix[2] + half, matrix[4] * y + matrix[5] + half, fill,
             result + (size_t)y * (size_t)width * FACESDK_CHANNELS, width);
  }
  return FACESDK_OK;
}
