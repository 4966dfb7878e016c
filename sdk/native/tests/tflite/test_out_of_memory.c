/* Each allocation of the delegate fails in turn: the graph is refused with a line that says so, and nothing leaks (the
 * sanitizers see that). The linker sends the library's calls here (--wrap). */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "tflite/binary_graph.h"
#include "tflite/residual_graph.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes);

static int allocations, failing;

static bool fails(void) { return allocations++ == failing; }

void *__wrap_malloc(size_t bytes) { return fails() ? NULL : __real_malloc(bytes); }

void *__wrap_calloc(size_t count, size_t bytes) { return fails() ? NULL : __real_calloc(count, bytes); }

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes) {
  return fails() ? ENOMEM : __real_posix_memalign(memory, alignment, bytes);
}

static void fail_each(const fake_graph *graph) {
  char message[512];
  /* Allocation 0 is the delegate itself, which fake_runtime_run() needs. */
  for (failing = 1, allocations = 0; fake_runtime_run(graph, NULL, message) != FAKE_RAN; ++failing, allocations = 0) {
    CHECK(strstr(message, "out of memory") != NULL);
  }
  CHECK(failing > 10 && failing == allocations);
}

int main(void) {
  for (unsigned variant = 0; variant < 16; ++variant) {
    const fake_graph graph = fake_graph_valid(variant);
    fail_each(&graph);
  }
  const fake_graph graphs[] = {residual_graph_valid(), columns_graph_valid(), binary_graph_valid(0), binary_graph_valid(8)};
  for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; ++i) fail_each(&graphs[i]);
  return 0;
}
