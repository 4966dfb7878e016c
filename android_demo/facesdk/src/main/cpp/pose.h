/* Where a face looks, and how large it is, from its five landmarks; facesdk/quality/pose.py says how. */
#ifndef FACESDK_ANDROID_POSE_H_
#define FACESDK_ANDROID_POSE_H_

#include <stdbool.h>

typedef struct pose {
  double yaw, pitch, roll; /* degrees */
  double eye_distance;     /* pixels, if the eyes were seen from the front */
  double misfit;           /* how far the landmarks are from any head's, in eye distances; infinite for mirrored ones */
} pose;

/* False if the landmarks lie on one line. */
bool pose_of(const float landmarks[10], pose *pose);

#endif
