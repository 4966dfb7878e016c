/* NEON with dot products, of ARMv8.2: three words are added bit by bit before any bit is counted.
 *
 * With differences d, e, f of three words between image and filter, d + e + f = 2 * carry + sum at each bit. Image and
 * filters hold sums of their words (`sums` in blocked.h), so that d, u = d ^ e and s = ~(d ^ e ^ f) take one exclusive or
 * each. The carry is one selection: d where d and e agree, and f where they do not, which is s there. So
 *
 *   count(d) + count(e) + count(f) = 32 - count(s) + 2 * count(carry)
 *
 * for a lane of 32 bits, in three exclusive ors, a selection, two population counts and two dot products, which add the
 * four bytes of a lane with their weights -1 and 2 to a count of 32 bits: eight instructions for three vectors, where
 * counting each takes nine. There is no byte that could overflow, so the counts stay in registers to the end. */
#include "base/vectors_neon.inc"

#define VECTORS 4
#define TILE 4
#define ANY_TILE
#include "kernels/bconv2d/blocked_strip.inc"

#pragma GCC diagnostic ignored "-Woverlength-strings" /* the assembly */

enum {
  UNIT = 3,
  UNROLLED = 3,  /* a 3x3 filter's units are a multiple of this */
  HALF = BLOCK / 2, /* channels whose filters are in registers at a time */
};

/* Factors of the bytes of a lane: of sums, carries, and words that are counted alone. */
static const int8_t factors[] = {-1, -1, -1, -1, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0};

/*   v0-v5    filters of three words, 8 channels    v7-v9    sums of a pixel's three words, each in all lanes
 *   v10-v15  temporary     v6  factors              v16-v31  counts: v16-v19 of the first pixel, ... */
#define LOAD_DISTANCE "ldrsw %[distance], [%[next]], #4\n\t"
#define LOAD_FILTERS                                          \
  "ld1 {v0.4s, v1.4s, v2.4s, v3.4s}, [%[filter]], #64\n\t"   \
  "ld1 {v4.4s, v5.4s}, [%[filter]], #32\n\t"
#define LOAD_PIXEL(pixel) "ld3r {v7.4s, v8.4s, v9.4s}, [%[" pixel "]]\n\t"
#define LOAD_PIXEL_AND_GO_ON(pixel) "ld3r {v7.4s, v8.4s, v9.4s}, [%[" pixel "]], %[distance]\n\t"

#define COUNT(a, b)                            \
  "eor v10.16b, v0.16b, v7.16b\n\t"            \
  "eor v11.16b, v1.16b, v7.16b\n\t"            \
  "eor v12.16b, v2.16b, v8.16b\n\t"            \
  "eor v13.16b, v3.16b, v8.16b\n\t"            \
  "eor v14.16b, v4.16b, v9.16b\n\t"            \
  "eor v15.16b, v5.16b, v9.16b\n\t"            \
  "bsl v12.16b, v14.16b, v10.16b\n\t"          \
  "bsl v13.16b, v15.16b, v11.16b\n\t"          \
  "cnt v14.16b, v14.16b\n\t"                   \
  "cnt v15.16b, v15.16b\n\t"                   \
  "cnt v12.16b, v12.16b\n\t"                   \
  "cnt v13.16b, v13.16b\n\t"                   \
  "sdot " a ".4s, v14.16b, v6.4b[0]\n\t"       \
  "sdot " b ".4s, v15.16b, v6.4b[0]\n\t"       \
  "sdot " a ".4s, v12.16b, v6.4b[1]\n\t"       \
  "sdot " b ".4s, v13.16b, v6.4b[1]\n\t"

/* The pixels forth and back, so that the last one is loaded once. */
#define COUNT_UNIT                     \
  LOAD_DISTANCE                        \
  LOAD_FILTERS                         \
  LOAD_PIXEL("pixel0")                 \
  COUNT("v16", "v17")                  \
  LOAD_PIXEL("pixel1")                 \
  COUNT("v20", "v21")                  \
  LOAD_PIXEL("pixel2")                 \
  COUNT("v24", "v25")                  \
  LOAD_PIXEL_AND_GO_ON("pixel3")       \
  COUNT("v28", "v29")                  \
  LOAD_FILTERS                         \
  COUNT("v30", "v31")                  \
  LOAD_PIXEL_AND_GO_ON("pixel2")       \
  COUNT("v26", "v27")                  \
  LOAD_PIXEL_AND_GO_ON("pixel1")       \
  COUNT("v22", "v23")                  \
  LOAD_PIXEL_AND_GO_ON("pixel0")       \
  COUNT("v18", "v19")

/* A word that units leave over: v0-v3 filters of 16 channels, v7-v10 the word of each pixel. */
#define LOAD_WORD(register, pixel) "ld1r {" register ".4s}, [%[" pixel "]], %[distance]\n\t"
#define COUNT_WORD(word, a, b, c, d)             \
  "eor v12.16b, v0.16b, " word ".16b\n\t"        \
  "eor v13.16b, v1.16b, " word ".16b\n\t"        \
  "eor v14.16b, v2.16b, " word ".16b\n\t"        \
  "eor v15.16b, v3.16b, " word ".16b\n\t"        \
  "cnt v12.16b, v12.16b\n\t"                     \
  "cnt v13.16b, v13.16b\n\t"                     \
  "cnt v14.16b, v14.16b\n\t"                     \
  "cnt v15.16b, v15.16b\n\t"                     \
  "sdot " a ".4s, v12.16b, v6.4b[2]\n\t"         \
  "sdot " b ".4s, v13.16b, v6.4b[2]\n\t"         \
  "sdot " c ".4s, v14.16b, v6.4b[2]\n\t"         \
  "sdot " d ".4s, v15.16b, v6.4b[2]\n\t"
#define COUNT_SINGLE                                            \
  LOAD_DISTANCE                                                 \
  "ld1 {v0.4s, v1.4s, v2.4s, v3.4s}, [%[filter]], #64\n\t"      \
  LOAD_WORD("v7", "pixel0")                                     \
  LOAD_WORD("v8", "pixel1")                                     \
  COUNT_WORD("v7", "v16", "v17", "v18", "v19")                  \
  LOAD_WORD("v9", "pixel2")                                     \
  COUNT_WORD("v8", "v20", "v21", "v22", "v23")                  \
  LOAD_WORD("v10", "pixel3")                                    \
  COUNT_WORD("v9", "v24", "v25", "v26", "v27")                  \
  COUNT_WORD("v10", "v28", "v29", "v30", "v31")

#define EACH_PIXEL(F) F(16, 17, 18, 19, 0) F(20, 21, 22, 23, 64) F(24, 25, 26, 27, 128) F(28, 29, 30, 31, 192)
#define LOAD_COUNTS(a, b, c, d, at)                            \
  "ldp q" #a ", q" #b ", [%[counts], #" #at "]\n\t"            \
  "ldp q" #c ", q" #d ", [%[counts], #" #at " + 32]\n\t"
#define STORE_COUNTS(a, b, c, d, at)                           \
  "stp q" #a ", q" #b ", [%[counts], #" #at "]\n\t"            \
  "stp q" #c ", q" #d ", [%[counts], #" #at " + 32]\n\t"

/* What of a tile's window is to be counted next. */
typedef struct position {
  const char *pixel[TILE];
  const int32_t *distance;
  const uint32_t *filter;
} position;

/* BODY `times` times, by a loop over UNROLLED copies that is entered at the first, second or third. */
#define COUNT_TIMES(BODY, at, times, counts)                                                                       \
  size_t rounds = ((times) + UNROLLED - 1) / UNROLLED;                                                             \
  const size_t skipped = rounds * UNROLLED - (times);                                                              \
  ptrdiff_t distance;                                                                                              \
  __asm__ volatile(EACH_PIXEL(LOAD_COUNTS)                                                                         \
                   "ldr q6, [%[factors]]\n\t"                                                                      \
                   "cmp %[skipped], #1\n\t"                                                                        \
                   "b.eq 2f\n\t"                                                                                   \
                   "b.hi 3f\n\t"                                                                                   \
                   "1:\n\t" BODY                                                                                   \
                   "2:\n\t" BODY                                                                                   \
                   "3:\n\t" BODY                                                                                   \
                   "subs %[rounds], %[rounds], #1\n\t"                                                             \
                   "b.ne 1b\n\t"                                                                                   \
                   EACH_PIXEL(STORE_COUNTS)                                                                        \
                   : [pixel0] "+r"((at)->pixel[0]), [pixel1] "+r"((at)->pixel[1]), [pixel2] "+r"((at)->pixel[2]),  \
                     [pixel3] "+r"((at)->pixel[3]), [next] "+r"((at)->distance), [filter] "+r"((at)->filter),      \
                     [rounds] "+r"(rounds), [distance] "=&r"(distance)                                             \
                   : [skipped] "r"(skipped), [counts] "r"(counts), [factors] "r"(factors)                          \
                   : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
                     "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",    \
                     "v28", "v29", "v30", "v31", "cc", "memory")

static __attribute__((noinline)) void add_units(position *at, size_t times, vec (*counts)[VECTORS]) {
  COUNT_TIMES(COUNT_UNIT, at, times, counts);
}

static __attribute__((noinline)) void add_singles(position *at, size_t times, vec (*counts)[VECTORS]) {
  COUNT_TIMES(COUNT_SINGLE, at, times, counts);
}

INLINE position start(const uint32_t *const pixel[TILE], size_t tile, uint32_t step, const int32_t *distances,
                      const uint32_t *filter) {
  position at = {.distance = distances, .filter = filter};
  UNROLL for (size_t i = 0; i < TILE; ++i) at.pixel[i] = (const char *)(pixel[i < tile ? i : 0] + step);
  return at;
}

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  const vec inverted = broadcast((uint32_t)words->units * FACESDK_WORD_BITS);
  UNROLL for (size_t i = 0; i < TILE; ++i) {
    UNROLL for (size_t v = 0; v < VECTORS; ++v) counts[i][v] = inverted;
  }
  if (words->units > 0) {
    position at = start(pixel, tile, words->unit_steps[0], words->unit_distances, words->unit_filter);
    add_units(&at, words->units, counts);
  }
  if (words->singles > 0) {
    position at = start(pixel, tile, words->single_steps[0], words->single_distances, words->single_filter);
    add_singles(&at, words->singles, counts);
  }
}

const facesdk_bconv2d_kernel facesdk_bconv2d_neon_dotprod = {.block = BLOCK,
                                                             .tile = TILE,
                                                             .unit = UNIT,
                                                             .sums = UNIT,
                                                             .complemented = true,
                                                             .adjacent = HALF,
                                                             .distances = true,
                                                             .chains = CHAINS,
                                                             .strip = strip};
