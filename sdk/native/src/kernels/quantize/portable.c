#include "base/vectors_portable.inc"
#include "kernels/quantize/bits.inc"

BITS_KERNEL(portable);
