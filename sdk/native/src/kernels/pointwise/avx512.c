#include "base/vectors_avx512.inc"

#define ROWS 4
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(avx512)
