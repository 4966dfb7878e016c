/* Sums of bytes for instruction sets that multiply and add four neighbours in each 32-bit lane: included behind strip.h by
 * a kernel that has `accumulate`. Panels hold +1 and -1 in bytes, [step][group of four values][channel][value]. */
typedef int8_t bvec __attribute__((vector_size(LANES * 4)));

enum { GROUPS = 8, GROUP_BYTES = BLOCK * 4 };

/* Weight v of group n becomes bit 8 v + n, so that a shift by n brings a group's four to the lowest bits of the bytes. */
static void arrange(uint32_t *words) {
  for (size_t i = 0; i < BLOCK; ++i) {
    uint32_t word = 0;
    for (size_t bit = 0; bit < 32; ++bit) word |= (words[i] >> bit & 1) << (8 * (bit % 4) + bit / 4);
    words[i] = word;
  }
}

INLINE void expand(const uint32_t *filter, size_t steps, char *panel) {
  const bvec one = (bvec)broadcast(0x01010101u);
  for (size_t i = 0; i < steps * VECTORS; ++i, filter += LANES) {
    const vec words = load(filter);
    char *to = panel + i / VECTORS * PANEL_BYTES + i % VECTORS * sizeof words;
    UNROLL for (size_t n = 0; n < GROUPS; ++n, to += GROUP_BYTES) {
      const bvec negative = (bvec)(words >> n) & one, weights = one - negative - negative;
      memcpy(to, &weights, sizeof weights);
    }
  }
}

/* Four bytes of a pixel in each lane. */
INLINE vec load_group(const char *pixel) {
  uint32_t word;
  memcpy(&word, pixel, sizeof word);
  return broadcast(word);
}
