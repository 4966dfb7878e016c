/* A finder, then O-Net, from coarse to fine: the largest faces are found in small pictures of the photo, and no finer one is
 * looked at once no face that is not found yet could be larger. The numbers are those of facesdk/detection/refined.py. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "face/faces.h"
#include "face/finder/looks.h"

enum { MOST_LOOKS = 32 };

/* Score from which O-Net is sure, and the side of the square at which it looks again where it is not. */
static const double SURE = 0.999, SECOND_LOOK = 0.85;

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
  const double step = FACESDK_FINDER_LAP * FACESDK_FINDER_LARGEST / self->finder->sees_from;
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

/* O-Net's word on squares; of what it is unsure, also its word on another square. */
static facesdk_status decide(hunt *self, const facesdk_candidates *squares, facesdk_faces *faces,
                             facesdk_error *error) {
  facesdk_candidates again = {0};
  facesdk_status status = facesdk_faces_decide(&self->search, squares, faces, error);
  for (size_t i = 0; i < faces->count && status == FACESDK_OK; ++i) {
    if (faces->rows[i].score >= SURE) continue;
    const facesdk_box box = box_of(&faces->rows[i]), whole = facesdk_box_squared(&box);
    const double x = (whole.left + whole.right) / 2, y = (whole.top + whole.bottom) / 2;
    const double across = (whole.right - whole.left) * (SECOND_LOOK / 2);
    const double down = (whole.bottom - whole.top) * (SECOND_LOOK / 2);
    const facesdk_box smaller = {x - across, y - down, x + across, y + down};
    status = facesdk_candidates_add(&again, &smaller, NULL, 0, error);
  }
  if (status == FACESDK_OK && again.count > 0) {
    facesdk_faces more = {0};
    status = facesdk_faces_decide(&self->search, &again, &more, error);
    if (status == FACESDK_OK) status = facesdk_faces_merge(faces, &more, error);
    facesdk_faces_free(&more);
  }
  facesdk_candidates_free(&again);
  return status;
}

static facesdk_status add_square(facesdk_candidates *squares, const facesdk_box *box, facesdk_error *error) {
  const facesdk_box square = facesdk_box_squared(box);
  return facesdk_candidates_add(squares, &square, NULL, 0, error);
}

static facesdk_status find_all(hunt *self, facesdk_faces *faces, facesdk_error *error) {
  facesdk_found found = {0};
  facesdk_candidates squares = {0};
  facesdk_status status = FACESDK_OK;
  for (int32_t i = 0; i < self->looks && status == FACESDK_OK; ++i) {
    facesdk_found some = {0};
    status = look(self, i, &some, error);
    for (size_t k = 0; k < some.count && status == FACESDK_OK; ++k) {
      status = facesdk_found_add(&found, &some.boxes[k], some.scores[k], error);
    }
    facesdk_found_free(&some);
  }
  if (status == FACESDK_OK) status = facesdk_found_suppress(&found, error);
  for (size_t i = 0; i < found.count && status == FACESDK_OK; ++i) {
    status = add_square(&squares, &found.boxes[i], error);
  }
  if (status == FACESDK_OK) status = decide(self, &squares, faces, error);
  facesdk_found_free(&found);
  facesdk_candidates_free(&squares);
  return status;
}

static double side_of(const facesdk_face *face) {
  const float width = face->box[2] - face->box[0], height = face->box[3] - face->box[1];
  return (double)(width > height ? width : height);
}

static size_t large_faces(const facesdk_faces *faces, double side) {
  size_t count = 0;
  for (size_t i = 0; i < faces->count; ++i) count += side_of(&faces->rows[i]) >= side;
  return count;
}

/* Whether a box is one of the faces that no finer look needs to find again. */
static bool is_settled(const facesdk_box *box, const facesdk_faces *faces, double surely) {
  for (size_t i = 0; i < faces->count; ++i) {
    const facesdk_box face = box_of(&faces->rows[i]);
    if (side_of(&faces->rows[i]) >= surely && facesdk_box_overlap(box, &face, false) > FACESDK_FINDER_OVERLAP) {
      return true;
    }
  }
  return false;
}

/* Squares of what is found and not settled, the largest first; equal ones keep their order. */
static facesdk_status sorted_squares(const facesdk_found *found, const facesdk_faces *faces, double surely,
                                     facesdk_candidates *squares, facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  for (size_t i = 0; i < found->count && status == FACESDK_OK; ++i) {
    if (is_settled(&found->boxes[i], faces, surely)) continue;
    status = add_square(squares, &found->boxes[i], error);
    for (size_t k = squares->count; status == FACESDK_OK && k-- > 1;) {
      const facesdk_box larger = squares->rows[k].box, smaller = squares->rows[k - 1].box;
      if (!(larger.right - larger.left > smaller.right - smaller.left)) break;
      squares->rows[k].box = smaller;
      squares->rows[k - 1].box = larger;
    }
  }
  return status;
}

/* The largest squares first, until there are as many faces as wanted: added to `faces`. */
static facesdk_status decide_largest(hunt *self, const facesdk_candidates *squares, size_t count, facesdk_faces *faces,
                                     facesdk_error *error) {
  facesdk_faces of_these = {0};
  facesdk_status status = FACESDK_OK;
  for (size_t done = 0; done < squares->count && of_these.count < count && status == FACESDK_OK;) {
    const size_t left = squares->count - done, some = left < count + 1 ? left : count + 1;
    const facesdk_candidates part = {squares->rows + done, some, some};
    facesdk_faces more = {0};
    status = decide(self, &part, &more, error);
    if (status == FACESDK_OK) status = facesdk_faces_merge(&of_these, &more, error);
    facesdk_faces_free(&more);
    done += some;
  }
  if (status == FACESDK_OK) status = facesdk_faces_merge(faces, &of_these, error);
  facesdk_faces_free(&of_these);
  return status;
}

static facesdk_status find_largest(hunt *self, size_t count, facesdk_faces *faces, facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  double surely = __builtin_inf();
  bool complete = false;
  for (int32_t i = 0; i < self->looks && status == FACESDK_OK && !complete; ++i) {
    facesdk_found found = {0};
    facesdk_candidates squares = {0};
    status = look(self, i, &found, error);
    /* of smaller ones a coarser look may have seen a part, or the wrong place */
    if (status == FACESDK_OK) status = sorted_squares(&found, faces, surely, &squares, error);
    if (status == FACESDK_OK) status = decide_largest(self, &squares, count, faces, error);
    const double sees_from = self->finder->sees_from / self->scales[i];
    surely = sees_from < surely ? sees_from : surely;
    complete = large_faces(faces, sees_from) >= count;
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
  status = max_faces == 0 ? find_all(&self, &result, error) : find_largest(&self, (size_t)max_faces, &result, error);
  facesdk_halvings_free(&self.search.photo);
  if (status == FACESDK_OK) {
    facesdk_faces_give(&result, max_faces, faces_found, face_count);
  } else {
    facesdk_faces_free(&result);
  }
  return status;
}
