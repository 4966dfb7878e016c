/* Assertions that survive -DNDEBUG, and repeatable random numbers. */
#ifndef FACESDK_TESTS_CHECK_H_
#define FACESDK_TESTS_CHECK_H_

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition);       \
      abort();                                                                            \
    }                                                                                     \
  } while (0)

/* xorshift64* */
static inline uint32_t random_u32(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (uint32_t)(*state * 0x2545F4914F6CDD1Du >> 32);
}

/* Uniform in [low, high]. */
static inline int32_t random_between(uint64_t *state, int32_t low, int32_t high) {
  return low + (int32_t)(random_u32(state) % (uint32_t)(high - low + 1));
}

/* How many random cases to try: all, but on a path that is forced a quarter. Each such path gets cases of its own. */
static inline int cases_of_path(int all, uint64_t *seed) {
  const char *path = getenv("FACESDK_OPS_ISA");
  if (path == NULL) return all;
  for (; *path != '\0'; ++path) *seed = *seed * 31 + (unsigned char)*path;
  return all / 4;
}

/* Exact-size memory, so that the address sanitizer sees any overrun. Not from malloc(), which a test makes fail. */
static inline void *allocate(size_t bytes) {
  void *memory = reallocarray(NULL, bytes, 1);
  CHECK(memory != NULL || bytes == 0);
  return memory;
}

#endif
