/* Convolutions whose results go through a chain: every path gives the bytes of the reference's convolution followed by the
 * reference's chain, whatever the shape and padding, also where a step writes over the residual, where the two are columns of
 * wider tensors, whose other columns stay as they are, and with several threads. */
#include <math.h>
#include <string.h>

#include "base/packing.h"
#include "check.h"
#include "kernels/bconv2d/bconv2d.h"
#include "kernels/random_options.h"

enum { CASES = 700, MAX_STEPS = 6, UNTOUCHED = 0xa5 };

typedef struct chain_case {
  facesdk_bconv2d_options options;
  size_t pixels, channels, stride, step_count; /* stride: floats from one pixel to the next of residual and stored values */
  facesdk_step steps[MAX_STEPS];
  uint32_t *input, *filter;
  float *multiplier, *bias, *residual; /* residual may be NULL */
} chain_case;

/* Multiplied with counts, some overflow, and infinity times zero is no number. */
static float any_float(uint64_t *seed) {
  static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-42f, -1e-42f, 3.4e38f};
  return random_between(seed, 0, 40) == 0 ? special[random_between(seed, 0, 7)] : random_float(seed);
}

static float *floats(size_t count, uint64_t *seed) {
  float *values = allocate(count * sizeof *values);
  for (size_t i = 0; i < count; ++i) values[i] = any_float(seed);
  return values;
}

static size_t bytes_of(const chain_case *c, const facesdk_step *step) {
  return c->pixels * (step->kind == FACESDK_STEP_SIGNS ? facesdk_words(c->channels) : c->stride) * 4;
}

static void random_steps(chain_case *c, uint64_t *seed) {
  const size_t room = facesdk_words(c->channels) * FACESDK_WORD_BITS;
  c->step_count = (size_t)random_between(seed, 1, MAX_STEPS);
  for (size_t i = 0; i < c->step_count; ++i) {
    const bool last = i + 1 == c->step_count;
    const facesdk_step_kind kind = (facesdk_step_kind)random_between(seed, last ? FACESDK_STEP_STORE : 0, FACESDK_STEP_SIGNS);
    c->steps[i] = (facesdk_step){.kind = kind, .low = -0.5f, .high = random_between(seed, 0, 1) ? INFINITY : 1.5f};
    if (kind <= FACESDK_STEP_PRELU) c->steps[i].constants = floats(room, seed);
  }
}

static bool random_case(chain_case *c, uint64_t *seed, facesdk_bconv2d_options options) {
  int32_t shape[4];
  if (facesdk_bconv2d_output_shape(&options, shape, NULL) != FACESDK_OK) return false;
  *c = (chain_case){.options = options};
  c->pixels = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
  c->channels = (size_t)options.channels_out;
  c->stride = c->channels + (random_between(seed, 0, 1) ? (size_t)random_between(seed, 1, 40) : 0);
  const size_t channels_in = (size_t)options.channels_in;
  c->input = random_bits(seed, (size_t)(options.batch * options.input_height * options.input_width), channels_in);
  c->filter = random_bits(seed, c->channels * (size_t)(options.filter_height * options.filter_width), channels_in);
  c->multiplier = floats(c->channels, seed);
  c->bias = floats(c->channels, seed);
  if (random_between(seed, 0, 1)) {
    c->residual = floats(c->pixels * c->stride, seed);
    for (size_t i = 0; i < c->pixels; ++i) {
      memset(c->residual + i * c->stride + c->channels, UNTOUCHED, (c->stride - c->channels) * sizeof(float));
    }
  }
  random_steps(c, seed);
  return true;
}

static void release(chain_case *c) {
  for (size_t i = 0; i < c->step_count; ++i) free((void *)(uintptr_t)c->steps[i].constants);
  free(c->input);
  free(c->filter);
  free(c->multiplier);
  free(c->bias);
  free(c->residual);
}

static facesdk_bconv2d *create(const facesdk_path *path, const chain_case *c) {
  facesdk_bconv2d *op;
  CHECK(facesdk_bconv2d_create(path, &c->options, c->filter, c->multiplier, c->bias, NULL, &op, NULL) == FACESDK_OK);
  return op;
}

/* Memory for what the steps write, with bytes that no run leaves. */
static void prepare_outputs(const chain_case *c, facesdk_step steps[MAX_STEPS]) {
  memcpy(steps, c->steps, sizeof c->steps);
  for (size_t i = 0; i < c->step_count; ++i) {
    if (steps[i].kind < FACESDK_STEP_STORE) continue;
    steps[i].stride = c->stride;
    steps[i].output = allocate(bytes_of(c, &steps[i]));
    memset(steps[i].output, UNTOUCHED, bytes_of(c, &steps[i]));
  }
}

/* NaNs may have any bits. */
static bool same(const facesdk_step *a, const facesdk_step *b, size_t bytes) {
  if (a->kind == FACESDK_STEP_SIGNS) return memcmp(a->output, b->output, bytes) == 0;
  const float *x = a->output, *y = b->output;
  for (size_t i = 0; i < bytes / sizeof *x; ++i) {
    if (memcmp(&x[i], &y[i], sizeof *x) != 0 && !(isnan(x[i]) && isnan(y[i]))) return false;
  }
  return true;
}

static void expect(const chain_case *c, facesdk_step steps[MAX_STEPS]) {
  prepare_outputs(c, steps);
  facesdk_bconv2d *op = create(path_named("reference"), c);
  float *results = allocate(c->pixels * c->channels * sizeof *results);
  facesdk_bconv2d_set_strides(op, c->stride, c->channels);
  facesdk_bconv2d_run(op, c->input, c->residual, results, 1);
  facesdk_pointwise_reference(steps, c->step_count, &(facesdk_rows){results, c->channels, c->channels}, 0, c->pixels);
  free(results);
  facesdk_bconv2d_destroy(op);
}

/* With `over`, the last values that are stored lie where the residual was. */
static void run(const facesdk_path *path, const chain_case *c, bool over, int32_t threads, facesdk_step steps[MAX_STEPS]) {
  const size_t bytes = c->pixels * c->stride * sizeof(float);
  facesdk_bconv2d *op = create(path, c);
  facesdk_bconv2d_set_strides(op, c->stride, c->channels);
  float *residual = NULL;
  void *place = NULL;
  facesdk_step *stored = NULL;
  for (size_t i = 0; i < c->step_count; ++i) {
    if (steps[i].kind == FACESDK_STEP_STORE) stored = &steps[i];
  }
  CHECK(facesdk_bconv2d_prepare_chain(op, stored != NULL));
  if (c->residual != NULL) {
    residual = allocate(bytes);
    memcpy(residual, c->residual, bytes);
  }
  if (over && residual != NULL && stored != NULL) {
    place = stored->output;
    stored->output = residual;
  }
  facesdk_bconv2d_run_chain(op, c->input, residual, steps, c->step_count, threads);
  if (place != NULL) {
    memcpy(place, residual, bytes);
    stored->output = place;
  }
  free(residual);
  facesdk_bconv2d_destroy(op);
}

static void free_outputs(const chain_case *c, const facesdk_step steps[MAX_STEPS]) {
  for (size_t i = 0; i < c->step_count; ++i) free(steps[i].output);
}

static void compare(const facesdk_path *path, const chain_case *c, const facesdk_step expected[MAX_STEPS], bool over,
                    int32_t threads) {
  facesdk_step actual[MAX_STEPS];
  prepare_outputs(c, actual);
  run(path, c, over, threads, actual);
  for (size_t i = 0; i < c->step_count; ++i) {
    if (expected[i].kind >= FACESDK_STEP_STORE) CHECK(same(&expected[i], &actual[i], bytes_of(c, &expected[i])));
  }
  free_outputs(c, actual);
}

static void random_cases(void) {
  uint64_t seed = 21;
  for (int n = 0; n < CASES; ++n) {
    const facesdk_bconv2d_options options = {
        RANDOM_CONVOLUTION(&seed, 4, 4),
        .channels_in = random_between(&seed, 1, 200),
        .channels_out = random_between(&seed, 1, 5) == 1 ? 32 * random_between(&seed, 1, 3) : random_between(&seed, 1, 80),
        .groups = 1,
        .pad_value = random_between(&seed, 0, 1),
        .output_type = FACESDK_FLOAT32,
        .zero_padding = random_between(&seed, FACESDK_ZERO_PADDING_OPTIMIZED, FACESDK_ZERO_PADDING_REFERENCE),
    };
    chain_case c;
    if (!random_case(&c, &seed, options)) continue;
    facesdk_step expected[MAX_STEPS];
    expect(&c, expected);
    for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) {
      if (facesdk_ops_isa_supported(i)) compare(path_named(facesdk_ops_isa_name(i)), &c, expected, n % 2 == 1, 1);
    }
    free_outputs(&c, expected);
    release(&c);
  }
}

/* Enough work for several threads, and channels that fill no word. */
static void threads(void) {
  uint64_t seed = 5;
  const facesdk_bconv2d_options options = {.batch = 2, .input_height = 24, .input_width = 20, .channels_in = 64,
                                           .channels_out = 72, .filter_height = 3, .filter_width = 3, .stride_height = 1,
                                           .stride_width = 1, .dilation_height = 1, .dilation_width = 1, .groups = 1,
                                           .pad_value = 1, .padding = FACESDK_SAME, .output_type = FACESDK_FLOAT32};
  chain_case c;
  CHECK(random_case(&c, &seed, options));
  const facesdk_path *path;
  CHECK(facesdk_ops_default(&path, NULL) == FACESDK_OK);
  facesdk_step expected[MAX_STEPS];
  expect(&c, expected);
  compare(path, &c, expected, true, 2);
  free_outputs(&c, expected);
  release(&c);
}

int main(void) {
  random_cases();
  threads();
  return 0;
}
