#include "base/vectors_avx2.inc"

#define ROWS 2
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(avx2)
