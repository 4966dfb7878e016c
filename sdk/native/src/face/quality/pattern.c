#include "face/quality/pattern.h"

#include <string.h>

enum {
  SIDE = 64, /* of the window, in pixels */
  TOP = 32,
  LEFT = 24,
  HALF = SIDE / 2,
  QUARTER = SIDE / 4,
  WAVES = HALF + 1,
  FEWEST = 5 * 5, /* squares of waves per window: a wave of 13 pixels */
  MOST = 31 * 31, /* and one of two */
  AROUND = 4,     /* a power is set against those at most so far away in both directions */
  BESIDE = 1,     /* but for those so near */
  OTHERS = (2 * AROUND + 1) * (2 * AROUND + 1) - (2 * BESIDE + 1) * (2 * BESIDE + 1),
  FAINT = 512000, /* what a power must exceed where the others are 0 */
};

/* 1024 cos(2 pi n / 64), rounded. */
static const int16_t COSINES[SIDE] = {
    1024,  1019,  1004,  980,  946,  903,  851,  792,  724,  650,  569,  483,  392,  297,  200,  100,
    0,     -100,  -200,  -297, -392, -483, -569, -650, -724, -792, -851, -903, -946, -980, -1004, -1019,
    -1024, -1019, -1004, -980, -946, -903, -851, -792, -724, -650, -569, -483, -392, -297, -200, -100,
    0,     100,   200,   297,  392,  483,  569,  650,  724,  792,  851,  903,  946,  980,  1004, 1019,
};

typedef struct grid {
  int64_t at[SIDE][SIDE];
} grid;

typedef struct transform {
  int32_t cosines[WAVES][WAVES], sines[WAVES][WAVES]; /* of wave times place; both are the same read either way */
  int32_t window[SIDE][SIDE];
  int32_t columns[2][WAVES][SIDE]; /* cosine and sine sums down the columns of the window */
  grid power;
} transform;

static int32_t cosine(int n) { return COSINES[n % SIDE]; }
static int32_t sine(int n) { return COSINES[(n + SIDE - QUARTER) % SIDE]; }
static int32_t weight(int n) { return (1024 - cosine(n)) >> 4; } /* a Hann window, 0 to 128 */

static void look_through(transform *self, const uint8_t *luma) {
  const uint8_t *first = luma + TOP * FACESDK_CROP_SIDE + LEFT;
  int32_t mean = 0;
  for (int row = 0; row < SIDE; ++row) {
    for (int column = 0; column < SIDE; ++column) mean += first[row * FACESDK_CROP_SIDE + column];
  }
  mean >>= 12;
  for (int row = 0; row < SIDE; ++row) {
    for (int column = 0; column < SIDE; ++column) {
      const int32_t level = first[row * FACESDK_CROP_SIDE + column] - mean;
      self->window[row][column] = (level * weight(row) * weight(column)) >> 10;
    }
  }
}

static void tabulate(transform *self) {
  for (int wave = 0; wave < WAVES; ++wave) {
    for (int place = 0; place < WAVES; ++place) {
      self->cosines[wave][place] = cosine(wave * place);
      self->sines[wave][place] = sine(wave * place);
    }
  }
}

/* A cosine is the same in both halves of a window, a sine changes its sign; the ends of a half have no other. */
static int32_t even(int32_t here, int32_t there, int place) { return place % HALF != 0 ? here + there : here; }
static int32_t odd(int32_t here, int32_t there, int place) { return place % HALF != 0 ? here - there : 0; }

/* Sums over even and over odd places give two waves each: that of so many, and that of so many less than 32, whose cosines
 * are the same at even places and the negative at odd ones, and whose sines are so the other way round. */
static int32_t cosine_sum(int32_t at_even, int32_t at_odd, int less) { return less ? at_even - at_odd : at_even + at_odd; }
static int32_t sine_sum(int32_t at_even, int32_t at_odd, int less) { return less ? at_odd - at_even : at_odd + at_even; }

typedef struct row_sums {
  int32_t at[2][QUARTER + 1]; /* over even and odd columns */
} row_sums;

static int64_t cosine_wave(const row_sums *of, int across) {
  const int less = across > QUARTER, wave = less ? HALF - across : across;
  return cosine_sum(of->at[0][wave], of->at[1][wave], less);
}

static int64_t sine_wave(const row_sums *of, int across) {
  const int less = across > QUARTER, wave = less ? HALF - across : across;
  return sine_sum(of->at[0][wave], of->at[1][wave], less);
}

static void transform_columns(transform *self) {
  for (int wave = 0; wave <= QUARTER; ++wave) {
    int32_t cosine_sums[2][SIDE] = {{0}}, sine_sums[2][SIDE] = {{0}};
    for (int row = 0; row < WAVES; ++row) {
      const int32_t c = self->cosines[wave][row], s = self->sines[wave][row];
      const int32_t *here = self->window[row], *there = self->window[(SIDE - row) % SIDE];
      int32_t *with_cosine = cosine_sums[row % 2], *with_sine = sine_sums[row % 2];
      for (int column = 0; column < SIDE; ++column) {
        with_cosine[column] += c * even(here[column], there[column], row);
        with_sine[column] += s * odd(here[column], there[column], row);
      }
    }
    for (int column = 0; column < SIDE; ++column) {
      for (int less = 0; less < 2; ++less) {
        const int same = less ? HALF - wave : wave;
        self->columns[0][same][column] = cosine_sum(cosine_sums[0][column], cosine_sums[1][column], less) >> 12;
        self->columns[1][same][column] = sine_sum(sine_sums[0][column], sine_sums[1][column], less) >> 12;
      }
    }
  }
}

static int64_t square(int64_t value) { return (value >> 8) * (value >> 8); }

/* The powers of the waves with so many down, and of those that are the same read backwards. */
static void transform_row(transform *self, int down) {
  row_sums cc = {{{0}}}, cs = {{{0}}}, sc = {{{0}}}, ss = {{{0}}}; /* the first letter is that of the columns */
  const int32_t *cosine_sums = self->columns[0][down], *sine_sums = self->columns[1][down];
  for (int column = 0; column < WAVES; ++column) {
    const int right = (SIDE - column) % SIDE, part = column % 2;
    const int32_t even_c = even(cosine_sums[column], cosine_sums[right], column);
    const int32_t odd_c = odd(cosine_sums[column], cosine_sums[right], column);
    const int32_t even_s = even(sine_sums[column], sine_sums[right], column);
    const int32_t odd_s = odd(sine_sums[column], sine_sums[right], column);
    const int32_t *c = self->cosines[column], *s = self->sines[column];
    for (int across = 0; across <= QUARTER; ++across) {
      cc.at[part][across] += c[across] * even_c;
      cs.at[part][across] += s[across] * odd_c;
      sc.at[part][across] += c[across] * even_s;
      ss.at[part][across] += s[across] * odd_s;
    }
  }
  for (int across = 0; across < WAVES; ++across) {
    const int64_t real = cosine_wave(&cc, across), turned = sine_wave(&ss, across);
    const int64_t other = cosine_wave(&sc, across), back = sine_wave(&cs, across);
    const int64_t left = square(real + turned) + square(other - back);
    const int64_t right = square(real - turned) + square(other + back);
    self->power.at[down][(SIDE - across) % SIDE] = self->power.at[(SIDE - down) % SIDE][across] = left;
    self->power.at[down][across] = self->power.at[(SIDE - down) % SIDE][(SIDE - across) % SIDE] = right;
  }
}

/* Sums of the powers at most `reach` away across. */
static void sum_across(const grid *of, int reach, grid *sums) {
  for (int y = 0; y < SIDE; ++y) {
    for (int x = 0; x < SIDE; ++x) {
      sums->at[y][x] = 0;
      for (int n = SIDE - reach; n <= SIDE + reach; ++n) sums->at[y][x] += of->at[y][(x + n) % SIDE];
    }
  }
}

static int64_t sum_down(const grid *of, int y, int x, int reach) {
  int64_t sum = 0;
  for (int n = SIDE - reach; n <= SIDE + reach; ++n) sum += of->at[(y + n) % SIDE][x];
  return sum;
}

static int32_t strongest(const grid *power) {
  grid around, beside;
  int64_t most = 0;
  sum_across(power, AROUND, &around);
  sum_across(power, BESIDE, &beside);
  for (int down = 0; down < WAVES; ++down) {
    for (int x = 0; x < SIDE; ++x) {
      const int across = x <= HALF ? x : SIDE - x, length = down * down + across * across;
      if (length < FEWEST || length > MOST) continue;
      const int64_t others = sum_down(&around, down, x, AROUND) - sum_down(&beside, down, x, BESIDE);
      const int64_t ratio = 16 * OTHERS * power->at[down][x] / (others + (int64_t)OTHERS * FAINT);
      if (ratio > most) most = ratio;
    }
  }
  return (int32_t)most;
}

int32_t facesdk_pattern(const uint8_t *luma) {
  transform self;
  tabulate(&self);
  look_through(&self, luma);
  transform_columns(&self);
  for (int down = 0; down < WAVES; ++down) transform_row(&self, down);
  return strongest(&self.power);
}
