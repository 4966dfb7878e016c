#include "base/window.h"

#include "base/error.h"
#include "base/packing.h"

/* An image may be larger than the input, but not without limit. */
enum { MAX_IMAGE_GROWTH = 8, SMALL_IMAGE_BYTES = 1 << 20 };

/* ---- shapes and checks ---- */

static facesdk_status check_options(const facesdk_window_options *o, facesdk_error *error) {
  const facesdk_bounded sizes[] = {
      {"input height", o->input[0], 1, FACESDK_MAX_SPATIAL},
      {"filter height", o->filter[0], 1, FACESDK_MAX_SPATIAL},
      {"stride height", o->stride[0], 1, FACESDK_MAX_SPATIAL},
      {"dilation height", o->dilation[0], 1, FACESDK_MAX_SPATIAL},
      {"input width", o->input[1], 1, FACESDK_MAX_SPATIAL},
      {"filter width", o->filter[1], 1, FACESDK_MAX_SPATIAL},
      {"stride width", o->stride[1], 1, FACESDK_MAX_SPATIAL},
      {"dilation width", o->dilation[1], 1, FACESDK_MAX_SPATIAL},
  };
  const facesdk_status status = facesdk_check_bounds(sizes, sizeof sizes / sizeof sizes[0], error);
  if (status != FACESDK_OK || o->padding == FACESDK_SAME || o->padding == FACESDK_VALID) return status;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "padding must be 0 (SAME) or 1 (VALID), but got %d",
                      (int)o->padding);
}

/* The windows of one axis, which `name` names. */
static facesdk_status init(facesdk_window *window, const facesdk_window_options *o, int axis, const char *name,
                           facesdk_error *error) {
  const int64_t input = o->input[axis], stride = o->stride[axis];
  const int64_t dilated = ((int64_t)o->filter[axis] - 1) * o->dilation[axis] + 1;
  int64_t output = (input + stride - 1) / stride;
  if (o->padding == FACESDK_VALID) {
    if (dilated > input) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                          "with VALID padding the dilated filter %s (%lld) must not exceed the input %s (%d)", name,
                          (long long)dilated, name, (int)input);
    }
    output = (input - dilated) / stride + 1;
  }
  const int64_t overhang = (output - 1) * stride + dilated - input;
  *window = (facesdk_window){.input = o->input[axis],
                             .filter = o->filter[axis],
                             .stride = o->stride[axis],
                             .dilation = o->dilation[axis],
                             .output = (int32_t)output,
                             .pad = overhang > 0 ? overhang / 2 : 0};
  return FACESDK_OK;
}

facesdk_status facesdk_windows_init(facesdk_window *y, facesdk_window *x, const facesdk_window_options *options,
                                    facesdk_error *error) {
  facesdk_status status = check_options(options, error);
  if (status == FACESDK_OK) status = init(y, options, 0, "height", error);
  if (status == FACESDK_OK) status = init(x, options, 1, "width", error);
  return status;
}

void facesdk_windows_shape(const facesdk_window *y, const facesdk_window *x, int32_t batch, int32_t channels,
                           int32_t shape[4]) {
  shape[0] = batch;
  shape[1] = y->output;
  shape[2] = x->output;
  shape[3] = channels;
}

static bool images_fit(int32_t batch, int32_t height, int32_t width, uint64_t pixel) {
  size_t bytes = (size_t)batch;
  return pixel <= FACESDK_MAX_TENSOR_BYTES && facesdk_multiply(&bytes, (size_t)height) &&
         facesdk_multiply(&bytes, (size_t)width) && facesdk_multiply(&bytes, (size_t)pixel);
}

facesdk_status facesdk_windows_check_images(const facesdk_window *y, const facesdk_window *x, int32_t batch,
                                            uint64_t input_pixel, uint64_t output_pixel, facesdk_error *error) {
  if (images_fit(batch, y->input, x->input, input_pixel) && images_fit(batch, y->output, x->output, output_pixel)) {
    return FACESDK_OK;
  }
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the input or output is larger than 1 GiB");
}

facesdk_status facesdk_windows_check_filters(const facesdk_window *y, const facesdk_window *x, int32_t channels,
                                             int32_t filters, size_t max_bits, size_t *words, facesdk_error *error) {
  *words = facesdk_words((size_t)channels);
  if (!facesdk_multiply(words, (size_t)y->filter) || !facesdk_multiply(words, (size_t)x->filter) ||
      *words > max_bits / FACESDK_WORD_BITS) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "a %d x %d filter over %d channels is too large",
                        (int)y->filter, (int)x->filter, (int)channels);
  }
  size_t bytes = *words * sizeof(uint32_t);
  if (facesdk_multiply(&bytes, (size_t)filters)) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the filter is larger than 1 GiB");
}

facesdk_status facesdk_windows_out_of_memory(const facesdk_window *y, const facesdk_window *x, int32_t channels_in,
                                             int32_t channels_out, facesdk_error *error) {
  return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "out of memory for a %d x %d filter with %d x %d channels",
                      (int)y->filter, (int)x->filter, (int)channels_in, (int)channels_out);
}

/* ---- an image with padding cells ---- */

int64_t facesdk_window_span(const facesdk_window *window, int32_t positions) {
  return (int64_t)(positions - 1) * window->stride + (int64_t)(window->filter - 1) * window->dilation + 1;
}

int64_t facesdk_window_spanned_input(const facesdk_window *window) {
  const int64_t end = facesdk_window_span(window, window->output) - window->pad;
  return end < window->input ? end : window->input;
}

bool facesdk_windows_image_is_practical(const facesdk_window *y, const facesdk_window *x, int32_t rows,
                                        size_t cell_bytes) {
  const int64_t height = facesdk_window_span(y, rows), width = facesdk_window_span(x, x->output);
  if (height > INT32_MAX || width > INT32_MAX) return false;
  size_t image = cell_bytes;
  if (!facesdk_multiply(&image, (size_t)height) || !facesdk_multiply(&image, (size_t)width)) return false;
  const uint64_t input = (uint64_t)y->input * (uint64_t)x->input * cell_bytes;
  return image <= MAX_IMAGE_GROWTH * input + SMALL_IMAGE_BYTES;
}
