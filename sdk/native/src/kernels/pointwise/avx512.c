#include "base/vectors_avx512.inc"

#define ROWS 4
#define SCALES
INLINE fvec scale_negative(fvec v, fvec factors) {
  return (fvec)_mm512_mask_mul_ps((__m512)v, (__mmask16)below_zero(v), (__m512)v, (__m512)factors);
}
#include "kernels/pointwise/steps.inc"

POINTWISE_KERNEL(avx512)
