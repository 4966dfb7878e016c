#include "base/vectors_avx512.inc"
#include "kernels/quantize/bits.inc"

BITS_KERNEL(avx512);
