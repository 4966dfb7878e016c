/* org.facesdk.FaceOperators and org.facesdk.FaceSdk */
#include "bridge.h"
#include "runtime.h"

int __android_log_print(int priority, const char *tag, const char *format, ...);

/* sdk/native/src/tflite/delegate.c */
struct TfLiteDelegate;
struct TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                                     void (*report_error)(const char *));
void tflite_plugin_destroy_delegate(struct TfLiteDelegate *delegate);

enum { LOG_WARN = 5 };

static void log_error(const char *line) { (void)__android_log_print(LOG_WARN, "facesdk", "%s", line); }

/* The kernel path that new operators get; a failure if the environment asks for one that is not there. */
static bool find_path(failure *failure) {
  const facesdk_path *path;
  facesdk_error error;
  return check_status(failure, facesdk_ops_default(&path, &error), &error) ||
         (failure->kind = FAILURE_OPERATORS, false);
}

JNIEXPORT jlong JNICALL Java_org_facesdk_FaceOperators_create(JNIEnv *env, jclass owner) {
  (void)owner;
  failure failure = {0};
  struct TfLiteDelegate *delegate = NULL;
  if (find_path(&failure)) {
    delegate = tflite_plugin_create_delegate(NULL, NULL, 0, log_error);
    if (delegate == NULL) (void)fail(&failure, FAILURE_MEMORY, "no memory for the operators");
  }
  bridge_throw(env, &failure);
  return (jlong)(intptr_t)delegate;
}

JNIEXPORT void JNICALL Java_org_facesdk_FaceOperators_destroy(JNIEnv *env, jclass owner, jlong delegate) {
  (void)env;
  (void)owner;
  tflite_plugin_destroy_delegate((struct TfLiteDelegate *)(intptr_t)delegate);
}

JNIEXPORT jstring JNICALL Java_org_facesdk_FaceSdk_version(JNIEnv *env, jclass owner) {
  (void)owner;
  return bridge_string(env, facesdk_ops_version());
}

JNIEXPORT jstring JNICALL Java_org_facesdk_FaceSdk_kernelPath(JNIEnv *env, jclass owner) {
  (void)owner;
  failure failure = {0};
  if (find_path(&failure)) return bridge_string(env, facesdk_ops_isa());
  bridge_throw(env, &failure);
  return NULL;
}

JNIEXPORT jstring JNICALL Java_org_facesdk_FaceSdk_bestKernelPath(JNIEnv *env, jclass owner) {
  (void)owner;
  size_t best = 0; /* paths are listed slowest first */
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) best = facesdk_ops_isa_supported(i) ? i : best;
  return bridge_string(env, facesdk_ops_isa_name(best));
}

JNIEXPORT jlong JNICALL Java_org_facesdk_FaceSdk_operatorRuns(JNIEnv *env, jclass owner) {
  (void)env;
  (void)owner;
  size_t runs = 0;
  for (size_t i = 0; i < facesdk_ops_isa_count(); ++i) runs += facesdk_ops_isa_runs(i);
  return (jlong)runs;
}

JNIEXPORT jstring JNICALL Java_org_facesdk_FaceSdk_runtimeVersion(JNIEnv *env, jclass owner) {
  (void)owner;
  failure failure = {0};
  const runtime *lite = runtime_find(&failure);
  if (lite != NULL) return bridge_string(env, lite->Version());
  bridge_throw(env, &failure);
  return NULL;
}
