#include "face/logistic.h"

#include <stdint.h>
#include <string.h>

/* 2^k exp(r) with |r| <= ln(2) / 2, and the Taylor series of exp(r). */
double facesdk_exponential(double value) {
  if (!(value < 700)) value = 700;
  if (value < -700) return 0;
  const double log2_high = 0.693147180369123816490, log2_low = 1.90821492927058770002e-10; /* their sum is ln(2) */
  const int32_t k = (int32_t)(value * 1.44269504088896338700 + (value < 0 ? -0.5 : 0.5));
  const double r = value - k * log2_high - k * log2_low;
  double sum = 1;
  for (int i = 17; i > 0; --i) sum = 1 + r * sum / i;
  const uint64_t bits = (uint64_t)(k + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return sum * power;
}

double facesdk_logistic(double value) {
  if (value > 699) return 1;
  if (value < -699) return 0;
  return 1 / (1 + facesdk_exponential(-value));
}
