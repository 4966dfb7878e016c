/* P-Net on a photo at one scale. It looks at windows of 12 x 12 pixels, every second pixel; a margin of half a window lets
 * them reach beyond the photo. Large levels are cut into tiles of one size. See facesdk/detection/mtcnn/pyramid.py. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/mtcnn/search.h"
#include "face/picture.h"

enum { WINDOW = 12, STRIDE = 2, MARGIN = WINDOW / 2, TILE_CELLS = 123, COLUMNS = 5 };

/* Tiles along one side: their number, the windows in each, and their own side in pixels. */
typedef struct parts {
  int32_t windows, count, size, side;
} parts;

static int32_t ceiling_divide(int32_t a, int32_t b) { return a / b + (a % b > 0); }

static parts parts_of(int32_t side) {
  const int32_t windows = (side - WINDOW) / STRIDE + 1, count = ceiling_divide(windows, TILE_CELLS);
  const int32_t size = ceiling_divide(windows, count);
  return (parts){windows, count, size, (size - 1) * STRIDE + WINDOW};
}

/* First window of a tile; the last one is shifted so that it ends with the level. */
static int32_t start_of(const parts *side, int32_t number) {
  const int32_t start = number * side->size, last = side->windows - side->size;
  return start < last ? start : last;
}

/* Edges lie within some times FACESDK_MAX_SIDE. */
static double truncate(double value) { return (double)(int32_t)value; }

static int32_t ceiling(double value) {
  const int32_t whole = (int32_t)value;
  return whole + ((double)whole < value);
}

/* As in the authors' program a window starts at its second pixel and edges are whole: P-Net's offsets are meant for that. */
static facesdk_box box_of(int32_t row, int32_t column, double scale) {
  const int32_t left = column * STRIDE - MARGIN, top = row * STRIDE - MARGIN;
  return (facesdk_box){truncate((double)(left + 1) / scale) - 1, truncate((double)(top + 1) / scale) - 1,
                       truncate((double)(left + WINDOW) / scale), truncate((double)(top + WINDOW) / scale)};
}

static facesdk_status look(const facesdk_search *search, const uint8_t *pixels, const parts *rows, const parts *columns,
                           int32_t row, int32_t column, double scale, facesdk_candidates *found,
                           facesdk_error *error) {
  const float *values = NULL;
  const size_t cells = (size_t)rows->size * (size_t)columns->size;
  facesdk_status status = facesdk_search_run(search, FACESDK_PNET, pixels, 1, rows->side, columns->side,
                                             cells * COLUMNS, &values, error);
  for (int32_t i = 0; i < rows->size && status == FACESDK_OK; ++i) {
    for (int32_t j = 0; j < columns->size && status == FACESDK_OK; ++j, values += COLUMNS) {
      if (!(values[0] >= FACESDK_LOGIT_60)) continue;
      const facesdk_box box = box_of(row + i, column + j, scale);
      status = facesdk_candidates_add(found, &box, values, COLUMNS, error);
    }
  }
  return status;
}

static facesdk_status look_at_tiles(const facesdk_search *search, const facesdk_image *level, double scale,
                                    facesdk_candidates *found, facesdk_error *error) {
  const parts rows = parts_of(level->height), columns = parts_of(level->width);
  const size_t row_bytes = FACESDK_CHANNELS * (size_t)columns.side;
  uint8_t *tile = facesdk_allocate((size_t)rows.side, row_bytes);
  if (tile == NULL) return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for a level of the image pyramid");
  facesdk_status status = FACESDK_OK;
  for (int32_t i = 0; i < rows.count && status == FACESDK_OK; ++i) {
    for (int32_t j = 0; j < columns.count && status == FACESDK_OK; ++j) {
      const int32_t row = start_of(&rows, i), column = start_of(&columns, j);
      for (int32_t y = 0; y < rows.side; ++y) {
        const uint8_t *from = facesdk_row(level, (int64_t)row * STRIDE + y);
        memcpy(tile + (size_t)y * row_bytes, from + (ptrdiff_t)FACESDK_CHANNELS * column * STRIDE, row_bytes);
      }
      status = look(search, tile, &rows, &columns, row, column, scale, found, error);
    }
  }
  free(tile);
  return status;
}

facesdk_status facesdk_search_level(facesdk_search *search, double scale, facesdk_candidates *found,
                                    facesdk_error *error) {
  const facesdk_image *photo = &search->photo.images[0], *halved = NULL;
  const int32_t height = ceiling((double)photo->height * scale), width = ceiling((double)photo->width * scale);
  const int32_t halvings = facesdk_halvings_for(FACESDK_OVERSAMPLING * scale);
  facesdk_status status = facesdk_halvings_get(&search->photo, halvings, &halved, error);
  if (status != FACESDK_OK) return status;
  const int32_t bottom = MARGIN + height % STRIDE, right = MARGIN + width % STRIDE;
  facesdk_image level = {NULL, MARGIN + height + bottom, MARGIN + width + right, 0};
  level.row_bytes = (ptrdiff_t)FACESDK_CHANNELS * level.width;
  uint8_t *resized = facesdk_allocate((size_t)height * (size_t)width, FACESDK_CHANNELS);
  uint8_t *padded = facesdk_allocate((size_t)level.height * (size_t)level.width, FACESDK_CHANNELS);
  level.pixels = padded;
  if (resized == NULL || padded == NULL) {
    status = facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for a level of the image pyramid");
  } else {
    const facesdk_region whole = {0, 0, photo->width, photo->height, halvings};
    const facesdk_image picture = {resized, height, width, (ptrdiff_t)FACESDK_CHANNELS * width};
    status = facesdk_resize_area(halved, &whole, 0, resized, height, width, error);
    if (status == FACESDK_OK) {
      status = facesdk_pad(&picture, MARGIN, bottom, MARGIN, right, FACESDK_BORDER_FILL, FACESDK_MTCNN_BLANK, padded,
                           error);
    }
    if (status == FACESDK_OK) status = look_at_tiles(search, &level, scale, found, error);
  }
  free(resized);
  free(padded);
  return status;
}
