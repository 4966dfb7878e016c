/* Which finds are faces, and which face of a photo is compared: the rules of facesdk/quality/selection.py. */
#ifndef FACESDK_ANDROID_SELECTION_H_
#define FACESDK_ANDROID_SELECTION_H_

#include "engine.h"
#include "quality.h"

enum { SELECTION_REASON = 192 };

/* The face that is compared. */
typedef struct selection {
  facesdk_face face;
  char reason[SELECTION_REASON]; /* why this one, in words */
  quality quality;
} selection;

/* The faces of a photo, without finds that cannot be one: at most `max_faces`, the largest; 0 for all. Released with
 * facesdk_faces_destroy(). */
bool selection_find(engine *engine, const facesdk_image *photo, int32_t max_faces, facesdk_face **faces, size_t *count,
                    failure *failure);

/* Finds the faces of a photo and picks the one that is compared: the largest that is trusted, else the largest. *found is
 * false if there is none. */
bool selection_pick(engine *engine, const facesdk_image *photo, selection *selection, bool *found, failure *failure);

#endif
