/* NEON: signed bytes are multiplied by +1 or -1 and added up in 16 bits, eight channels per instruction. */
#include "base/vectors_neon.inc"

#define VECTORS 8
#if defined(__aarch64__)
#define TILE 4
#else
#define TILE 2
#endif
#define FLOATS 0
#define LOWEST (-128)
#define STEPS 7
#define PANEL_BYTES (32 * BLOCK)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/bytes.inc"

_Static_assert(STEPS * CELL_VALUES * -LOWEST <= INT16_MAX, "16-bit sums overflow");

enum { HALF = 16, OCTETS = BLOCK / 8 }; /* channels of a vector of bytes, and of 16-bit sums */

/* The words' bytes [channel][byte] become [byte][channel]. */
static void arrange(uint32_t *words) {
  uint8_t bytes[4 * BLOCK];
  for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = (uint8_t)(words[i % BLOCK] >> 8 * (i / BLOCK));
  memcpy(words, bytes, sizeof bytes);
}

/* Panels hold +1 and -1 in bytes, [step][value][channel]. */
INLINE void expand(const uint32_t *filter, size_t steps, char *panel) {
  const uint8_t *bytes = (const uint8_t *)filter;
  int8_t *to = (int8_t *)panel;
  for (size_t n = 0; n < 4 * steps; ++n, bytes += BLOCK) {
    const uint8x16_t first = vld1q_u8(bytes), second = vld1q_u8(bytes + HALF), one = vdupq_n_u8(1);
    for (int bit = 0; bit < 8; ++bit, to += BLOCK) {
      const uint8x16_t mask = vdupq_n_u8((uint8_t)(1 << bit));
      vst1q_s8(to, vreinterpretq_s8_u8(vorrq_u8(vtstq_u8(first, mask), one)));
      vst1q_s8(to + HALF, vreinterpretq_s8_u8(vorrq_u8(vtstq_u8(second, mask), one)));
    }
  }
}

/* The next byte in all lanes. GCC would load it into a general register first, which takes three instructions. */
INLINE int8x16_t take_value(const int8_t **values) {
#if defined(__aarch64__)
  int8x16_t value;
  __asm__("ld1r {%0.16b}, [%1], #1" : "=w"(value), "+r"(*values) : "m"(**values));
  return value;
#else
  return vld1q_dup_s8((*values)++);
#endif
}

INLINE int16x8_t multiply_add_high(int16x8_t total, int8x16_t values, int8x16_t weights) {
#if defined(__aarch64__)
  return vmlal_high_s8(total, values, weights);
#else
  return vmlal_s8(total, vget_high_s8(values), vget_high_s8(weights));
#endif
}

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const int8_t *panel = weights;
  int16x8_t partial[TILE][OCTETS];
  UNROLL for (size_t i = 0; i < tile; ++i) {
    UNROLL for (size_t o = 0; o < OCTETS; ++o) partial[i][o] = vdupq_n_s16(0);
  }
  for (; count > 0; --count, ++steps) {
    const int8_t *values[TILE];
    UNROLL for (size_t i = 0; i < tile; ++i) values[i] = (const int8_t *)pixel[i] + *steps;
    for (size_t k = 0; k < CELL_VALUES; ++k, panel += BLOCK) {
      const int8x16_t first = vld1q_s8(panel), second = vld1q_s8(panel + HALF);
      UNROLL for (size_t i = 0; i < tile; ++i) {
        const int8x16_t value = take_value(&values[i]);
        partial[i][0] = vmlal_s8(partial[i][0], vget_low_s8(value), vget_low_s8(first));
        partial[i][1] = multiply_add_high(partial[i][1], value, first);
        partial[i][2] = vmlal_s8(partial[i][2], vget_low_s8(value), vget_low_s8(second));
        partial[i][3] = multiply_add_high(partial[i][3], value, second);
      }
    }
  }
  UNROLL for (size_t i = 0; i < tile; ++i) {
    UNROLL for (size_t o = 0; o < OCTETS; ++o) {
      sums[i][2 * o] += (ivec)vmovl_s16(vget_low_s16(partial[i][o]));
      sums[i][2 * o + 1] += (ivec)vmovl_s16(vget_high_s16(partial[i][o]));
    }
  }
}

BYTES_KERNEL(neon, arrange);
