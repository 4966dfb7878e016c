#include "tflite/profile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/error.h"

static atomic_uint partitions;
static atomic_bool on;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static facesdk_profile_event *memory;
static size_t room, happened;

uint32_t profile_new_partition(void) { return atomic_fetch_add_explicit(&partitions, 1, memory_order_relaxed) + 1; }

bool profile_is_on(void) { return atomic_load_explicit(&on, memory_order_relaxed); }

uint64_t profile_now(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void profile_record(const facesdk_profile_event *event) {
  pthread_mutex_lock(&lock);
  if (memory != NULL) {
    if (happened < room) memory[happened] = *event;
    ++happened;
  }
  pthread_mutex_unlock(&lock);
}

facesdk_status facesdk_profile_start(facesdk_profile_event *events, size_t capacity, facesdk_error *error) {
  if (events == NULL) return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "events must not be NULL");
  pthread_mutex_lock(&lock);
  const bool free = memory == NULL;
  if (free) {
    memory = events;
    room = capacity;
    happened = 0;
    atomic_store_explicit(&on, true, memory_order_relaxed);
  }
  pthread_mutex_unlock(&lock);
  if (free) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "another profile of this process is being recorded");
}

size_t facesdk_profile_stop(void) {
  pthread_mutex_lock(&lock);
  const size_t count = memory != NULL ? happened : 0;
  memory = NULL;
  atomic_store_explicit(&on, false, memory_order_relaxed);
  pthread_mutex_unlock(&lock);
  return count;
}
