/* Arithmetic on boxes: left, top, right and bottom edge of the area that they cover, in pixels. */
#ifndef FACESDK_FACE_BOXES_H_
#define FACESDK_FACE_BOXES_H_

#include <stdbool.h>

#include "facesdk_face.h"

typedef struct facesdk_box {
  double left, top, right, bottom;
} facesdk_box;

/* The longer side. */
static inline double facesdk_box_side(const facesdk_box *box) {
  const double width = box->right - box->left, height = box->bottom - box->top;
  return width > height ? width : height;
}

/* Each edge moved by an offset that is a share of the box's width or height. */
facesdk_box facesdk_box_regress(const facesdk_box *box, const float offsets[4]);

/* The smallest square around the box, with the same centre. */
facesdk_box facesdk_box_squared(const facesdk_box *box);

/* The common area by that of the union, or by the smaller area; 0 of empty boxes. */
double facesdk_box_overlap(const facesdk_box *a, const facesdk_box *b, bool of_smaller);

#endif
