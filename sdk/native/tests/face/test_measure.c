/* The measures of a crop against their definition in facesdk_face.h, pixel by pixel; and one checksum of all of them, which
 * is the same on every processor. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "facesdk_face.h"

enum { SIDE = FACESDK_CROP_SIDE, BYTES = 3 * SIDE * SIDE, ROUNDS = 24 };

static const uint32_t EXPECTED_CHECKSUM = 2692286798u;

static int64_t luma[SIDE][SIDE];

static int compare(const void *a, const void *b) {
  const int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
  return (first > second) - (first < second);
}

static int64_t around(int row, int column, int reach) {
  int64_t sum = 0;
  for (int y = row - reach; y <= row + reach; ++y) {
    for (int x = column - reach; x <= column + reach; ++x) sum += luma[y][x];
  }
  return sum;
}

/* Rows top to last_row and columns left to last_column. */
static int64_t detail(int top, int last_row, int left, int last_column) {
  int64_t sum = 0;
  for (int y = top; y <= last_row; ++y) {
    for (int x = left; x <= last_column; ++x) sum += llabs(49 * around(y, x, 1) - 9 * around(y, x, 3));
  }
  return 256 * sum / (441 * (last_row - top + 1) * (last_column - left + 1));
}

static int64_t along(int row, int column, int down, int across, int reach) {
  int64_t sum = 0;
  for (int n = -reach; n <= reach; ++n) sum += luma[row + n * down][column + n * across];
  return sum;
}

static int64_t least_detail(void) {
  static const int steps[4][2] = {{0, 1}, {1, 0}, {1, 1}, {1, -1}};
  int64_t sums[4] = {0}, least = 0;
  for (int i = 0; i < 4; ++i) {
    const int down = steps[i][0], across = steps[i][1];
    for (int y = 24; y <= 103; ++y) {
      for (int x = 24; x <= 87; ++x) sums[i] += llabs(7 * along(y, x, down, across, 1) - 3 * along(y, x, down, across, 3));
    }
    if (i == 0 || sums[i] < least) least = sums[i];
  }
  return 256 * least / (21 * 80 * 64);
}

static int64_t noise(void) {
  static int64_t answers[80 * 64];
  static const int mask[3][3] = {{1, -2, 1}, {-2, 4, -2}, {1, -2, 1}};
  size_t count = 0;
  for (int y = 24; y <= 103; ++y) {
    for (int x = 24; x <= 87; ++x) {
      int64_t sum = 0;
      for (int v = 0; v < 3; ++v) {
        for (int u = 0; u < 3; ++u) sum += mask[v][u] * luma[y + v - 1][x + u - 1];
      }
      answers[count++] = llabs(sum);
    }
  }
  qsort(answers, count, sizeof answers[0], compare);
  return 16194 * answers[count / 2 - 1] >> 8;
}

static int64_t cosines[64];

static int64_t cosine(int n) { return cosines[(n % 64 + 64) % 64]; }

static int64_t power[64][64];

static void set_power(int down, int across, const int64_t e[64], const int64_t o[64]) {
  int64_t real = 0, imaginary = 0;
  for (int column = 0; column < 64; ++column) {
    const int64_t c = cosine(across * column), s = cosine(across * column - 16);
    real += c * e[column] - s * o[column];
    imaginary += c * o[column] + s * e[column];
  }
  power[down][(across + 64) % 64] = (real >> 8) * (real >> 8) + (imaginary >> 8) * (imaginary >> 8);
  power[(64 - down) % 64][(64 - across) % 64] = power[down][(across + 64) % 64];
}

static int64_t pattern(void) {
  static int64_t x[64][64];
  int64_t mean = 0, most = 0;
  for (int i = 0; i < 4096; ++i) mean += luma[32 + i / 64][24 + i % 64];
  mean /= 4096;
  for (int i = 0; i < 4096; ++i) {
    const int64_t weights = ((1024 - cosine(i / 64)) >> 4) * ((1024 - cosine(i % 64)) >> 4);
    x[i / 64][i % 64] = ((luma[32 + i / 64][24 + i % 64] - mean) * weights) >> 10;
  }
  for (int down = 0; down <= 32; ++down) {
    int64_t e[64] = {0}, o[64] = {0};
    for (int column = 0; column < 64; ++column) {
      for (int row = 0; row < 64; ++row) {
        e[column] += cosine(down * row) * x[row][column];
        o[column] += cosine(down * row - 16) * x[row][column];
      }
      e[column] >>= 12;
      o[column] >>= 12;
    }
    for (int across = down % 32 == 0 ? 0 : -31; across <= 32; ++across) set_power(down, across, e, o);
    if (down % 32 == 0) {
      for (int across = 1; across < 32; ++across) power[down][64 - across] = power[down][across];
    }
  }
  for (int v = -32; v < 32; ++v) {
    for (int u = -32; u < 32; ++u) {
      int64_t others = 0;
      if (v * v + u * u < 25 || v * v + u * u > 961) continue;
      for (int y = v - 4; y <= v + 4; ++y) {
        for (int w = u - 4; w <= u + 4; ++w) {
          if (abs(y - v) > 1 || abs(w - u) > 1) others += power[(y + 64) % 64][(w + 64) % 64];
        }
      }
      const int64_t ratio = 16 * 72 * power[(v + 64) % 64][(u + 64) % 64] / (others + 72 * 512000);
      if (ratio > most) most = ratio;
    }
  }
  return most;
}

static facesdk_crop_measures expected(void) {
  int64_t sum = 0, squares = 0, dark = 0, bright = 0, deviation = 0;
  const int64_t count = 80 * 64;
  for (int y = 24; y <= 103; ++y) {
    for (int x = 24; x <= 87; ++x) {
      sum += luma[y][x];
      squares += luma[y][x] * luma[y][x];
      dark += luma[y][x] <= 16;
      bright += luma[y][x] >= 247;
    }
  }
  const int64_t variance = 65536 * (count * squares - sum * sum) / (count * count);
  while ((deviation + 1) * (deviation + 1) <= variance) ++deviation;
  const int64_t left = detail(47, 56, 32, 44), right = detail(47, 56, 67, 79);
  return (facesdk_crop_measures){
      (int32_t)(256 * sum / count),         (int32_t)deviation,
      (int32_t)noise(),                     (int32_t)least_detail(),
      (int32_t)(left > right ? left : right), (int32_t)detail(84, 99, 42, 70),
      (int32_t)(65536 * dark / count),      (int32_t)(65536 * bright / count),
      (int32_t)pattern(),
  };
}

/* Noise of a random strength around a random level, with or without stripes, with rows apart or upside down. */
static uint32_t check_random(uint64_t *state, uint32_t checksum) {
  const int32_t level = random_between(state, 0, 255), strength = random_between(state, 0, 255);
  const ptrdiff_t row = 3 * SIDE + random_between(state, 0, 5);
  uint8_t *memory = allocate((size_t)row * (SIDE - 1) + 3 * SIDE);
  const int upside_down = random_between(state, 0, 1);
  const int32_t stripe = random_between(state, 0, 40), period = random_between(state, 2, 12);
  for (int y = 0; y < SIDE; ++y) {
    uint8_t *pixel = memory + row * (upside_down ? SIDE - 1 - y : y);
    for (int x = 0; x < SIDE; ++x, pixel += 3) {
      for (int c = 0; c < 3; ++c) {
        const int32_t lit = level + (x + y / 2) % period * stripe;
        const int32_t value = lit + (strength * random_between(state, -100, 100)) / 100;
        pixel[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
      }
      luma[y][x] = (9798 * pixel[0] + 19235 * pixel[1] + 3735 * pixel[2] + (1 << 14)) >> 15;
    }
  }
  const facesdk_image crop = {upside_down ? memory + row * (SIDE - 1) : memory, SIDE, SIDE, upside_down ? -row : row};
  facesdk_crop_measures found;
  CHECK(facesdk_measure_crop(&crop, &found, NULL) == FACESDK_OK);
  const facesdk_crop_measures wanted = expected();
  CHECK(memcmp(&found, &wanted, sizeof found) == 0);
  const uint8_t *bytes = (const uint8_t *)&found;
  for (size_t i = 0; i < sizeof found; ++i) checksum = (checksum ^ bytes[i]) * 16777619u; /* FNV-1a */
  free(memory);
  return checksum;
}

static void check_refusals(void) {
  uint8_t *memory = allocate(BYTES);
  memset(memory, 7, BYTES);
  facesdk_crop_measures measures;
  facesdk_error error;
  const facesdk_image narrow = {memory, SIDE, SIDE - 1, 3 * SIDE}, low = {memory, SIDE - 1, SIDE, 3 * SIDE};
  const facesdk_image none = {NULL, SIDE, SIDE, 3 * SIDE}, crop = {memory, SIDE, SIDE, 3 * SIDE};
  CHECK(facesdk_measure_crop(&narrow, &measures, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "111 x 112") != NULL);
  CHECK(facesdk_measure_crop(&low, &measures, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_measure_crop(&none, &measures, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_measure_crop(&crop, NULL, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_measure_crop(&crop, &measures, &error) == FACESDK_OK);
  CHECK(measures.brightness == 7 * 256 && measures.contrast == 0 && measures.dark == 65536 && measures.detail == 0);
  free(memory);
}

int main(void) {
  for (int n = 0; n < 64; ++n) cosines[n] = lround(1024 * cos(2 * 3.14159265358979323846 * n / 64));
  uint64_t state = 26;
  uint32_t checksum = 2166136261u;
  for (int round = 0; round < ROUNDS; ++round) checksum = check_random(&state, checksum);
  check_refusals();
  if (checksum != EXPECTED_CHECKSUM) fprintf(stderr, "checksum %u\n", checksum);
  CHECK(checksum == EXPECTED_CHECKSUM);
  return 0;
}
