#include "base/vectors_neon.inc"

#if defined(__aarch64__)
#define ROWS 2
#else
#define ROWS 1 /* 16 registers, 8 of them for a row */
#endif
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(neon)
