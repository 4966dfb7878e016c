/* LceBMaxPool2d: validation, and the loops of every path but the reference. */
#include <string.h>

#include "base/error.h"
#include "base/packing.h"
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

/* `out` &= `in`; compilers make vectors of it. */
static void and_words(uint32_t *restrict out, const uint32_t *restrict in, size_t words) {
  for (size_t w = 0; w < words; ++w) out[w] &= in[w];
}

void facesdk_bmaxpool2d_rows(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output) {
  const size_t words = plan->words, row_words = words * (size_t)plan->x.input;
  for (size_t batch = 0; batch < plan->batch; ++batch, input += row_words * (size_t)plan->y.input) {
    for (int32_t out_y = 0; out_y < plan->y.output; ++out_y) {
      const facesdk_taps y = facesdk_window_taps(&plan->y, out_y);
      const uint32_t *top = input + (size_t)facesdk_window_cell(&plan->y, out_y, y.first) * row_words;
      for (int32_t out_x = 0; out_x < plan->x.output; ++out_x, output += words) {
        const facesdk_taps x = facesdk_window_taps(&plan->x, out_x);
        const size_t cell = (size_t)facesdk_window_cell(&plan->x, out_x, x.first) * words;
        memset(output, 0xff, words * sizeof *output);
        const uint32_t *row = top;
        for (int32_t tap_y = y.first; tap_y < y.end; ++tap_y, row += row_words) {
          for (int32_t tap_x = 0; tap_x < x.end - x.first; ++tap_x) {
            and_words(output, row + cell + (size_t)tap_x * words, words);
          }
        }
      }
    }
  }
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
  path->bmaxpool2d(&plan, input, output);
  facesdk_path_count_run(path);
  return FACESDK_OK;
}
