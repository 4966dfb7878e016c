/* Residual sums: what is claimed, what becomes part of a convolution, what is written in place, and that every result is
 * that of the nodes one by one. The linker sends the delegate's convolutions here (--wrap), to be counted. */
#include <string.h>

#include "check.h"
#include "facesdk_ops.h"
#include "tflite/one_by_one.h"
#include "tflite/residual_graph.h"

enum { RANDOM_GRAPHS = 400, WIDE = 64, NARROW = 32 };

void __real_facesdk_bconv2d_run(facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                                int32_t threads);
void __wrap_facesdk_bconv2d_run(facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                                int32_t threads);

typedef struct convolution_counts {
  int all, fused, in_place;
} convolution_counts;

static convolution_counts counts;

void __wrap_facesdk_bconv2d_run(facesdk_bconv2d *op, const uint32_t *input, const float *residual, void *output,
                                int32_t threads) {
  counts.all += !one_by_one_runs;
  counts.fused += !one_by_one_runs && residual != NULL;
  counts.in_place += !one_by_one_runs && residual == output;
  __real_facesdk_bconv2d_run(op, input, residual, output, threads);
}

static comparison compared;

static void compare(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  compared = compare_one_by_one(graph, context, claimed);
}

/* Runs the graph; all convolutions, those with a sum, those written over what they add. */
static void expect(const fake_graph *graph, int all, int fused, int in_place) {
  char message[512];
  counts = (convolution_counts){0};
  compared = (comparison){0};
  const fake_outcome outcome = fake_runtime_run(graph, compare, message);
  if (outcome != FAKE_RAN || counts.all != all || counts.fused != fused || counts.in_place != in_place) {
    fprintf(stderr, "%d convolutions, %d fused, %d in place; expected %d, %d, %d. %s\n", counts.all, counts.fused,
            counts.in_place, all, fused, in_place, message);
    abort();
  }
  CHECK(compared.outputs > 0);
}

static void expect_refused(const fake_graph *graph, const char *text) {
  char message[512];
  CHECK(fake_runtime_run(graph, NULL, message) != FAKE_RAN);
  if (strstr(message, text) == NULL) {
    fprintf(stderr, "expected '%s' in: %s\n", text, message);
    abort();
  }
}

/* ---- graphs ---- */

static int convolution_of(fake_graph *graph, int image, int channels) {
  return append_convolution(graph, append_quantize(graph, image), channels);
}

static void chains(void) {
  fake_graph graph = residual_graph_valid();
  expect(&graph, 2, 2, 0); /* neither the image nor the result is the partition's own */

  for (int units = 3; units < 6; ++units) {
    graph = (fake_graph){0};
    int x = append_image(&graph, WIDE);
    for (int i = 0; i < units; ++i) x = append_sum(&graph, convolution_of(&graph, x, WIDE), x);
    graph.tensors[x].leaves = true;
    expect(&graph, units, units, units - 2);
    graph.resized.size = 3; /* a batch of 3 */
    expect(&graph, units, units, units - 2);
  }
}

/* The first sum is needed again at the end, so that the others must not be written over it. */
static void residual_read_again(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE);
  const int first = append_sum(&graph, image, convolution_of(&graph, image, WIDE));
  const int second = append_sum(&graph, first, convolution_of(&graph, first, WIDE));
  const int third = append_sum(&graph, second, convolution_of(&graph, second, WIDE));
  const int last = append_sum(&graph, first, convolution_of(&graph, third, WIDE));
  graph.tensors[last].leaves = true;
  expect(&graph, 4, 4, 1);
}

static void both_are_convolutions(void) {
  fake_graph graph = {0};
  const int bits = append_quantize(&graph, append_image(&graph, WIDE));
  const int a = append_convolution(&graph, bits, WIDE), b = append_convolution(&graph, bits, WIDE);
  const int sum = append_sum(&graph, a, b), result = convolution_of(&graph, sum, NARROW);
  graph.tensors[result].leaves = true;
  expect(&graph, 3, 1, 1);

  /* The result of the first leaves, too, or is read twice: the second takes the sum. */
  graph.tensors[a].leaves = true;
  expect(&graph, 3, 1, 0);
  graph.tensors[a].leaves = false;
  graph.tensors[append_quantize(&graph, a)].leaves = false;
  expect(&graph, 3, 1, 0);
}

static bool last_was_claimed;

static void note_last(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  compare(graph, context, claimed);
  last_was_claimed = claimed[graph->node_count - 1];
}

/* A unit whose sum is the last node, with an edit, of which the runtime computes the sum. */
#define EXPECT_LEFT(edit)                                                            \
  do {                                                                               \
    fake_graph graph = {0};                                                          \
    const int image = append_image(&graph, WIDE);                                    \
    const int result = convolution_of(&graph, image, WIDE);                          \
    const int sum = append_sum(&graph, image, result);                               \
    fake_node *add = &graph.nodes[graph.node_count - 1];                             \
    (void)sum, (void)add;                                                            \
    graph.tensors[result].leaves = graph.tensors[sum].leaves = true;                 \
    edit;                                                                            \
    char message[512];                                                               \
    last_was_claimed = true;                                                         \
    counts = (convolution_counts){0};                                                \
    CHECK(fake_runtime_run(&graph, note_last, message) == FAKE_RAN);                 \
    CHECK(!last_was_claimed && counts.all == 1 && counts.fused == 0);                \
  } while (0)

static void left_to_the_runtime(void) {
  EXPECT_LEFT(add->activation = 1);
  EXPECT_LEFT(add->activation = 3);
  EXPECT_LEFT(add->no_builtin_data = true);
  EXPECT_LEFT(graph.tensors[sum].type = kTfLiteInt8);
  EXPECT_LEFT(graph.tensors[sum].dims[3] = 1);
  EXPECT_LEFT(graph.tensors[sum].rank = 3);
  EXPECT_LEFT(add->inputs[0] = append_image(&graph, 1));
  EXPECT_LEFT(add->inputs[1] = image);
  EXPECT_LEFT(add->inputs[0] = result);
  EXPECT_LEFT(add->inputs[0] = -1);
  EXPECT_LEFT(add->inputs[0] = INT32_MIN);
  EXPECT_LEFT(add->inputs[0] = FAKE_MAX_TENSORS);
  EXPECT_LEFT(add->input_count = 1);
  EXPECT_LEFT(add->input_count = 3; add->inputs[2] = image);
  EXPECT_LEFT(add->output_count = 0);
  EXPECT_LEFT(add->inputs[0] = append_image(&graph, WIDE); graph.tensors[add->inputs[0]].type = kTfLiteInt8);
  EXPECT_LEFT(add->inputs[0] = append_image(&graph, WIDE); graph.tensors[add->inputs[0]].constant = true);
  /* Another node reads the convolution's result as well. */
  EXPECT_LEFT(const fake_node last = *add; --graph.node_count; append_quantize(&graph, result);
              graph.nodes[graph.node_count++] = last);
}

/* A convolution's result that is an output of the graph, too, is summed up on its own. */
static void result_leaves(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE), result = convolution_of(&graph, image, WIDE);
  const int sum = append_sum(&graph, image, result);
  graph.tensors[result].leaves = graph.tensors[sum].leaves = true;
  expect(&graph, 1, 0, 0);
}

static void sum_before_its_convolution(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE), result = convolution_of(&graph, image, WIDE);
  append_sum(&graph, image, result);
  const fake_node add = graph.nodes[2];
  graph.nodes[2] = graph.nodes[1];
  graph.nodes[1] = add;
  graph.tensors[result].leaves = true;
  expect(&graph, 1, 0, 0);
}

static void refused(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE), other = append_image(&graph, WIDE);
  const int sum = append_sum(&graph, other, convolution_of(&graph, image, WIDE));
  graph.tensors[sum].leaves = true;
  expect(&graph, 1, 1, 0);
  graph.resized.size = 2; /* the image, but not the other */
  expect_refused(&graph, "a sum needs tensors of one shape");
  graph.resized.tensor = other;
  expect_refused(&graph, "a sum needs tensors of one shape");

  graph = residual_graph_valid();
  graph.nodes[2].outputs[0] = graph.nodes[2].inputs[1];
  expect_refused(&graph, "must not be both input and output");
  graph = residual_graph_valid();
  graph.nodes[5].outputs[0] = graph.nodes[2].outputs[0];
  graph.nodes[5].inputs[0] = 0;
  expect_refused(&graph, "two nodes write the same tensor");
  graph = residual_graph_valid();
  graph.nodes[2].inputs[0] = graph.nodes[5].outputs[0];
  graph.tensors[graph.nodes[5].outputs[0]].leaves = false;
  expect_refused(&graph, "reads a tensor before it is written");
}

/* ---- random graphs ---- */

typedef struct pool_of_tensors {
  int count, tensors[FAKE_MAX_TENSORS];
} pool_of_tensors;

static void put(pool_of_tensors *pool, int tensor) { pool->tensors[pool->count++] = tensor; }

static int pick(const pool_of_tensors *pool, uint64_t *seed) {
  return pool->tensors[random_u32(seed) % (uint32_t)pool->count];
}

/* Any image is read any number of times, but each sum takes a convolution of its own. */
static fake_graph random_graph(uint64_t *seed) {
  fake_graph graph = {0};
  pool_of_tensors images[2] = {{0}, {0}}, bits = {0};
  put(&images[0], append_image(&graph, WIDE));
  put(&images[1], append_image(&graph, NARROW));
  put(&bits, append_quantize(&graph, images[0].tensors[0]));
  while (graph.node_count + 3 <= FAKE_MAX_NODES && graph.tensor_count + 6 <= FAKE_MAX_TENSORS) {
    const int width = random_between(seed, 0, 2) == 0;
    if (random_between(seed, 0, 3) == 0) {
      put(&bits, append_quantize(&graph, pick(&images[width], seed)));
      continue;
    }
    const int convolved = append_convolution(&graph, pick(&bits, seed), width ? NARROW : WIDE);
    graph.tensors[convolved].leaves = random_between(seed, 0, 9) == 0;
    int sum = convolved;
    if (random_between(seed, 0, 3) > 0) {
      const int other = pick(&images[width], seed);
      sum = random_between(seed, 0, 1) ? append_sum(&graph, convolved, other) : append_sum(&graph, other, convolved);
    }
    put(&images[width], sum);
    graph.tensors[sum].leaves |= random_between(seed, 0, 4) == 0;
    if (random_between(seed, 0, 1)) put(&bits, append_quantize(&graph, sum));
  }
  graph.tensors[graph.nodes[graph.node_count - 1].outputs[0]].leaves |= graph.nodes[graph.node_count - 1].name == NULL;
  return graph;
}

static void random_graphs(void) {
  uint64_t seed = 20261125;
  const int graphs = cases_of_path(RANDOM_GRAPHS, &seed);
  convolution_counts sum = {0};
  int outputs = 0;
  for (int i = 0; i < graphs; ++i) {
    const fake_graph graph = random_graph(&seed);
    char message[512];
    counts = (convolution_counts){0};
    compared = (comparison){0};
    CHECK(fake_runtime_run(&graph, compare, message) == FAKE_RAN);
    outputs += compared.outputs;
    sum.all += counts.all, sum.fused += counts.fused, sum.in_place += counts.in_place;
  }
  CHECK(outputs > graphs && sum.fused < sum.all && sum.in_place < sum.fused);
  CHECK(sum.fused > graphs && sum.in_place > graphs / 4);
}

int main(void) {
  chains();
  residual_read_again();
  both_are_convolutions();
  left_to_the_runtime();
  result_leaves();
  sum_before_its_convolution();
  refused();
  random_graphs();
  return 0;
}
