/* The table of kernel paths, and the choice among them. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/path.h"

/* Fastest last. A new instruction set is a file with a facesdk_path, and a line here. */
static const facesdk_path *const paths[] = {
    &facesdk_path_reference,
    &facesdk_path_portable,
#if defined(__x86_64__)
    &facesdk_path_popcnt,
    &facesdk_path_avx2,
    &facesdk_path_avx512,
    &facesdk_path_avx512vpopcntdq,
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    &facesdk_path_neon,
#endif
};

enum { PATH_COUNT = sizeof paths / sizeof paths[0] };

static atomic_size_t runs[PATH_COUNT];

int32_t facesdk_path_index(const facesdk_path *path) {
  int32_t index = 0;
  while (paths[index] != path) ++index;
  return index;
}

void facesdk_path_count_run(const facesdk_path *path) {
  atomic_fetch_add_explicit(&runs[facesdk_path_index(path)], 1, memory_order_relaxed);
}

/* The names this CPU can use, as "a, b". */
static void list_supported(char *buffer, size_t size) {
  size_t length = 0;
  buffer[0] = '\0';
  for (size_t i = 0; i < PATH_COUNT && length < size; ++i) {
    if (!paths[i]->supported()) continue;
    length += (size_t)snprintf(buffer + length, size - length, "%s%s", length > 0 ? ", " : "", paths[i]->name);
  }
}

/* `origin` says where the name came from, for the message. */
static facesdk_status find(const char *origin, const char *name, const facesdk_path **path, facesdk_error *error) {
  facesdk_status status = FACESDK_UNKNOWN_ISA;
  for (size_t i = 0; i < PATH_COUNT; ++i) {
    if (strcmp(paths[i]->name, name) != 0) continue;
    if (paths[i]->supported()) {
      *path = paths[i];
      return FACESDK_OK;
    }
    status = FACESDK_UNSUPPORTED_ISA;
  }
  char names[128];
  list_supported(names, sizeof names);
  return facesdk_fail(error, status, "%s names the kernel path '%.32s', which %s; choose one of: %s", origin, name,
                      status == FACESDK_UNKNOWN_ISA ? "does not exist" : "this CPU cannot run", names);
}

facesdk_status facesdk_ops_find(const char *name, const facesdk_path **path, facesdk_error *error) {
  return find("the caller", name, path, error);
}

facesdk_status facesdk_ops_default(const facesdk_path **path, facesdk_error *error) {
  const char *forced = getenv("FACESDK_OPS_ISA");
  if (forced != NULL && forced[0] != '\0') return find("FACESDK_OPS_ISA", forced, path, error);
  size_t best = PATH_COUNT - 1;
  while (!paths[best]->supported()) --best; /* portable always is */
  *path = paths[best];
  return FACESDK_OK;
}

const char *facesdk_ops_isa(void) {
  const facesdk_path *path;
  return facesdk_ops_default(&path, NULL) == FACESDK_OK ? path->name : NULL;
}

size_t facesdk_ops_isa_count(void) { return PATH_COUNT; }

const char *facesdk_ops_isa_requires(size_t index) { return index < PATH_COUNT ? paths[index]->requires : NULL; }

const char *facesdk_ops_isa_name(size_t index) { return index < PATH_COUNT ? paths[index]->name : NULL; }

int facesdk_ops_isa_supported(size_t index) { return index < PATH_COUNT && paths[index]->supported(); }

size_t facesdk_ops_isa_runs(size_t index) {
  return index < PATH_COUNT ? atomic_load_explicit(&runs[index], memory_order_relaxed) : 0;
}

const char *facesdk_ops_version(void) { return FACESDK_OPS_VERSION; }

uint32_t facesdk_ops_abi_version(void) { return FACESDK_OPS_ABI_VERSION; }
