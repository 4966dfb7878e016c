/* org.facesdk.NativeVectors */
#include <stdlib.h>

#include "bridge.h"

/* Cosine of unit vectors, -1 to 1. */
static float cosine(const float *a, const float *b, size_t length) {
  double sum = 0;
  for (size_t i = 0; i < length; ++i) sum += (double)a[i] * (double)b[i];
  return sum > 1 ? 1 : sum < -1 ? -1 : (float)sum;
}

JNIEXPORT jfloatArray JNICALL Java_org_facesdk_NativeVectors_similarities(JNIEnv *env, jclass owner, jfloatArray probe,
                                                                          jfloatArray others) {
  (void)owner;
  const jsize length = (*env)->GetArrayLength(env, probe);
  const jsize count = length > 0 ? (*env)->GetArrayLength(env, others) / length : 0;
  const jfloatArray result = (*env)->NewFloatArray(env, count);
  jfloat *one = (*env)->GetFloatArrayElements(env, probe, NULL);
  jfloat *all = one != NULL ? (*env)->GetFloatArrayElements(env, others, NULL) : NULL;
  for (jsize i = 0; i < count && result != NULL && all != NULL; ++i) {
    const jfloat value = cosine(one, all + (size_t)i * (size_t)length, (size_t)length);
    (*env)->SetFloatArrayRegion(env, result, i, 1, &value);
  }
  if (all != NULL) (*env)->ReleaseFloatArrayElements(env, others, all, JNI_ABORT);
  if (one != NULL) (*env)->ReleaseFloatArrayElements(env, probe, one, JNI_ABORT);
  return result;
}
