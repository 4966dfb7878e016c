/* The oracle: one word at a time, written to be read. */
#include "kernels/bmaxpool2d/bmaxpool2d.h"

void facesdk_bmaxpool2d_reference(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output) {
  const facesdk_window *y = &plan->y, *x = &plan->x;
  for (size_t batch = 0; batch < plan->batch; ++batch) {
    for (int32_t out_y = 0; out_y < y->output; ++out_y) {
      for (int32_t out_x = 0; out_x < x->output; ++out_x) {
        for (size_t word = 0; word < plan->words; ++word) {
          uint32_t all = UINT32_MAX;
          for (int32_t tap_y = 0; tap_y < y->filter; ++tap_y) {
            for (int32_t tap_x = 0; tap_x < x->filter; ++tap_x) {
              const int64_t in_y = facesdk_window_cell(y, out_y, tap_y), in_x = facesdk_window_cell(x, out_x, tap_x);
              if (!facesdk_window_inside(y, in_y) || !facesdk_window_inside(x, in_x)) continue;
              const size_t pixel =
                  (batch * (size_t)y->input + (size_t)in_y) * (size_t)x->input + (size_t)in_x;
              all &= input[pixel * plan->words + word];
            }
          }
          *output++ = all;
        }
      }
    }
  }
}
