/* A fuzz target has libFuzzer's entry point and gives a seed input for the built-in mutator of fuzz_main.c. */
#ifndef FACESDK_TESTS_FUZZ_FUZZ_H_
#define FACESDK_TESTS_FUZZ_FUZZ_H_

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the `number`-th seed input into `buffer` (FUZZ_CAPACITY bytes) and returns its size. */
size_t fuzz_seed_input(uint8_t *buffer, uint32_t number);

/* Called at the end: checks that the target met what it should have met. */
void fuzz_finish(void);

enum { FUZZ_CAPACITY = 1024 };

#endif
