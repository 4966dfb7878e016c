/* A model file on the app's runtime, with an interpreter for each input shape it was given last. */
#ifndef FACESDK_ANDROID_NETWORK_H_
#define FACESDK_ANDROID_NETWORK_H_

#include "recording.h"
#include "runtime.h"

/* To build or resize an interpreter costs more than to run it; the levels of an image pyramid differ in shape. */
enum { NETWORK_KEPT = 32, NETWORK_LOG = 384 };

typedef struct network_shape {
  int32_t count, height, width; /* of three channels */
} network_shape;

/* An interpreter with allocated tensors. */
typedef struct network_run {
  network_shape shape;
  void *interpreter;
  void *fast; /* the runtime's delegate for its float operators; NULL where the runtime has none */
  uint64_t last_use;
} network_run;

typedef struct network {
  const runtime *lite;
  const char *name; /* the caller's, for messages */
  void *content, *model;
  void *delegate; /* NULL for networks without operators of ours */
  int32_t threads;
  int32_t outputs; /* how many it must have; 1 unless changed after network_open() */
  network_run runs[NETWORK_KEPT];
  int32_t run_count;
  uint64_t clock;
  char log[NETWORK_LOG]; /* what the runtime said first of the last call */
  recording *recording;  /* NULL unless a profile is recorded */
  int32_t number;        /* its number there */
} network;

/* Loads a model, a copy of `content`. The network must not move in memory until it is closed; also after a failure. */
bool network_open(network *network, const runtime *lite, const char *name, const void *content, size_t size,
                  int32_t threads, bool with_operators, failure *failure);

/* An interpreter for a shape; NULL after a failure. Valid until the next call for this network. */
network_run *network_for(network *network, network_shape shape, failure *failure);

/* The tensor that the network reads, or one that it writes. */
void *network_input(const network *network, const network_run *run);
const void *network_output(const network *network, const network_run *run, int32_t index);

/* Runs it. */
bool network_invoke(network *network, network_run *run, failure *failure);

/* Releases it; zeros are allowed. */
void network_close(network *network);

#endif
