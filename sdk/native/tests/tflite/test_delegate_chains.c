/* Operators of the runtime with constants by channel: which are claimed, which become one with an LceQuantize, and that
 * every result is that of the operators one by one. The linker sends the delegate's chains, alone and those of convolutions,
 * here (--wrap), to be counted. */
#include <string.h>

#include "check.h"
#include "facesdk_ops.h"
#include "kernels/bconv2d/bconv2d.h"
#include "tflite/one_by_one.h"
#include "tflite/residual_graph.h"

enum { RANDOM_GRAPHS = 400, WIDE = 64, NARROW = 32 };

void __real_facesdk_pointwise_run(const facesdk_path *path, const facesdk_step *steps, size_t count,
                                  const facesdk_rows *input, size_t rows, int32_t threads);
void __wrap_facesdk_pointwise_run(const facesdk_path *path, const facesdk_step *steps, size_t count,
                                  const facesdk_rows *input, size_t rows, int32_t threads);

void __real_facesdk_bconv2d_run_chain(facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                                      const facesdk_step *steps, size_t count, int32_t threads);
void __wrap_facesdk_bconv2d_run_chain(facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                                      const facesdk_step *steps, size_t count, int32_t threads);

typedef struct chain_counts {
  int all, of_convolutions, steps, in_place;
} chain_counts;

static chain_counts counts;

/* Whether a step writes over what is read. */
static void count_chain(const facesdk_step *steps, size_t count, const float *read) {
  ++counts.all;
  counts.steps += (int)count;
  for (size_t i = 0; i < count; ++i) counts.in_place += read != NULL && steps[i].output == (const void *)read;
}

void __wrap_facesdk_pointwise_run(const facesdk_path *path, const facesdk_step *steps, size_t count,
                                  const facesdk_rows *input, size_t rows, int32_t threads) {
  count_chain(steps, count, input->values);
  __real_facesdk_pointwise_run(path, steps, count, input, rows, threads);
}

void __wrap_facesdk_bconv2d_run_chain(facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                                      const facesdk_step *steps, size_t count, int32_t threads) {
  ++counts.of_convolutions;
  count_chain(steps, count, residual);
  __real_facesdk_bconv2d_run_chain(op, input, residual, steps, count, threads);
}

static comparison compared;

static void compare(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  compared = compare_one_by_one(graph, context, claimed);
}

/* Runs the graph: how many nodes are claimed, how many chains run, of those how many in convolutions, with how many steps,
 * and how many write over what they read. */
static void expect(const fake_graph *graph, int claimed, int all, int of_convolutions, int steps, int in_place) {
  char message[512];
  counts = (chain_counts){0};
  compared = (comparison){0};
  const fake_outcome outcome = fake_runtime_run(graph, compare, message);
  if (outcome != FAKE_RAN || compared.nodes != claimed || counts.all != all ||
      counts.of_convolutions != of_convolutions || counts.steps != steps || counts.in_place != in_place) {
    fprintf(stderr, "%d nodes, %d chains, %d of convolutions, %d steps, %d in place; expected %d, %d, %d, %d, %d. %s\n",
            compared.nodes, counts.all, counts.of_convolutions, counts.steps, counts.in_place, claimed, all, of_convolutions,
            steps, in_place, message);
    abort();
  }
  CHECK(compared.outputs > 0);
}

static int convolution_of(fake_graph *graph, int bits) { return append_convolution(graph, bits, WIDE); }

/* ---- graphs ---- */

/* Batch normalisation before a sign, which only the sign reads; the runtime computes what comes in. */
static void before_a_sign(void) {
  fake_graph graph = {0};
  int x = append_by_channel(&graph, append_image(&graph, WIDE), kTfLiteBuiltinMul);
  x = append_by_channel(&graph, x, kTfLiteBuiltinAdd);
  x = convolution_of(&graph, append_quantize(&graph, x));
  graph.tensors[x].leaves = true;
  expect(&graph, 4, 1, 0, 3, 0);
  graph.resized.size = 3; /* a batch of 3 */
  expect(&graph, 4, 1, 0, 3, 0);
  graph.nodes[1].activation = 1;
  expect(&graph, 4, 1, 0, 4, 0);
  const int swapped = graph.nodes[0].inputs[0];
  graph.nodes[0].inputs[0] = graph.nodes[0].inputs[1];
  graph.nodes[0].inputs[1] = swapped;
  expect(&graph, 4, 1, 0, 4, 0);
}

/* As in the packaged recogniser: an activation whose result is read twice, shifted before the sign. */
static void after_a_convolution(void) {
  fake_graph graph = {0};
  int x = append_image(&graph, WIDE);
  for (int unit = 0; unit < 3; ++unit) {
    const int bits = append_quantize(&graph, append_by_channel(&graph, x, kTfLiteBuiltinAdd));
    const int image = x;
    x = convolution_of(&graph, bits);
    (void)image;
    x = append_by_channel(&graph, x, kTfLiteBuiltinPrelu);
  }
  graph.tensors[x].leaves = true;
  /* ADD and sign; twice PRELU, ADD and sign, of which nobody reads the PRELU; the last PRELU. */
  expect(&graph, 12, 4, 3, 2 + 3 + 3 + 2, 0);

  graph.tensors[graph.nodes[3].outputs[0]].leaves = true; /* the first PRELU, which is stored then */
  expect(&graph, 12, 4, 3, 2 + 4 + 3 + 2, 0);
  graph.tensors[graph.nodes[3].outputs[0]].leaves = false;
  const int again = append_quantize(&graph, graph.nodes[3].outputs[0]); /* it is stored */
  graph.tensors[convolution_of(&graph, again)].leaves = true;
  expect(&graph, 14, 4, 3, 2 + 4 + 3 + 2, 0);
}

/* A convolution's sum goes through the chain, and what the chain stores takes the place of what was added. What is read
 * before the chain is stored as well, but then nothing else is. */
static void after_a_sum(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE);
  int x = append_by_channel(&graph, convolution_of(&graph, append_quantize(&graph, image)), kTfLiteBuiltinPrelu);
  for (int unit = 0; unit < 2; ++unit) {
    const int bits = append_quantize(&graph, append_by_channel(&graph, x, kTfLiteBuiltinAdd));
    x = append_by_channel(&graph, append_sum(&graph, x, convolution_of(&graph, bits)), kTfLiteBuiltinPrelu);
  }
  graph.tensors[x].leaves = true;
  expect(&graph, 13, 3, 3, 4 + 4 + 2, 1);

  graph.tensors[graph.nodes[6].outputs[0]].leaves = true; /* the first sum, whose PRELU is read twice: it goes alone */
  expect(&graph, 13, 3, 2, 4 + 4 + 2, 0);
}

static bool first_is_claimed;

static void note_first(const fake_graph *graph, const TfLiteContext *context, const bool *claimed) {
  (void)graph, (void)context;
  first_is_claimed = claimed[0];
}

static void left_to_the_runtime(void) {
  for (int edit = 0; edit < 10; ++edit) {
    fake_graph graph = {0};
    const int image = append_image(&graph, WIDE);
    int x = append_by_channel(&graph, image, kTfLiteBuiltinMul);
    fake_node *node = &graph.nodes[0];
    fake_tensor *constant = &graph.tensors[node->inputs[1]];
    x = convolution_of(&graph, append_quantize(&graph, x));
    graph.tensors[x].leaves = true;
    switch (edit) {
      case 0: node->activation = 4; break;
      case 1: node->activation = -1; break;
      case 2: node->no_builtin_data = true; break;
      case 3: constant->type = kTfLiteInt32; break;
      case 4: constant->data_bytes = 4 * (WIDE - 1); break;
      case 5: constant->rank = 2, constant->dims[0] = WIDE, constant->dims[1] = 1; break;
      case 6: constant->rank = 5; break;
      case 7: graph.tensors[node->outputs[0]].dims[1] = 1; break;
      case 8: graph.tensors[image].type = kTfLiteInt32; break;
      default: node->builtin_code = 17; /* MAX_POOL_2D */
    }
    char message[512];
    first_is_claimed = true;
    CHECK(fake_runtime_run(&graph, note_first, message) == FAKE_RAN && !first_is_claimed);
  }
}

/* Of what nothing of ours stands beside, and of what others read before a sign, nothing is claimed. */
static void far_from_ours(void) {
  fake_graph graph = {0};
  const int image = append_image(&graph, WIDE), first = append_by_channel(&graph, image, kTfLiteBuiltinMul);
  const int second = append_by_channel(&graph, first, kTfLiteBuiltinRelu);
  graph.tensors[first].leaves = graph.tensors[second].leaves = true;
  char message[512];
  counts = (chain_counts){0};
  CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_RAN && counts.all == 0);

  const int x = convolution_of(&graph, append_quantize(&graph, first));
  graph.tensors[x].leaves = true;
  expect(&graph, 2, 0, 0, 0, 0);
}

static void refused(void) {
  fake_graph graph = {0};
  int x = append_by_channel(&graph, append_image(&graph, WIDE), kTfLiteBuiltinMul);
  x = convolution_of(&graph, append_quantize(&graph, x));
  graph.tensors[x].leaves = true;
  graph.resized.dim = 3;
  graph.resized.size = NARROW;
  char message[512];
  CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_PREPARE_REFUSED);
  CHECK(strstr(message, "MUL (node 0): 32 channels do not go with the constants") != NULL);
}

/* ---- random graphs ---- */

static fake_graph random_graph(uint64_t *seed) {
  static const int32_t codes[] = {kTfLiteBuiltinAdd, kTfLiteBuiltinMul, kTfLiteBuiltinPrelu,
                                  kTfLiteBuiltinRelu, kTfLiteBuiltinRelu6, kTfLiteBuiltinReluN1To1};
  fake_graph graph = {0};
  int images[FAKE_MAX_TENSORS], count = 0, bits[FAKE_MAX_TENSORS], packed = 0;
  images[count++] = append_image(&graph, WIDE);
  while (graph.node_count < FAKE_MAX_NODES && graph.tensor_count + 5 <= FAKE_MAX_TENSORS) {
    const int choice = random_between(seed, 0, 9);
    const int latest = images[random_between(seed, 0, 2) > 0 ? count - 1 : random_between(seed, 0, count - 1)];
    if (choice < 5) {
      images[count++] = append_by_channel(&graph, latest, codes[random_between(seed, 0, 5)]);
      graph.tensors[images[count - 1]].leaves = random_between(seed, 0, 5) == 0;
    } else if (choice < 8 || packed == 0) {
      bits[packed++] = append_quantize(&graph, latest);
      graph.tensors[bits[packed - 1]].leaves = random_between(seed, 0, 9) == 0;
    } else {
      images[count++] = convolution_of(&graph, bits[random_between(seed, 0, packed - 1)]);
      graph.tensors[images[count - 1]].leaves = random_between(seed, 0, 5) == 0;
    }
  }
  return graph;
}

static void random_graphs(void) {
  uint64_t seed = 20261127;
  const int graphs = cases_of_path(RANDOM_GRAPHS, &seed);
  chain_counts sum = {0};
  int outputs = 0;
  for (int i = 0; i < graphs; ++i) {
    const fake_graph graph = random_graph(&seed);
    char message[512];
    counts = (chain_counts){0};
    compared = (comparison){0};
    CHECK(fake_runtime_run(&graph, compare, message) == FAKE_RAN);
    outputs += compared.outputs;
    sum.all += counts.all, sum.of_convolutions += counts.of_convolutions, sum.steps += counts.steps, sum.in_place += counts.in_place;
  }
  CHECK(outputs > graphs && sum.all > graphs && sum.steps > 2 * sum.all && sum.in_place > graphs / 10 &&
        sum.of_convolutions > graphs / 4);
}

int main(void) {
  before_a_sign();
  after_a_convolution();
  after_a_sum();
  left_to_the_runtime();
  far_from_ours();
  refused();
  random_graphs();
  return 0;
}
