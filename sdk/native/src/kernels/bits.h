/* LceQuantize and LceDequantize on the vectors of vectors.h, for a path's file: `quantize` and `dequantize` of path.h. */
#include "packing.h"
#include "path.h"

typedef int8_t octet __attribute__((vector_size(8)));

/* Each bit alone, in the byte of its number. */
static const uint64_t OCTET_BITS = 0x8040201008040201u;

/* Bit i is set where byte i of the mask is -1; the other bytes are 0. */
INLINE uint32_t octet_signs(octet mask) {
  uint64_t bytes;
  memcpy(&bytes, &mask, sizeof bytes);
  return (uint32_t)((bytes & OCTET_BITS) * 0x0101010101010101u >> 56);
}

/* Byte i is -1 where bit i is set, else 0. */
INLINE octet octet_mask(uint32_t bits) {
  const uint64_t bytes = (bits & 0xff) * 0x0101010101010101u & OCTET_BITS;
  octet v;
  memcpy(&v, &bytes, sizeof v);
  return v != 0;
}

/* 1 if value i is negative; `largest` is the largest negative int8. */
INLINE uint32_t negative(const void *values, size_t i, facesdk_type type, int8_t largest) {
  switch (type) {
    case FACESDK_FLOAT32:
      return ((const float *)values)[i] < 0.0f;
    case FACESDK_INT8:
      return ((const int8_t *)values)[i] <= largest;
    default:
      return ((const uint8_t *)values)[i] == 0;
  }
}

/* The bits of 32 values. */
INLINE uint32_t negative_word(const void *values, facesdk_type type, int8_t largest) {
  uint32_t word = 0;
  if (type == FACESDK_FLOAT32) {
    UNROLL for (size_t i = 0; i < FACESDK_WORD_BITS; i += LANES) {
      word |= below_zero((fvec)load((const float *)values + i)) << i;
    }
    return word;
  }
  UNROLL for (size_t i = 0; i < FACESDK_WORD_BITS; i += sizeof(octet)) {
    octet v;
    memcpy(&v, (const int8_t *)values + i, sizeof v);
    word |= octet_signs(type == FACESDK_INT8 ? v <= largest : v == 0) << i;
  }
  return word;
}

/* `type` is a constant wherever this is called. */
INLINE void quantize_rows(facesdk_type type, const char *input, size_t rows, size_t channels, int8_t largest,
                          uint32_t *output) {
  const size_t size = type == FACESDK_FLOAT32 ? sizeof(float) : 1;
  for (; rows > 0; --rows, input += channels * size) {
    size_t c = 0;
    for (; c + FACESDK_WORD_BITS <= channels; c += FACESDK_WORD_BITS) {
      *output++ = negative_word(input + c * size, type, largest);
    }
    if (c == channels) continue;
    uint32_t word = 0;
    for (size_t i = c; i < channels; ++i) word |= negative(input, i, type, largest) << (i - c);
    *output++ = word;
  }
}

static void quantize(facesdk_type type, const void *input, size_t rows, size_t channels, int32_t zero_point,
                     uint32_t *output) {
  if (channels % FACESDK_WORD_BITS == 0) { /* words know no rows then */
    channels *= rows;
    rows = rows > 0;
  }
  switch (type) {
    case FACESDK_FLOAT32:
      quantize_rows(FACESDK_FLOAT32, input, rows, channels, 0, output);
      break;
    case FACESDK_INT8:
      if (zero_point <= INT8_MIN) { /* nothing is negative */
        memset(output, 0, rows * facesdk_words(channels) * sizeof *output);
        break;
      }
      quantize_rows(FACESDK_INT8, input, rows, channels, (int8_t)(zero_point > INT8_MAX ? INT8_MAX : zero_point - 1),
                    output);
      break;
    default:
      quantize_rows(FACESDK_BOOL, input, rows, channels, 0, output);
  }
}

/* Lane i of group n stands for bit n * LANES + i. */
INLINE ivec lane_mask(uint32_t word, size_t n) {
  vec lanes;
  UNROLL for (size_t i = 0; i < LANES; ++i) lanes[i] = 1u << i;
  return (broadcast(word >> (n * LANES)) & lanes) != 0;
}

static void dequantize_floats(uint32_t word, size_t count, ivec clear, ivec set, float *output) {
  float values[FACESDK_WORD_BITS];
  float *to = count == FACESDK_WORD_BITS ? output : values;
  UNROLL for (size_t n = 0; n < FACESDK_WORD_BITS / LANES; ++n) {
    const ivec v = choose(lane_mask(word, n), set, clear);
    memcpy(to + n * LANES, &v, sizeof v);
  }
  if (to == values) memcpy(output, values, count * sizeof *values);
}

static void dequantize_bytes(uint32_t word, size_t count, octet clear, octet set, int8_t *output) {
  int8_t values[FACESDK_WORD_BITS];
  int8_t *to = count == FACESDK_WORD_BITS ? output : values;
  UNROLL for (size_t i = 0; i < FACESDK_WORD_BITS; i += sizeof(octet)) {
    const octet mask = octet_mask(word >> i), v = (mask & set) | (~mask & clear);
    memcpy(to + i, &v, sizeof v);
  }
  if (to == values) memcpy(output, values, count);
}

static void dequantize(const uint32_t *input, size_t rows, size_t channels, const void *clear, const void *set,
                       size_t size, void *output) {
  uint32_t low = 0, high = 0;
  memcpy(&low, clear, size);
  memcpy(&high, set, size);
  char *out = output;
  for (; rows > 0; --rows) {
    for (size_t c = 0; c < channels; c += FACESDK_WORD_BITS, ++input) {
      const size_t count = channels - c < FACESDK_WORD_BITS ? channels - c : FACESDK_WORD_BITS;
      if (size == sizeof(float)) {
        dequantize_floats(*input, count, (ivec)broadcast(low), (ivec)broadcast(high), (float *)(void *)out);
      } else {
        dequantize_bytes(*input, count, (octet){0} + (int8_t)low, (octet){0} + (int8_t)high, (int8_t *)out);
      }
      out += count * size;
    }
  }
}
