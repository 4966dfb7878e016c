/* Chains of pointwise steps: every kernel path gives the bytes of the reference, whatever the shape, also where an output is
 * written over the input, where rows are columns of wider ones, whose other columns stay as they are, with several threads,
 * and where some results are subnormal numbers. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/packing.h"
#include "check.h"
#include "kernels/pointwise/pointwise.h"

enum { CASES = 1500, MAX_STEPS = 8 };

static float any_float(uint64_t *seed) {
  static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-42f, -1e-42f, 3.4e38f, -3.4e38f};
  const int kind = random_between(seed, 0, 15);
  if (kind == 0) return special[random_between(seed, 0, 8)];
  return (float)random_between(seed, -4000, 4000) / 997.0f;
}

enum { ANY_EXPONENT = INT_MIN };

/* 0, or 2^exponent to 2^(exponent + 4) with a fraction of few bits, of all or of any, so that sums can lose all others. */
static float float_of(uint64_t *seed, int exponent) {
  if (exponent == ANY_EXPONENT) return any_float(seed);
  const int kind = random_between(seed, 0, 15);
  if (kind == 0) return 0.0f;
  const int32_t one = 1 << 23, fraction = kind < 4   ? random_between(seed, 0, 1)
                                          : kind < 6 ? one - 1
                                                     : random_between(seed, 0, one - 1);
  const float value = (float)(random_between(seed, 0, 1) ? one + fraction : -one - fraction);
  return ldexpf(value, exponent - 23 + (kind < 8 ? 0 : random_between(seed, 0, 3)));
}

static float *floats(size_t count, uint64_t *seed, int exponent) {
  float *values = allocate(count * sizeof *values);
  for (size_t i = 0; i < count; ++i) values[i] = float_of(seed, exponent);
  return values;
}

/* NaNs may have any bits. */
static bool same(const void *a, const void *b, size_t count) {
  const float *x = a, *y = b;
  for (size_t i = 0; i < count; ++i) {
    if (memcmp(&x[i], &y[i], sizeof *x) != 0 && !(isnan(x[i]) && isnan(y[i]))) return false;
  }
  return true;
}

typedef struct chain_case {
  size_t rows, channels, step_count;
  facesdk_step steps[MAX_STEPS];
  size_t output_bytes[MAX_STEPS]; /* 0 if a step has no output */
  size_t apart;                   /* floats between rows of input and stored values, which no chain may touch */
} chain_case;

/* A chain for values of that exponent, which some offsets have too, or of any. */
static chain_case random_case(uint64_t *seed, int exponent) {
  chain_case c = {.rows = (size_t)random_between(seed, 0, 11),
                  .channels = (size_t)random_between(seed, 1, 100),
                  .apart = random_between(seed, 0, 1) ? (size_t)random_between(seed, 1, 40) : 0};
  c.step_count = (size_t)random_between(seed, 1, MAX_STEPS);
  const size_t room = facesdk_words(c.channels) * FACESDK_WORD_BITS;
  for (size_t i = 0; i < c.step_count; ++i) {
    const bool last = i + 1 == c.step_count;
    const facesdk_step_kind kind = (facesdk_step_kind)random_between(seed, last ? FACESDK_STEP_STORE : 0, FACESDK_STEP_SIGNS);
    const float low = kind == FACESDK_STEP_LIMIT ? (float)random_between(seed, -2, 0) : 0.0f;
    c.steps[i] = (facesdk_step){.kind = kind, .low = low, .high = random_between(seed, 0, 1) ? INFINITY : 1.5f};
    if (kind <= FACESDK_STEP_PRELU) {
      const int other = kind == FACESDK_STEP_ADD            ? random_between(seed, -150, 10)
                        : random_between(seed, 0, 3) == 0 ? random_between(seed, -150, -30)
                                                          : random_between(seed, -30, 10);
      const bool same_exponent = exponent == ANY_EXPONENT || (kind == FACESDK_STEP_ADD && random_between(seed, 0, 1));
      c.steps[i].constants = floats(room, seed, same_exponent ? exponent : other);
    }
    if (kind == FACESDK_STEP_STORE) c.output_bytes[i] = c.rows * (c.channels + c.apart) * sizeof(float);
    if (kind == FACESDK_STEP_SIGNS) c.output_bytes[i] = c.rows * facesdk_words(c.channels) * sizeof(uint32_t);
  }
  return c;
}

/* Runs the chain; with `over` the last values that it stores lie where the input was. The outputs are the caller's. */
static void run(const facesdk_path *path, const chain_case *c, const float *input, bool over, int32_t threads,
                void *outputs[MAX_STEPS]) {
  facesdk_step steps[MAX_STEPS];
  memcpy(steps, c->steps, sizeof steps);
  const size_t stride = c->channels + c->apart, bytes = c->rows * stride * sizeof(float);
  float *copy = allocate(bytes);
  if (bytes > 0) memcpy(copy, input, bytes);
  int stored = -1;
  for (size_t i = 0; i < c->step_count; ++i) {
    outputs[i] = NULL;
    if (steps[i].kind < FACESDK_STEP_STORE) continue;
    outputs[i] = allocate(c->output_bytes[i]);
    steps[i].output = outputs[i];
    if (steps[i].kind != FACESDK_STEP_STORE) continue;
    if (bytes > 0) memcpy(outputs[i], input, bytes);
    steps[i].stride = stride;
    stored = (int)i;
  }
  if (over && stored >= 0) steps[stored].output = copy;
  facesdk_pointwise_run(path, steps, c->step_count, &(facesdk_rows){copy, c->channels, stride}, c->rows, threads);
  if (over && stored >= 0 && bytes > 0) memcpy(outputs[stored], copy, bytes);
  free(copy);
}

static void compare(const facesdk_path *path, const chain_case *c, const float *input, bool over, int32_t threads) {
  void *expected[MAX_STEPS], *actual[MAX_STEPS];
  const facesdk_path *reference;
  CHECK(facesdk_ops_find("reference", &reference, NULL) == FACESDK_OK);
  run(reference, c, input, false, 1, expected);
  run(path, c, input, over, threads, actual);
  for (size_t i = 0; i < c->step_count; ++i) {
    const bool floats = c->steps[i].kind == FACESDK_STEP_STORE;
    CHECK(floats ? same(expected[i], actual[i], c->output_bytes[i] / sizeof(float))
                 : c->output_bytes[i] == 0 || memcmp(expected[i], actual[i], c->output_bytes[i]) == 0);
    free(expected[i]);
    free(actual[i]);
  }
}

/* With `subnormals`, of values around one exponent, so small that some steps round to subnormal numbers. */
static void random_chains(bool subnormals) {
  uint64_t seed = 20261127;
  for (int n = 0; n < CASES; ++n) {
    const int exponent = subnormals ? random_between(&seed, -150, 10) : ANY_EXPONENT;
    const chain_case c = random_case(&seed, exponent);
    float *input = floats(c.rows * (c.channels + c.apart), &seed, exponent);
    for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
      const facesdk_path *path;
      if (!facesdk_ops_isa_supported(i)) continue;
      CHECK(facesdk_ops_find(facesdk_ops_isa_name(i), &path, NULL) == FACESDK_OK);
      compare(path, &c, input, n % 2 == 1, 1);
    }
    free(input);
    for (size_t i = 0; i < c.step_count; ++i) free((void *)(uintptr_t)c.steps[i].constants);
  }
}

/* Enough values for several threads. */
static void threads(void) {
  uint64_t seed = 5;
  chain_case c = {.rows = 1200, .channels = 70, .step_count = 3, .output_bytes = {0, 1200 * 70 * 4, 1200 * 3 * 4}};
  c.steps[0] = (facesdk_step){.kind = FACESDK_STEP_PRELU, .constants = floats(96, &seed, ANY_EXPONENT)};
  c.steps[1] = (facesdk_step){.kind = FACESDK_STEP_STORE};
  c.steps[2] = (facesdk_step){.kind = FACESDK_STEP_SIGNS};
  float *input = floats(c.rows * c.channels, &seed, ANY_EXPONENT);
  const facesdk_path *path;
  CHECK(facesdk_ops_default(&path, NULL) == FACESDK_OK);
  compare(path, &c, input, true, 2);
  free(input);
  free((void *)(uintptr_t)c.steps[0].constants);
}

/* The definition, by hand. */
static void semantics(void) {
  const float input[] = {-2.0f, -0.0f, 0.5f, NAN}, scale[32] = {0.25f, -1.0f, 3.0f, 1.0f}, offset[32] = {0.5f, 0.0f, -2.0f, 0.0f};
  float kept[4], stored[4];
  uint32_t word;
  const facesdk_step steps[] = {{.kind = FACESDK_STEP_PRELU, .constants = scale},  {.kind = FACESDK_STEP_STORE, .output = kept, .stride = 4},
                                {.kind = FACESDK_STEP_ADD, .constants = offset},   {.kind = FACESDK_STEP_SIGNS, .output = &word},
                                {.kind = FACESDK_STEP_MULTIPLY, .constants = scale}, {.kind = FACESDK_STEP_LIMIT, .low = -1.0f, .high = 6.0f},
                                {.kind = FACESDK_STEP_STORE, .output = stored, .stride = 4}};
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
    const facesdk_path *path;
    if (!facesdk_ops_isa_supported(i)) continue;
    CHECK(facesdk_ops_find(facesdk_ops_isa_name(i), &path, NULL) == FACESDK_OK);
    facesdk_pointwise_run(path, steps, sizeof steps / sizeof steps[0], &(facesdk_rows){input, 4, 4}, 1, 1);
    CHECK(kept[0] == -0.5f && kept[1] == 0.0f && signbit(kept[1]) && kept[2] == 0.5f && isnan(kept[3]));
    CHECK(word == 4); /* 0, -0 and what is not a number are not negative */
    CHECK(stored[0] == 0.0f && stored[2] == -1.0f && isnan(stored[3]));
  }
}

int main(void) {
  semantics();
  random_chains(false);
  random_chains(true);
  threads();
  return 0;
}
