/* What random convolutions of the tests have in common. */
#ifndef FACESDK_TESTS_KERNELS_RANDOM_OPTIONS_H_
#define FACESDK_TESTS_KERNELS_RANDOM_OPTIONS_H_

#include "base/packing.h"
#include "check.h"
#include "facesdk_ops.h"

static inline const facesdk_path *path_named(const char *name) {
  const facesdk_path *path;
  CHECK(facesdk_ops_find(name, &path, NULL) == FACESDK_OK);
  return path;
}

/* Fields that all options with windows have, for an initializer. Small images, so that many windows hang over. */
#define RANDOM_WINDOWS(seed, most_filter_height, most_filter_width)  \
  .batch = random_between(seed, 1, 2),                               \
  .input_height = random_between(seed, 1, 7),                        \
  .input_width = random_between(seed, 1, 7),                         \
  .filter_height = random_between(seed, 1, most_filter_height),      \
  .filter_width = random_between(seed, 1, most_filter_width),        \
  .stride_height = random_between(seed, 1, 3),                       \
  .stride_width = random_between(seed, 1, 3),                        \
  .padding = random_between(seed, FACESDK_SAME, FACESDK_VALID)

/* And those of convolutions. */
#define RANDOM_CONVOLUTION(seed, most_filter_height, most_filter_width) \
  RANDOM_WINDOWS(seed, most_filter_height, most_filter_width),          \
  .dilation_height = random_between(seed, 1, 3),                        \
  .dilation_width = random_between(seed, 1, 3),                         \
  .activation = random_between(seed, FACESDK_ACTIVATION_NONE, FACESDK_ACTIVATION_RELU6)

static inline int32_t one_of(uint64_t *seed, const int32_t *values, int32_t count) {
  return values[random_between(seed, 0, count - 1)];
}

static inline float random_float(uint64_t *seed) { return (float)random_between(seed, -1000000, 1000000) / 333333.0f; }

/* Words of `rows` rows, with clear bits after the last channel. */
static inline uint32_t *random_bits(uint64_t *seed, size_t rows, size_t channels) {
  const size_t words = facesdk_words(channels);
  uint32_t *data = allocate(rows * words * sizeof *data);
  for (size_t i = 0; i < rows * words; ++i) {
    const size_t left = channels - i % words * FACESDK_WORD_BITS;
    data[i] = random_u32(seed) & (left < FACESDK_WORD_BITS ? (1u << left) - 1 : UINT32_MAX);
  }
  return data;
}

#endif
