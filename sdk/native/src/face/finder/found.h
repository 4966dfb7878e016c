/* Boxes that a finder's network gives, with their scores. */
#ifndef FACESDK_FACE_FINDER_FOUND_H_
#define FACESDK_FACE_FINDER_FOUND_H_

#include "face/boxes.h"

/* A list that grows; zeros are an empty one. */
typedef struct facesdk_found {
  facesdk_box *boxes;
  double *scores;
  size_t count, room;
} facesdk_found;

facesdk_status facesdk_found_add(facesdk_found *list, const facesdk_box *box, double score, facesdk_error *error);

/* Keeps each face once, best first. */
facesdk_status facesdk_found_suppress(facesdk_found *list, facesdk_error *error);

/* Frees its memory and leaves an empty list. */
void facesdk_found_free(facesdk_found *list);

#endif
