/* From a popcount to a result, one channel at a time.
 *
 * `doubled` is 2 * popcount(input xor filter), in [0, 2K]. LCE's float and int8 results are
 *   clamp(doubled, clamp_min, clamp_max) * multiplier + bias
 * with constants that already contain the back-transformation dot = K - doubled, the activation, and for int8 the output
 * scale and zero point. Each operation rounds to float32: the library is compiled with -ffp-contract=off.
 * Source: larq/compute-engine, core/bconv2d/output_transform.h.
 */
#ifndef FACESDK_KERNELS_BCONV2D_OUTPUT_TRANSFORM_H_
#define FACESDK_KERNELS_BCONV2D_OUTPUT_TRANSFORM_H_

#include "kernels/path.h"

static inline float facesdk_to_float(const facesdk_bconv2d *op, int32_t doubled, size_t channel) {
  int32_t clamped = doubled < op->clamp_max ? doubled : op->clamp_max;
  clamped = clamped > op->clamp_min ? clamped : op->clamp_min;
  return (float)clamped * op->multiplier[channel] + op->bias[channel];
}

/* Rounds half away from zero and saturates; NaN gives -128, as LCE's kernels do on x86_64. */
static inline int8_t facesdk_to_int8(const facesdk_bconv2d *op, int32_t doubled, size_t channel) {
  const float value = facesdk_to_float(op, doubled, channel);
  if (value >= 127.0f) return 127;
  if (!(value > -128.0f)) return -128;
  const int32_t whole = (int32_t)value;
  const float fraction = value - (float)whole; /* exact */
  return (int8_t)(whole + (fraction >= 0.5f) - (fraction <= -0.5f));
}

static inline uint32_t facesdk_to_bit(const facesdk_bconv2d *op, int32_t doubled, size_t channel) {
  return doubled > op->doubled_thresholds[channel];
}

#endif
