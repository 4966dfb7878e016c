/* The thread pool: every index and every cell of a grid once, the same bytes with any number of threads, many
 * callers, forks. Also meant for ThreadSanitizer (-DFACESDK_SANITIZE=thread). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread_pool.h"
#include "check.h"
#include "facesdk_ops.h"

enum { MAX_COUNT = 1000, CALLERS = 4, SIZE = 24, CHANNELS = 128, OUTPUTS = SIZE * SIZE * CHANNELS };

static atomic_int visits[MAX_COUNT];

static void visit(void *context, size_t first, size_t end) {
  (void)context;
  for (size_t i = first; i < end; ++i) atomic_fetch_add(&visits[i], 1);
}

static void every_index_once(void) {
  facesdk_pool_acquire();
  const size_t counts[] = {0, 1, 2, 3, 15, 16, 17, 999};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i) {
    for (int32_t threads = -1; threads < 70; threads += 3) {
      memset(visits, 0, sizeof visits);
      facesdk_pool_run(visit, NULL, counts[i], threads);
      for (size_t j = 0; j < MAX_COUNT; ++j) CHECK(atomic_load(&visits[j]) == (j < counts[i]));
    }
  }
  facesdk_pool_release();
}

enum { COLUMNS = 7 };

static void visit_cells(void *context, size_t row, size_t first, size_t end) {
  (void)context;
  CHECK(first < end && end <= COLUMNS);
  visit(NULL, row * COLUMNS + first, row * COLUMNS + end);
}

static void every_cell_once(void) {
  facesdk_pool_acquire();
  for (size_t rows = 0; rows <= 40; rows += 10) {
    for (int32_t threads = 0; threads < 5; ++threads) {
      memset(visits, 0, sizeof visits);
      facesdk_pool_run_rows(visit_cells, NULL, rows, COLUMNS, threads);
      for (size_t j = 0; j < MAX_COUNT; ++j) CHECK(atomic_load(&visits[j]) == (j < rows * COLUMNS));
    }
  }
  facesdk_pool_release();
}

static void no_more_threads_than_worthwhile(void) {
  CHECK(facesdk_pool_worthwhile(99.0, 10.0, 4) == 4 && facesdk_pool_worthwhile(35.0, 10.0, 4) == 3);
  CHECK(facesdk_pool_worthwhile(5.0, 10.0, 4) == 0 && facesdk_pool_worthwhile(1e30, 1.0, 4) == 4);
  CHECK(facesdk_pool_worthwhile(99.0, 10.0, -1) == -1);
}

/* A convolution large enough to be worth several threads, and its input. */
typedef struct test_layer {
  facesdk_bconv2d *op;
  uint32_t *input;
} test_layer;

static test_layer make_layer(uint64_t seed) {
  const facesdk_bconv2d_options options = {
      .batch = 1, .input_height = SIZE, .input_width = SIZE, .channels_in = CHANNELS, .channels_out = CHANNELS,
      .filter_height = 3, .filter_width = 3, .groups = 1, .stride_height = 1, .stride_width = 1,
      .dilation_height = 1, .dilation_width = 1, .padding = FACESDK_SAME, .pad_value = 1,
      .output_type = FACESDK_FLOAT32};
  enum { WORDS = CHANNELS / 32 };
  uint32_t *filter = allocate(CHANNELS * 9 * WORDS * sizeof *filter);
  test_layer result = {.input = allocate(SIZE * SIZE * WORDS * sizeof *filter)};
  for (size_t i = 0; i < CHANNELS * 9 * WORDS; ++i) filter[i] = random_u32(&seed);
  for (size_t i = 0; i < SIZE * SIZE * WORDS; ++i) result.input[i] = random_u32(&seed);
  float multiplier[CHANNELS], bias[CHANNELS];
  for (size_t i = 0; i < CHANNELS; ++i) {
    multiplier[i] = (float)random_between(&seed, -100, 100) / 7.0f;
    bias[i] = (float)random_between(&seed, -100, 100) / 3.0f;
  }
  const facesdk_path *path;
  CHECK(facesdk_ops_default(&path, NULL) == FACESDK_OK);
  CHECK(facesdk_bconv2d_create(path, &options, filter, multiplier, bias, NULL, &result.op, NULL) == FACESDK_OK);
  free(filter);
  return result;
}

static void release_layer(test_layer *layer) {
  facesdk_bconv2d_destroy(layer->op);
  free(layer->input);
}

static void same_bytes(void) {
  test_layer layer = make_layer(1);
  float *expected = allocate(OUTPUTS * sizeof *expected), *actual = allocate(OUTPUTS * sizeof *actual);
  float *residual = allocate(OUTPUTS * sizeof *residual);
  uint64_t seed = 3;
  for (size_t i = 0; i < OUTPUTS; ++i) residual[i] = (float)random_between(&seed, -1000, 1000) / 3.0f;
  const float *added[] = {NULL, residual, actual}; /* nothing, a tensor, and what the output held */
  for (int i = 0; i < 3; ++i) {
    facesdk_bconv2d_run(layer.op, layer.input, added[i] == actual ? residual : added[i], expected, 1);
    for (int32_t threads = 0; threads <= 8; ++threads) {
      memcpy(actual, residual, OUTPUTS * sizeof *actual);
      facesdk_bconv2d_run(layer.op, layer.input, added[i], actual, threads);
      CHECK(memcmp(expected, actual, OUTPUTS * sizeof *actual) == 0);
    }
  }
  release_layer(&layer);
  free(expected);
  free(actual);
  free(residual);
}

/* One of several callers, each with operators of its own that come and go. */
static void *call_often(void *argument) {
  const uint64_t seed = (uint64_t)(uintptr_t)argument;
  float *expected = allocate(OUTPUTS * sizeof *expected), *actual = allocate(OUTPUTS * sizeof *actual);
  for (int life = 0; life < 3; ++life) {
    test_layer layer = make_layer(seed);
    facesdk_bconv2d_run(layer.op, layer.input, NULL, expected, 1);
    for (int i = 0; i < 5; ++i) {
      facesdk_bconv2d_run(layer.op, layer.input, NULL, actual, 4);
      CHECK(memcmp(expected, actual, OUTPUTS * sizeof *actual) == 0);
    }
    release_layer(&layer);
  }
  free(expected);
  free(actual);
  return NULL;
}

static void many_callers(void) {
  pthread_t threads[CALLERS];
  for (uintptr_t i = 0; i < CALLERS; ++i) CHECK(pthread_create(&threads[i], NULL, call_often, (void *)(i + 1)) == 0);
  for (int i = 0; i < CALLERS; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
}

#if !defined(__SANITIZE_THREAD__) /* which does not follow a forked child's threads */
/* A fork has the operators, but not the threads. */
static void fork_after_use(void) {
  test_layer layer = make_layer(2);
  float *output = allocate(OUTPUTS * sizeof *output);
  facesdk_bconv2d_run(layer.op, layer.input, NULL, output, 4);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    facesdk_bconv2d_run(layer.op, layer.input, NULL, output, 4);
    facesdk_bconv2d_run(layer.op, layer.input, NULL, output, 4);
    facesdk_bconv2d_destroy(layer.op);
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  facesdk_bconv2d_run(layer.op, layer.input, NULL, output, 4);
  release_layer(&layer);
  free(output);
}

static atomic_int summed;

static void add_up(void *context, size_t first, size_t end) {
  (void)context;
  atomic_fetch_add(&summed, (int)(end - first));
}

static void *run_at_once(void *start) {
  pthread_barrier_wait(start);
  facesdk_pool_run(add_up, NULL, MAX_COUNT, 4);
  return NULL;
}

/* The first calls in a fork come from several threads at once: only one of them may take the pool. */
static void fork_into_many_callers(void) {
  facesdk_pool_acquire();
  facesdk_pool_run(add_up, NULL, MAX_COUNT, 4);
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(60); /* instead of hanging */
      atomic_store(&summed, 0);
      pthread_barrier_t start;
      pthread_barrier_init(&start, NULL, CALLERS);
      pthread_t threads[CALLERS];
      for (int j = 0; j < CALLERS; ++j) CHECK(pthread_create(&threads[j], NULL, run_at_once, &start) == 0);
      for (int j = 0; j < CALLERS; ++j) CHECK(pthread_join(threads[j], NULL) == 0);
      _exit(atomic_load(&summed) != CALLERS * MAX_COUNT);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  facesdk_pool_release();
}
#endif

int main(void) {
  every_index_once();
  every_cell_once();
  no_more_threads_than_worthwhile();
  same_bytes();
  many_callers();
#if !defined(__SANITIZE_THREAD__)
  fork_after_use();
  fork_into_many_callers();
#endif
  return 0;
}
