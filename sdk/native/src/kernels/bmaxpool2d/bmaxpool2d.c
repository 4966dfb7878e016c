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
  facesdk_status status = facesdk_window_init(&plan->y, "height", o->input_height, o->filter_height,
                                              o->stride_height, 1, o->padding, error);
  if (status == FACESDK_OK) {
    status = facesdk_window_init(&plan->x, "width", o->input_width, o->filter_width, o->stride_width, 1, o->padding,
                                 error);
  }
  if (status != FACESDK_OK) return status;
  plan->batch = (size_t)o->batch;
  plan->words = facesdk_words((size_t)o->channels);
  size_t bytes = sizeof(uint32_t);
  if (!facesdk_multiply(&bytes, plan->batch) || !facesdk_multiply(&bytes, (size_t)o->input_height) ||
      !facesdk_multiply(&bytes, (size_t)o->input_width) || !facesdk_multiply(&bytes, plan->words)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the input is larger than 1 GiB");
  }
  return FACESDK_OK;
}

facesdk_status facesdk_bmaxpool2d_output_shape(const facesdk_bmaxpool2d_options *options, int32_t shape[4],
                                               facesdk_error *error) {
  facesdk_bmaxpool2d_plan plan;
  const facesdk_status status = derive(&plan, options, error);
  if (status != FACESDK_OK) return status;
  shape[0] = options->batch;
  shape[1] = plan.y.output;
  shape[2] = plan.x.output;
  shape[3] = options->channels;
  return FACESDK_OK;
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
