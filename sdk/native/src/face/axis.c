#include "face/axis.h"

#include "base/memory.h"

static int64_t floor_divide(int64_t numerator, int64_t denominator) {
  const int64_t quotient = numerator / denominator;
  return quotient - (numerator % denominator < 0);
}

/* Taps of so many results, and room for so many weights. The weights come after the taps in one block. */
static int16_t *allocate(facesdk_axis *axis, int32_t results, int64_t weights) {
  const size_t table = (size_t)results * sizeof(facesdk_taps);
  axis->taps = facesdk_allocate(table + (size_t)weights * sizeof(int16_t), 1);
  return axis->taps != NULL ? (int16_t *)(void *)(axis->taps + results) : NULL;
}

/* Notes one result's taps, whose weights lie at `weights`; gives the place of the next one's. */
static int16_t *append(facesdk_axis *axis, int32_t result, int32_t first, int32_t count, int16_t *weights) {
  axis->taps[result] = (facesdk_taps){first, count, (const facesdk_weight_pair *)(const void *)weights};
  if (result == 0) axis->low = first;
  axis->high = first + count;
  return weights + count + count % 2; /* memory is 0 from the start */
}

/* floor(2^14 * part / whole + 1/2), for 0 <= part <= whole. */
static int32_t share(int64_t part, int64_t whole) {
  if (whole <= 1 << 16) { /* the division of 32 bits is faster, above all on 32-bit processors */
    return (int32_t)(((uint32_t)part * (2u * FACESDK_WEIGHT_ONE) + (uint32_t)whole) / (2u * (uint32_t)whole));
  }
  return (int32_t)((part * (2 * FACESDK_WEIGHT_ONE) + whole) / (2 * whole));
}

/* Positions are in units of 1 / results of the photo's pixels, where everything is whole. */
bool facesdk_axis_area(facesdk_axis *axis, int32_t results, int32_t begin, int32_t length, int32_t halvings) {
  const int64_t pixel = (int64_t)results << halvings;
  int16_t *weights = allocate(axis, results, ((int64_t)length >> halvings) + 3 * (int64_t)results + 2);
  if (weights == NULL) return false;
  int64_t start = (int64_t)begin * results;
  int64_t first = floor_divide(start, pixel);
  for (int32_t x = 0; x < results; ++x, start += length) {
    while ((first + 1) * pixel <= start) ++first;
    const int64_t stop = start + length;
    int64_t end = (first + 1) * pixel;
    int32_t count = 0, before = 0;
    for (bool more = true; more; end += pixel) {
      more = end < stop;
      const int32_t upto = more ? share(end - start, length) : FACESDK_WEIGHT_ONE;
      weights[count++] = (int16_t)(upto - before);
      before = upto;
    }
    weights = append(axis, x, (int32_t)first, count, weights);
  }
  return true;
}

bool facesdk_axis_bilinear(facesdk_axis *axis, int32_t results, int32_t length) {
  int16_t *weights = allocate(axis, results, 2 * (int64_t)results);
  if (weights == NULL) return false;
  const int64_t unit = 2 * (int64_t)results;
  for (int32_t x = 0; x < results; ++x) {
    const int64_t centre = (2 * (int64_t)x + 1) * length - results;
    const int64_t before = floor_divide(centre, unit);
    if (before < 0 || before >= length - 1) {
      weights[0] = FACESDK_WEIGHT_ONE;
      weights = append(axis, x, before < 0 ? 0 : length - 1, 1, weights);
    } else {
      const int32_t fraction = share(centre - before * unit, unit);
      weights[0] = (int16_t)(FACESDK_WEIGHT_ONE - fraction);
      weights[1] = (int16_t)fraction;
      weights = append(axis, x, (int32_t)before, 2, weights);
    }
  }
  return true;
}
