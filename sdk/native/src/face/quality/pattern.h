/* The strongest wave across an aligned crop. */
#ifndef FACESDK_FACE_QUALITY_PATTERN_H_
#define FACESDK_FACE_QUALITY_PATTERN_H_

#include "facesdk_face.h"

/* facesdk_crop_measures.pattern of the luma of a crop, [112, 112]. */
int32_t facesdk_pattern(const uint8_t *luma);

#endif
