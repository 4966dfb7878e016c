/* Camera frames to upright RGB: each sample is read once, in the order of its plane, and written where it is upright. */
#include "base/error.h"
#include "face/picture.h"

/* Where pixels of a plane lie in the upright picture: the first one, and the steps to the next one and the next row. */
typedef struct placing {
  uint8_t *first;
  ptrdiff_t across, down;
} placing;

static placing place(uint8_t *result, int32_t height, int32_t width, int32_t rotation) {
  const ptrdiff_t pixel = FACESDK_CHANNELS, row = pixel * (rotation % 180 == 0 ? width : height);
  const ptrdiff_t right = pixel * (width - 1), bottom = pixel * (height - 1);
  switch (rotation) {
    case 90: return (placing){result + bottom, row, -pixel};
    case 180: return (placing){result + right + row * (height - 1), -pixel, -row};
    case 270: return (placing){result + row * (width - 1), -row, pixel};
    default: return (placing){result, pixel, row};
  }
}

static facesdk_status check_plane(const facesdk_plane *plane, int32_t height, int32_t width, int32_t channels,
                                  facesdk_error *error) {
  if (plane->samples == NULL) return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a plane has no memory");
  const int64_t row = (int64_t)(width - 1) * plane->sample_bytes + channels;
  if (plane->sample_bytes < channels || (height > 1 && plane->row_bytes < row)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "a plane of %d samples of %d bytes needs strides of at least %lld and %d, but got %d and %d",
                        (int)width, (int)channels, (long long)row, (int)channels, (int)plane->row_bytes,
                        (int)plane->sample_bytes);
  }
  const int64_t bytes = (int64_t)(height - 1) * plane->row_bytes + row;
  if ((uint64_t)bytes > plane->bytes) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a plane of %d x %d samples needs %lld bytes, but has %zu",
                        (int)width, (int)height, (long long)bytes, plane->bytes);
  }
  return FACESDK_OK;
}

static facesdk_status check_frame(int32_t height, int32_t width, int32_t rotation, const uint8_t *result,
                                  facesdk_error *error) {
  const facesdk_bounded sides[] = {{"height of a frame", height, 1, FACESDK_MAX_SIDE},
                                   {"width of a frame", width, 1, FACESDK_MAX_SIDE}};
  const facesdk_status status = facesdk_check_bounds(sides, 2, error);
  if (status != FACESDK_OK) return status;
  if (result == NULL) return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a picture has no memory");
  if ((uint64_t)height * (uint64_t)width * FACESDK_CHANNELS > FACESDK_MAX_TENSOR_BYTES) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a frame may have at most %zu bytes, but got %d x %d pixels",
                        FACESDK_MAX_TENSOR_BYTES, (int)width, (int)height);
  }
  if (rotation != 0 && rotation != 90 && rotation != 180 && rotation != 270) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "rotation must be 0, 90, 180 or 270, but got %d",
                        (int)rotation);
  }
  return FACESDK_OK;
}

facesdk_status facesdk_upright_rgb(const facesdk_plane *plane, int32_t height, int32_t width, int32_t rotation,
                                   uint8_t *result, facesdk_error *error) {
  facesdk_status status = check_frame(height, width, rotation, result, error);
  if (status == FACESDK_OK) status = check_plane(plane, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  const placing to = place(result, height, width, rotation);
  for (ptrdiff_t y = 0; y < height; ++y) {
    const uint8_t *from = plane->samples + y * plane->row_bytes;
    uint8_t *pixel = to.first + y * to.down;
    for (int32_t x = 0; x < width; ++x) {
      for (int c = 0; c < FACESDK_CHANNELS; ++c) pixel[c] = from[c];
      if (x + 1 == width) break; /* the next addresses may lie outside the memory */
      from += plane->sample_bytes;
      pixel += to.across;
    }
  }
  return FACESDK_OK;
}

enum { SHIFT = 16, HALF = 1 << (SHIFT - 1), RED_V = 91881, GREEN_U = 22554, GREEN_V = 46802, BLUE_U = 116130 };

static uint8_t byte_of(int32_t value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

facesdk_status facesdk_upright_yuv420(const facesdk_plane planes[3], int32_t height, int32_t width, int32_t rotation,
                                      uint8_t *result, facesdk_error *error) {
  facesdk_status status = check_frame(height, width, rotation, result, error);
  if (status == FACESDK_OK) status = check_plane(&planes[0], height, width, 1, error);
  for (int i = 1; i < 3 && status == FACESDK_OK; ++i) {
    status = check_plane(&planes[i], (height + 1) / 2, (width + 1) / 2, 1, error);
  }
  if (status != FACESDK_OK) return status;
  const placing to = place(result, height, width, rotation);
  for (ptrdiff_t y = 0; y < height; ++y) {
    const uint8_t *luma = planes[0].samples + y * planes[0].row_bytes;
    const uint8_t *blue = planes[1].samples + y / 2 * planes[1].row_bytes;
    const uint8_t *red = planes[2].samples + y / 2 * planes[2].row_bytes;
    for (ptrdiff_t x = 0; x < width; ++x) {
      const int32_t level = luma[x * planes[0].sample_bytes];
      const int32_t u = blue[x / 2 * planes[1].sample_bytes] - 128, v = red[x / 2 * planes[2].sample_bytes] - 128;
      uint8_t *pixel = to.first + y * to.down + x * to.across;
      pixel[0] = byte_of(level + ((RED_V * v + HALF) >> SHIFT));
      pixel[1] = byte_of(level - ((GREEN_U * u + GREEN_V * v + HALF) >> SHIFT));
      pixel[2] = byte_of(level + ((BLUE_U * u + HALF) >> SHIFT));
    }
  }
  return FACESDK_OK;
}
