/* Arithmetic of the float vectors of vectors.h that rounds as scalars do on every CPU. */
#include "vectors.h"

#if SCALAR_FLOATS
/* A lane as a scalar. The empty assembly keeps Clang from making vectors of what is done with scalars. */
INLINE float lane(fvec v, size_t i) {
  float scalar = v[i];
  __asm__("" : "+t"(scalar));
  return scalar;
}

INLINE fvec multiply(fvec a, fvec b) {
  UNROLL for (size_t i = 0; i < LANES; ++i) a[i] = lane(a, i) * lane(b, i);
  return a;
}

INLINE fvec add(fvec a, fvec b) {
  UNROLL for (size_t i = 0; i < LANES; ++i) a[i] = lane(a, i) + lane(b, i);
  return a;
}
#else
INLINE fvec multiply(fvec a, fvec b) { return a * b; }

INLINE fvec add(fvec a, fvec b) { return a + b; }
#endif

/* v, but no less than `low` and no more than `high` in any lane that is a number. */
INLINE fvec limit(fvec v, float low, float high) {
#if SCALAR_FLOATS
  UNROLL for (size_t i = 0; i < LANES; ++i) {
    const float value = lane(v, i);
    v[i] = value < low ? low : value > high ? high : value;
  }
  return v;
#else
  const fvec least = (fvec){0} + low, most = (fvec){0} + high;
  v = (fvec)choose(v < least, (ivec)least, (ivec)v);
  return (fvec)choose(v > most, (ivec)most, (ivec)v);
#endif
}
