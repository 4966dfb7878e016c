/* AVX-512: a table of 16 floats is one register. */
#include "base/vectors_avx512.inc"

#define VECTORS 2
#define TILE 12
#define FLOATS 1
#define SIGNS 0
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/lookup.inc"

INLINE fvec lookup(fvec table, vec weights) { return (fvec)_mm512_permutexvar_ps((__m512i)weights, (__m512)table); }

FLOATS_KERNEL(avx512, NULL);
