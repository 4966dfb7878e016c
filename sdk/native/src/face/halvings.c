#include "face/halvings.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/picture.h"

void facesdk_halvings_init(facesdk_halvings *halvings, const facesdk_image *photo) {
  halvings->images[0] = *photo;
  halvings->made = 0;
}

facesdk_status facesdk_halvings_get(facesdk_halvings *halvings, int32_t times, const facesdk_image **image,
                                    facesdk_error *error) {
  while (halvings->made < times) {
    const facesdk_image *last = &halvings->images[halvings->made];
    const int32_t height = last->height / 2 + last->height % 2, width = last->width / 2 + last->width % 2;
    uint8_t *pixels = facesdk_allocate((size_t)height * (size_t)width, FACESDK_CHANNELS);
    if (pixels == NULL) return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory to halve a photo");
    halvings->images[++halvings->made] =
        (facesdk_image){pixels, height, width, (ptrdiff_t)FACESDK_CHANNELS * width};
    const facesdk_status status = facesdk_halve(last, pixels, error);
    if (status != FACESDK_OK) return status;
  }
  *image = &halvings->images[times];
  return FACESDK_OK;
}

void facesdk_halvings_free(facesdk_halvings *halvings) {
  for (int32_t i = 1; i <= halvings->made; ++i) free((void *)(uintptr_t)halvings->images[i].pixels);
  halvings->made = 0;
}

int32_t facesdk_halvings_for(double scale) {
  int32_t times = 0;
  for (double half = 0.5; times < FACESDK_MAX_HALVINGS && scale <= half; half /= 2) ++times;
  return times;
}
