/* Alignment: the similarity transform that turns a face's landmarks to those of the template, and the warp. */
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "face/picture.h"

enum { POINTS = 5, SIDE = 112, NARROW = 96 };

/* The points of ArcFace's authors; facesdk/models/templates.py has the same. */
static const double TEMPLATE[2 * POINTS] = {38.2946, 51.6963, 73.5318, 51.5014, 56.0252,
                                            71.7366, 41.5493, 92.3655, 70.7299, 92.2041};

static double size_of(double value) { return value < 0 ? -value : value; }

/* The sum, rounded once (J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997): it does not depend on the
 * order, as Python's math.fsum. The numbers must be finite and far from overflow. */
static double exact_sum(const double *values, int count) {
  double parts[POINTS + 1];
  int used = 0;
  for (int i = 0; i < count; ++i) {
    double high = values[i];
    int kept = 0;
    for (int j = 0; j < used; ++j) {
      double large = high, small = parts[j];
      if (size_of(large) < size_of(small)) {
        large = parts[j];
        small = high;
      }
      high = large + small;
      const double low = small - (high - large);
      if (low != 0) parts[kept++] = low;
    }
    parts[kept++] = high;
    used = kept;
  }
  double sum = used > 0 ? parts[--used] : 0, low = 0;
  while (used > 0 && low == 0) {
    const double before = sum, part = parts[--used];
    sum = before + part;
    low = part - (sum - before);
  }
  /* Half to even: what is left below decides a tie. */
  if (used > 0 && ((low < 0 && parts[used - 1] < 0) || (low > 0 && parts[used - 1] > 0))) {
    const double twice = 2 * low, other = sum + twice;
    if (other - sum == twice) sum = other;
  }
  return sum;
}

typedef struct centred {
  double mean[2], distances[2][POINTS]; /* along x and y */
} centred;

static centred centre(const double points[2 * POINTS]) {
  centred result;
  for (int axis = 0; axis < 2; ++axis) {
    for (int i = 0; i < POINTS; ++i) result.distances[axis][i] = points[2 * i + axis];
    result.mean[axis] = exact_sum(result.distances[axis], POINTS) / (double)POINTS;
    for (int i = 0; i < POINTS; ++i) result.distances[axis][i] -= result.mean[axis];
  }
  return result;
}

static double dot(const double *a, const double *b) {
  double products[POINTS];
  for (int i = 0; i < POINTS; ++i) products[i] = a[i] * b[i];
  return exact_sum(products, POINTS);
}

/* The least-squares similarity from `points` to the template, row by row. */
static facesdk_status fit(const double points[2 * POINTS], double matrix[6], facesdk_error *error) {
  double largest = 0;
  for (int i = 0; i < 2 * POINTS; ++i) {
    const double size = size_of(points[i]);
    if (!(size < 1e300)) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                          "landmarks must be finite, but got a coordinate that is not");
    }
    largest = size > largest ? size : largest;
  }
  const centred from = centre(points), to = centre(TEMPLATE);
  const double *u = from.distances[0], *v = from.distances[1], *u_end = to.distances[0], *v_end = to.distances[1];
  const double spread = dot(u, u) + dot(v, v), noise = 1e-9 * (largest + 1e-300);
  if (spread <= (double)POINTS * (noise * noise)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "landmarks must not coincide, but all are at [%.17g, %.17g]",
                        points[0], points[1]);
  }
  const double real = (dot(u, u_end) + dot(v, v_end)) / spread;
  const double imaginary = (dot(u, v_end) - dot(v, u_end)) / spread;
  const double fitted = (real * real + imaginary * imaginary) * spread;
  if (fitted <= 1e-12 * (dot(u_end, u_end) + dot(v_end, v_end))) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "landmarks have no similarity to the template: they look mirrored; give eyes, nose and mouth "
                        "corners from left to right as seen in the image");
  }
  const double x = from.mean[0], y = from.mean[1];
  matrix[0] = real;
  matrix[1] = -imaginary;
  matrix[2] = to.mean[0] - (real * x - imaginary * y);
  matrix[3] = imaginary;
  matrix[4] = real;
  matrix[5] = to.mean[1] - (imaginary * x + real * y);
  return FACESDK_OK;
}

/* Half to even; the value must be within 2^62. In two halves, as 32-bit processors have no conversion to 64 bits. */
static int64_t nearest(double value) {
  const double unit = 4294967296.0;
  int32_t high = (int32_t)(value / unit);
  high -= (double)high * unit > value;
  const double rest = value - (double)high * unit;
  if (rest >= unit) return (int64_t)((uint64_t)((int64_t)high + 1) << 32); /* of a hair below a multiple */
  const uint32_t low = (uint32_t)rest;
  const double fraction = rest - (double)low;
  const bool up = fraction > 0.5 || (fraction == 0.5 && low % 2 != 0);
  return (int64_t)((uint64_t)(int64_t)high << 32 | low) + up;
}

/* The inverse of a transform in units of facesdk_warp(). */
static bool invert(const double m[6], int64_t units[6]) {
  const double determinant = m[0] * m[4] - m[1] * m[3];
  const double a = m[4] / determinant, b = -m[1] / determinant, c = -m[3] / determinant, d = m[0] / determinant;
  const double inverse[6] = {a, b, -(a * m[2] + b * m[5]), c, d, -(c * m[2] + d * m[5])};
  for (int i = 0; i < 6; ++i) {
    const double scaled = inverse[i] * 4294967296.0;
    if (!(size_of(scaled) < 4611686018427387904.0)) return false;
    units[i] = nearest(scaled);
  }
  return true;
}

facesdk_status facesdk_align(const facesdk_image *photo, const float landmarks[10], int32_t width, uint8_t *result,
                             facesdk_error *error) {
  if (width != SIDE && width != NARROW) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "the width of an aligned crop must be %d or %d, but got %d",
                        SIDE, NARROW, (int)width);
  }
  double points[2 * POINTS], matrix[6] = {0};
  for (int i = 0; i < 2 * POINTS; ++i) points[i] = (double)landmarks[i];
  const facesdk_status status = fit(points, matrix, error);
  if (status != FACESDK_OK) return status;
  int64_t units[6];
  if (!invert(matrix, units)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "the transform shrinks a picture more than 4096 times, or lies too far away");
  }
  const int64_t left = (SIDE - width) / 2;
  const int64_t most = (int64_t)1 << 58; /* beyond it facesdk_warp() refuses them, and nothing may overflow here */
  if (units[0] > -most && units[0] < most) units[2] += left * units[0];
  if (units[3] > -most && units[3] < most) units[5] += left * units[3];
  return facesdk_warp(photo, units, 0, result, SIDE, width, error);
}
