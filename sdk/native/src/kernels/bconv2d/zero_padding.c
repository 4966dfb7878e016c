/* Kernels read padded cells as clear bits, that is +1. For padding with 0 a padded tap must add nothing to the dot
 * product, so that doubled = K - dot is larger by the sum of the padded taps' weights. That sum depends on nothing
 * but the class of the window position. */
#include <stdlib.h>
#include <string.h>

#include "base/packing.h"
#include "kernels/bconv2d/bconv2d.h"

/* Sorts the window positions of one axis into classes of equal inside taps. Class 0 has every tap inside. Writes
 * class_of[position] and taps[class] (room for output + 1) and returns the number of classes. Both ends of the inside
 * taps fall monotonically along the axis, so positions of equal taps are neighbours. */
static size_t classify(const facesdk_window *window, uint32_t *class_of, facesdk_taps *taps) {
  size_t count = 1;
  taps[0] = (facesdk_taps){0, window->filter};
  for (int32_t position = 0; position < window->output; ++position) {
    const facesdk_taps here = facesdk_window_taps(window, position);
    const bool whole = here.first == 0 && here.end == window->filter;
    const bool as_before = taps[count - 1].first == here.first && taps[count - 1].end == here.end;
    if (!whole && !as_before) taps[count++] = here;
    class_of[position] = whole ? 0 : (uint32_t)(count - 1);
  }
  return count;
}

/* sums[y * (width + 1) + x]: sum of one output channel's weights over the taps above and left of (y, x). */
static void integrate_weights(const facesdk_bconv2d *op, const uint32_t *filter, int32_t *sums) {
  const size_t pitch = (size_t)op->x.filter + 1;
  memset(sums, 0, pitch * sizeof *sums);
  for (size_t y = 0; y < (size_t)op->y.filter; ++y) {
    int32_t *above = sums + y * pitch, *row = above + pitch;
    int32_t line = 0;
    row[0] = 0;
    for (size_t x = 0; x + 1 < pitch; ++x) {
      int32_t negative = 0;
      for (size_t w = 0; w < op->group_words; ++w) negative += __builtin_popcount(*filter++);
      line += op->group_channels_in - 2 * negative;
      row[x + 1] = above[x + 1] + line;
    }
  }
}

/* Sum of the weights of the taps that are not inside. */
static int32_t padded_weights(const int32_t *sums, size_t pitch, size_t taps, facesdk_taps y, facesdk_taps x) {
  const int32_t *top = sums + (size_t)y.first * pitch, *bottom = sums + (size_t)y.end * pitch;
  const int32_t inside = bottom[x.end] - bottom[x.first] - top[x.end] + top[x.first];
  return sums[taps - 1] - inside;
}

bool facesdk_bconv2d_correct_zero_padding(facesdk_bconv2d *op, const uint32_t *filter) {
  const size_t channels = (size_t)op->options.channels_out;
  const size_t heights = (size_t)op->y.output, widths = (size_t)op->x.output;
  const size_t pitch = (size_t)op->x.filter + 1, sums_count = ((size_t)op->y.filter + 1) * pitch;
  facesdk_taps *y_taps = calloc(heights + 1, sizeof *y_taps);
  facesdk_taps *x_taps = calloc(widths + 1, sizeof *x_taps);
  int32_t *sums = calloc(sums_count, sizeof *sums);
  op->y_class = calloc(heights, sizeof *op->y_class);
  op->x_class = calloc(widths, sizeof *op->x_class);
  bool done = false;
  if (y_taps != NULL && x_taps != NULL && sums != NULL && op->y_class != NULL && op->x_class != NULL) {
    const size_t y_classes = classify(&op->y, op->y_class, y_taps);
    op->x_classes = classify(&op->x, op->x_class, x_taps);
    const size_t rows = y_classes * op->x_classes;
    size_t bytes = sizeof(int32_t);
    if (facesdk_multiply(&bytes, rows) && facesdk_multiply(&bytes, channels)) {
      op->corrections = calloc(bytes / sizeof(int32_t) + FACESDK_CHANNEL_SLACK, sizeof(int32_t));
    }
    done = op->corrections != NULL;
    for (size_t c = 0; done && c < channels; ++c, filter += op->taps * op->group_words) {
      integrate_weights(op, filter, sums);
      for (size_t row = 0; row < rows; ++row) {
        op->corrections[row * channels + c] =
            padded_weights(sums, pitch, sums_count, y_taps[row / op->x_classes], x_taps[row % op->x_classes]);
      }
    }
  }
  free(y_taps);
  free(x_taps);
  free(sums);
  return done;
}
