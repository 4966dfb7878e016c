#include "quality.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pose.h"

/* A measure is as bad as can be at `worst`, a comparison is refused below `floor`, and more than `best` brings nothing;
 * facesdk/quality/assessment.py has the same table. */
typedef struct quality_floor {
  double worst, floor, best;
  const char *reason;
} quality_floor;

static const quality_floor FLOORS[QUALITY_FLOORS] = {
    {4, 8, 32, "the face is small (pixels between the eyes)"},
    {0.006, 0.04, 0.09, "the face is blurred (sharpness)"},
    {4, 30, 80, "the face is dark (mean level of 255)"},
    {1, 3, 20, "the face has no contrast (deviation in levels of 255)"},
    {1.0, 0.6, 0.15, "the face is noisy (noise divided by contrast)"},
    {100, 18, 10, "a pattern lies over the face (strongest wave by others like it)"},
    {0.9, 0.5, 0.02, "the face is overexposed (share of white pixels)"},
    {0.0, 0.06, 0.2, "the eyes are covered or cannot be seen (detail)"},
    {0.0, 0.03, 0.12, "the mouth is covered or cannot be seen (detail)"},
    {90, 70, 15, "the face is seen from the side (degrees)"},
    {90, 60, 15, "the face looks far up or down (degrees)"},
    {0.7, 0.95, 0.9999, "this may be no face (score of the detector)"},
};

enum { SHARPNESS_FLOOR = 1, EYES_FLOOR = 7, MOUTH_FLOOR = 8, DETECTOR_FLOOR = 11 };

static const double LEVEL = 256, SHARE = 65536, RATIO = 16;

/* The value that each floor is about. */
static void values_of(const double m[QUALITY_MEASURES], double values[QUALITY_FLOORS]) {
  const double of[QUALITY_FLOORS] = {
      m[QUALITY_EYE_DISTANCE],
      m[QUALITY_SHARPNESS],
      m[QUALITY_BRIGHTNESS],
      m[QUALITY_CONTRAST],
      m[QUALITY_CONTRAST] > 0 ? m[QUALITY_NOISE] / m[QUALITY_CONTRAST] : 1,
      m[QUALITY_PATTERN],
      m[QUALITY_BRIGHT],
      m[QUALITY_EYES],
      m[QUALITY_MOUTH],
      fabs(m[QUALITY_YAW]),
      fabs(m[QUALITY_PITCH]),
      m[QUALITY_DETECTOR_SCORE],
  };
  for (int i = 0; i < QUALITY_FLOORS; ++i) values[i] = of[i];
}

/* Two straight lines: 0 at the worst, 0.5 at the floor, 1 at the best. */
static double grade_of(const quality_floor *row, double value) {
  const double sign = row->best > row->worst ? 1 : -1;
  const double x = value * sign, worst = row->worst * sign, floor = row->floor * sign, best = row->best * sign;
  if (!(x > worst)) return 0;
  if (x < floor) return 0.5 * (x - worst) / (floor - worst);
  return x < best ? 0.5 + 0.5 * (x - floor) / (best - floor) : 1;
}

static bool fails(const quality_floor *row, double value) {
  return row->best > row->worst ? value < row->floor : value > row->floor;
}

/* The reason with the value and what it must be. */
static void say(const quality_floor *row, double value, char *words, size_t size) {
  (void)snprintf(words, size, "%s: %.3g, must be at %s %.3g", row->reason, value, row->best > row->worst ? "least" : "most",
                 row->floor);
}

static void judge(quality *self) {
  double values[QUALITY_FLOORS], grades[QUALITY_FLOORS];
  int order[QUALITY_FLOORS];
  values_of(self->measures, values);
  for (int i = 0; i < QUALITY_FLOORS; ++i) {
    grades[i] = grade_of(&FLOORS[i], values[i]);
    int place = i;
    for (; place > 0 && grades[order[place - 1]] > grades[i]; --place) order[place] = order[place - 1];
    order[place] = i;
  }
  self->score = grades[order[0]];
  self->reason_count = 0;
  for (int i = 0; i < QUALITY_FLOORS; ++i) {
    const quality_floor *row = &FLOORS[order[i]];
    if (!fails(row, values[order[i]])) continue;
    say(row, values[order[i]], self->reasons[self->reason_count++], QUALITY_REASON);
  }
}

static void take(quality *self, const facesdk_crop_measures *of) {
  double *m = self->measures;
  const double contrast = of->contrast;
  m[QUALITY_SHARPNESS] = contrast > 0 ? of->detail / contrast : 0;
  m[QUALITY_EYES] = contrast > 0 ? of->eye_detail / contrast : 0;
  m[QUALITY_MOUTH] = contrast > 0 ? of->mouth_detail / contrast : 0;
  m[QUALITY_BRIGHTNESS] = of->brightness / LEVEL;
  m[QUALITY_CONTRAST] = contrast / LEVEL;
  m[QUALITY_NOISE] = of->noise / LEVEL;
  m[QUALITY_PATTERN] = of->pattern / RATIO;
  m[QUALITY_DARK] = of->dark / SHARE;
  m[QUALITY_BRIGHT] = of->bright / SHARE;
}

bool quality_assess(quality *self, const facesdk_image *photo, const float landmarks[10], double detector_score,
                    failure *failure) {
  facesdk_error error;
  facesdk_crop_measures measures;
  const size_t row = 3 * FACESDK_CROP_SIDE;
  uint8_t *pixels = malloc(row * FACESDK_CROP_SIDE);
  if (pixels == NULL) return fail(failure, FAILURE_MEMORY, "no memory for a crop");
  const facesdk_image crop = {pixels, FACESDK_CROP_SIDE, FACESDK_CROP_SIDE, (ptrdiff_t)row};
  pose found;
  bool right = check_status(failure, facesdk_align(photo, landmarks, FACESDK_CROP_SIDE, pixels, &error), &error) &&
               check_status(failure, facesdk_measure_crop(&crop, &measures, &error), &error);
  free(pixels);
  if (right && !pose_of(landmarks, &found)) right = fail(failure, FAILURE_INPUT, "landmarks must not lie on one line");
  if (!right) return false;
  take(self, &measures);
  self->measures[QUALITY_EYE_DISTANCE] = found.eye_distance;
  self->measures[QUALITY_YAW] = found.yaw;
  self->measures[QUALITY_PITCH] = found.pitch;
  self->measures[QUALITY_ROLL] = found.roll;
  self->measures[QUALITY_DETECTOR_SCORE] = detector_score;
  judge(self);
  return true;
}

bool quality_shows_eyes_and_mouth(const quality *self) {
  return !fails(&FLOORS[EYES_FLOOR], self->measures[QUALITY_EYES]) &&
         !fails(&FLOORS[MOUTH_FLOOR], self->measures[QUALITY_MOUTH]);
}

void quality_doubts(const quality *self, char *words, size_t size) {
  static const int TRUSTED[] = {DETECTOR_FLOOR, SHARPNESS_FLOOR};
  double values[QUALITY_FLOORS];
  size_t length = 0;
  values_of(self->measures, values);
  words[0] = 0;
  for (int i = 0; i < 2; ++i) {
    const quality_floor *row = &FLOORS[TRUSTED[i]];
    if (!fails(row, values[TRUSTED[i]])) continue;
    if (length > 0) (void)snprintf(words + length, size - length, ", ");
    length = strlen(words);
    say(row, values[TRUSTED[i]], words + length, size - length);
    length = strlen(words);
  }
}
