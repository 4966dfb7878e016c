#include "base/vectors_neon.inc"

#define ROWS 2
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(neon)
