#include "face/finder/found.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/finder/looks.h"

static facesdk_status out_of_memory(facesdk_error *error) {
  return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for the boxes of a finder");
}

static facesdk_status make_room(facesdk_found *list, size_t room, facesdk_error *error) {
  facesdk_box *boxes = facesdk_allocate(room, sizeof *boxes);
  double *scores = facesdk_allocate(room, sizeof *scores);
  if (boxes == NULL || scores == NULL) {
    free(boxes);
    free(scores);
    return out_of_memory(error);
  }
  if (list->count > 0) {
    memcpy(boxes, list->boxes, list->count * sizeof *boxes);
    memcpy(scores, list->scores, list->count * sizeof *scores);
  }
  free(list->boxes);
  free(list->scores);
  list->boxes = boxes;
  list->scores = scores;
  list->room = room;
  return FACESDK_OK;
}

facesdk_status facesdk_found_add(facesdk_found *list, const facesdk_box *box, double score, facesdk_error *error) {
  if (list->count == list->room) {
    const facesdk_status status = make_room(list, list->room > 0 ? 2 * list->room : 64, error);
    if (status != FACESDK_OK) return status;
  }
  list->boxes[list->count] = *box;
  list->scores[list->count++] = score;
  return FACESDK_OK;
}

facesdk_status facesdk_found_suppress(facesdk_found *list, facesdk_error *error) {
  if (list->count < 2) return FACESDK_OK;
  facesdk_found standing = {0};
  size_t *kept = facesdk_allocate(list->count, sizeof *kept), count = 0;
  facesdk_status status = kept == NULL ? out_of_memory(error) : make_room(&standing, list->count, error);
  if (status == FACESDK_OK) {
    status = facesdk_suppress(&list->boxes->left, list->scores, list->count, FACESDK_FINDER_OVERLAP, 0, kept, &count,
                              error);
  }
  for (size_t i = 0; i < count && status == FACESDK_OK; ++i) {
    status = facesdk_found_add(&standing, &list->boxes[kept[i]], list->scores[kept[i]], error);
  }
  free(kept);
  if (status == FACESDK_OK) {
    facesdk_found_free(list);
    *list = standing;
  } else {
    facesdk_found_free(&standing);
  }
  return status;
}

void facesdk_found_free(facesdk_found *list) {
  free(list->boxes);
  free(list->scores);
  *list = (facesdk_found){0};
}
