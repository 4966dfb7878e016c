/* Whole rows of taps and words that are adjacent: the kernel of every path but the reference. */
#include <string.h>

#include "kernels/bmaxpool2d/bmaxpool2d.h"

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
