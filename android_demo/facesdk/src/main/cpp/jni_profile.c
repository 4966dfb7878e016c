/* org.facesdk.NativeProfile */
#include <stdlib.h>

#include "bridge.h"
#include "engine.h"

enum { LEADING_NUMBERS = 2, RUN_NUMBERS = 3, EVENT_NUMBERS = 5 };

static engine *of(jlong handle) { return (engine *)(intptr_t)handle; }

JNIEXPORT void JNICALL Java_org_facesdk_NativeProfile_start(JNIEnv *env, jclass owner, jlong handle) {
  (void)owner;
  failure failure = {0};
  (void)engine_record(of(handle), &failure);
  bridge_throw(env, &failure);
}

static jlongArray to_java(JNIEnv *env, const recording *from) {
  const size_t count =
      LEADING_NUMBERS + RUN_NUMBERS * (size_t)from->run_count + EVENT_NUMBERS * from->event_count;
  const jlongArray result = (*env)->NewLongArray(env, (jsize)count);
  jlong *numbers = calloc(count, sizeof *numbers), *next = numbers;
  if (result != NULL && numbers != NULL) {
    *next++ = from->run_count;
    *next++ = (jlong)from->lost;
    for (int32_t i = 0; i < from->run_count; ++i) {
      *next++ = from->runs[i].network;
      *next++ = (jlong)from->runs[i].start_ns;
      *next++ = (jlong)from->runs[i].end_ns;
    }
    for (size_t i = 0; i < from->event_count; ++i) {
      *next++ = from->events[i].node;
      *next++ = from->events[i].path;
      *next++ = from->events[i].within;
      *next++ = (jlong)from->events[i].start_ns;
      *next++ = (jlong)from->events[i].end_ns;
    }
    (*env)->SetLongArrayRegion(env, result, 0, (jsize)count, numbers);
  }
  free(numbers);
  return result;
}

JNIEXPORT jlongArray JNICALL Java_org_facesdk_NativeProfile_stop(JNIEnv *env, jclass owner, jlong handle) {
  (void)owner;
  recording *made = engine_stop_recording(of(handle));
  if (made == NULL) return (*env)->NewLongArray(env, LEADING_NUMBERS);
  const jlongArray result = to_java(env, made);
  recording_free(made);
  return result;
}

JNIEXPORT jstring JNICALL Java_org_facesdk_NativeProfile_operatorName(JNIEnv *env, jclass owner, jlong handle,
                                                                      jint node) {
  (void)owner;
  char name[MODEL_OPERATOR_NAME];
  engine_operator_name(of(handle), node, name);
  return bridge_string(env, name);
}

JNIEXPORT jstring JNICALL Java_org_facesdk_NativeProfile_pathName(JNIEnv *env, jclass owner, jint path) {
  (void)owner;
  const char *name = facesdk_ops_isa_name((size_t)path);
  return bridge_string(env, name != NULL ? name : "");
}
