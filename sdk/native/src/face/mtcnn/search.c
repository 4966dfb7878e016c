/* A network of the cascade, run on windows or a level of the pyramid. */
#include "face/mtcnn/search.h"

#include "base/error.h"

facesdk_status facesdk_search_run(const facesdk_search *search, facesdk_mtcnn_network network, const uint8_t *pixels,
                                  int32_t count, int32_t height, int32_t width, size_t value_count,
                                  const float **values, facesdk_error *error) {
  size_t given = 0;
  const facesdk_status status =
      search->networks->run(search->networks->context, network, pixels, count, height, width, values, &given, error);
  if (status != FACESDK_OK) return status;
  if (given != value_count || *values == NULL) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "network %d of MTCNN gave %zu numbers, but %zu are needed",
                        (int)network, given, value_count);
  }
  return FACESDK_OK;
}
