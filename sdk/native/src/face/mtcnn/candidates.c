#include "face/mtcnn/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static facesdk_status out_of_memory(facesdk_error *error) {
  return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for the candidates of a face detection");
}

facesdk_status facesdk_candidates_add(facesdk_candidates *list, const facesdk_box *box, const float *output,
                                      size_t columns, facesdk_error *error) {
  if (list->count == list->room) {
    const size_t room = list->room > 0 ? 2 * list->room : 64;
    facesdk_candidate *rows = facesdk_allocate(room, sizeof *rows);
    if (rows == NULL) return out_of_memory(error);
    if (list->count > 0) memcpy(rows, list->rows, list->count * sizeof *rows);
    free(list->rows);
    list->rows = rows;
    list->room = room;
  }
  facesdk_candidate *row = &list->rows[list->count++];
  *row = (facesdk_candidate){*box, {0}};
  for (size_t i = 0; i < columns; ++i) row->output[i] = output[i];
  return FACESDK_OK;
}

facesdk_status facesdk_candidates_append(facesdk_candidates *list, const facesdk_candidates *more,
                                         facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  for (size_t i = 0; i < more->count && status == FACESDK_OK; ++i) {
    status = facesdk_candidates_add(list, &more->rows[i].box, more->rows[i].output, FACESDK_MTCNN_COLUMNS, error);
  }
  return status;
}

facesdk_status facesdk_candidates_suppress(facesdk_candidates *list, double overlap, facesdk_error *error) {
  if (list->count < 2) return FACESDK_OK;
  double *boxes = facesdk_allocate(list->count, 4 * sizeof *boxes);
  double *scores = facesdk_allocate(list->count, sizeof *scores);
  size_t *kept = facesdk_allocate(list->count, sizeof *kept), count = 0;
  facesdk_candidate *rows = facesdk_allocate(list->count, sizeof *rows);
  facesdk_status status = FACESDK_OK;
  if (boxes == NULL || scores == NULL || kept == NULL || rows == NULL) {
    status = out_of_memory(error);
  } else {
    for (size_t i = 0; i < list->count; ++i) {
      memcpy(boxes + 4 * i, &list->rows[i].box, sizeof(facesdk_box));
      scores[i] = (double)list->rows[i].output[0];
    }
    status = facesdk_suppress(boxes, scores, list->count, overlap, 0, kept, &count, error);
  }
  if (status == FACESDK_OK) {
    for (size_t i = 0; i < count; ++i) rows[i] = list->rows[kept[i]];
    facesdk_candidate *old = list->rows;
    list->room = list->count;
    list->count = count;
    list->rows = rows;
    rows = old;
  }
  free(boxes);
  free(scores);
  free(kept);
  free(rows);
  return status;
}

void facesdk_candidates_square(facesdk_candidates *list) {
  for (size_t i = 0; i < list->count; ++i) {
    const facesdk_box moved = facesdk_box_regress(&list->rows[i].box, list->rows[i].output + 1);
    list->rows[i].box = facesdk_box_squared(&moved);
  }
}

void facesdk_candidates_free(facesdk_candidates *list) {
  free(list->rows);
  *list = (facesdk_candidates){0};
}
