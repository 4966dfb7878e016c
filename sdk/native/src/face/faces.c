#include "face/faces.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/logistic.h"
#include "face/picture.h"

enum { LEAST_FACE = 12, ONET_SIDE = 48 };

static const double OVERLAP = 0.7; /* of the smaller box */

static facesdk_status out_of_memory(facesdk_error *error) {
  return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for the faces of a photo");
}

static facesdk_face face_of(const facesdk_candidate *row, const facesdk_box *box) {
  const double width = row->box.right - row->box.left, height = row->box.bottom - row->box.top;
  facesdk_face face = {facesdk_logistic((double)row->output[0]),
                       {(float)box->left, (float)box->top, (float)box->right, (float)box->bottom},
                       {0}};
  for (int i = 0; i < 5; ++i) {
    face.landmarks[2 * i] = (float)(row->box.left + (double)row->output[5 + 2 * i] * width);
    face.landmarks[2 * i + 1] = (float)(row->box.top + (double)row->output[6 + 2 * i] * height);
  }
  return face;
}

/* Replaces faces by those that stand against the others; their boxes may be more exact than the faces'. */
static facesdk_status keep_best(facesdk_faces *faces, const facesdk_box *boxes, facesdk_error *error) {
  double *scores = facesdk_allocate(faces->count, sizeof *scores);
  size_t *kept = facesdk_allocate(faces->count, sizeof *kept), count = 0;
  facesdk_face *rows = facesdk_allocate(faces->count, sizeof *rows);
  facesdk_status status = FACESDK_OK;
  if (scores == NULL || kept == NULL || rows == NULL) {
    status = out_of_memory(error);
  } else {
    for (size_t i = 0; i < faces->count; ++i) scores[i] = faces->rows[i].score;
    status = facesdk_suppress(&boxes->left, scores, faces->count, OVERLAP, 1, kept, &count, error);
  }
  if (status == FACESDK_OK) {
    for (size_t i = 0; i < count; ++i) rows[i] = faces->rows[kept[i]];
    free(faces->rows);
    *faces = (facesdk_faces){rows, count};
    rows = NULL;
  }
  free(scores);
  free(kept);
  free(rows);
  return status;
}

facesdk_status facesdk_faces_decide(facesdk_search *search, const facesdk_candidates *squares, float logit,
                                    facesdk_faces *result, facesdk_error *error) {
  facesdk_faces_free(result);
  facesdk_candidates passed = {0};
  facesdk_status status =
      facesdk_search_classify(search, FACESDK_ONET, ONET_SIDE, logit, squares, &passed, error);
  if (status == FACESDK_OK && passed.count > 0) {
    facesdk_box *boxes = facesdk_allocate(passed.count, sizeof *boxes);
    *result = (facesdk_faces){facesdk_allocate(passed.count, sizeof *result->rows), passed.count};
    if (boxes == NULL || result->rows == NULL) {
      status = out_of_memory(error);
    } else {
      for (size_t i = 0; i < passed.count; ++i) {
        boxes[i] = facesdk_box_regress(&passed.rows[i].box, passed.rows[i].output + 1);
        result->rows[i] = face_of(&passed.rows[i], &boxes[i]);
      }
      status = keep_best(result, boxes, error);
    }
    free(boxes);
  }
  facesdk_candidates_free(&passed);
  return status;
}

facesdk_status facesdk_faces_add(facesdk_faces *result, const facesdk_faces *more, facesdk_error *error) {
  if (more->count == 0) return FACESDK_OK;
  const size_t count = result->count + more->count;
  facesdk_face *rows = facesdk_allocate(count, sizeof *rows);
  if (rows == NULL) return out_of_memory(error);
  for (size_t i = 0; i < count; ++i) {
    rows[i] = i < result->count ? result->rows[i] : more->rows[i - result->count];
  }
  free(result->rows);
  *result = (facesdk_faces){rows, count};
  return FACESDK_OK;
}

facesdk_status facesdk_faces_merge(facesdk_faces *result, const facesdk_faces *more, facesdk_error *error) {
  facesdk_status status = facesdk_faces_add(result, more, error);
  if (status != FACESDK_OK || result->count < 2) return status;
  facesdk_box *boxes = facesdk_allocate(result->count, sizeof *boxes);
  if (boxes == NULL) return out_of_memory(error);
  for (size_t i = 0; i < result->count; ++i) {
    const float *box = result->rows[i].box;
    boxes[i] = (facesdk_box){(double)box[0], (double)box[1], (double)box[2], (double)box[3]};
  }
  status = keep_best(result, boxes, error);
  free(boxes);
  return status;
}

double facesdk_face_area(const facesdk_face *face) {
  const float width = face->box[2] - face->box[0], height = face->box[3] - face->box[1];
  return (double)width * (double)height;
}

/* Insertion sort: faces of a photo are few. */
void facesdk_faces_sort(const facesdk_faces *faces) {
  for (size_t i = 1; i < faces->count; ++i) {
    const facesdk_face face = faces->rows[i];
    size_t place = i;
    for (; place > 0 && facesdk_face_area(&faces->rows[place - 1]) < facesdk_face_area(&face); --place) {
      faces->rows[place] = faces->rows[place - 1];
    }
    faces->rows[place] = face;
  }
}

facesdk_status facesdk_check_detection(const facesdk_image *photo, int32_t min_face, int32_t max_faces,
                                       facesdk_error *error) {
  const facesdk_status status =
      facesdk_check_pictures(photo, photo->pixels, photo->height, photo->width, FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  if (min_face < LEAST_FACE) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "min_face must be at least %d, but got %d", LEAST_FACE,
                        (int)min_face);
  }
  if (max_faces < 0) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "max_faces must be at least 1, or 0 for all, but got %d",
                        (int)max_faces);
  }
  return FACESDK_OK;
}

void facesdk_faces_give(facesdk_faces *faces, int32_t max_faces, facesdk_face **rows, size_t *count) {
  if (faces->count == 0) {
    facesdk_faces_free(faces);
    return;
  }
  facesdk_faces_sort(faces);
  *rows = faces->rows;
  *count = max_faces > 0 && faces->count > (size_t)max_faces ? (size_t)max_faces : faces->count;
}

void facesdk_faces_free(facesdk_faces *faces) {
  free(faces->rows);
  *faces = (facesdk_faces){0};
}

void facesdk_faces_destroy(facesdk_face *faces) { free(faces); }
