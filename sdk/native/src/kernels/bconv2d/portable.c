/* Plain C for every CPU. GCC and Clang turn the vectors into SSE2 or NEON where that is the platform's baseline, and into
 * plain 32-bit arithmetic elsewhere. */
#define LANES 4
#define VECTORS 2
#define TILE 2
#define FEW_UNITS 0
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/binary_conv2d/binary_conv2d.h"
#include "kernels/quantize/bits.inc"
#include "kernels/bconv2d/two_operand_adders.inc"
#include "kernels/bconv2d/carry_save.inc"

static bool always(void) { return true; }

INLINE uint32_t signs(ivec v) {
  v = v >> 31 & (ivec){1, 2, 4, 8};
  return (uint32_t)(v[0] | v[1] | v[2] | v[3]);
}

INLINE uint32_t below_zero(fvec v) { return signs(negative_lanes(v)); }

INLINE vec count_bytes(vec v) {
  v -= v >> 1 & 0x55555555u;
  v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
  return (v + (v >> 4)) & 0x0f0f0f0fu;
}

INLINE vec sum_bytes(vec v) {
  v = (v & 0x00ff00ffu) + (v >> 8 & 0x00ff00ffu);
  return (v + (v >> 16)) & 0xffffu;
}

const facesdk_path facesdk_path_portable = {
    .name = "portable",
    .requires = "",
    .supported = always,
    .quantize = quantize,
    .dequantize = dequantize,
    .bmaxpool2d = facesdk_bmaxpool2d_rows,
    .blocked = &kernel,
    .bconv2d_prepare = facesdk_blocked_prepare,
    .bconv2d_run = facesdk_blocked_run,
    .floats = &facesdk_floats_portable,
    .bytes = &facesdk_bytes_portable,
};
