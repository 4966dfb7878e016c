/* Sums of floats by table lookup, for instruction sets that permute a vector by indices in a register: included behind
 * strip.h by a kernel that has `lookup` and SIGNS.
 *
 * Four values a, b, c, d have 16 signed sums +-a +-b +-c +-d, and every output channel adds one of them. So the cell of 32
 * values holds eight tables of such sums, and the bits of the weights, four at a time, are the index: one permutation and one
 * addition for four weights of each lane, where multiplication takes four. A table is made once for all windows and output
 * channels that its values enter. With SIGNS, a table has eight entries, for d with the sign +; see arrange(). */
enum { CELL_VALUES = 32, TABLE_VALUES = 4, TABLES = CELL_VALUES / TABLE_VALUES, TABLE_BYTES = LANES * 4 };

/* The sums that a table has for each lane's next four weights. */
INLINE fvec lookup(fvec table, vec weights);

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const uint32_t *filter = weights;
  for (; count > 0; --count, ++steps, filter += BLOCK) {
    vec words[VECTORS];
    UNROLL for (size_t v = 0; v < VECTORS; ++v) words[v] = load(filter + v * LANES);
    ROLLED for (size_t table_offset = *steps, n = 0; n < TABLES; ++n, table_offset += TABLE_BYTES) {
#if SIGNS
      vec signs[VECTORS];
      UNROLL for (size_t v = 0; v < VECTORS; ++v) signs[v] = words[v] << 28 & broadcast(0x80000000u);
#endif
      UNROLL for (size_t i = 0; i < tile; ++i) {
        const fvec table = (fvec)load(pixel[i] + table_offset);
        UNROLL for (size_t v = 0; v < VECTORS; ++v) {
#if SIGNS
          sums[i][v] += (fvec)((vec)lookup(table, words[v]) ^ signs[v]);
#else
          sums[i][v] += lookup(table, words[v]);
#endif
        }
      }
      UNROLL for (size_t v = 0; v < VECTORS; ++v) words[v] >>= TABLE_VALUES;
    }
  }
}

/* The sign of weight `n` of four in each entry of a table. */
INLINE vec entry_signs(size_t n) {
  vec entry;
  UNROLL for (size_t i = 0; i < LANES; ++i) entry[i] = (uint32_t)(i >> n & 1) << 31;
  return entry;
}

INLINE fvec signed_value(float value, size_t n) { return (fvec)((vec)((fvec){0} + value) ^ entry_signs(n)); }

INLINE void write_table(const float values[TABLE_VALUES], char *table) {
  const fvec sums = (signed_value(values[0], 0) + signed_value(values[1], 1)) +
                    (signed_value(values[2], 2) + (SIGNS ? (fvec){0} + values[3] : signed_value(values[3], 3)));
  memcpy(table, &sums, sizeof sums);
}

static void encode(const float *values, size_t count, const facesdk_levels *levels, void *cells) {
  (void)levels;
  char *table = cells;
  for (; count >= TABLE_VALUES; count -= TABLE_VALUES, values += TABLE_VALUES, table += TABLE_BYTES) {
    write_table(values, table);
  }
  if (count > 0) {
    float last[TABLE_VALUES] = {0};
    memcpy(last, values, count * sizeof *last);
    write_table(last, table);
    table += TABLE_BYTES;
  }
  const size_t tables = (size_t)(table - (char *)cells) / TABLE_BYTES;
  memset(table, 0, (TABLES - tables % TABLES) % TABLES * TABLE_BYTES);
}
