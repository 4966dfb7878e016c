/* When networks and operators ran, while a profile is recorded. */
#ifndef FACESDK_ANDROID_RECORDING_H_
#define FACESDK_ANDROID_RECORDING_H_

#include <stdint.h>

#include "facesdk_ops.h"
#include "failure.h"

enum { RECORDING_RUNS = 16384, RECORDING_EVENTS = 65536 };

/* One run of one network, on CLOCK_MONOTONIC. */
typedef struct recorded_run {
  int32_t network;
  uint64_t start_ns, end_ns;
} recorded_run;

typedef struct recording {
  int32_t run_count;
  recorded_run runs[RECORDING_RUNS]; /* the first so many */
  size_t event_count;                /* of those below, once the recording has ended */
  size_t lost;                       /* runs that there was no room for, and events once it has ended */
  facesdk_profile_event events[RECORDING_EVENTS];
} recording;

/* Starts to record the operators of this process; NULL after a failure, for example while another recording runs. */
recording *recording_start(failure *failure);

/* Ends it; its events can then be read. */
void recording_stop(recording *recording);

void recording_free(recording *recording);

/* Now, in nanoseconds. */
uint64_t recording_clock(void);

/* Adds the run of a network that ends now; nothing without a recording. */
void recording_add(recording *recording, int32_t network, uint64_t start_ns);

#endif
