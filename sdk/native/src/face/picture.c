#include "face/picture.h"

#include "base/error.h"

static facesdk_status check_sides(const char *name, int64_t height, int64_t width, int32_t channels,
                                  facesdk_error *error) {
  if (height < 1 || height > FACESDK_MAX_SIDE || width < 1 || width > FACESDK_MAX_SIDE) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "sides of %s must be in 1..%d, but got %lld x %lld pixels",
                        name, FACESDK_MAX_SIDE, (long long)width, (long long)height);
  }
  if ((uint64_t)height * (uint64_t)width * (uint64_t)channels > FACESDK_MAX_TENSOR_BYTES) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s may have at most %zu bytes, but got %lld x %lld pixels",
                        name, FACESDK_MAX_TENSOR_BYTES, (long long)width, (long long)height);
  }
  return FACESDK_OK;
}

facesdk_status facesdk_check_pictures(const facesdk_image *image, const void *result, int64_t height, int64_t width,
                                      int32_t channels, facesdk_error *error) {
  if (image->pixels == NULL || result == NULL) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a picture has no memory");
  }
  const facesdk_status status = check_sides("a picture", image->height, image->width, FACESDK_CHANNELS, error);
  return status != FACESDK_OK ? status : check_sides("the result", height, width, channels, error);
}

int32_t facesdk_pixels_version(void) { return FACESDK_PIXELS_VERSION; }
