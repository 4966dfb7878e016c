/* Plain C for every CPU: carry-save adders. */
#include "base/vectors_portable.inc"

#define VECTORS 2
#define TILE 1
#define FEW_UNITS 0
#include "kernels/bconv2d/blocked_strip.inc"
#include "kernels/bconv2d/two_operand_adders.inc"
#include "kernels/bconv2d/carry_save.inc"

INLINE vec count_bytes(vec v) {
  v -= v >> 1 & 0x55555555u;
  v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
  return (v + (v >> 4)) & 0x0f0f0f0fu;
}

INLINE vec sum_bytes(vec v) {
  v = (v & 0x00ff00ffu) + (v >> 8 & 0x00ff00ffu);
  return (v + (v >> 16)) & 0xffffu;
}

CARRY_SAVE_KERNEL(portable);
