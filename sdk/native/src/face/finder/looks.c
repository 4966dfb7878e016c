/* One look: the photo at a scale, on canvases of a size that the network takes, and its maps decoded. The numbers are those
 * of facesdk/detection/canvases.py and facesdk/detection/one_stage/. */
#include "face/finder/looks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/logistic.h"
#include "face/mtcnn/search.h"
#include "face/picture.h"

enum { MULTIPLE = 32, SMALLEST_STRIDE = 8, CELL = FACESDK_FINDER_COLUMNS };

/* A larger box than of e^8 strides is larger than any canvas. */
static const double LARGEST_EXPONENT = 8;

/* What a canvas shows. */
typedef struct canvas {
  uint8_t *pixels;
  int32_t height, width;
  int32_t top, left;   /* of the scaled photo */
  double across, down; /* pixels of the photo for one of the canvas */
} canvas;

/* Tiles along one side. */
typedef struct tiles {
  int32_t side, length, count;
} tiles;

/* The nearest whole number, of two the even one; for 0 to 2^31. */
static int32_t rounded(double value) {
  const int32_t whole = (int32_t)value;
  const double rest = value - whole;
  return whole + (rest > 0.5 || (rest == 0.5 && whole % 2 != 0));
}

static int32_t ceiling(double value) {
  const int32_t whole = (int32_t)value;
  return whole + ((double)whole < value);
}

static tiles tiles_of(int32_t pixels, int32_t margin) {
  const int32_t length = pixels + 2 * margin, side = (length + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
  if (side <= FACESDK_FINDER_LARGEST) return (tiles){side, length, 1};
  const double largest = FACESDK_FINDER_LARGEST, lap = largest * FACESDK_FINDER_LAP;
  return (tiles){FACESDK_FINDER_LARGEST, length, ceiling((length - lap) / (largest - lap))};
}

static int32_t start_of(const tiles *self, int32_t number) {
  if (self->count == 1) return 0;
  return rounded((double)((int64_t)number * (self->length - self->side)) / (self->count - 1));
}

static facesdk_status decode(const facesdk_finder *finder, const canvas *shown, const float *values, int32_t stride,
                             facesdk_found *found, facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  for (int32_t row = 0; row < shown->height / stride; ++row) {
    for (int32_t column = 0; column < shown->width / stride && status == FACESDK_OK; ++column, values += CELL) {
      if (!(values[0] >= finder->least_logit && values[1] >= finder->least_logit)) continue;
      const double score =
          __builtin_sqrt(facesdk_logistic((double)values[0]) / (1 + facesdk_exponential(-(double)values[1])));
      if (!(score >= finder->score)) continue;
      double middle[2], half[2];
      const int32_t cell[2] = {column, row}, corner[2] = {shown->left, shown->top};
      const double pixel[2] = {shown->across, shown->down};
      double edges[4];
      for (int k = 0; k < 2; ++k) {
        const double size = (double)values[4 + k];
        middle[k] = ((double)values[2 + k] + cell[k]) * stride;
        half[k] = facesdk_exponential(size < LARGEST_EXPONENT ? size : LARGEST_EXPONENT) * ((double)stride / 2);
        edges[k] = (middle[k] - half[k] + corner[k]) * pixel[k];
        edges[2 + k] = (middle[k] + half[k] + corner[k]) * pixel[k];
      }
      const facesdk_box box = {edges[0], edges[1], edges[2], edges[3]};
      status = facesdk_found_add(found, &box, score, error);
    }
  }
  return status;
}

static facesdk_status run(const facesdk_finder *finder, const canvas *shown, facesdk_found *found,
                          facesdk_error *error) {
  const float *maps[FACESDK_FINDER_MAPS] = {NULL};
  size_t counts[FACESDK_FINDER_MAPS] = {0};
  facesdk_status status =
      finder->look(finder->networks.context, shown->pixels, shown->height, shown->width, maps, counts, error);
  for (int k = 0; k < FACESDK_FINDER_MAPS && status == FACESDK_OK; ++k) {
    int32_t stride = SMALLEST_STRIDE;
    const size_t cells = (size_t)shown->height * (size_t)shown->width * CELL;
    while (stride <= MULTIPLE && cells / (size_t)(stride * stride) != counts[k]) stride *= 2;
    if (stride > MULTIPLE || maps[k] == NULL) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "map %d of a finder has %zu numbers for %d x %d pixels", k,
                          counts[k], (int)shown->width, (int)shown->height);
    }
    status = decode(finder, shown, maps[k], stride, found, error);
  }
  return status;
}

/* The part of the scaled photo that the canvas shows, grey around it. */
static void fill(const canvas *shown, const facesdk_image *small) {
  const size_t row_bytes = FACESDK_CHANNELS * (size_t)shown->width;
  memset(shown->pixels, FACESDK_MTCNN_BLANK, row_bytes * (size_t)shown->height);
  const int32_t first = shown->left > 0 ? shown->left : 0, end = shown->left + shown->width;
  const int32_t count = (end < small->width ? end : small->width) - first;
  for (int32_t y = 0; y < shown->height && count > 0; ++y) {
    const int32_t row = shown->top + y;
    if (row < 0 || row >= small->height) continue;
    memcpy(shown->pixels + (size_t)y * row_bytes + FACESDK_CHANNELS * (size_t)(first - shown->left),
           facesdk_row(small, row) + FACESDK_CHANNELS * (ptrdiff_t)first, FACESDK_CHANNELS * (size_t)count);
  }
}

/* The photo at a scale, in `pixels` unless it is the photo itself. */
static facesdk_status picture(facesdk_halvings *photo, double scale, uint8_t *pixels, facesdk_image *small,
                              facesdk_error *error) {
  const facesdk_image *whole = &photo->images[0], *halved = NULL;
  small->pixels = pixels;
  small->row_bytes = (ptrdiff_t)FACESDK_CHANNELS * small->width;
  if (scale > 1) return facesdk_resize_bilinear(whole, pixels, small->height, small->width, error);
  if (!(scale < 1)) {
    *small = *whole;
    return FACESDK_OK;
  }
  const int32_t halvings = facesdk_halvings_for(FACESDK_OVERSAMPLING * scale);
  const facesdk_region extent = {0, 0, whole->width, whole->height, halvings};
  const facesdk_status status = facesdk_halvings_get(photo, halvings, &halved, error);
  if (status != FACESDK_OK) return status;
  return facesdk_resize_area(halved, &extent, 0, pixels, small->height, small->width, error);
}

facesdk_status facesdk_finder_look(const facesdk_finder *finder, facesdk_halvings *photo, double scale, int32_t margin,
                                   facesdk_found *found, facesdk_error *error) {
  const facesdk_image *whole = &photo->images[0];
  const int32_t height = rounded(whole->height * scale), width = rounded(whole->width * scale);
  facesdk_image small = {NULL, height > 1 ? height : 1, width > 1 ? width : 1, 0};
  const tiles rows = tiles_of(small.height, margin), columns = tiles_of(small.width, margin);
  uint8_t *pixels = facesdk_allocate((size_t)small.height * (size_t)small.width, FACESDK_CHANNELS);
  canvas shown = {facesdk_allocate((size_t)rows.side * (size_t)columns.side, FACESDK_CHANNELS),
                  rows.side,
                  columns.side,
                  0,
                  0,
                  (double)whole->width / small.width,
                  (double)whole->height / small.height};
  facesdk_status status = pixels == NULL || shown.pixels == NULL
                              ? facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for a picture of a photo")
                              : picture(photo, scale, pixels, &small, error);
  for (int32_t i = 0; i < rows.count && status == FACESDK_OK; ++i) {
    for (int32_t j = 0; j < columns.count && status == FACESDK_OK; ++j) {
      shown.top = start_of(&rows, i) - margin;
      shown.left = start_of(&columns, j) - margin;
      fill(&shown, &small);
      status = run(finder, &shown, found, error);
    }
  }
  if (status == FACESDK_OK) status = facesdk_found_suppress(found, error);
  free(pixels);
  free(shown.pixels);
  return status;
}
