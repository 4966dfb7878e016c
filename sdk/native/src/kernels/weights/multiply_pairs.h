/* The loop of bytes for instruction sets that multiply and add two neighbours in each 16-bit lane; included behind dot4.h by
 * a kernel that has multiply_pairs and sum_pairs. Products of STEPS steps fit 16 bits: 8 steps of 8 groups of 2 x 255. */
_Static_assert(STEPS * GROUPS * 2 * 255 <= INT16_MAX, "sums of pairs overflow");

typedef int16_t pairs __attribute__((vector_size(LANES * 4)));

/* values (0..255) * signs, of which two neighbours are added */
INLINE pairs multiply_pairs(vec values, vec signs);

/* Two neighbours are added. */
INLINE sum sum_pairs(pairs v);

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const char *panel = weights;
  pairs partial[TILE][VECTORS];
  UNROLL for (size_t i = 0; i < tile; ++i) {
    UNROLL for (size_t v = 0; v < VECTORS; ++v) partial[i][v] = (pairs){0};
  }
  for (; count > 0; --count, ++steps) {
    ROLLED for (size_t n = 0; n < GROUPS; ++n, panel += GROUP_BYTES) {
      UNROLL for (size_t i = 0; i < tile; ++i) {
        const vec values = load_group(pixel[i] + *steps + 4 * n);
        UNROLL for (size_t v = 0; v < VECTORS; ++v) {
          partial[i][v] += multiply_pairs(values, load(panel + v * LANES * 4));
        }
      }
    }
  }
  UNROLL for (size_t i = 0; i < tile; ++i) {
    UNROLL for (size_t v = 0; v < VECTORS; ++v) sums[i][v] += sum_pairs(partial[i][v]);
  }
}
