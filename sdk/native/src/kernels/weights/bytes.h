/* Cells of 32 bytes, and the range of values that they must cover; included behind strip.h. A kernel that wants signed bytes
 * defines LOWEST as -128. */
#ifndef LOWEST
#define LOWEST 0
#endif

enum { CELL_VALUES = 32 };

static void encode(const float *restrict values, size_t count, const facesdk_levels *levels, void *restrict cells) {
  uint8_t *bytes = cells;
  const facesdk_levels known = *levels;
  for (size_t i = 0; i < count; ++i) bytes[i] = (uint8_t)(facesdk_level(values[i], &known) + LOWEST);
  memset(bytes + count, known.zero + LOWEST, (CELL_VALUES - count % CELL_VALUES) % CELL_VALUES);
}

static facesdk_range range(const float *values, size_t count) {
  fvec low = {0}, high = {0};
  ivec unlike = {0}; /* the bits of x - x, which are 0 for every finite x */
  for (; count >= LANES; count -= LANES, values += LANES) {
    const fvec x = (fvec)load(values);
    low = (fvec)choose(x < low, (ivec)x, (ivec)low);
    high = (fvec)choose(x > high, (ivec)x, (ivec)high);
    unlike |= (ivec)(x - x);
  }
  facesdk_range result = {.finite = true};
  for (size_t i = 0; i < LANES; ++i) {
    result.low = low[i] < result.low ? low[i] : result.low;
    result.high = high[i] > result.high ? high[i] : result.high;
    result.finite &= unlike[i] == 0;
  }
  for (size_t i = 0; i < count; ++i) {
    result.low = values[i] < result.low ? values[i] : result.low;
    result.high = values[i] > result.high ? values[i] : result.high;
    result.finite &= values[i] - values[i] == 0.0f;
  }
  return result;
}
