/* How fit a face is to be compared: one number, with reasons (docs/use/quality.md). */
#ifndef FACESDK_ANDROID_QUALITY_H_
#define FACESDK_ANDROID_QUALITY_H_

#include "facesdk_face.h"
#include "failure.h"

/* Measures, in the order of facesdk.results.Quality. */
typedef enum quality_measure {
  QUALITY_EYE_DISTANCE,
  QUALITY_SHARPNESS,
  QUALITY_EYES,
  QUALITY_MOUTH,
  QUALITY_BRIGHTNESS,
  QUALITY_CONTRAST,
  QUALITY_NOISE,
  QUALITY_PATTERN,
  QUALITY_DARK,
  QUALITY_BRIGHT,
  QUALITY_YAW,
  QUALITY_PITCH,
  QUALITY_ROLL,
  QUALITY_DETECTOR_SCORE,
  QUALITY_MEASURES,
} quality_measure;

enum { QUALITY_FLOORS = 12, QUALITY_REASON = 128 };

typedef struct quality {
  double score; /* 0 to 1; from 0.5 on there is no reason */
  double measures[QUALITY_MEASURES];
  int reason_count;
  char reasons[QUALITY_FLOORS][QUALITY_REASON]; /* the worst first */
} quality;

/* Measures the face of a photo. */
bool quality_assess(quality *quality, const facesdk_image *photo, const float landmarks[10], double detector_score,
                    failure *failure);

/* Whether eyes and mouth are above their floors. */
bool quality_shows_eyes_and_mouth(const quality *quality);

/* Why a face is not trusted (the detector is not sure of it, or it is blurred), in words; empty where it is. */
void quality_doubts(const quality *quality, char *words, size_t size);

#endif
