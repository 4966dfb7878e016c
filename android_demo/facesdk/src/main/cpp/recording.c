#include "recording.h"

#include <stdlib.h>
#include <time.h>

recording *recording_start(failure *failure) {
  recording *made = calloc(1, sizeof *made);
  facesdk_error error;
  if (made == NULL) {
    (void)fail(failure, FAILURE_MEMORY, "no memory for a profile");
    return NULL;
  }
  if (facesdk_profile_start(made->events, RECORDING_EVENTS, &error) != FACESDK_OK) {
    (void)fail(failure, FAILURE_OPERATORS, "%s", error.message);
    free(made);
    return NULL;
  }
  return made;
}

void recording_stop(recording *self) {
  const size_t count = facesdk_profile_stop();
  self->event_count = count < RECORDING_EVENTS ? count : RECORDING_EVENTS;
  self->lost += count - self->event_count;
}

void recording_free(recording *self) { free(self); }

uint64_t recording_clock(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void recording_add(recording *self, int32_t network, uint64_t start_ns) {
  if (self == NULL) return;
  if (self->run_count == RECORDING_RUNS) {
    ++self->lost;
    return;
  }
  self->runs[self->run_count++] = (recorded_run){network, start_ns, recording_clock()};
}
