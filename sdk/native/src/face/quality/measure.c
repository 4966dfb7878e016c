/* Measures of an aligned crop, on the luma of its face region. */
#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"
#include "face/quality/pattern.h"
#include "face/picture.h"

enum {
  SIDE = FACESDK_CROP_SIDE,
  FINE = 1,   /* pixels on either side of the middle of 3x3 */
  COARSE = 3, /* and of 7x7 */
  FINE_AREA = (2 * FINE + 1) * (2 * FINE + 1),
  COARSE_AREA = (2 * COARSE + 1) * (2 * COARSE + 1),
  DARK = 16,
  BRIGHT = 247,
  MOST_RESPONSE = 8 * 255,
  NOISE_UNITS = 16194, /* 2^16 / (6 * 0.6745) */
};

typedef struct part {
  int top, bottom, left, right;
} part;

static const part FACE = {24, 104, 24, 88};
static const part EYES[] = {{47, 57, 32, 45}, {47, 57, 67, 80}};
static const part MOUTH = {84, 100, 42, 71};

typedef struct luma {
  uint8_t at[SIDE][SIDE];
  int32_t sums[SIDE + 1][SIDE + 1]; /* of the pixels above and left of a corner */
} luma;

static int32_t area_of(part p) { return (p.bottom - p.top) * (p.right - p.left); }

static void sum_up(luma *y) {
  for (int row = 0; row < SIDE; ++row) {
    int32_t sum = 0;
    for (int column = 0; column < SIDE; ++column) {
      sum += y->at[row][column];
      y->sums[row + 1][column + 1] = y->sums[row][column + 1] + sum;
    }
  }
}

/* The sum of the pixels at most `reach` away from one. */
static int32_t around(const luma *y, int row, int column, int reach) {
  const int top = row - reach, bottom = row + reach + 1, left = column - reach, right = column + reach + 1;
  return y->sums[bottom][right] - y->sums[top][right] - y->sums[bottom][left] + y->sums[top][left];
}

static int32_t mean_detail(const luma *y, part p) {
  int64_t sum = 0;
  for (int row = p.top; row < p.bottom; ++row) {
    for (int column = p.left; column < p.right; ++column) {
      sum += abs(COARSE_AREA * around(y, row, column, FINE) - FINE_AREA * around(y, row, column, COARSE));
    }
  }
  return (int32_t)(256 * sum / ((int64_t)(FINE_AREA * COARSE_AREA) * area_of(p)));
}

/* Pixels from one to the next of a line: across, down, and both slants. */
static const struct { int rows, columns; } LINES[] = {{0, 1}, {1, 0}, {1, 1}, {1, -1}};

/* The detail along the lines that have least of it, which is little where a face moved along them. */
static int32_t least_detail(const luma *y, part p) {
  int64_t least = INT64_MAX;
  for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); ++i) {
    const ptrdiff_t step = (ptrdiff_t)LINES[i].rows * SIDE + LINES[i].columns;
    int64_t sum = 0;
    for (int row = p.top; row < p.bottom; ++row) {
      for (int column = p.left; column < p.right; ++column) {
        const uint8_t *here = &y->at[row][column];
        const int fine = here[-step] + here[0] + here[step];
        const int coarse = fine + here[-2 * step] + here[2 * step] + here[-3 * step] + here[3 * step];
        sum += abs(7 * fine - 3 * coarse);
      }
    }
    if (sum < least) least = sum;
  }
  return (int32_t)(256 * least / (21 * (int64_t)area_of(p)));
}

static int32_t response(const luma *y, int row, int column) {
  const uint8_t *above = &y->at[row - 1][column], *here = &y->at[row][column], *below = &y->at[row + 1][column];
  return abs(above[-1] - 2 * above[0] + above[1] - 2 * here[-1] + 4 * here[0] - 2 * here[1] + below[-1] -
             2 * below[0] + below[1]);
}

static int32_t noise_of(const luma *y, part p) {
  int32_t counts[MOST_RESPONSE + 1] = {0};
  for (int row = p.top; row < p.bottom; ++row) {
    for (int column = p.left; column < p.right; ++column) ++counts[response(y, row, column)];
  }
  const int32_t half = (area_of(p) + 1) / 2;
  int32_t median = 0;
  for (int32_t passed = counts[0]; passed < half; passed += counts[median]) ++median;
  return (NOISE_UNITS * median) >> 8;
}

/* The largest integer whose square is at most `value`. */
static int32_t square_root(int64_t value) {
  int64_t root = 0;
  for (int64_t bit = (int64_t)1 << 20; bit > 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= value) root += bit;
  }
  return (int32_t)root;
}

static void measure_levels(const luma *y, part p, facesdk_crop_measures *measures) {
  int64_t sum = 0, squares = 0, dark = 0, bright = 0;
  for (int row = p.top; row < p.bottom; ++row) {
    for (int column = p.left; column < p.right; ++column) {
      const int32_t level = y->at[row][column];
      sum += level;
      squares += level * level;
      dark += level <= DARK;
      bright += level >= BRIGHT;
    }
  }
  const int64_t count = area_of(p);
  measures->brightness = (int32_t)(256 * sum / count);
  measures->contrast = square_root(65536 * (count * squares - sum * sum) / (count * count));
  measures->dark = (int32_t)(65536 * dark / count);
  measures->bright = (int32_t)(65536 * bright / count);
}

facesdk_status facesdk_measure_crop(const facesdk_image *crop, facesdk_crop_measures *measures, facesdk_error *error) {
  luma y = {.sums = {{0}}};
  const facesdk_status status = facesdk_check_pictures(crop, measures, crop->height, crop->width, 1, error);
  if (status != FACESDK_OK) return status;
  if (crop->height != SIDE || crop->width != SIDE) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "an aligned crop has %d x %d pixels, but got %d x %d", SIDE,
                        SIDE, (int)crop->width, (int)crop->height);
  }
  const facesdk_status grey = facesdk_grey(crop, y.at[0], error);
  if (grey != FACESDK_OK) return grey;
  sum_up(&y);
  measure_levels(&y, FACE, measures);
  measures->noise = noise_of(&y, FACE);
  measures->detail = least_detail(&y, FACE);
  const int32_t left = mean_detail(&y, EYES[0]), right = mean_detail(&y, EYES[1]);
  measures->eye_detail = left > right ? left : right;
  measures->mouth_detail = mean_detail(&y, MOUTH);
  measures->pattern = facesdk_pattern(y.at[0]);
  return FACESDK_OK;
}
