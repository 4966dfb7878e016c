#include "pose.h"

#include <math.h>

enum { POINTS = 5 };

/* The pseudoinverse of the model of a face: eyes, nose and corners of the mouth in three dimensions. */
static const double SOLVER[3][POINTS] = {
    {-0.5952441445497778, 0.5911128378850281, -0.0013046231572892849, -0.4885045011299812, 0.4939404309520207},
    {-0.37016186985531385, -0.3767639071655693, -0.23587129800659454, 0.4941321693737768, 0.48866490565370135},
    {-0.573127572388257, -0.5731231358094013, 2.2696050395165277, -0.5616789987223787, -0.5616753325964917},
};

/* The model itself, in eye distances, with its mean at 0. */
static const double MODEL[POINTS][3] = {
    {-0.5032057030638075, -0.5733849454553708, -0.148},
    {0.4967942969361927, -0.5789160319208109, -0.148},
    {-2.7243935386556117e-05, -0.0046592805330729625, 0.352},
    {-0.41084024837387756, 0.5807703222730525, -0.027999999999999997},
    {0.4172788984368794, 0.5761899356362026, -0.027999999999999997},
};

typedef struct row {
  double x, y, z;
} row;

static double mean_of(const float landmarks[10], int axis) {
  double mean = 0;
  for (int i = 0; i < POINTS; ++i) mean += (double)landmarks[2 * i + axis] / POINTS;
  return mean;
}

/* One row of the scaled rotation: how an axis of the image follows from the model's three. */
static row solve(const float landmarks[10], int axis) {
  const double mean = mean_of(landmarks, axis);
  double values[3] = {0};
  for (int k = 0; k < 3; ++k) {
    for (int i = 0; i < POINTS; ++i) values[k] += SOLVER[k][i] * ((double)landmarks[2 * i + axis] - mean);
  }
  return (row){values[0], values[1], values[2]};
}

static double dot(row a, row b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static row cross(row a, row b) { return (row){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
static row mix(double s, row a, double t, row b) { return (row){s * a.x + t * b.x, s * a.y + t * b.y, s * a.z + t * b.z}; }
static double degrees(double y, double x) { return atan2(y, x) * 57.295779513082320877; }

/* Sum of the squares of what the model's projection leaves along an axis. */
static double rest_of(const float landmarks[10], int axis, row a) {
  const double mean = mean_of(landmarks, axis);
  double sum = 0;
  for (int i = 0; i < POINTS; ++i) {
    const double rest = (double)landmarks[2 * i + axis] - mean - (MODEL[i][0] * a.x + MODEL[i][1] * a.y + MODEL[i][2] * a.z);
    sum += rest * rest;
  }
  return sum;
}

bool pose_of(const float landmarks[10], pose *found) {
  const row a = solve(landmarks, 0), b = solve(landmarks, 1);
  /* The closest orthogonal rows are M^(-1/2) times these, M their Gram matrix; its eigenvalues are squares of lengths. */
  const double p = dot(a, a), q = dot(a, b), r = dot(b, b);
  const row normal = cross(a, b);
  const double product = __builtin_sqrt(dot(normal, normal)), half = (p - r) / 2;
  const double longer = __builtin_sqrt((p + r) / 2 + __builtin_sqrt(half * half + q * q));
  const double shorter = longer > 0 ? product / longer : 0;
  if (!(shorter > 1e-9 * longer)) return false;
  const double scale = 1 / (product * (longer + shorter));
  const row across = mix((r + product) * scale, a, -q * scale, b), down = mix(-q * scale, a, (p + product) * scale, b);
  const row forward = cross(across, down);
  *found = (pose){
      .yaw = degrees(-forward.x, __builtin_sqrt(across.x * across.x + down.x * down.x)),
      .pitch = degrees(forward.y, forward.z),
      .roll = degrees(down.x, across.x),
      .eye_distance = (longer + shorter) / 2,
  };
  const double rest = __builtin_sqrt((rest_of(landmarks, 0, a) + rest_of(landmarks, 1, b)) / POINTS);
  found->misfit = fabs(found->pitch) > 90 ? (double)INFINITY : rest / found->eye_distance;
  return true;
}
