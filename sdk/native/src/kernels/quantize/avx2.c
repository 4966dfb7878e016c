#include "base/vectors_avx2.inc"
#include "kernels/quantize/bits.inc"

BITS_KERNEL(avx2);
