/* Resizing: rows are weighed into one row of sums, which is weighed along itself. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/axis.h"
#include "face/lanes.h"
#include "face/picture.h"

/* Four values more than are used can be read at the end of a row of sums: those of a pair's second pixel. */
enum { PADDING = 8 };

typedef struct resizing {
  const facesdk_image *image;
  uint8_t fill;
  uint16_t *between;          /* pixels axis.low to axis.high of the row that is being made */
  facesdk_weight_pair *pairs; /* weights of the rows that lie in the picture */
} resizing;

static int32_t most_taps(const facesdk_axis *axis, int32_t results) {
  int32_t most = 0;
  for (int32_t i = 0; i < results; ++i) most = axis->taps[i].count > most ? axis->taps[i].count : most;
  return most;
}

static facesdk_status out_of_memory(facesdk_error *error) {
  return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory to resize a picture");
}

static int32_t clamp(int32_t value, int32_t high) { return value < 0 ? 0 : value < high ? value : high; }

/* `count` bytes from `first` on, of `rows` rows. */
static void weigh_columns(const resizing *r, const uint8_t *first, int32_t rows, int32_t start, size_t count,
                          uint16_t *between) {
  const ptrdiff_t step = r->image->row_bytes;
  size_t at = 0;
  while (count >= FACESDK_STRETCH) {
    facesdk_stretch sums = facesdk_stretch_of(start);
    const uint8_t *row = first + at;
    for (int32_t i = 0; i < rows; i += 2, row += 2 * step) {
      sums = facesdk_weigh_rows(sums, row, i + 1 < rows ? row + step : row, r->pairs[i / 2]);
    }
    facesdk_store_between(sums, between + at);
    if (at + FACESDK_STRETCH == count) return;
    at = at + 2 * FACESDK_STRETCH <= count ? at + FACESDK_STRETCH : count - FACESDK_STRETCH;
  }
  for (; at < count; ++at) {
    uint32_t sum = (uint32_t)start;
    const int16_t *weights = &r->pairs[0].first;
    for (int32_t i = 0; i < rows; ++i) sum += (uint32_t)weights[i] * first[i * step + (ptrdiff_t)at];
    between[at] = (uint16_t)(sum >> FACESDK_BETWEEN_SHIFT);
  }
}

/* One row of the result, before it is weighed along itself. */
static void weigh_rows(const resizing *r, const facesdk_taps *taps, int32_t low, int32_t high) {
  const int16_t *weights = &taps->pairs[0].first;
  const int32_t top = clamp(taps->first, r->image->height), left = clamp(low, r->image->width);
  const int32_t bottom = clamp(taps->first + taps->count, r->image->height), right = clamp(high, r->image->width);
  if (left >= right) return;
  int16_t *inside = &r->pairs[0].first;
  int32_t weight = 0;
  for (int32_t row = top; row < bottom; ++row) weight += inside[row - top] = weights[row - taps->first];
  if (bottom > top) inside[bottom - top] = 0;
  const int32_t start = FACESDK_BETWEEN_HALF + (FACESDK_WEIGHT_ONE - weight) * r->fill;
  weigh_columns(r, facesdk_row(r->image, top < bottom ? top : 0) + FACESDK_CHANNELS * (ptrdiff_t)left,
                bottom > top ? bottom - top : 0, start, FACESDK_CHANNELS * (size_t)(right - left),
                r->between + FACESDK_CHANNELS * (ptrdiff_t)(left - low));
}

static uint32_t weigh_pixel(const resizing *r, const facesdk_axis *columns, const facesdk_taps *taps) {
  const uint16_t *values = r->between + FACESDK_CHANNELS * (ptrdiff_t)(taps->first - columns->low);
  facesdk_quad sums = facesdk_quad_of(FACESDK_RESULT_HALF);
  for (int32_t i = 0; i < taps->count; i += 2, values += 2 * FACESDK_CHANNELS) {
    sums = facesdk_weigh_between(sums, values, taps->pairs[i / 2]);
  }
  return facesdk_result_bytes(sums);
}

static void weigh_along(const resizing *r, const facesdk_axis *columns, int32_t width, uint8_t *result) {
  const int32_t last = width - 1;
  for (int32_t x = 0; x < last; ++x, result += FACESDK_CHANNELS) {
    facesdk_store_pixel_of_many(result, weigh_pixel(r, columns, &columns->taps[x]));
  }
  facesdk_store_pixel(result, weigh_pixel(r, columns, &columns->taps[last]));
}

static facesdk_status resize(const facesdk_image *image, const facesdk_axis *rows, const facesdk_axis *columns,
                             uint8_t fill, uint8_t *result, int32_t height, int32_t width, facesdk_error *error) {
  const size_t values = FACESDK_CHANNELS * (size_t)(columns->high - columns->low) + PADDING;
  const size_t pairs = (size_t)most_taps(rows, height) / 2 + 1;
  resizing r = {image, fill, facesdk_allocate(values, sizeof(uint16_t)),
                facesdk_allocate(pairs, sizeof(facesdk_weight_pair))};
  facesdk_status status = FACESDK_OK;
  if (r.between == NULL || r.pairs == NULL) {
    status = out_of_memory(error);
  } else {
    for (size_t i = 0; i < values; ++i) r.between[i] = (uint16_t)(fill << FACESDK_BETWEEN_SHIFT);
    for (int32_t y = 0; y < height; ++y) {
      weigh_rows(&r, &rows->taps[y], columns->low, columns->high);
      weigh_along(&r, columns, width, result + (size_t)y * (size_t)width * FACESDK_CHANNELS);
    }
  }
  free(r.between);
  free(r.pairs);
  return status;
}

static facesdk_status check_region(const facesdk_region *region, facesdk_error *error) {
  const facesdk_bounded values[] = {
      {"the left edge", region->left, -FACESDK_MAX_REACH, FACESDK_MAX_REACH},
      {"the top edge", region->top, -FACESDK_MAX_REACH, FACESDK_MAX_REACH},
      {"the width of a part", region->width, 1, 2 * FACESDK_MAX_REACH},
      {"the height of a part", region->height, 1, 2 * FACESDK_MAX_REACH},
      {"the number of halvings", region->halvings, 0, FACESDK_MAX_HALVINGS},
  };
  return facesdk_check_bounds(values, sizeof values / sizeof values[0], error);
}

static facesdk_status resize_area(const facesdk_image *image, const facesdk_region *part, uint8_t fill, uint8_t *result,
                                  int32_t height, int32_t width, facesdk_error *error) {
  facesdk_axis rows = {0}, columns = {0};
  facesdk_status status = check_region(part, error);
  if (status == FACESDK_OK) {
    if (facesdk_axis_area(&rows, height, part->top, part->height, part->halvings) &&
        facesdk_axis_area(&columns, width, part->left, part->width, part->halvings)) {
      status = resize(image, &rows, &columns, fill, result, height, width, error);
    } else {
      status = out_of_memory(error);
    }
  }
  free(rows.taps);
  free(columns.taps);
  return status;
}

facesdk_status facesdk_resize_area(const facesdk_image *image, const facesdk_region *region, uint8_t fill,
                                   uint8_t *result, int32_t height, int32_t width, facesdk_error *error) {
  const facesdk_status status = facesdk_check_pictures(image, result, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  const facesdk_region whole = {0, 0, image->width, image->height, 0};
  return resize_area(image, region != NULL ? region : &whole, fill, result, height, width, error);
}

facesdk_status facesdk_cut_windows(const facesdk_image *image, const facesdk_region *regions, size_t count,
                                   uint8_t fill, uint8_t *result, int32_t side, facesdk_error *error) {
  facesdk_status status = facesdk_check_pictures(image, result, side, side, FACESDK_CHANNELS, error);
  for (size_t i = 0; i < count && status == FACESDK_OK; ++i) {
    status = resize_area(image, &regions[i], fill, result + i * (size_t)side * (size_t)side * FACESDK_CHANNELS, side,
                         side, error);
  }
  return status;
}

facesdk_status facesdk_resize_bilinear(const facesdk_image *image, uint8_t *result, int32_t height, int32_t width,
                                       facesdk_error *error) {
  facesdk_status status = facesdk_check_pictures(image, result, height, width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  facesdk_axis rows = {0}, columns = {0};
  if (facesdk_axis_bilinear(&rows, height, image->height) && facesdk_axis_bilinear(&columns, width, image->width)) {
    status = resize(image, &rows, &columns, 0, result, height, width, error);
  } else {
    status = out_of_memory(error);
  }
  free(rows.taps);
  free(columns.taps);
  return status;
}
