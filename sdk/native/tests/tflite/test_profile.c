/* Profiles: every operator of a run, in order, with sums inside of convolutions; nothing beyond the memory given, and
 * nothing while no recording is on. */
#include <string.h>

#include "check.h"
#include "facesdk_ops.h"
#include "tflite/residual_graph.h"

enum { ROOM = 16, NODES = 6 };

static void run(void) {
  const fake_graph graph = residual_graph_valid();
  char message[512];
  CHECK(fake_runtime_run(&graph, NULL, message) == FAKE_RAN);
}

static void check_events(const facesdk_profile_event *events) {
  static const int within[NODES] = {-1, -1, 1, -1, -1, 4};
  const char *path = facesdk_ops_isa();
  for (int i = 0; i < NODES; ++i) {
    const facesdk_profile_event *event = &events[i];
    CHECK(event->node == i);
    CHECK(event->within == within[i]);
    CHECK(event->partition == events[0].partition);
    CHECK(strcmp(facesdk_ops_isa_name((size_t)event->path), path) == 0);
    CHECK(within[i] >= 0 ? event->end_ns == event->start_ns : event->end_ns > event->start_ns);
    CHECK(i == 0 || event->start_ns >= events[i - 1].end_ns);
  }
}

int main(void) {
  facesdk_profile_event events[ROOM];
  facesdk_error error;

  CHECK(facesdk_profile_stop() == 0);
  CHECK(facesdk_profile_start(NULL, ROOM, &error) == FACESDK_INVALID_ARGUMENT);

  CHECK(facesdk_profile_start(events, ROOM, &error) == FACESDK_OK);
  CHECK(facesdk_profile_start(events, ROOM, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "another profile") != NULL);
  run();
  CHECK(facesdk_profile_stop() == NODES);
  CHECK(facesdk_profile_stop() == 0);
  check_events(events);

  const uint32_t first = events[0].partition;
  memset(events, 0xAB, sizeof events);
  facesdk_profile_event untouched = events[0];
  run(); /* not recorded, but a partition of its own */
  CHECK(facesdk_profile_start(events, 2, &error) == FACESDK_OK);
  run();
  CHECK(facesdk_profile_stop() == NODES);
  CHECK(events[1].node == 1);
  CHECK(events[0].partition == first + 2);
  CHECK(memcmp(&events[2], &untouched, sizeof untouched) == 0);
  return 0;
}
