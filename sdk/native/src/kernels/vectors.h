/* Vectors of one instruction set, for a path's file, which defines LANES (32-bit lanes of a vector) before it includes
 * this. They are those of GCC and Clang: what they compile to follows from the file's flags. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define ROLLED _Pragma("GCC unroll 1")
#endif

typedef uint32_t vec __attribute__((vector_size(LANES * 4)));
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));
typedef float fvec __attribute__((vector_size(LANES * 4)));

INLINE vec load(const void *memory) {
  vec v;
  memcpy(&v, memory, sizeof v);
  return v;
}

INLINE vec broadcast(uint32_t word) { return (vec){0} + word; }

/* mask lanes are 0 or -1, as comparisons give them. */
INLINE ivec choose(ivec mask, ivec yes, ivec no) { return (mask & yes) | (~mask & no); }

/* NEON of 32-bit ARM takes subnormal numbers for zero; the scalar instructions beside it do not. */
#if defined(__arm__) && defined(__ARM_NEON)
#define SCALAR_FLOATS 1
#else
#define SCALAR_FLOATS 0
#endif

/* Lanes less than zero, which -0 and NaN are not. */
INLINE ivec negative_lanes(fvec v) {
#if SCALAR_FLOATS
  const ivec bits = (ivec)v;
  return (bits > INT32_MIN) & (bits <= (ivec)((fvec){0} - __builtin_inff()));
#else
  return v < 0.0f;
#endif
}
