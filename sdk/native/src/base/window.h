/* Sliding windows over images, what operators with windows have in common: sizes and padding as TensorFlow defines
 * SAME and VALID, checks, and where windows and their taps lie in an image that has cells for the padding. */
#ifndef FACESDK_BASE_WINDOW_H_
#define FACESDK_BASE_WINDOW_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facesdk_ops.h"

/* Windows along one axis. */
typedef struct facesdk_window {
  int32_t input, filter, stride, dilation; /* cells along the axis */
  int32_t output;                          /* number of window positions */
  int64_t pad;                             /* padded cells before the first input cell */
} facesdk_window;

/* What an operator's options say of its windows: [0] of the height, [1] of the width. */
typedef struct facesdk_window_options {
  int32_t input[2], filter[2], stride[2], dilation[2];
  int32_t padding; /* facesdk_padding */
} facesdk_window_options;

/* Those of an operator's options `o`, which have the same names in all operators, but for dilation, which not all
 * have. */
#define FACESDK_WINDOW_OPTIONS(o, dilation_height_, dilation_width_)              \
  (facesdk_window_options) {                                                      \
    .input = {(o)->input_height, (o)->input_width},                               \
    .filter = {(o)->filter_height, (o)->filter_width},                            \
    .stride = {(o)->stride_height, (o)->stride_width},                            \
    .dilation = {dilation_height_, dilation_width_}, .padding = (o)->padding      \
  }

/* ---- shapes and checks ---- */

facesdk_status facesdk_windows_init(facesdk_window *y, facesdk_window *x, const facesdk_window_options *options,
                                    facesdk_error *error);

/* The output's [batch, height, width, channels]. */
void facesdk_windows_shape(const facesdk_window *y, const facesdk_window *x, int32_t batch, int32_t channels,
                           int32_t shape[4]);

/* That the input and the output are not larger than a tensor may be, given the bytes of a pixel of each. */
facesdk_status facesdk_windows_check_images(const facesdk_window *y, const facesdk_window *x, int32_t batch,
                                            uint64_t input_pixel, uint64_t output_pixel, facesdk_error *error);

/* That `filters` filters over `channels` bit-packed channels are not either, and that none has more than `max_bits`.
 * Gives the words of one. */
facesdk_status facesdk_windows_check_filters(const facesdk_window *y, const facesdk_window *x, int32_t channels,
                                             int32_t filters, size_t max_bits, size_t *words, facesdk_error *error);

/* Returns FACESDK_OUT_OF_MEMORY, for a convolution. */
facesdk_status facesdk_windows_out_of_memory(const facesdk_window *y, const facesdk_window *x, int32_t channels_in,
                                             int32_t channels_out, facesdk_error *error);

/* ---- cells of the input ---- */

/* Input coordinate under filter tap `tap` at window position `position`; outside [0, input) where padded. */
static inline int64_t facesdk_window_cell(const facesdk_window *window, int32_t position, int32_t tap) {
  return (int64_t)position * window->stride - window->pad + (int64_t)tap * window->dilation;
}

static inline bool facesdk_window_inside(const facesdk_window *window, int64_t cell) {
  return cell >= 0 && cell < window->input;
}

/* Taps [first, end) that lie inside the input at `position`; the others are padded. */
typedef struct facesdk_taps {
  int32_t first, end;
} facesdk_taps;

static inline facesdk_taps facesdk_window_taps(const facesdk_window *window, int32_t position) {
  const int64_t cell = facesdk_window_cell(window, position, 0), dilation = window->dilation;
  const int64_t first = cell >= 0 ? 0 : (-cell + dilation - 1) / dilation;
  const int64_t end = cell >= window->input ? 0 : (window->input - cell + dilation - 1) / dilation;
  return (facesdk_taps){.first = (int32_t)(first < window->filter ? first : window->filter),
                        .end = (int32_t)(end < window->filter ? end : window->filter)};
}

/* ---- an image with padding cells: all cells that windows span, from the first padded one on ---- */

/* Cells along the axis that `positions` neighbouring windows span: more than a 32-bit size_t may hold. */
int64_t facesdk_window_span(const facesdk_window *window, int32_t positions);

/* How many of the input's cells, from its first on, lie in the span of all windows. */
int64_t facesdk_window_spanned_input(const facesdk_window *window);

/* Whether the image for `rows` rows of windows is worth its memory, which padding may multiply, and its offsets fit
 * 32 bits. */
bool facesdk_windows_image_is_practical(const facesdk_window *y, const facesdk_window *x, int32_t rows,
                                        size_t cell_bytes);

/* From a row of the image to the next, and from a cell to the next, in a unit of the image's owner. */
typedef struct facesdk_pitch {
  size_t row, cell;
} facesdk_pitch;

/* Where the first tap of the window at a position lies. */
static inline size_t facesdk_windows_position(const facesdk_window *y, const facesdk_window *x, facesdk_pitch pitch,
                                              size_t row, size_t column) {
  return row * (size_t)y->stride * pitch.row + column * (size_t)x->stride * pitch.cell;
}

/* Where a tap lies, from the window's first: a step, the same for all windows. */
static inline size_t facesdk_windows_step(const facesdk_window *y, const facesdk_window *x, facesdk_pitch pitch,
                                          size_t row, size_t column) {
  return row * (size_t)y->dilation * pitch.row + column * (size_t)x->dilation * pitch.cell;
}

#endif
