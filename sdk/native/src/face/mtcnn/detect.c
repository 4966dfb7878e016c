/* The cascade: P-Net proposes boxes in an image pyramid, R-Net refuses most of them and refines the rest, O-Net decides,
 * refines again and places five landmarks. The numbers are those of facesdk/detection/mtcnn/detector.py. */
#include <stdbool.h>

#include "face/faces.h"

enum { WINDOW = 12, RNET_SIDE = 24, MOST_LEVELS = 64 };

static const double LEVEL_FACTOR = 0.709;
static const double WITHIN_LEVEL = 0.5, ACROSS_LEVELS = 0.7, REFINED = 0.7;

/* A face is complete when its square is this many windows of the next finer level wide, and it has this share of it. */
static const double LARGER_THAN_WINDOWS = 2.8, SHARE_OF_SQUARE = 0.5;

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

static size_t large_squares(const facesdk_candidates *squares, double side) {
  size_t count = 0;
  for (size_t i = 0; i < squares->count; ++i) count += facesdk_box_side(&squares->rows[i].box) >= side;
  return count;
}

static size_t large_faces(const facesdk_faces *found, double area) {
  size_t count = 0;
  for (size_t i = 0; i < found->count; ++i) count += facesdk_face_area(&found->rows[i]) >= area;
  return count;
}

/* Looks for large faces first, and no further than needed: the largest are complete. */
static facesdk_status find_largest(facesdk_search *search, const double *scales, int32_t levels, size_t count,
                                   facesdk_faces *result, facesdk_error *error) {
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
    status = facesdk_faces_decide(search, &squares, FACESDK_LOGIT_70, result, error);
    complete = status == FACESDK_OK && large_faces(result, SHARE_OF_SQUARE * (enough * enough)) >= count;
  }
  if (status == FACESDK_OK && !complete) status = facesdk_faces_decide(search, &squares, FACESDK_LOGIT_70, result, error);
  facesdk_candidates_free(&passed);
  facesdk_candidates_free(&squares);
  return status;
}

static facesdk_status find_all(facesdk_search *search, const double *scales, int32_t levels, facesdk_faces *result,
                               facesdk_error *error) {
  facesdk_candidates passed = {0}, squares = {0};
  facesdk_status status = look(search, scales, levels, &passed, error);
  if (status == FACESDK_OK) status = refine(&passed, &squares, error);
  if (status == FACESDK_OK) status = facesdk_faces_decide(search, &squares, FACESDK_LOGIT_70, result, error);
  facesdk_candidates_free(&passed);
  facesdk_candidates_free(&squares);
  return status;
}

facesdk_status facesdk_mtcnn_detect(const facesdk_mtcnn_networks *networks, const facesdk_image *photo,
                                    int32_t min_face, int32_t max_faces, facesdk_face **faces_found,
                                    size_t *face_count, facesdk_error *error) {
  *faces_found = NULL;
  *face_count = 0;
  facesdk_status status = facesdk_check_detection(photo, min_face, max_faces, error);
  if (status != FACESDK_OK) return status;
  double scales[MOST_LEVELS];
  const int32_t levels = scales_of(photo, min_face, scales);
  facesdk_search search = {.networks = networks};
  facesdk_halvings_init(&search.photo, photo);
  facesdk_faces result = {0};
  status = max_faces == 0 ? find_all(&search, scales, levels, &result, error)
                          : find_largest(&search, scales, levels, (size_t)max_faces, &result, error);
  facesdk_halvings_free(&search.photo);
  if (status == FACESDK_OK) {
    facesdk_faces_give(&result, max_faces, faces_found, face_count);
  } else {
    facesdk_faces_free(&result);
  }
  return status;
}
