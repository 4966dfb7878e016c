#include "selection.h"

#include <stdio.h>
#include <string.h>

#include "pose.h"

/* A find with a lower score must show eyes and a mouth. How far landmarks may lie outside of the box, in its sides, and off
 * the shape of a head, in eye distances. */
static const double SURE = 0.97, OUTSIDE = 0.15, MISFIT = 0.15;

static bool inside_of_box(const facesdk_face *face) {
  for (int axis = 0; axis < 2; ++axis) {
    const float low = face->box[axis], high = face->box[axis + 2], side = high - low;
    if (!(side > 0)) return false;
    for (int i = axis; i < 10; i += 2) {
      const float point = face->landmarks[i], below = low - point, above = point - high;
      if ((below > above ? below : above) > (float)OUTSIDE * side) return false;
    }
  }
  return true;
}

static bool is_plausible(const facesdk_image *photo, const facesdk_face *face) {
  pose found;
  if (!inside_of_box(face) || !pose_of(face->landmarks, &found) || found.misfit > MISFIT) return false;
  if (face->score >= SURE) return true;
  quality judged;
  failure none = {0};
  return quality_assess(&judged, photo, face->landmarks, face->score, &none) && quality_shows_eyes_and_mouth(&judged);
}

static size_t keep_plausible(const facesdk_image *photo, facesdk_face *faces, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (is_plausible(photo, &faces[i])) faces[kept++] = faces[i];
  }
  return kept;
}

bool selection_find(engine *engine, const facesdk_image *photo, int32_t max_faces, facesdk_face **faces, size_t *count,
                    failure *failure) {
  size_t found = 0;
  if (!engine_detect(engine, photo, max_faces, faces, &found, failure)) return false;
  *count = keep_plausible(photo, *faces, found);
  if (max_faces == 0 || *count == found) return true;
  facesdk_faces_destroy(*faces);
  *faces = NULL;
  *count = 0;
  if (!engine_detect(engine, photo, 0, faces, &found, failure)) return false;
  *count = keep_plausible(photo, *faces, found);
  if (*count > (size_t)max_faces) *count = (size_t)max_faces;
  return true;
}

/* Picks among faces that were found, largest first. Quality is measured of those up to the first that is trusted. */
static bool pick(const facesdk_image *photo, const facesdk_face *faces, size_t count, selection *chosen,
                 failure *failure) {
  char passed_over[SELECTION_REASON] = "";
  for (size_t i = 0; i < count; ++i) {
    quality judged;
    char doubts[SELECTION_REASON];
    if (!quality_assess(&judged, photo, faces[i].landmarks, faces[i].score, failure)) return false;
    quality_doubts(&judged, doubts, sizeof doubts);
    if (i == 0 || doubts[0] == 0) {
      chosen->face = faces[i];
      chosen->quality = judged;
    }
    if (doubts[0] == 0) {
      (void)snprintf(chosen->reason, SELECTION_REASON, count == 1 ? "the only face" : "the largest trusted face of %zu", count);
      const size_t length = strlen(chosen->reason);
      if (i > 0) {
        (void)snprintf(chosen->reason + length, SELECTION_REASON - length, "; a larger one is not trusted (%s)", passed_over);
      }
      return true;
    }
    if (i == 0) memcpy(passed_over, doubts, sizeof doubts);
  }
  (void)snprintf(chosen->reason, SELECTION_REASON,
                 count == 1 ? "the only face" : "the largest face, none of which is trusted, of %zu", count);
  return true;
}

bool selection_pick(engine *engine, const facesdk_image *photo, selection *chosen, bool *found, failure *failure) {
  facesdk_face *faces = NULL;
  size_t count = 0;
  *found = false;
  if (!selection_find(engine, photo, 1, &faces, &count, failure)) return false;
  bool right = true;
  if (count > 0) {
    char doubts[SELECTION_REASON];
    right = pick(photo, faces, 1, chosen, failure);
    if (right) quality_doubts(&chosen->quality, doubts, sizeof doubts);
    *found = right;
    if (right && doubts[0] == 0) {
      (void)snprintf(chosen->reason, SELECTION_REASON, "the largest face");
    } else if (right) { /* a smaller one may be trusted */
      facesdk_faces_destroy(faces);
      faces = NULL;
      right = selection_find(engine, photo, 0, &faces, &count, failure) && pick(photo, faces, count, chosen, failure);
    }
  }
  facesdk_faces_destroy(faces);
  return right;
}
