/* A finder's looks at pictures of a photo. */
#ifndef FACESDK_FACE_FINDER_LOOKS_H_
#define FACESDK_FACE_FINDER_LOOKS_H_

#include "face/finder/found.h"
#include "face/halvings.h"

/* Above this overlap two boxes of a finder are one face. */
#define FACESDK_FINDER_OVERLAP 0.3

enum { FACESDK_FINDER_LARGEST = 640, FACESDK_FINDER_COARSEST = 160, FACESDK_FINDER_MARGIN = 32 };

/* Share of its side by which a tile overlaps with the next. */
#define FACESDK_FINDER_LAP 0.25

/* Adds what the network finds in the photo at a scale with a margin around it, each face once, best first. */
facesdk_status facesdk_finder_look(const facesdk_finder *finder, facesdk_halvings *photo, double scale, int32_t margin,
                                   facesdk_found *found, facesdk_error *error);

#endif
