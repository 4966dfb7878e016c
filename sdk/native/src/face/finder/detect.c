/* A finder, then O-Net, from coarse to fine: the largest faces are found in small pictures of the photo. Where all faces are
 * wanted, finer ones add the smaller faces; else no finer one is looked at once no face that is not found yet could be
 * larger. The numbers are those of facesdk/detection/refined.py and one_stage/finder.py. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "face/faces.h"
#include "face/finder/looks.h"

enum { MOST_LOOKS = 32 };

/* Side of the square that O-Net looks at again, in eye distances or in distances from the eyes to the mouth. */
static const double SECOND_LOOK = 2.2;

/* Least score of a face; what has less, but FACESDK_LOGIT_30, counts if the second look gives it so much. */
static const double SURE = 0.7, CONVINCING = 0.95;

/* A coarse look settles that there is no larger face only of faces so many times as large as the least that it sees. */
static const double MISSED = 1.25;

/* One detection. */
typedef struct hunt {
  const facesdk_finder *finder;
  facesdk_search search;
  double scales[MOST_LOOKS]; /* rising */
  int32_t looks;
} hunt;

static void plan(hunt *self, int32_t min_face, bool all) {
  const facesdk_image *photo = &self->search.photo.images[0];
  const double longer = photo->height > photo->width ? photo->height : photo->width;
  const double finest = self->finder->sees_from / min_face, fits = (double)FACESDK_FINDER_COARSEST / longer;
  const double coarsest = fits < finest ? fits : finest;
  if (!all) {
    for (double scale = coarsest; scale < finest; scale *= 2) self->scales[self->looks++] = scale;
    self->scales[self->looks++] = finest;
    return;
  }
  /* tiles show whole faces up to their lap, so the next level begins below that */
  const double step = FACESDK_FINDER_LAP * (double)FACESDK_FINDER_LARGEST / self->finder->sees_from;
  double falling[MOST_LOOKS] = {finest};
  int32_t count = 1;
  for (; falling[count - 1] > coarsest && count < MOST_LOOKS; ++count) {
    const double next = falling[count - 1] / step;
    falling[count] = next > coarsest ? next : coarsest;
  }
  while (count > 0) self->scales[self->looks++] = falling[--count];
}

static facesdk_status look(hunt *self, int32_t number, facesdk_found *found, facesdk_error *error) {
  const int32_t margin = number == 0 ? FACESDK_FINDER_MARGIN : 0;
  return facesdk_finder_look(self->finder, &self->search.photo, self->scales[number], margin, found, error);
}

static facesdk_box box_of(const facesdk_face *face) {
  return (facesdk_box){(double)face->box[0], (double)face->box[1], (double)face->box[2], (double)face->box[3]};
}

static double side_of(const facesdk_face *face) {
  const float width = face->box[2] - face->box[0], height = face->box[3] - face->box[1];
  return (double)(width > height ? width : height);
}

static double length(double x, double y) { return __builtin_sqrt(x * x + y * y); }

/* The square that a face's landmarks give: its middle is that of eyes and mouth. */
static facesdk_box around(const facesdk_face *face) {
  double p[10];
  for (int i = 0; i < 10; ++i) p[i] = (double)face->landmarks[i];
  const double eyes_x = (p[0] + p[2]) / 2, eyes_y = (p[1] + p[3]) / 2;
  const double mouth_x = (p[6] + p[8]) / 2, mouth_y = (p[7] + p[9]) / 2;
  const double apart = length(p[2] - p[0], p[3] - p[1]), down = length(mouth_x - eyes_x, mouth_y - eyes_y);
  const double half = (apart > down ? apart : down) * (SECOND_LOOK / 2);
  const double x = (eyes_x + mouth_x) / 2, y = (eyes_y + mouth_y) / 2;
  return (facesdk_box){x - half, y - half, x + half, y + half};
}

/* Whether a box is one of the faces whose side is at least so long. */
static bool is_among(const facesdk_box *box, const facesdk_faces *faces, double side) {
  for (size_t i = 0; i < faces->count; ++i) {
    const facesdk_box face = box_of(&faces->rows[i]);
    if (side_of(&faces->rows[i]) >= side && facesdk_box_overlap(box, &face, false) > FACESDK_FINDER_OVERLAP) return true;
  }
  return false;
}

/* O-Net's word on the squares that the landmarks of some faces give: replaces `result`. */
static facesdk_status look_again(hunt *self, const facesdk_faces *faces, facesdk_faces *result, facesdk_error *error) {
  facesdk_candidates squares = {0};
  facesdk_status status = FACESDK_OK;
  for (size_t i = 0; i < faces->count && status == FACESDK_OK; ++i) {
    const facesdk_box square = around(&faces->rows[i]);
    status = facesdk_candidates_add(&squares, &square, NULL, 0, error);
  }
  if (status == FACESDK_OK && squares.count > 0) {
    status = facesdk_faces_decide(&self->search, &squares, FACESDK_LOGIT_70, result, error);
  }
  facesdk_candidates_free(&squares);
  return status;
}

/* Keeps the faces of at least a score. */
static void keep_from(facesdk_faces *faces, double score) {
  size_t kept = 0;
  for (size_t i = 0; i < faces->count; ++i) {
    if (faces->rows[i].score >= score) faces->rows[kept++] = faces->rows[i];
  }
  faces->count = kept;
}

/* O-Net's word on squares, then on those that the landmarks of its faces give. Of what it doubts at first only what
 * convinces it then counts. */
static facesdk_status decide(hunt *self, const facesdk_candidates *squares, facesdk_faces *faces,
                             facesdk_error *error) {
  facesdk_faces first = {0}, convincing = {0};
  facesdk_status status = facesdk_faces_decide(&self->search, squares, FACESDK_LOGIT_30, &first, error);
  size_t sure = 0; /* the most certain come first */
  while (sure < first.count && first.rows[sure].score >= SURE) ++sure;
  const facesdk_faces certain = {first.rows, sure};
  const facesdk_faces doubtful = {first.rows == NULL ? NULL : first.rows + sure, first.count - sure};
  if (status == FACESDK_OK) status = look_again(self, &certain, faces, error);
  if (status == FACESDK_OK && doubtful.count > 0) status = look_again(self, &doubtful, &convincing, error);
  keep_from(&convincing, CONVINCING);
  const facesdk_faces seen = *faces;
  size_t kept = 0;
  for (size_t i = 0; i < sure && status == FACESDK_OK; ++i) {
    const facesdk_box box = box_of(&first.rows[i]);
    if (!is_among(&box, &seen, 0)) first.rows[kept++] = first.rows[i];
  }
  first.count = kept;
  if (status == FACESDK_OK) status = facesdk_faces_add(faces, &first, error);
  if (status == FACESDK_OK) status = facesdk_faces_add(faces, &convincing, error);
  facesdk_faces_free(&first);
  facesdk_faces_free(&convincing);
  return status;
}

static facesdk_status add_square(facesdk_candidates *squares, const facesdk_box *box, facesdk_error *error) {
  const facesdk_box square = facesdk_box_squared(box);
  return facesdk_candidates_add(squares, &square, NULL, 0, error);
}

static size_t large_faces(const facesdk_faces *faces, double side) {
  size_t count = 0;
  for (size_t i = 0; i < faces->count; ++i) count += side_of(&faces->rows[i]) >= side;
  return count;
}

/* Squares of what is found and is none of the faces of at least a side: the best first, or the largest. */
static facesdk_status squares_of(const facesdk_found *found, const facesdk_faces *faces, double surely, bool largest,
                                 facesdk_candidates *squares, facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  for (size_t i = 0; i < found->count && status == FACESDK_OK; ++i) {
    if (is_among(&found->boxes[i], faces, surely)) continue;
    status = add_square(squares, &found->boxes[i], error);
    for (size_t k = squares->count; largest && status == FACESDK_OK && k-- > 1;) {
      const facesdk_box larger = squares->rows[k].box, smaller = squares->rows[k - 1].box;
      if (!(larger.right - larger.left > smaller.right - smaller.left)) break;
      squares->rows[k].box = smaller;
      squares->rows[k - 1].box = larger;
    }
  }
  return status;
}

/* Squares decided and merged with `faces`, the most certain of those that overlap. */
static facesdk_status decide_and_merge(hunt *self, const facesdk_candidates *squares, facesdk_faces *faces,
                                       facesdk_error *error) {
  facesdk_faces more = {0};
  facesdk_status status = decide(self, squares, &more, error);
  if (status == FACESDK_OK) status = facesdk_faces_merge(faces, &more, error);
  facesdk_faces_free(&more);
  return status;
}

/* Squares in their order, some more than wanted at a time, until there are as many faces as wanted: merged with `faces`. */
static facesdk_status decide_until(hunt *self, const facesdk_candidates *squares, size_t count, facesdk_faces *faces,
                                   facesdk_error *error) {
  facesdk_faces of_these = {0};
  facesdk_status status = FACESDK_OK;
  for (size_t done = 0; done < squares->count && of_these.count < count && status == FACESDK_OK;) {
    const size_t left = squares->count - done, some = left < count + 1 ? left : count + 1;
    const facesdk_candidates part = {squares->rows + done, some, some};
    status = decide_and_merge(self, &part, &of_these, error);
    done += some;
  }
  if (status == FACESDK_OK) status = facesdk_faces_merge(faces, &of_these, error);
  facesdk_faces_free(&of_these);
  return status;
}

/* The largest `count` faces and perhaps some more, or all for 0. */
static facesdk_status hunt_for(hunt *self, size_t count, facesdk_faces *faces, facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  double surely = __builtin_inf();
  bool complete = false;
  for (int32_t i = 0; i < self->looks && status == FACESDK_OK && !complete; ++i) {
    facesdk_found found = {0};
    facesdk_candidates squares = {0};
    status = look(self, i, &found, error);
    /* of smaller ones a coarser look may have seen a part, or the wrong place */
    if (status == FACESDK_OK) status = squares_of(&found, faces, surely, count > 0, &squares, error);
    if (status == FACESDK_OK) {
      status = count > 0 ? decide_until(self, &squares, count, faces, error)
                         : decide_and_merge(self, &squares, faces, error);
    }
    const double missed = i == self->looks - 1 ? 1 : MISSED;
    const double sees_from = self->finder->sees_from / self->scales[i] * missed;
    surely = sees_from < surely ? sees_from : surely;
    complete = count > 0 && large_faces(faces, sees_from) >= count;
    facesdk_found_free(&found);
    facesdk_candidates_free(&squares);
  }
  return status;
}

facesdk_status facesdk_finder_detect(const facesdk_finder *finder, const facesdk_image *photo, int32_t min_face,
                                     int32_t max_faces, facesdk_face **faces_found, size_t *face_count,
                                     facesdk_error *error) {
  *faces_found = NULL;
  *face_count = 0;
  facesdk_status status = facesdk_check_detection(photo, min_face, max_faces, error);
  if (status != FACESDK_OK) return status;
  hunt self = {.finder = finder, .search = {.networks = &finder->networks}};
  facesdk_halvings_init(&self.search.photo, photo);
  plan(&self, min_face, max_faces == 0);
  facesdk_faces result = {0};
  status = hunt_for(&self, (size_t)max_faces, &result, error);
  facesdk_halvings_free(&self.search.photo);
  if (status == FACESDK_OK) {
    facesdk_faces_give(&result, max_faces, faces_found, face_count);
  } else {
    facesdk_faces_free(&result);
  }
  return status;
}
