/* The cascade: P-Net proposes boxes in an image pyramid, R-Net refuses most of them and refines the rest, O-Net decides,
 * refines again and places five landmarks. The numbers are those of facesdk/detection/mtcnn/detector.py. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/logistic.h"
#include "face/mtcnn/search.h"
#include "face/picture.h"

enum { LEAST_FACE = 12, WINDOW = 12, RNET_SIDE = 24, ONET_SIDE = 48, MOST_LEVELS = 64 };

static const double LEVEL_FACTOR = 0.709;
static const double WITHIN_LEVEL = 0.5, ACROSS_LEVELS = 0.7, REFINED = 0.7, FINAL = 0.7;

/* A face is complete when its square is this many windows of the next finer level wide, and it has this share of it. */
static const double LARGER_THAN_WINDOWS = 2.8, SHARE_OF_SQUARE = 0.5;

/* A list of faces; zeros are an empty one. */
typedef struct faces {
  facesdk_face *rows;
  size_t count;
} faces;

facesdk_status facesdk_search_run(const facesdk_search *search, facesdk_mtcnn_network network, const uint8_t *pixels,
                                  int32_t count, int32_t height, int32_t width, size_t value_count,
                                  const float **values, facesdk_error *error) {
  size_t given = 0;
  const facesdk_status status =
      search->networks->run(search->networks->context, network, pixels, count, height, width, values, &given, error);
  if (status != FACESDK_OK) return status;
  if (given != value_count || *values == NULL) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "network %d of MTCNN gave %zu numbers, but %zu are needed",
                        (int)network, given, value_count);
  }
  return FACESDK_OK;
}

/* The scales of a photo's levels, falling. */
static int32_t scales_of(const facesdk_image *photo, int32_t min_face, double scales[MOST_LEVELS]) {
  const double shorter = photo->height < photo->width ? photo->height : photo->width;
  int32_t count = 0;
  for (double scale = (double)WINDOW / min_face; shorter * scale >= (double)WINDOW / 2 && count < MOST_LEVELS;
       scale *= LEVEL_FACTOR) {
    scales[count++] = scale;
  }
  return count;
}

/* P-Net on some levels: squares that may hold a face. */
static facesdk_status propose(facesdk_search *search, const double *scales, int32_t count, facesdk_candidates *found,
                              facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  for (int32_t i = 0; i < count && status == FACESDK_OK; ++i) {
    facesdk_candidates level = {0};
    status = facesdk_search_level(search, scales[i], &level, error);
    if (status == FACESDK_OK) status = facesdk_candidates_suppress(&level, WITHIN_LEVEL, error);
    if (status == FACESDK_OK) status = facesdk_candidates_append(found, &level, error);
    facesdk_candidates_free(&level);
  }
  if (status == FACESDK_OK && count > 1) status = facesdk_candidates_suppress(found, ACROSS_LEVELS, error);
  if (status == FACESDK_OK) facesdk_candidates_square(found);
  return status;
}

/* P-Net and R-Net on some levels: adds what R-Net passes. */
static facesdk_status look(facesdk_search *search, const double *scales, int32_t count, facesdk_candidates *passed,
                           facesdk_error *error) {
  facesdk_candidates proposed = {0};
  facesdk_status status = propose(search, scales, count, &proposed, error);
  if (status == FACESDK_OK) {
    status = facesdk_search_classify(search, FACESDK_RNET, RNET_SIDE, FACESDK_LOGIT_70, &proposed, passed, error);
  }
  facesdk_candidates_free(&proposed);
  return status;
}

/* What R-Net makes of its candidates: better squares, and fewer. */
static facesdk_status refine(const facesdk_candidates *passed, facesdk_candidates *squares, facesdk_error *error) {
  facesdk_candidates_free(squares);
  facesdk_status status = facesdk_candidates_append(squares, passed, error);
  if (status == FACESDK_OK) status = facesdk_candidates_suppress(squares, REFINED, error);
  if (status == FACESDK_OK) facesdk_candidates_square(squares);
  return status;
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

static facesdk_status keep_best(const facesdk_candidates *passed, faces *result, facesdk_error *error) {
  facesdk_box *boxes = facesdk_allocate(passed->count, sizeof *boxes);
  double *scores = facesdk_allocate(passed->count, sizeof *scores);
  size_t *kept = facesdk_allocate(passed->count, sizeof *kept);
  result->rows = facesdk_allocate(passed->count, sizeof *result->rows);
  facesdk_status status = FACESDK_OK;
  if (boxes == NULL || scores == NULL || kept == NULL || result->rows == NULL) {
    status = facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for the faces of a photo");
  } else {
    for (size_t i = 0; i < passed->count; ++i) {
      boxes[i] = facesdk_box_regress(&passed->rows[i].box, passed->rows[i].output + 1);
      scores[i] = facesdk_logistic((double)passed->rows[i].output[0]);
    }
    status = facesdk_suppress(&boxes->left, scores, passed->count, FINAL, 1, kept, &result->count, error);
    for (size_t i = 0; i < result->count; ++i) {
      result->rows[i] = face_of(&passed->rows[kept[i]], &boxes[kept[i]]);
    }
  }
  free(boxes);
  free(scores);
  free(kept);
  return status;
}

/* O-Net on every square that is left. */
static facesdk_status decide(facesdk_search *search, const facesdk_candidates *squares, faces *result,
                             facesdk_error *error) {
  free(result->rows);
  *result = (faces){0};
  facesdk_candidates passed = {0};
  facesdk_status status =
      facesdk_search_classify(search, FACESDK_ONET, ONET_SIDE, FACESDK_LOGIT_70, squares, &passed, error);
  if (status == FACESDK_OK && passed.count > 0) status = keep_best(&passed, result, error);
  facesdk_candidates_free(&passed);
  return status;
}

static double area_of(const facesdk_face *face) {
  const float width = face->box[2] - face->box[0], height = face->box[3] - face->box[1];
  return (double)width * (double)height;
}

static size_t large_squares(const facesdk_candidates *squares, double side) {
  size_t count = 0;
  for (size_t i = 0; i < squares->count; ++i) count += facesdk_box_side(&squares->rows[i].box) >= side;
  return count;
}

static size_t large_faces(const faces *found, double area) {
  size_t count = 0;
  for (size_t i = 0; i < found->count; ++i) count += area_of(&found->rows[i]) >= area;
  return count;
}

/* Looks for large faces first, and no further than needed: the largest are complete. */
static facesdk_status find_largest(facesdk_search *search, const double *scales, int32_t levels, size_t count,
                                   faces *result, facesdk_error *error) {
  facesdk_candidates passed = {0}, squares = {0};
  facesdk_status status = FACESDK_OK;
  bool complete = false;
  for (int32_t i = levels - 1; i >= 0 && status == FACESDK_OK && !complete; --i) {
    const size_t before = passed.count;
    status = look(search, &scales[i], 1, &passed, error);
    if (status == FACESDK_OK && passed.count > before) status = refine(&passed, &squares, error);
    if (status != FACESDK_OK || i == 0) break; /* nothing is finer than the last level: decided below */
    const double enough = LARGER_THAN_WINDOWS * (double)WINDOW / scales[i - 1];
    if (large_squares(&squares, enough) < count) continue;
    status = decide(search, &squares, result, error);
    complete = status == FACESDK_OK && large_faces(result, SHARE_OF_SQUARE * (enough * enough)) >= count;
  }
  if (status == FACESDK_OK && !complete) status = decide(search, &squares, result, error);
  facesdk_candidates_free(&passed);
  facesdk_candidates_free(&squares);
  return status;
}

static facesdk_status find_all(facesdk_search *search, const double *scales, int32_t levels, faces *result,
                               facesdk_error *error) {
  facesdk_candidates passed = {0}, squares = {0};
  facesdk_status status = look(search, scales, levels, &passed, error);
  if (status == FACESDK_OK) status = refine(&passed, &squares, error);
  if (status == FACESDK_OK) status = decide(search, &squares, result, error);
  facesdk_candidates_free(&passed);
  facesdk_candidates_free(&squares);
  return status;
}

/* Insertion sort: faces of a photo are few, and equal areas keep their order. */
static void sort_by_area(const faces *found) {
  for (size_t i = 1; i < found->count; ++i) {
    const facesdk_face face = found->rows[i];
    size_t place = i;
    for (; place > 0 && area_of(&found->rows[place - 1]) < area_of(&face); --place) {
      found->rows[place] = found->rows[place - 1];
    }
    found->rows[place] = face;
  }
}

facesdk_status facesdk_mtcnn_detect(const facesdk_mtcnn_networks *networks, const facesdk_image *photo,
                                    int32_t min_face, int32_t max_faces, facesdk_face **faces_found,
                                    size_t *face_count, facesdk_error *error) {
  *faces_found = NULL;
  *face_count = 0;
  facesdk_status status = facesdk_check_pictures(photo, photo->pixels, photo->height, photo->width,
                                                 FACESDK_CHANNELS, error);
  if (status != FACESDK_OK) return status;
  if (min_face < LEAST_FACE) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "min_face must be at least %d, but got %d", LEAST_FACE,
                        (int)min_face);
  }
  if (max_faces < 0) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "max_faces must be at least 1, or 0 for all, but got %d",
                        (int)max_faces);
  }
  double scales[MOST_LEVELS];
  const int32_t levels = scales_of(photo, min_face, scales);
  facesdk_search search = {.networks = networks};
  facesdk_halvings_init(&search.photo, photo);
  faces result = {0};
  status = max_faces == 0 ? find_all(&search, scales, levels, &result, error)
                          : find_largest(&search, scales, levels, (size_t)max_faces, &result, error);
  facesdk_halvings_free(&search.photo);
  if (status != FACESDK_OK || result.count == 0) {
    free(result.rows);
    return status;
  }
  sort_by_area(&result);
  *faces_found = result.rows;
  *face_count = max_faces > 0 && result.count > (size_t)max_faces ? (size_t)max_faces : result.count;
  return FACESDK_OK;
}

void facesdk_faces_destroy(facesdk_face *faces_found) { free(faces_found); }
