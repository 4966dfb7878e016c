/* Faces of a photo: O-Net decides, refines and places five landmarks, whoever has found the squares. */
#ifndef FACESDK_FACE_FACES_H_
#define FACESDK_FACE_FACES_H_

#include "face/mtcnn/search.h"

/* A list of faces; zeros are an empty one. */
typedef struct facesdk_faces {
  facesdk_face *rows;
  size_t count;
} facesdk_faces;

/* O-Net on squares: replaces `result` by faces of at least `logit`; of two faces that overlap, the more certain one. */
facesdk_status facesdk_faces_decide(facesdk_search *search, const facesdk_candidates *squares, float logit,
                                    facesdk_faces *result, facesdk_error *error);

/* Adds faces. */
facesdk_status facesdk_faces_add(facesdk_faces *result, const facesdk_faces *more, facesdk_error *error);

/* Adds faces of another look at the same photo, each once: the most certain of those that overlap. */
facesdk_status facesdk_faces_merge(facesdk_faces *result, const facesdk_faces *more, facesdk_error *error);

/* The area of the box. */
double facesdk_face_area(const facesdk_face *face);

/* Largest box first; equal ones keep their order. */
void facesdk_faces_sort(const facesdk_faces *faces);

/* What the detectors check before they begin. */
facesdk_status facesdk_check_detection(const facesdk_image *photo, int32_t min_face, int32_t max_faces,
                                       facesdk_error *error);

/* Hands the list over: the largest `max_faces`, or all for 0. */
void facesdk_faces_give(facesdk_faces *faces, int32_t max_faces, facesdk_face **rows, size_t *count);

/* Frees its memory and leaves an empty list. */
void facesdk_faces_free(facesdk_faces *faces);

#endif
