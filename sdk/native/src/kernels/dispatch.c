/* The table of kernel paths, and the choice among them. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/path.h"

static bool always(void) { return true; }

/* A path of every CPU, and those of this architecture, slowest first:
 *
 *    name, whether this CPU can run it, what that takes in words, and the kernels:
 *    quantize, bmaxpool2d, pointwise, bconv2d, and of binary_conv2d floats and bytes */
#if defined(FACESDK_WITHOUT_PORTABLE)
#define EVERYWHERE(PATH)
#else
#define EVERYWHERE(PATH) PATH("portable", always, "", portable, rows, portable, portable, portable, portable)
#endif
#if defined(__x86_64__)
#include "base/cpu_x86.h"

#define HERE(PATH)                                                                                                    \
  PATH("popcnt", facesdk_cpu_has_popcnt, "POPCNT and SSE4.2", popcnt, rows, popcnt, popcnt, portable, portable)         \
  PATH("avx2", facesdk_cpu_has_avx2, "AVX2 and POPCNT", avx2, rows, avx2, avx2, avx2, avx2)                             \
  PATH("avx512", facesdk_cpu_has_avx512, "AVX-512 F, BW, DQ and VL", avx512, rows, avx512, avx512, avx512, avx512)      \
  PATH("avx512vpopcntdq", facesdk_cpu_has_avx512_vpopcntdq, "AVX-512 F, BW, DQ, VL, VPOPCNTDQ and VNNI", avx512, rows,  \
       avx512, avx512vpopcntdq, avx512, avx512vnni)
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
#include "base/cpu_arm.h"

#define NEON(PATH) PATH("neon", facesdk_cpu_has_neon, "NEON", neon, rows, neon, neon, neon, neon)
#if defined(__aarch64__)
#define HERE(PATH)                                                                                                    \
  NEON(PATH)                                                                                                          \
  PATH("neon-dotprod", facesdk_cpu_has_dotprod, "NEON with dot products (ARMv8.2, Cortex-A76)", neon, rows,           \
       neon, neon_dotprod, neon, neon_dotprod)
#else
#define HERE(PATH) NEON(PATH)
#endif
#else
#define HERE(PATH)
#endif
#define PATHS(PATH) EVERYWHERE(PATH) HERE(PATH)

PATHS(FACESDK_PATH_KERNELS)

static const facesdk_path paths[] = {{.name = "reference", .requires = "", .supported = always},
                                     PATHS(FACESDK_PATH_ENTRY)};

enum { PATH_COUNT = sizeof paths / sizeof paths[0] };

static atomic_size_t runs[PATH_COUNT];

/* Asked once: an answer takes tens of microseconds in a virtual machine. */
static bool supported(size_t index) {
  static atomic_int answers[PATH_COUNT]; /* 0 until asked, then 1 for no and 2 for yes */
  int known = atomic_load_explicit(&answers[index], memory_order_relaxed);
  if (known == 0) {
    known = paths[index].supported() ? 2 : 1;
    atomic_store_explicit(&answers[index], known, memory_order_relaxed);
  }
  return known == 2;
}

const facesdk_path *facesdk_path_reference(void) { return &paths[0]; }

int32_t facesdk_path_index(const facesdk_path *path) { return (int32_t)(path - paths); }

void facesdk_path_count_run(const facesdk_path *path) {
  atomic_fetch_add_explicit(&runs[facesdk_path_index(path)], 1, memory_order_relaxed);
}

/* The names this CPU can use, as "a, b". */
static void list_supported(char *buffer, size_t size) {
  size_t length = 0;
  buffer[0] = '\0';
  for (size_t i = 0; i < PATH_COUNT && length < size; ++i) {
    if (!supported(i)) continue;
    length += (size_t)snprintf(buffer + length, size - length, "%s%s", length > 0 ? ", " : "", paths[i].name);
  }
}

/* `origin` says where the name came from, for the message. */
static facesdk_status find(const char *origin, const char *name, const facesdk_path **path, facesdk_error *error) {
  facesdk_status status = FACESDK_UNKNOWN_ISA;
  for (size_t i = 0; i < PATH_COUNT; ++i) {
    if (strcmp(paths[i].name, name) != 0) continue;
    if (supported(i)) {
      *path = &paths[i];
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
  while (best > 0 && !supported(best)) --best; /* the first always is */
  *path = &paths[best];
  return FACESDK_OK;
}

const char *facesdk_ops_isa(void) {
  const facesdk_path *path;
  return facesdk_ops_default(&path, NULL) == FACESDK_OK ? path->name : NULL;
}

size_t facesdk_ops_isa_count(void) { return PATH_COUNT; }

const char *facesdk_ops_isa_requires(size_t index) { return index < PATH_COUNT ? paths[index].requires : NULL; }

const char *facesdk_ops_isa_name(size_t index) { return index < PATH_COUNT ? paths[index].name : NULL; }

int facesdk_ops_isa_supported(size_t index) { return index < PATH_COUNT && supported(index); }

size_t facesdk_ops_isa_runs(size_t index) {
  return index < PATH_COUNT ? atomic_load_explicit(&runs[index], memory_order_relaxed) : 0;
}

const char *facesdk_ops_version(void) { return FACESDK_OPS_VERSION; }

uint32_t facesdk_ops_abi_version(void) { return FACESDK_OPS_ABI_VERSION; }
