/* NEON, of 64-bit and of 32-bit ARM: population counts of bytes, which add up in bytes as long as they fit.
 *
 * 128 bits take three instructions: exclusive or, count, addition. All else in a loop is overhead, so it loads with as
 * few instructions as the instruction set allows: many filters in one, and the words of an image pixel in one that also
 * spreads them over all lanes and moves the pixel's pointer on to the next unit, whose distance is in a list.
 * Compilers do not find these loads, and spill the counts, which fill half of the registers: hence the assembly. */
#include "base/vectors_neon.inc"

#define VECTORS 4
#if defined(__aarch64__)
#define TILE 4
#define TRIPLES true
#else
#define TILE 2
#define TRIPLES false /* too few registers */
#endif
#define ANY_TILE
#include "kernels/bconv2d/blocked_strip.inc"

#pragma GCC diagnostic ignored "-Woverlength-strings" /* the assembly */
#if defined(__aarch64__)
#include "kernels/bconv2d/neon_loops64.inc"
#else
#include "kernels/bconv2d/neon_loops32.inc"
#endif

enum {
  UNIT = 2,
  TRIPLE = 3,
  UNROLLED = 3,       /* a 3x3 filter's units are a multiple of this */
  BYTE_ADDITIONS = 31, /* of counts up to 8 */
};

/* What of a tile's window is to be counted next. */
typedef struct position {
  const char *pixel[TILE];
  const int32_t *distance;
  const uint32_t *filter;
} position;

/* BODY `times` times, by a loop over UNROLLED copies that is entered at the first, second or third; then the bytes that
 * it counted are added to `counts`. */
#define COUNT_TIMES(BODY, at, times, counts)                                                                  \
  size_t rounds = ((times) + UNROLLED - 1) / UNROLLED;                                                        \
  const size_t skipped = rounds * UNROLLED - (times);                                                         \
  ptrdiff_t distance;                                                                                         \
  __asm__ volatile(EACH_COUNT(CLEAR)                                                                          \
                   "cmp %[skipped], #1\n\t"                                                                   \
                   BRANCH_EQUAL "2f\n\t"                                                                      \
                   BRANCH_HIGHER "3f\n\t"                                                                     \
                   "1:\n\t" BODY                                                                              \
                   "2:\n\t" BODY                                                                              \
                   "3:\n\t" BODY                                                                              \
                   "subs %[rounds], %[rounds], #1\n\t"                                                        \
                   BRANCH_UNEQUAL "1b\n\t"                                                                    \
                   ADD_COUNTS                                                                                 \
                   : PIXELS((at)->pixel), [next] "+r"((at)->distance), [filter] "+r"((at)->filter),               \
                     [counts] "+r"(counts), [rounds] "+r"(rounds), [distance] "=&r"(distance)                 \
                   : [skipped] "r"(skipped)                                                                   \
                   : VECTOR_REGISTERS, "cc", "memory")

static __attribute__((noinline)) void add_units(position *at, size_t times, vec (*counts)[VECTORS]) {
  COUNT_TIMES(COUNT_UNIT, at, times, counts);
}

static __attribute__((noinline)) void add_singles(position *at, size_t times, vec (*counts)[VECTORS]) {
  COUNT_TIMES(COUNT_SINGLE, at, times, counts);
}

#if TRIPLES
static __attribute__((noinline)) void add_triples(position *at, size_t times, vec (*counts)[VECTORS]) {
  COUNT_TIMES(COUNT_TRIPLE, at, times, counts);
}
#endif

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

INLINE position start(const uint32_t *const pixel[TILE], size_t tile, uint32_t step, const int32_t *distances,
                      const uint32_t *filter) {
  position at = {.distance = distances, .filter = filter};
  UNROLL for (size_t i = 0; i < TILE; ++i) at.pixel[i] = (const char *)(pixel[i < tile ? i : 0] + step);
  return at;
}

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  UNROLL for (size_t i = 0; i < TILE; ++i) {
    UNROLL for (size_t v = 0; v < VECTORS; ++v) counts[i][v] = broadcast(0);
  }
  if (words->units > 0) {
    position at = start(pixel, tile, words->unit_steps[0], words->unit_distances, words->unit_filter);
    for (size_t left = words->units, n; left > 0; left -= n) {
      n = smaller(left, BYTE_ADDITIONS / UNIT);
      add_units(&at, n, counts);
    }
  }
  if (words->singles > 0) {
    position at = start(pixel, tile, words->single_steps[0], words->single_distances, words->single_filter);
    for (size_t left = words->singles, n; left > 0; left -= n) {
      n = smaller(left, BYTE_ADDITIONS / words->single_words);
#if TRIPLES
      if (words->single_words == TRIPLE) {
        add_triples(&at, n, counts);
        continue;
      }
#endif
      add_singles(&at, n, counts);
    }
  }
}

const facesdk_bconv2d_kernel facesdk_bconv2d_neon = {
    .block = BLOCK, .tile = TILE, .unit = UNIT, .sums = 1, .distances = true, .triples = TRIPLES,
    .chains = CHAINS, .strip = strip};
