/* The functions on pictures against their definitions in facesdk_face.h, pixel by pixel, on pictures in memory of their exact
 * size; and one checksum of all results, which is the same on every processor and with every loop over rows. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "face/rows/rows.h"
#include "facesdk_face.h"

enum { ONE = 1 << 14, ROUNDS = 400, MOST = 40 };

static const uint32_t EXPECTED_CHECKSUM = 3449608838u;

static uint32_t checksum;

static void note(const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) checksum = (checksum ^ bytes[i]) * 16777619u; /* FNV-1a */
}

/* A picture whose rows may lie apart, or upside down, in a block that ends with its last pixel. */
typedef struct picture {
  facesdk_image image;
  uint8_t *memory;
} picture;

static picture random_picture(uint64_t *state) {
  picture p;
  const int32_t height = random_between(state, 1, MOST), width = random_between(state, 1, MOST);
  const size_t row = 3 * (size_t)width + (size_t)random_between(state, 0, 7);
  const size_t bytes = row * (size_t)(height - 1) + 3 * (size_t)width;
  p.memory = allocate(bytes);
  for (size_t i = 0; i < bytes; ++i) p.memory[i] = (uint8_t)random_u32(state);
  const bool turned = random_between(state, 0, 3) == 0;
  p.image = (facesdk_image){turned ? p.memory + row * (size_t)(height - 1) : p.memory, height, width,
                            turned ? -(ptrdiff_t)row : (ptrdiff_t)row};
  return p;
}

static int64_t pixel(const facesdk_image *image, int64_t row, int64_t column, int64_t channel, uint8_t fill) {
  if (row < 0 || row >= image->height || column < 0 || column >= image->width) return fill;
  return image->pixels[row * image->row_bytes + 3 * column + channel];
}

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* The part before the end of pixel i of what result x covers, of 2^14. */
static int64_t covered(int64_t i, int64_t x, int64_t results, int64_t begin, int64_t length, int64_t halvings) {
  const int64_t start = begin * results + x * length;
  int64_t part = (i + 1) * (results << halvings) - start;
  part = part < 0 ? 0 : part > length ? length : part;
  return floor_divide(2 * ONE * part + length, 2 * length);
}

static int64_t area_weight(int64_t i, int64_t x, int64_t results, int64_t begin, int64_t length, int64_t halvings) {
  return covered(i, x, results, begin, length, halvings) - covered(i - 1, x, results, begin, length, halvings);
}

static int64_t bilinear_weight(int64_t i, int64_t x, int64_t results, int64_t length) {
  const int64_t centre = (2 * x + 1) * length - results, unit = 2 * results;
  const int64_t before = floor_divide(centre, unit);
  const int64_t fraction = floor_divide(2 * ONE * (centre - before * unit) + unit, 2 * unit);
  int64_t weight = 0;
  for (int64_t k = 0; k < 2; ++k) {
    const int64_t at = before + k, near = at < 0 ? 0 : at > length - 1 ? length - 1 : at;
    if (near == i) weight += k == 0 ? ONE - fraction : fraction;
  }
  return weight;
}

/* Both axes' weights of the pixels that a result may see; index 0 is pixel `low`. */
enum { SEEN = 4 * MOST, LOW = -MOST };
typedef int64_t axis_weights[SEEN];

static uint8_t weighed(const facesdk_image *image, const axis_weights rows, const axis_weights columns, int64_t channel,
                       uint8_t fill) {
  int64_t result = 1 << 20;
  for (int64_t x = 0; x < SEEN; ++x) {
    if (columns[x] == 0) continue;
    int64_t between = 1 << 6;
    for (int64_t y = 0; y < SEEN; ++y) {
      if (rows[y] != 0) between += rows[y] * pixel(image, y + LOW, x + LOW, channel, fill);
    }
    result += columns[x] * (between >> 7);
  }
  return (uint8_t)(result >> 21);
}

static void check_area(uint64_t *state) {
  const picture p = random_picture(state);
  const int32_t halvings = random_between(state, 0, 2);
  const facesdk_region region = {random_between(state, -30, 40) * (1 << halvings), random_between(state, -30, 40),
                                 random_between(state, 1, 60), random_between(state, 1, 60), halvings};
  const bool whole = random_between(state, 0, 3) == 0;
  const facesdk_region part = whole ? (facesdk_region){0, 0, p.image.width, p.image.height, 0} : region;
  const int32_t height = random_between(state, 1, MOST), width = random_between(state, 1, MOST);
  const uint8_t fill = (uint8_t)random_u32(state);
  const size_t bytes = 3 * (size_t)height * (size_t)width;
  uint8_t *result = allocate(bytes);
  CHECK(facesdk_resize_area(&p.image, whole ? NULL : &region, fill, result, height, width, NULL) == FACESDK_OK);
  for (int32_t y = 0; y < height; ++y) {
    axis_weights rows, columns;
    for (int32_t i = 0; i < SEEN; ++i) rows[i] = area_weight(i + LOW, y, height, part.top, part.height, part.halvings);
    for (int32_t x = 0; x < width; ++x) {
      for (int32_t i = 0; i < SEEN; ++i) {
        columns[i] = area_weight(i + LOW, x, width, part.left, part.width, part.halvings);
      }
      for (int32_t c = 0; c < 3; ++c) {
        CHECK(result[3 * (y * width + x) + c] == weighed(&p.image, rows, columns, c, fill));
      }
    }
  }
  note(result, bytes);
  free(result);
  free(p.memory);
}

static void check_bilinear(uint64_t *state) {
  const picture p = random_picture(state);
  const int32_t height = random_between(state, 1, MOST), width = random_between(state, 1, MOST);
  const size_t bytes = 3 * (size_t)height * (size_t)width;
  uint8_t *result = allocate(bytes);
  CHECK(facesdk_resize_bilinear(&p.image, result, height, width, NULL) == FACESDK_OK);
  for (int32_t y = 0; y < height; ++y) {
    axis_weights rows, columns;
    for (int32_t i = 0; i < SEEN; ++i) rows[i] = bilinear_weight(i + LOW, y, height, p.image.height);
    for (int32_t x = 0; x < width; ++x) {
      for (int32_t i = 0; i < SEEN; ++i) columns[i] = bilinear_weight(i + LOW, x, width, p.image.width);
      for (int32_t c = 0; c < 3; ++c) {
        CHECK(result[3 * (y * width + x) + c] == weighed(&p.image, rows, columns, c, 0));
      }
    }
  }
  note(result, bytes);
  free(result);
  free(p.memory);
}

static void check_warp(uint64_t *state) {
  const picture p = random_picture(state);
  const int32_t height = random_between(state, 1, MOST), width = random_between(state, 1, MOST);
  const uint8_t fill = (uint8_t)random_u32(state);
  int64_t m[6];
  for (int i = 0; i < 6; ++i) {
    const int32_t most = i % 3 == 2 ? 20 : 2;
    m[i] = (int64_t)random_between(state, -most, most) * ((int64_t)1 << 32);
    if (random_between(state, 0, 4) > 0) m[i] += random_u32(state);
  }
  const size_t bytes = 3 * (size_t)height * (size_t)width;
  uint8_t *result = allocate(bytes);
  CHECK(facesdk_warp(&p.image, m, fill, result, height, width, NULL) == FACESDK_OK);
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      const int64_t unit = (int64_t)1 << 18;
      const int64_t column = floor_divide(m[0] * x + m[1] * y + m[2] + unit / 2, unit);
      const int64_t row = floor_divide(m[3] * x + m[4] * y + m[5] + unit / 2, unit);
      const int64_t left = floor_divide(column, ONE), top = floor_divide(row, ONE);
      const int64_t across = column - left * ONE, down = row - top * ONE;
      for (int32_t c = 0; c < 3; ++c) {
        int64_t between[2];
        for (int64_t k = 0; k < 2; ++k) {
          between[k] = ((ONE - across) * pixel(&p.image, top + k, left, c, fill) +
                        across * pixel(&p.image, top + k, left + 1, c, fill) + (1 << 6)) >> 7;
        }
        const int64_t expected = ((ONE - down) * between[0] + down * between[1] + (1 << 20)) >> 21;
        CHECK(result[3 * (y * width + x) + c] == expected);
      }
    }
  }
  note(result, bytes);
  free(result);
  free(p.memory);
}

static void check_halve(uint64_t *state) {
  const picture p = random_picture(state);
  const int32_t height = (p.image.height + 1) / 2, width = (p.image.width + 1) / 2;
  const size_t bytes = 3 * (size_t)height * (size_t)width;
  uint8_t *result = allocate(bytes);
  CHECK(facesdk_halve(&p.image, result, NULL) == FACESDK_OK);
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      for (int32_t c = 0; c < 3; ++c) {
        int64_t sum = 2;
        for (int32_t k = 0; k < 4; ++k) {
          const int32_t row = 2 * y + k / 2, column = 2 * x + k % 2;
          sum += pixel(&p.image, row < p.image.height ? row : row - 1, column < p.image.width ? column : column - 1, c, 0);
        }
        CHECK(result[3 * (y * width + x) + c] == sum >> 2);
      }
    }
  }
  note(result, bytes);
  free(result);
  free(p.memory);
}

static void check_colour_and_pad(uint64_t *state) {
  const picture p = random_picture(state);
  const int32_t h = p.image.height, w = p.image.width;
  uint8_t *grey = allocate((size_t)h * (size_t)w), *swapped = allocate(3 * (size_t)h * (size_t)w);
  CHECK(facesdk_grey(&p.image, grey, NULL) == FACESDK_OK);
  CHECK(facesdk_swap_channels(&p.image, swapped, NULL) == FACESDK_OK);
  for (int32_t y = 0; y < h; ++y) {
    for (int32_t x = 0; x < w; ++x) {
      const int64_t r = pixel(&p.image, y, x, 0, 0), g = pixel(&p.image, y, x, 1, 0), b = pixel(&p.image, y, x, 2, 0);
      CHECK(grey[y * w + x] == (9798 * r + 19235 * g + 3735 * b + 16384) / 32768);
      for (int32_t c = 0; c < 3; ++c) CHECK(swapped[3 * (y * w + x) + c] == pixel(&p.image, y, x, 2 - c, 0));
    }
  }
  const int32_t top = random_between(state, 0, 3), bottom = random_between(state, 0, 3);
  const int32_t left = random_between(state, 0, 3), right = random_between(state, 0, 3);
  const uint8_t fill = (uint8_t)random_u32(state);
  uint8_t *padded = allocate(3 * (size_t)(h + top + bottom) * (size_t)(w + left + right));
  for (int32_t border = 0; border < 2; ++border) {
    CHECK(facesdk_pad(&p.image, top, bottom, left, right, (facesdk_border)border, fill, padded, NULL) == FACESDK_OK);
    const uint8_t *at = padded;
    for (int32_t y = -top; y < h + bottom; ++y) {
      for (int32_t x = -left; x < w + right; ++x) {
        const int32_t row = y < 0 ? 0 : y < h ? y : h - 1, column = x < 0 ? 0 : x < w ? x : w - 1;
        for (int32_t c = 0; c < 3; ++c, ++at) {
          CHECK(*at == (border == FACESDK_BORDER_EDGE ? pixel(&p.image, row, column, c, 0)
                                                      : pixel(&p.image, y, x, c, fill)));
        }
      }
    }
  }
  note(grey, (size_t)h * (size_t)w);
  free(grey);
  free(swapped);
  free(padded);
  free(p.memory);
}

/* Large sides: sums, divisions and places beyond 16 and 32 bits. */
static void check_large(uint64_t *state) {
  const int32_t length = 200003;
  uint8_t *memory = allocate(3 * (size_t)length), result[3 * 7], largest = 0, smallest = 255;
  for (int32_t i = 0; i < 3 * length; ++i) memory[i] = (uint8_t)(128 + random_between(state, 0, 1));
  const facesdk_image wide = {memory, 1, length, 0}, tall = {memory, length, 1, 3};
  CHECK(facesdk_resize_area(&wide, NULL, 0, result, 1, 7, NULL) == FACESDK_OK);
  note(result, sizeof result);
  CHECK(facesdk_resize_area(&tall, NULL, 0, result, 7, 1, NULL) == FACESDK_OK);
  note(result, sizeof result);
  CHECK(facesdk_resize_bilinear(&wide, result, 1, 7, NULL) == FACESDK_OK);
  for (size_t i = 0; i < sizeof result; ++i) {
    largest = result[i] > largest ? result[i] : largest;
    smallest = result[i] < smallest ? result[i] : smallest;
  }
  CHECK(smallest >= 128 && largest <= 129);
  const facesdk_region huge = {-FACESDK_MAX_REACH, -FACESDK_MAX_REACH, 2 * FACESDK_MAX_REACH, 2 * FACESDK_MAX_REACH,
                               FACESDK_MAX_HALVINGS};
  CHECK(facesdk_resize_area(&wide, &huge, 77, result, 1, 1, NULL) == FACESDK_OK);
  CHECK(result[0] >= 77 && result[0] <= 129);
  free(memory);
}

static void check_windows(uint64_t *state) {
  const picture p = random_picture(state);
  enum { SIDE = 12, COUNT = 3 };
  facesdk_region regions[COUNT];
  uint8_t together[COUNT][3 * SIDE * SIDE], alone[3 * SIDE * SIDE];
  for (int i = 0; i < COUNT; ++i) {
    regions[i] = (facesdk_region){random_between(state, -9, 30), random_between(state, -9, 30),
                                  random_between(state, 1, 30), random_between(state, 1, 30), 0};
  }
  CHECK(facesdk_cut_windows(&p.image, regions, COUNT, 127, together[0], SIDE, NULL) == FACESDK_OK);
  for (int i = 0; i < COUNT; ++i) {
    CHECK(facesdk_resize_area(&p.image, &regions[i], 127, alone, SIDE, SIDE, NULL) == FACESDK_OK);
    CHECK(memcmp(alone, together[i], sizeof alone) == 0);
  }
  free(p.memory);
}

static void check_refusals(void) {
  uint8_t byte[3] = {1, 2, 3}, result[3];
  const facesdk_image good = {byte, 1, 1, 3}, flat = {byte, 0, 1, 3}, long_one = {byte, 1, FACESDK_MAX_SIDE + 1, 0};
  const facesdk_image none = {NULL, 1, 1, 3};
  facesdk_error error;
  CHECK(facesdk_halve(&flat, result, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "1 x 0 pixels") != NULL);
  CHECK(facesdk_halve(&none, result, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_grey(&long_one, result, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_swap_channels(&good, NULL, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_resize_area(&good, NULL, 0, result, 0, 1, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_resize_area(&good, NULL, 0, result, 1 << 20, 1 << 20, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "bytes") != NULL);
  CHECK(facesdk_resize_bilinear(&good, result, 1, -1, &error) == FACESDK_INVALID_ARGUMENT);
  const facesdk_region bad[] = {{0, 0, 0, 1, 0}, {0, 0, 1, -1, 0}, {(1 << 21) + 1, 0, 1, 1, 0}, {0, 0, 1, 1, 21}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    CHECK(facesdk_resize_area(&good, &bad[i], 0, result, 1, 1, &error) == FACESDK_INVALID_ARGUMENT);
  }
  const int64_t step[6] = {((int64_t)1 << 44) + 1, 0, 0, 0, 0, 0}, far[6] = {0, 0, 0, 0, 0, INT64_MIN};
  CHECK(facesdk_warp(&good, step, 0, result, 1, 1, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_warp(&good, far, 0, result, 1, 1, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_pad(&good, -1, 0, 0, 0, FACESDK_BORDER_FILL, 0, result, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_pad(&good, 0, 0, 0, 0, (facesdk_border)2, 0, result, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_pad(&good, 0, FACESDK_MAX_SIDE, 0, 0, FACESDK_BORDER_FILL, 0, result, &error) ==
        FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_pixels_version() == FACESDK_PIXELS_VERSION);
}

static void check_all(void) {
  uint64_t state = 14;
  checksum = 2166136261u;
  for (int round = 0; round < ROUNDS; ++round) {
    if (round % 8 == 0) check_area(&state);
    if (round % 8 == 1) check_bilinear(&state);
    check_warp(&state);
    check_halve(&state);
    check_windows(&state);
    check_colour_and_pad(&state);
  }
  check_large(&state);
  if (checksum != EXPECTED_CHECKSUM) fprintf(stderr, "checksum %u\n", checksum);
  CHECK(checksum == EXPECTED_CHECKSUM);
}

/* The loops that a kernel path stands for: those that every processor has, unless it is one of AVX2 or more. */
static void check_choice(const char *path, bool wide) {
  CHECK(setenv("FACESDK_OPS_ISA", path, 1) == 0);
  CHECK((facesdk_rows_chosen() == &facesdk_rows_everywhere) == !wide);
}

int main(void) {
  check_choice("portable", false);
  check_all();
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2");
  check_choice("popcnt", false);
  check_choice("avx2", avx2);
  check_choice("avx512vpopcntdq", avx2);
  check_choice("", avx2);
  if (avx2) check_all();
#endif
  check_refusals();
  return 0;
}
