/* The counting loops of neon.c for 32-bit ARM.
 *
 *   q0-q1  filters of one word, 8 channels    q2-q5   words of two pixels, each in all lanes
 *   q6-q7  temporary                          q8-q15  counts, byte by byte: q8-q11 of the first pixel, ...
 */
#define COUNT(word, a, b)               \
  "veor q6, q0, " word "\n\t"           \
  "veor q7, q1, " word "\n\t"           \
  "vcnt.8 q6, q6\n\t"                   \
  "vcnt.8 q7, q7\n\t"                   \
  "vadd.i8 " a ", " a ", q6\n\t"        \
  "vadd.i8 " b ", " b ", q7\n\t"

#define LOAD_DISTANCE "ldr %[distance], [%[next]], #4\n\t"
#define LOAD_FILTERS "vld1.32 {d0, d1, d2, d3}, [%[filter]:128]!\n\t"

/* A load fills two of the 64-bit halves that make up the vectors (d4, d5) and (d6, d7). */
#define LOAD_UNIT(low_a, low_b, high_a, high_b, pixel)             \
  "vld2.32 {" low_a "[], " low_b "[]}, [%[" pixel "]]\n\t"         \
  "vld2.32 {" high_a "[], " high_b "[]}, [%[" pixel "]], %[distance]\n\t"
#define LOAD_SINGLE(low, high, pixel) "vld1.32 {" low "[], " high "[]}, [%[" pixel "]], %[distance]\n\t"

/* One word of both pixels for the block's 16 channels. */
#define COUNT_WORD(word0, word1)  \
  LOAD_FILTERS                    \
  COUNT(word0, "q8", "q9")        \
  COUNT(word1, "q12", "q13")      \
  LOAD_FILTERS                    \
  COUNT(word0, "q10", "q11")      \
  COUNT(word1, "q14", "q15")

#define COUNT_UNIT                           \
  LOAD_DISTANCE                                      \
  LOAD_UNIT("d4", "d6", "d5", "d7", "pixel0")    \
  LOAD_UNIT("d8", "d10", "d9", "d11", "pixel1")  \
  COUNT_WORD("q2", "q4")                         \
  COUNT_WORD("q3", "q5")

#define COUNT_SINGLE             \
  LOAD_DISTANCE                          \
  LOAD_SINGLE("d4", "d5", "pixel0")  \
  LOAD_SINGLE("d8", "d9", "pixel1")  \
  COUNT_WORD("q2", "q4")

#define CLEAR(n) "vmov.i8 q" #n ", #0\n\t"
#define PAIRS(n) "vpaddl.u8 q" #n ", q" #n "\n\t"
#define ADD_TO(a, b)                             \
  "vld1.32 {d0, d1, d2, d3}, [%[counts]]\n\t"    \
  "vpadal.u16 q0, q" #a "\n\t"                   \
  "vpadal.u16 q1, q" #b "\n\t"                   \
  "vst1.32 {d0, d1, d2, d3}, [%[counts]]!\n\t"
#define EACH_COUNT(F) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define ADD_COUNTS EACH_COUNT(PAIRS) ADD_TO(8, 9) ADD_TO(10, 11) ADD_TO(12, 13) ADD_TO(14, 15)
#define BRANCH_EQUAL "beq "
#define BRANCH_HIGHER "bhi "
#define BRANCH_UNEQUAL "bne "

#define PIXELS(pixel) [pixel0] "+r"((pixel)[0]), [pixel1] "+r"((pixel)[1])
#define VECTOR_REGISTERS \
  "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11", "q12", "q13", "q14", "q15"
