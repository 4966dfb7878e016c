#include "base/vectors_sse.inc"
#include "kernels/quantize/bits.inc"

BITS_KERNEL(popcnt);
