/* Which pixels along one axis make each pixel of a resized picture. */
#ifndef FACESDK_FACE_AXIS_H_
#define FACESDK_FACE_AXIS_H_

#include <stdbool.h>

#include "face/lanes.h"
#include "facesdk_face.h"

/* `count` pixels from `first` on, which may lie outside the picture; `pairs` of weights, the last one with a 0 if the count
 * is odd. */
typedef struct facesdk_taps {
  int32_t first, count;
  const facesdk_weight_pair *pairs;
} facesdk_taps;

/* `low` to `high` (exclusive): all pixels that are read. One block of memory, freed with free(taps). */
typedef struct facesdk_axis {
  facesdk_taps *taps;
  int32_t low, high;
} facesdk_axis;

/* See facesdk_resize_area(). Sizes must have been checked. False if memory ran out. */
bool facesdk_axis_area(facesdk_axis *axis, int32_t results, int32_t begin, int32_t length, int32_t halvings);

/* See facesdk_resize_bilinear(). */
bool facesdk_axis_bilinear(facesdk_axis *axis, int32_t results, int32_t length);

#endif
