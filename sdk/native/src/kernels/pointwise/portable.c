#include "base/vectors_portable.inc"

#define ROWS 1
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(portable)
