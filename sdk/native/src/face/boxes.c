#include "face/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

facesdk_box facesdk_box_regress(const facesdk_box *box, const float offsets[4]) {
  const double width = box->right - box->left, height = box->bottom - box->top;
  return (facesdk_box){box->left + (double)offsets[0] * width, box->top + (double)offsets[1] * height,
                       box->right + (double)offsets[2] * width, box->bottom + (double)offsets[3] * height};
}

facesdk_box facesdk_box_squared(const facesdk_box *box) {
  const double x = (box->left + box->right) / 2, y = (box->top + box->bottom) / 2, half = facesdk_box_side(box) / 2;
  return (facesdk_box){x - half, y - half, x + half, y + half};
}

static double smaller(double a, double b) { return a < b ? a : b; }
static double larger(double a, double b) { return a > b ? a : b; }
static double area(const facesdk_box *box) { return (box->right - box->left) * (box->bottom - box->top); }

double facesdk_box_overlap(const facesdk_box *a, const facesdk_box *b, bool of_smaller) {
  const double width = larger(smaller(a->right, b->right) - larger(a->left, b->left), 0);
  const double height = larger(smaller(a->bottom, b->bottom) - larger(a->top, b->top), 0);
  const double common = width * height, one = area(a), other = area(b);
  const double whole = of_smaller ? smaller(one, other) : one + other - common;
  return whole > 0 ? common / whole : 0;
}

/* Merges two sorted runs of indices; of equal scores, one of the first run comes first. */
static void merge(const double *scores, const size_t *first, size_t first_count, const size_t *second,
                  size_t second_count, size_t *result) {
  size_t i = 0, j = 0;
  while (i < first_count || j < second_count) {
    const bool from_first = j == second_count || (i < first_count && scores[first[i]] >= scores[second[j]]);
    *result++ = from_first ? first[i++] : second[j++];
  }
}

/* Indices by falling score, stable, in one of two halves of `room`. */
static size_t *sorted(const double *scores, size_t count, size_t *room) {
  size_t *from = room, *to = room + count;
  for (size_t i = 0; i < count; ++i) from[i] = i;
  for (size_t run = 1; run < count; run *= 2) {
    for (size_t start = 0; start < count; start += 2 * run) {
      const size_t left = count - start, first = run < left ? run : left, both = 2 * run < left ? 2 * run : left;
      merge(scores, from + start, first, from + start + first, both - first, to + start);
    }
    size_t *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

facesdk_status facesdk_suppress(const double *boxes, const double *scores, size_t count, double threshold,
                                int32_t of_smaller, size_t *kept, size_t *kept_count, facesdk_error *error) {
  *kept_count = 0;
  if (count == 0) return FACESDK_OK;
  size_t *room = facesdk_allocate(count, 2 * sizeof *room);
  facesdk_box *standing = facesdk_allocate(count, sizeof *standing);
  facesdk_status status = FACESDK_OK;
  if (room == NULL || standing == NULL) {
    status = facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for %zu boxes", count);
  } else {
    const size_t *order = sorted(scores, count, room);
    for (size_t i = 0; i < count; ++i) {
      facesdk_box box;
      memcpy(&box, boxes + 4 * order[i], sizeof box);
      size_t other = 0;
      while (other < *kept_count && !(facesdk_box_overlap(&standing[other], &box, of_smaller != 0) > threshold)) ++other;
      if (other < *kept_count) continue;
      standing[*kept_count] = box;
      kept[(*kept_count)++] = order[i];
    }
  }
  free(room);
  free(standing);
  return status;
}
