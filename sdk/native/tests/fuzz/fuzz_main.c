/* A repeatable mutation fuzzer for machines without libFuzzer: fuzz_TARGET [COUNT [SEED [FOLDER]]]. Keeps its inputs in
 * FOLDER, for libFuzzer to start from. */
#include <string.h>

#include "check.h"
#include "fuzz/fuzz.h"

static size_t mutate(uint8_t *data, size_t size, uint64_t *seed) {
  static const uint8_t interesting[] = {0, 1, 2, 4, 8, 0x7f, 0x80, 0xff};
  const int edits = random_between(seed, 0, 4);
  for (int i = 0; i < edits && size > 0; ++i) {
    uint8_t *at = data + random_u32(seed) % size;
    switch (random_between(seed, 0, 6)) {
      case 0:
        *at ^= (uint8_t)(1u << random_between(seed, 0, 7));
        break;
      case 1:
        *at = (uint8_t)random_u32(seed);
        break;
      case 2:
        *at = interesting[random_u32(seed) % sizeof interesting];
        break;
      case 3:
        *at = (uint8_t)(*at + random_between(seed, -4, 4));
        break;
      case 4:
        data[size - 1 - random_u32(seed) % (size < 24 ? size : 24)] = (uint8_t)random_u32(seed);
        break;
      case 5:
        *at = data[random_u32(seed) % size];
        break;
      default:
        size -= random_u32(seed) % (size < 8 ? size : 8);
    }
  }
  return size;
}

static void keep(const char *folder, long number, const uint8_t *data, size_t size) {
  char name[4096];
  CHECK(snprintf(name, sizeof name, "%s/%ld", folder, number) < (int)sizeof name);
  FILE *file = fopen(name, "wb");
  CHECK(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

int main(int argc, char **argv) {
  const long count = argc > 1 ? strtol(argv[1], NULL, 10) : 50000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  seed = seed * 0x9E3779B97F4A7C15u + 1;
  for (long i = 0; i < count; ++i) {
    uint8_t buffer[FUZZ_CAPACITY];
    const size_t size = mutate(buffer, fuzz_seed_input(buffer, random_u32(&seed)), &seed);
    uint8_t *exact = allocate(size);
    memcpy(exact, buffer, size);
    if (argc > 3) keep(argv[3], i, exact, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
  }
  fuzz_finish();
  printf("%ld inputs\n", count);
  return 0;
}
