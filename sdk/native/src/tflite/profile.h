/* Which operator of which partition ran when, while facesdk_profile_start() asks for it. */
#ifndef FACESDK_TFLITE_PROFILE_H_
#define FACESDK_TFLITE_PROFILE_H_

#include <stdbool.h>
#include <stdint.h>

#include "facesdk_ops.h"

/* A number that no other partition of this process has, from 1. */
uint32_t profile_new_partition(void);

/* Whether operators are to be recorded: one load. */
bool profile_is_on(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t profile_now(void);

void profile_record(const facesdk_profile_event *event);

#endif
