/* Word counts of bit-packed tensors and checked sizes. */
#ifndef FACESDK_BASE_PACKING_H_
#define FACESDK_BASE_PACKING_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facesdk_ops.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "facesdk_ops needs a little-endian machine: flatbuffers hold little-endian words"
#endif

enum { FACESDK_WORD_BITS = 32 };

static inline size_t facesdk_words(size_t channels) {
  return channels / FACESDK_WORD_BITS + (channels % FACESDK_WORD_BITS != 0);
}

/* Bit i of packed words. */
static inline uint32_t facesdk_bit(const uint32_t *words, size_t i) {
  return words[i / FACESDK_WORD_BITS] >> (i % FACESDK_WORD_BITS) & 1u;
}

/* *total *= factor; false if that exceeds FACESDK_MAX_TENSOR_BYTES. */
static inline bool facesdk_multiply(size_t *total, size_t factor) {
  return !__builtin_mul_overflow(*total, factor, total) && *total <= FACESDK_MAX_TENSOR_BYTES;
}

#endif
