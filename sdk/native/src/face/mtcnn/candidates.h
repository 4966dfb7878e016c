/* Boxes that may hold a face, each with what a network says of it. */
#ifndef FACESDK_FACE_MTCNN_CANDIDATES_H_
#define FACESDK_FACE_MTCNN_CANDIDATES_H_

#include "face/boxes.h"

enum { FACESDK_MTCNN_COLUMNS = 15 }; /* of O-Net; P-Net and R-Net have the first five */

typedef struct facesdk_candidate {
  facesdk_box box;
  float output[FACESDK_MTCNN_COLUMNS]; /* face logit, offsets of the edges, landmarks */
} facesdk_candidate;

/* A list that grows; zeros are an empty one. */
typedef struct facesdk_candidates {
  facesdk_candidate *rows;
  size_t count, room;
} facesdk_candidates;

/* Adds one with the first `columns` of a network's output; NULL and 0 for none. */
facesdk_status facesdk_candidates_add(facesdk_candidates *list, const facesdk_box *box, const float *output,
                                      size_t columns, facesdk_error *error);

/* Adds all of another list. */
facesdk_status facesdk_candidates_append(facesdk_candidates *list, const facesdk_candidates *more,
                                         facesdk_error *error);

/* Keeps those that facesdk_suppress() keeps by their logits, best first. */
facesdk_status facesdk_candidates_suppress(facesdk_candidates *list, double overlap, facesdk_error *error);

/* Moves the edges by the network's offsets, and makes the boxes squares. */
void facesdk_candidates_square(facesdk_candidates *list);

/* Frees its memory and leaves an empty list. */
void facesdk_candidates_free(facesdk_candidates *list);

#endif
