/* Shared memory of tensors: random lifetimes, of which no two that overlap may get the same bytes. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "tflite/buffers.h"

enum { ROUNDS = 2000, MAX_TENSORS = 24, ALIGNMENT = 64 };

typedef struct lifetime {
  size_t first, last, bytes, buffer;
} lifetime;

static size_t random_lifetimes(uint64_t *seed, lifetime *tensors) {
  const size_t count = (size_t)random_between(seed, 1, MAX_TENSORS);
  for (size_t i = 0; i < count; ++i) {
    tensors[i] = (lifetime){.first = i,
                            .last = (size_t)random_between(seed, (int32_t)i, (int32_t)count),
                            .bytes = (size_t)random_between(seed, 0, 5) * (size_t)random_between(seed, 1, 300)};
  }
  return count;
}

static bool overlap(const lifetime *a, const lifetime *b) { return a->first <= b->last && b->first <= a->last; }

static size_t most_at_once(const lifetime *tensors, size_t count) {
  size_t most = 0;
  for (size_t now = 0; now < count; ++now) {
    size_t live = 0;
    for (size_t i = 0; i <= now; ++i) live += tensors[i].last >= now;
    if (live > most) most = live;
  }
  return most;
}

static void take_and_give(buffers *b, lifetime *tensors, size_t count) {
  for (size_t now = 0; now < count; ++now) {
    tensors[now].buffer = buffers_take(b, tensors[now].bytes);
    for (size_t i = 0; i <= now; ++i) {
      if (tensors[i].last == now) buffers_give(b, tensors[i].buffer);
    }
  }
}

/* Each tensor writes itself when its life begins and finds that unchanged when it ends. */
static void live(const buffers *b, const lifetime *tensors, size_t count) {
  for (size_t now = 0; now < count; ++now) {
    memset(b->all[tensors[now].buffer].memory, (int)now + 1, tensors[now].bytes);
    for (size_t i = 0; i <= now; ++i) {
      if (tensors[i].last != now) continue;
      const uint8_t *bytes = b->all[tensors[i].buffer].memory;
      for (size_t j = 0; j < tensors[i].bytes; ++j) CHECK(bytes[j] == i + 1);
    }
  }
}

static void check_plan(const buffers *b, const lifetime *tensors, size_t count) {
  CHECK(b->count == most_at_once(tensors, count)); /* none is added while one is free */
  for (size_t i = 0; i < count; ++i) {
    CHECK(tensors[i].buffer < b->count && b->all[tensors[i].buffer].bytes >= tensors[i].bytes);
    for (size_t j = 0; j < i; ++j) CHECK(!overlap(&tensors[i], &tensors[j]) || tensors[i].buffer != tensors[j].buffer);
  }
  for (size_t i = 0; i < b->count; ++i) CHECK((uintptr_t)b->all[i].memory % ALIGNMENT == 0);
}

/* The smallest one that is large enough is taken, else the largest, which grows. */
static void wastes_least(void) {
  buffers b;
  CHECK(buffers_init(&b, 4));
  const size_t sizes[] = {300, 100, 200};
  for (size_t i = 0; i < 3; ++i) CHECK(buffers_take(&b, sizes[i]) == i);
  for (size_t i = 0; i < 3; ++i) buffers_give(&b, i);
  CHECK(buffers_take(&b, 150) == 2);
  CHECK(buffers_take(&b, 400) == 0 && b.all[0].bytes == 400);
  CHECK(buffers_take(&b, 100) == 1);
  CHECK(buffers_take(&b, 1) == 3);
  buffers_release(&b);
}

int main(void) {
  uint64_t seed = 20261125;
  buffers b;
  CHECK(buffers_init(&b, MAX_TENSORS));
  for (int round = 0; round < ROUNDS; ++round) {
    lifetime tensors[MAX_TENSORS];
    const size_t count = random_lifetimes(&seed, tensors);
    take_and_give(&b, tensors, count);
    CHECK(buffers_allocate(&b));
    check_plan(&b, tensors, count);
    live(&b, tensors, count);
    buffers_reset(&b);
  }
  buffers_release(&b);
  wastes_least();
  return 0;
}
