#include "base/vectors_neon.inc"
#include "kernels/quantize/bits.inc"

BITS_KERNEL(neon);
