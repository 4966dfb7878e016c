#include "base/vectors_sse.inc"

#define ROWS 1
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(popcnt)
