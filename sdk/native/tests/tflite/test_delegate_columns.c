/* Operators that move columns: which are claimed, what they still copy, and that every result is that of the nodes one by
 * one. The linker sends copies of columns here (--wrap), to be counted. */
#include <string.h>

#include "check.h"
#include "tflite/one_by_one.h"
#include "tflite/operator.h"
#include "tflite/residual_graph.h"

enum { RANDOM_GRAPHS = 600, WIDE = 64, NARROW = 32 };

void __real_op_copy_columns(op_rows from, op_rows to, size_t rows, size_t channels);
void __wrap_op_copy_columns(op_rows from, op_rows to, size_t rows, size_t channels);

static int copies, in_place;

void __wrap_op_copy_columns(op_rows from, op_rows to, size_t rows, size_t channels) {
  copies += from.first != to.first;
  in_place += from.first == to.first;
  __real_op_copy_columns(from, to, rows, channels);
}

static comparison compared;

static void compare(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  compared = compare_one_by_one(graph, context, claimed);
}

/* Runs the graph: how many nodes are claimed, and how many times columns are copied, and found where they are wanted. */
static void expect(const fake_graph *graph, int nodes, int copied, int found) {
  char message[512];
  compared = (comparison){0};
  copies = in_place = 0;
  const fake_outcome outcome = fake_runtime_run(graph, compare, message);
  if (outcome != FAKE_RAN || compared.nodes != nodes || copies != copied || in_place != found) {
    fprintf(stderr, "%d nodes, %d copies, %d in place; expected %d, %d, %d. %s\n", compared.nodes, copies, in_place, nodes,
            copied, found, message);
    abort();
  }
  CHECK(compared.outputs > 0);
}

static int convolution_of(fake_graph *graph, int image, int channels) {
  return append_convolution(graph, append_quantize(graph, image), channels);
}

static int normalized(fake_graph *graph, int image) {
  return append_by_channel(graph, append_by_channel(graph, image, kTfLiteBuiltinMul), kTfLiteBuiltinAdd);
}

/* ---- graphs ---- */

/* As in DenseNet: each layer reads all channels before it and adds some. Only the image, which the runtime computes, is
 * copied, into the widest tensor. */
static void dense_block(void) {
  for (int leaves = 0; leaves < 2; ++leaves) {
    fake_graph graph = {0};
    int x = append_image(&graph, NARROW);
    for (int layer = 0; layer < 3; ++layer) {
      x = append_concatenation(&graph, x, convolution_of(&graph, normalized(&graph, x), NARROW));
    }
    if (!leaves) x = append_by_channel(&graph, x, kTfLiteBuiltinRelu);
    graph.tensors[x].leaves = true;
    expect(&graph, 16 - leaves, 1, 5);
    graph.resized.size = 3; /* a batch of 3 */
    expect(&graph, 16 - leaves, 1, 5);
  }
}

/* As in MeliusNet, with PAD or with slices: the newest channels are improved where they lie. */
static void improved_channels(void) {
  fake_graph graph = columns_graph_valid();
  expect(&graph, 13, 1, 3);
  for (int first = 0; first < 2; ++first) {
    graph = (fake_graph){0};
    int x = append_image(&graph, WIDE);
    x = append_concatenation(&graph, x, convolution_of(&graph, x, NARROW));
    const int better = convolution_of(&graph, x, NARROW);
    const int begin = first ? 0 : WIDE;
    const int rest = first ? append_slice(&graph, x, NARROW, WIDE + NARROW) : append_slice(&graph, x, 0, WIDE);
    const int sum = append_sum(&graph, append_slice(&graph, x, begin, begin + NARROW), better);
    x = first ? append_concatenation(&graph, sum, rest) : append_concatenation(&graph, rest, sum);
    x = convolution_of(&graph, normalized(&graph, x), NARROW);
    graph.tensors[x].leaves = true;
    expect(&graph, 13, 1, 2);
  }
}

/* What must be copied: a part that leaves, or that another concatenation has already, and what a sum adds to but others read
 * later. */
static void copied(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, NARROW), a = convolution_of(&graph, image, NARROW);
  const int b = convolution_of(&graph, image, NARROW), first = append_concatenation(&graph, a, b);
  const int second = append_concatenation(&graph, b, a), twice = append_concatenation(&graph, a, a);
  graph.tensors[first].leaves = graph.tensors[second].leaves = graph.tensors[twice].leaves = true;
  expect(&graph, 7, 4, 2);
  graph.tensors[a].leaves = true;
  expect(&graph, 7, 5, 1);

  for (int again = 0; again < 2; ++again) {
    graph = (fake_graph){0};
    int x = append_image(&graph, NARROW);
    x = append_concatenation(&graph, convolution_of(&graph, x, NARROW), convolution_of(&graph, x, NARROW));
    const int sum = append_sum(&graph, append_pad(&graph, convolution_of(&graph, x, NARROW), 0, NARROW), x);
    graph.tensors[sum].leaves = true;
    if (again) graph.tensors[append_by_channel(&graph, x, kTfLiteBuiltinRelu)].leaves = true;
    expect(&graph, 9 + again, again, 3 - again);
  }
}

/* A part of what a sum is added to is read after the sum, which must not be written over it. */
static void part_read_after_a_sum(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, NARROW), part = convolution_of(&graph, image, NARROW);
  const int x = append_concatenation(&graph, convolution_of(&graph, image, NARROW), part);
  const int sum = append_sum(&graph, x, append_pad(&graph, convolution_of(&graph, x, NARROW), NARROW, 0));
  const int later = convolution_of(&graph, part, NARROW);
  graph.tensors[sum].leaves = graph.tensors[later].leaves = true;
  expect(&graph, 11, 1, 2);
}

/* An LceQuantize of its own, an ADD that is no part of a convolution, and a chain read columns; so they are not copied. */
static void read_in_columns(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, NARROW);
  const int a = append_by_channel(&graph, convolution_of(&graph, image, NARROW), kTfLiteBuiltinPrelu);
  const int b = convolution_of(&graph, image, NARROW);
  const int all = append_concatenation(&graph, a, b);
  const int bits = append_quantize(&graph, a), wide = append_quantize(&graph, all);
  const int sum = append_sum(&graph, b, append_convolution(&graph, bits, NARROW));
  const int end = append_by_channel(&graph, append_convolution(&graph, wide, NARROW), kTfLiteBuiltinRelu6);
  graph.tensors[sum].leaves = graph.tensors[end].leaves = true;
  expect(&graph, 12, 0, 2);
}

static bool last_was_claimed;

static void note_last(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  compare(graph, context, claimed);
  last_was_claimed = claimed[graph->node_count - 1];
}

/* A node of which the runtime computes the last: an edit makes it something that we do not compute. */
#define EXPECT_LEFT(append, edit)                                                    \
  do {                                                                               \
    fake_graph graph = {0};                                                          \
    const int image = append_image(&graph, WIDE);                                    \
    const int result = convolution_of(&graph, image, WIDE);                          \
    const int last = append;                                                         \
    fake_node *node = &graph.nodes[graph.node_count - 1];                            \
    fake_tensor *numbers = &graph.tensors[node->inputs[1]];                          \
    (void)numbers;                                                                   \
    graph.tensors[result].leaves = graph.tensors[last].leaves = true;                \
    edit;                                                                            \
    char message[512];                                                               \
    last_was_claimed = true;                                                         \
    CHECK(fake_runtime_run(&graph, note_last, message) == FAKE_RAN);                 \
    CHECK(!last_was_claimed);                                                        \
  } while (0)

static void left_to_the_runtime(void) {
#define EXPECT_NO_CONCATENATION(edit) EXPECT_LEFT(append_concatenation(&graph, image, result), edit)
  EXPECT_NO_CONCATENATION(node->params[0] = 2);
  EXPECT_NO_CONCATENATION(node->params[0] = -2);
  EXPECT_NO_CONCATENATION(node->params[1] = 1);
  EXPECT_NO_CONCATENATION(node->no_builtin_data = true);
  EXPECT_NO_CONCATENATION(node->inputs[0] = -1);
  EXPECT_NO_CONCATENATION(node->inputs[0] = FAKE_MAX_TENSORS);
  EXPECT_NO_CONCATENATION(node->input_count = 1);
  EXPECT_NO_CONCATENATION(for (; node->input_count < 6; ++node->input_count) node->inputs[node->input_count] = image);
  EXPECT_NO_CONCATENATION(node->output_count = 0);
  EXPECT_NO_CONCATENATION(graph.tensors[last].dims[3] = WIDE);
  EXPECT_NO_CONCATENATION(graph.tensors[last].dims[1] = 1);
  EXPECT_NO_CONCATENATION(graph.tensors[last].type = kTfLiteInt8);
  EXPECT_NO_CONCATENATION(node->inputs[0] = append_image(&graph, WIDE); graph.tensors[node->inputs[0]].constant = true);
  EXPECT_NO_CONCATENATION(node->inputs[0] = append_image(&graph, WIDE); graph.tensors[node->inputs[0]].rank = 3);
  EXPECT_NO_CONCATENATION(node->inputs[1] = append_image(&graph, WIDE)); /* nothing of ours is concatenated */
#define EXPECT_NO_PAD(edit) EXPECT_LEFT(append_pad(&graph, result, NARROW, NARROW), graph.tensors[result].leaves = false; edit)
  EXPECT_NO_PAD(numbers->numbers[4] = 1);
  EXPECT_NO_PAD(numbers->numbers[6] = -1);
  EXPECT_NO_PAD(numbers->numbers[7] = INT32_MAX);
  EXPECT_NO_PAD(numbers->constant = false);
  EXPECT_NO_PAD(numbers->type = kTfLiteFloat32);
  EXPECT_NO_PAD(numbers->data_bytes = 28);
  EXPECT_NO_PAD(numbers->rank = 1; numbers->dims[0] = 8);
  EXPECT_NO_PAD(graph.tensors[last].dims[3] = WIDE);
  EXPECT_NO_PAD(node->inputs[0] = image);
  EXPECT_NO_PAD(node->input_count = 1);
  /* Only where claimed nodes read a slice is it claimed. */
  EXPECT_LEFT(append_slice(&graph, result, 0, NARROW), (void)0);
}

static bool slice_was_claimed;

static void note_slice(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  compare(graph, context, claimed);
  for (int i = 0; i < graph->node_count; ++i) {
    if (graph->nodes[i].builtin_code == kTfLiteBuiltinStridedSlice && graph->nodes[i].name == NULL) {
      slice_was_claimed = claimed[i];
    }
  }
}

/* A slice between two nodes of ours, after an edit. */
#define EXPECT_SLICE(expected, edit)                                                                           \
  do {                                                                                                         \
    fake_graph graph = {0};                                                                                    \
    const int image = append_image(&graph, WIDE), result = convolution_of(&graph, image, WIDE);                \
    const int cut = append_slice(&graph, result, NARROW, WIDE);                                                \
    fake_node *node = &graph.nodes[2];                                                                         \
    fake_tensor *begin = &graph.tensors[node->inputs[1]], *end = begin + 1, *strides = begin + 2;              \
    graph.tensors[append_convolution(&graph, append_quantize(&graph, cut), NARROW)].leaves = true;             \
    (void)end, (void)strides;                                                                                  \
    edit;                                                                                                      \
    char message[512];                                                                                         \
    CHECK(fake_runtime_run(&graph, note_slice, message) == FAKE_RAN && slice_was_claimed == (expected));       \
  } while (0)

static void slices(void) {
  EXPECT_SLICE(true, (void)0);
  EXPECT_SLICE(true, begin->numbers[3] = -NARROW);
  EXPECT_SLICE(true, end->numbers[3] = -1; node->params[1] = 15);
  EXPECT_SLICE(true, begin->numbers[0] = 1); /* which the mask says is not read */
  EXPECT_SLICE(false, node->params[0] = 6);
  EXPECT_SLICE(false, node->params[0] = 15);
  EXPECT_SLICE(false, node->params[1] = 3);
  EXPECT_SLICE(false, node->params[2] = 1);
  EXPECT_SLICE(false, node->params[3] = 1);
  EXPECT_SLICE(false, node->params[4] = 1);
  EXPECT_SLICE(false, node->no_builtin_data = true);
  EXPECT_SLICE(false, begin->numbers[3] = NARROW + 1);
  EXPECT_SLICE(false, begin->numbers[3] = INT32_MIN);
  EXPECT_SLICE(false, end->numbers[3] = WIDE + 1);
  EXPECT_SLICE(false, strides->numbers[3] = 2);
  EXPECT_SLICE(false, strides->numbers[1] = 2);
  EXPECT_SLICE(false, begin->constant = false);
  EXPECT_SLICE(false, end->data_bytes = 12);
  EXPECT_SLICE(false, strides->type = kTfLiteFloat32);
  EXPECT_SLICE(true, graph.tensors[node->outputs[0]].leaves = true);
}

static void refused(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE), other = append_image(&graph, WIDE);
  graph.tensors[append_concatenation(&graph, other, convolution_of(&graph, image, WIDE))].leaves = true;
  expect(&graph, 3, 1, 1);
  graph.resized.size = 2; /* the image, but not the other */
  char message[512];
  CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_PREPARE_REFUSED);
  CHECK(strstr(message, "CONCATENATION (node 2): its parts must differ in their channels only") != NULL);
  graph.resized.tensor = other;
  graph.resized.dim = 3;
  graph.resized.size = INT32_MAX;
  CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_PREPARE_REFUSED);
  CHECK(strstr(message, "there are too many channels") != NULL);
}

/* ---- random graphs ---- */

typedef struct pool_of_images {
  int count, images[FAKE_MAX_TENSORS];
} pool_of_images;

static int channels_of_image(const fake_graph *graph, int image) { return graph->tensors[image].dims[3]; }

/* One of the latest few, so that blocks come about. */
static int pick(const pool_of_images *pool, uint64_t *seed) {
  const int latest = pool->count < 3 ? pool->count : 3;
  return random_between(seed, 0, 3) > 0 ? pool->images[pool->count - 1 - random_between(seed, 0, latest - 1)]
                                        : pool->images[random_between(seed, 0, pool->count - 1)];
}

/* A sum to some channels of an image, with PAD or with slices; `image` itself if it has too few. */
static int improve(fake_graph *graph, int image, uint64_t *seed) {
  const int channels = channels_of_image(graph, image), rest = channels - NARROW;
  if (rest < NARROW) return image;
  const int better = convolution_of(graph, image, NARROW), first = random_between(seed, 0, 1) ? rest : 0;
  if (random_between(seed, 0, 1)) return append_sum(graph, image, append_pad(graph, better, first, rest - first));
  const int kept = append_slice(graph, image, first == 0 ? NARROW : 0, first == 0 ? channels : rest);
  const int sum = append_sum(graph, append_slice(graph, image, first, first + NARROW), better);
  return first == 0 ? append_concatenation(graph, sum, kept) : append_concatenation(graph, kept, sum);
}

static fake_graph random_graph(uint64_t *seed) {
  static const int32_t codes[] = {kTfLiteBuiltinAdd, kTfLiteBuiltinMul, kTfLiteBuiltinPrelu, kTfLiteBuiltinRelu};
  fake_graph graph = {0};
  pool_of_images pool = {1, {append_image(&graph, WIDE)}};
  pool.images[pool.count++] = convolution_of(&graph, pool.images[0], NARROW);
  while (graph.node_count + 6 <= FAKE_MAX_NODES && graph.tensor_count + 16 <= FAKE_MAX_TENSORS) {
    const int a = pick(&pool, seed), b = pick(&pool, seed), choice = random_between(seed, 0, 9);
    int made;
    if (choice < 4 && channels_of_image(&graph, a) + channels_of_image(&graph, b) <= 96) {
      made = append_concatenation(&graph, a, b);
    } else if (choice < 6) {
      made = append_by_channel(&graph, a, codes[random_between(seed, 0, 3)]);
    } else if (choice < 8) {
      made = improve(&graph, a, seed);
      if (made == a) continue;
    } else {
      made = convolution_of(&graph, a, random_between(seed, 0, 1) ? WIDE : NARROW);
    }
    pool.images[pool.count++] = made;
    graph.tensors[made].leaves |= random_between(seed, 0, 5) == 0;
  }
  graph.tensors[pool.images[pool.count - 1]].leaves = true;
  return graph;
}

static void run_random(const fake_graph *graph, int number) {
  char message[512];
  if (fake_runtime_run(graph, compare, message) == FAKE_RAN) return;
  fprintf(stderr, "graph %d: %s\n", number, message);
  abort();
}

static void random_graphs(void) {
  uint64_t seed = 20261127;
  const int graphs = cases_of_path(RANDOM_GRAPHS, &seed);
  int outputs = 0, resized = 0;
  copies = in_place = 0;
  for (int i = 0; i < graphs; ++i) {
    fake_graph graph = random_graph(&seed);
    compared = (comparison){0};
    run_random(&graph, i);
    outputs += compared.outputs;
    if (i % 3 > 0 || compared.nodes < graph.node_count) continue; /* the fake runtime gives its own nodes no new shapes */
    graph.resized.size = 2;
    run_random(&graph, i);
    ++resized;
  }
  CHECK(outputs > graphs && resized > graphs / 10);
  CHECK(copies > graphs && in_place > graphs);
}

int main(void) {
  dense_block();
  improved_channels();
  copied();
  part_read_after_a_sum();
  read_in_columns();
  left_to_the_runtime();
  slices();
  refused();
  random_graphs();
  return 0;
}
