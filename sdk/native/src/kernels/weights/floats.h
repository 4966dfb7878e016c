/* Cells that hold 32 floats as they are; included behind strip.h. */
enum { CELL_VALUES = 32 };

static void encode(const float *values, size_t count, const facesdk_levels *levels, void *cells) {
  (void)levels;
  const size_t missing = (CELL_VALUES - count % CELL_VALUES) % CELL_VALUES;
  memcpy(cells, values, count * sizeof *values);
  memset((float *)cells + count, 0, missing * sizeof *values);
}
