/* LceBMaxPool2d: what all kernels share, which is validation. */
#include "base/error.h"
#include "base/packing.h"
#include "kernels/bmaxpool2d/bmaxpool2d.h"
#include "kernels/path.h"

static facesdk_status derive(facesdk_bmaxpool2d_plan *plan, const facesdk_bmaxpool2d_options *o,
                             facesdk_error *error) {
  if (o->batch < 1 || o->channels < 1 || o->channels > INT32_MAX - FACESDK_WORD_BITS) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "batch and channels must be at least 1, but got %d and %d",
                        (int)o->batch, (int)o->channels);
  }
  const facesdk_status status = facesdk_windows_init(&plan->y, &plan->x, &FACESDK_WINDOW_OPTIONS(o, 1, 1), error);
  if (status != FACESDK_OK) return status;
  plan->batch = (size_t)o->batch;
  plan->words = facesdk_words((size_t)o->channels);
  const uint64_t pixel = plan->words * (uint64_t)sizeof(uint32_t);
  return facesdk_windows_check_images(&plan->y, &plan->x, o->batch, pixel, pixel, error);
}

facesdk_status facesdk_bmaxpool2d_output_shape(const facesdk_bmaxpool2d_options *options, int32_t shape[4],
                                               facesdk_error *error) {
  facesdk_bmaxpool2d_plan plan;
  const facesdk_status status = derive(&plan, options, error);
  if (status == FACESDK_OK) facesdk_windows_shape(&plan.y, &plan.x, options->batch, options->channels, shape);
  return status;
}

facesdk_status facesdk_bmaxpool2d(const facesdk_path *path, const facesdk_bmaxpool2d_options *options,
                                  const uint32_t *input, uint32_t *output, facesdk_error *error) {
  facesdk_bmaxpool2d_plan plan;
  const facesdk_status status = derive(&plan, options, error);
  if (status != FACESDK_OK) return status;
  facesdk_bmaxpool2d_kernel *kernel = path->bmaxpool2d != NULL ? path->bmaxpool2d : facesdk_bmaxpool2d_reference;
  kernel(&plan, input, output);
  facesdk_path_count_run(path);
  return FACESDK_OK;
}
