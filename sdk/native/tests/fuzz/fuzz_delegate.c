/* Broken models into the delegate. The input is a list of edits to a valid graph, each of three bytes: what to change,
 * where, and to which value. */
#include <string.h>

#include "check.h"
#include "fuzz/fuzz.h"
#include "tflite/binary_graph.h"
#include "tflite/fake_runtime.h"
#include "tflite/residual_graph.h"

/* Huge scratch memory may be refused; the sanitizer must then return NULL as malloc does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static long outcomes[FAKE_RAN + 1];

static int hostile(uint8_t value) {
  static const int values[] = {0, -1, 1, 2, 31, 33, 64, 65537, 1 << 20, 1 << 30, INT32_MAX, INT32_MIN};
  return value < 128 ? value : values[value % (sizeof values / sizeof values[0])];
}

static void edit(fake_graph *graph, uint8_t what, uint8_t where, uint8_t value) {
  fake_node *node = &graph->nodes[where % graph->node_count];
  fake_tensor *changed = &graph->tensors[where % graph->tensor_count];
  switch (what % 14) {
    case 0:
    case 1:
      if (node->options_size > 0) node->options[what / 14 * 7 % node->options_size] = value;
      break;
    case 2:
      if (node->options_size > 40) node->options[node->options_size - 1 - what / 14 % 40] = value;
      break;
    case 3:
      node->options_size = node->options_size * value / 255;
      break;
    case 4:
      changed->dims[value % FAKE_MAX_RANK] = hostile((uint8_t)(what / 14 * 13));
      break;
    case 5:
      changed->dims[what / 14 % 4] = hostile(value);
      break;
    case 6:
      changed->rank = value % (FAKE_MAX_RANK + 1);
      break;
    case 7:
      changed->type = (TfLiteType)(value % 11);
      break;
    case 8:
      node->inputs[value % FAKE_MAX_INPUTS] = what / 14 - 3;
      break;
    case 9:
      node->outputs[0] = value % (graph->tensor_count + 4) - 2;
      break;
    case 10:
      if (value & 1) node->input_count = value / 2 % (FAKE_MAX_INPUTS + 1);
      if (value & 64) node->output_count = 0;
      changed->constant ^= value & 2;
      break;
    case 11:
      node->params[what / 14 % FAKE_MAX_PARAMS] = value / 4 % 17 - 1;
      node->no_builtin_data = value % 4 == 3;
      break;
    case 12:
      changed->numbers[what / 14 % FAKE_MAX_NUMBERS] = hostile(value);
      break;
    default:
      changed->params = (TfLiteQuantizationParams){(float)hostile(value) * 0.25f, hostile((uint8_t)(what / 14 * 11))};
      changed->leaves ^= value & 1;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  fake_graph graph = data[0] & 128  ? columns_graph_valid()
                     : data[0] & 64 ? chain_graph_valid()
                     : data[0] & 32 ? binary_graph_valid(data[0] & 8)
                     : data[0] & 16 ? residual_graph_valid()
                                    : fake_graph_valid(data[0]);
  for (size_t i = 1; i + 3 <= size && i < 31; i += 3) edit(&graph, data[i], data[i + 1], data[i + 2]);
  char message[512];
  const fake_outcome outcome = fake_runtime_run(&graph, NULL, message);
  CHECK(outcome == FAKE_RAN || strncmp(message, "facesdk operators: ", 19) == 0);
  ++outcomes[outcome];
  return 0;
}

/* One to four random edits. */
size_t fuzz_seed_input(uint8_t *buffer, uint32_t number) {
  uint64_t seed = number + 1u;
  const size_t edits = number % 5;
  buffer[0] = (uint8_t)(number * 89u); /* every graph early on */
  for (size_t i = 1; i < 1 + 3 * edits; ++i) buffer[i] = (uint8_t)random_u32(&seed);
  return 1 + 3 * edits;
}

void fuzz_finish(void) {
  CHECK(outcomes[FAKE_RAN] > 0 && outcomes[FAKE_CLAIM_REFUSED] > 0 && outcomes[FAKE_PREPARE_REFUSED] > 0);
  printf("ran %ld, refused %ld when claiming, %ld when preparing, %ld when running\n", outcomes[FAKE_RAN],
         outcomes[FAKE_CLAIM_REFUSED], outcomes[FAKE_PREPARE_REFUSED], outcomes[FAKE_INVOKE_REFUSED]);
}
