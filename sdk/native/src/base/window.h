/* Sliding windows: output size and padding of one spatial axis, as TensorFlow defines SAME and VALID. */
#ifndef FACESDK_BASE_WINDOW_H_
#define FACESDK_BASE_WINDOW_H_

#include "facesdk_ops.h"

typedef struct facesdk_window {
  int32_t input, filter, stride, dilation; /* cells along the axis */
  int32_t output;                          /* number of window positions */
  int64_t pad;                             /* padded cells before the first input cell */
} facesdk_window;

/* Fills `window`; `axis` ("height" or "width") names the axis in error messages. */
facesdk_status facesdk_window_init(facesdk_window *window, const char *axis, int32_t input, int32_t filter,
                                   int32_t stride, int32_t dilation, int32_t padding, facesdk_error *error);

/* Input coordinate under filter tap `tap` at window position `position`; outside [0, input) where padded. */
static inline int64_t facesdk_window_cell(const facesdk_window *window, int32_t position, int32_t tap) {
  return (int64_t)position * window->stride - window->pad + (int64_t)tap * window->dilation;
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

static inline int facesdk_window_inside(const facesdk_window *window, int64_t cell) {
  return cell >= 0 && cell < window->input;
}

#endif
