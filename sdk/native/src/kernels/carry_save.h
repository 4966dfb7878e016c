/* Counting differing bits with carry-save adders, for instruction sets without a fast population count of whole vectors
 * (Harley and Seal; Muła, Kurz, Lemire, "Faster Population Counts Using AVX2 Instructions", Computer Journal 2018,
 * arXiv:1611.07612). A round of eight words becomes bits of weight 1, 2, 4 and 8 at each position; only those of weight 8
 * are counted at once, byte by byte, the others at the end. That end is shorter with rounds of four words (two levels of
 * adders instead of three), which pays in small windows.
 *
 * A path's file includes it behind blocked_strip.h, after defining PAIRED (see blocked.h) and FEW_UNITS, below which two
 * levels are used, and defines these; two_operand_adders.h has the first two: */

/* The running sum takes in the differences of two words, packed as PAIRED says, from the filter; returns the carry. */
INLINE vec add_unit(vec *sum, vec first, vec second, const uint32_t words[2]);

/* *sum + a + b at each position: the sum bit stays, the carry is returned. */
INLINE vec add_bits(vec *sum, vec a, vec b);

/* The population count of each byte. */
INLINE vec count_bytes(vec v);

/* The sum of the four bytes of each lane. */
INLINE vec sum_bytes(vec v);

enum { MAX_ROUNDS = 31 }; /* a byte counts to 255, and each round adds up to 8 */

/* `levels` is a constant wherever this is called. */
INLINE void count_with_levels(int levels, size_t tile, const facesdk_window_words *words,
                              const uint32_t *const pixel[TILE], vec counts[TILE][VECTORS]) {
  const size_t round_units = (size_t)1 << (levels - 1); /* of two words */
  vec ones[TILE][VECTORS], twos[TILE][VECTORS], fours[TILE][VECTORS], byte_counts[TILE][VECTORS];
#define EACH                                  \
  UNROLL for (size_t v = 0; v < VECTORS; ++v) \
    UNROLL for (size_t i = 0; i < tile; ++i)
#define ADD_UNIT(n)                                                \
  add_unit(&ones[i][v], load(filter + 2 * (n) * BLOCK + v * LANES), \
           load(filter + (2 * (n) + 1) * BLOCK + v * LANES), pixel[i] + step[n])
  EACH counts[i][v] = ones[i][v] = twos[i][v] = fours[i][v] = broadcast(0);

  const uint32_t *step = words->unit_steps, *filter = words->unit_filter;
  size_t rounds = words->units / round_units;
  while (rounds > 0) {
    EACH byte_counts[i][v] = broadcast(0);
    size_t n = rounds < MAX_ROUNDS ? rounds : MAX_ROUNDS;
    rounds -= n;
    for (; n > 0; --n, step += round_units, filter += 2 * round_units * BLOCK) {
      EACH {
        const vec two_a = ADD_UNIT(0), two_b = ADD_UNIT(1);
        vec last = add_bits(&twos[i][v], two_a, two_b);
        if (levels == 3) {
          const vec two_c = ADD_UNIT(2), two_d = ADD_UNIT(3);
          const vec four_b = add_bits(&twos[i][v], two_c, two_d);
          last = add_bits(&fours[i][v], last, four_b);
        }
        byte_counts[i][v] += count_bytes(last);
      }
    }
    EACH counts[i][v] += sum_bytes(byte_counts[i][v]);
  }

  EACH {
    byte_counts[i][v] = count_bytes(twos[i][v]);
    if (levels == 3) byte_counts[i][v] += count_bytes(fours[i][v]) << 1;
  }
  for (size_t n = words->units % round_units; n > 0; --n, ++step, filter += 2 * BLOCK) {
    EACH byte_counts[i][v] += count_bytes(ADD_UNIT(0));
  }
  EACH counts[i][v] = (counts[i][v] << levels) + sum_bytes(count_bytes(ones[i][v]) + (byte_counts[i][v] << 1));

  step = words->single_steps;
  filter = words->single_filter;
  size_t singles = words->singles;
  while (singles > 0) {
    EACH byte_counts[i][v] = broadcast(0);
    size_t n = singles < MAX_ROUNDS ? singles : MAX_ROUNDS;
    singles -= n;
    for (; n > 0; --n, ++step, filter += BLOCK) {
      EACH byte_counts[i][v] += count_bytes(load(filter + v * LANES) ^ broadcast(pixel[i][*step]));
    }
    EACH counts[i][v] += sum_bytes(byte_counts[i][v]);
  }
#undef EACH
#undef ADD_UNIT
}

INLINE void count_tile(size_t tile, const facesdk_window_words *words, const uint32_t *const pixel[TILE],
                       vec counts[TILE][VECTORS]) {
  const size_t few = FEW_UNITS;
  if (words->units < few) {
    count_with_levels(2, tile, words, pixel, counts);
  } else {
    count_with_levels(3, tile, words, pixel, counts);
  }
}

static const facesdk_blocked_kernel kernel = {
    .block = BLOCK, .tile = TILE, .unit = 2, .paired = PAIRED, .strip = strip};
