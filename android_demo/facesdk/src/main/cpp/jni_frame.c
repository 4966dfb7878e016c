/* org.facesdk.NativeFrame */
#include <stdlib.h>

#include "bridge.h"
#include "facesdk_face.h"

enum { CHANNELS = 3, PLANES = 3, LAYOUT = 4 };

/* The memory for the upright picture. */
static uint8_t *room_of(JNIEnv *env, jobject upright, jint width, jint height, failure *failure) {
  return bridge_memory(env, upright, 0, (jlong)CHANNELS * width * height, failure);
}

JNIEXPORT void JNICALL Java_org_facesdk_NativeFrame_fromRgb(JNIEnv *env, jclass owner, jobject source, jint from,
                                                            jint to, jint row_stride, jint pixel_stride, jint width,
                                                            jint height, jint rotation, jobject upright) {
  (void)owner;
  failure failure = {0};
  facesdk_error error;
  const uint8_t *samples = bridge_memory(env, source, from, to, &failure);
  uint8_t *result = room_of(env, upright, width, height, &failure);
  if (samples != NULL && result != NULL) {
    const facesdk_plane plane = {samples, (size_t)(to - from), row_stride, pixel_stride};
    (void)check_status(&failure, facesdk_upright_rgb(&plane, height, width, rotation, result, &error), &error);
  }
  bridge_throw(env, &failure);
}

JNIEXPORT void JNICALL Java_org_facesdk_NativeFrame_fromNv21(JNIEnv *env, jclass owner, jbyteArray data, jint width,
                                                             jint height, jint rotation, jobject upright) {
  (void)owner;
  failure failure = {0};
  facesdk_error error;
  uint8_t *result = room_of(env, upright, width, height, &failure);
  const int64_t luma = (int64_t)width * height, half = 2 * (((int64_t)width + 1) / 2) * (((int64_t)height + 1) / 2);
  const int64_t size = (*env)->GetArrayLength(env, data);
  if (result != NULL && size < luma + half) {
    (void)fail(&failure, FAILURE_INPUT, "an NV21 frame of %d x %d pixels has %lld bytes, but got %lld", (int)width,
               (int)height, (long long)(luma + half), (long long)size);
  } else if (result != NULL) {
    jbyte *bytes = (*env)->GetByteArrayElements(env, data, NULL);
    if (bytes != NULL) {
      const uint8_t *samples = (const uint8_t *)bytes;
      const int32_t row = 2 * ((width + 1) / 2);
      const facesdk_plane planes[PLANES] = {{samples, (size_t)luma, width, 1},
                                            {samples + luma + 1, (size_t)half - 1, row, 2},
                                            {samples + luma, (size_t)half, row, 2}};
      (void)check_status(&failure, facesdk_upright_yuv420(planes, height, width, rotation, result, &error), &error);
      (*env)->ReleaseByteArrayElements(env, data, bytes, JNI_ABORT);
    }
  }
  bridge_throw(env, &failure);
}

JNIEXPORT void JNICALL Java_org_facesdk_NativeFrame_fromYuv420(JNIEnv *env, jclass owner, jobject y, jobject u,
                                                               jobject v, jintArray layout, jint width, jint height,
                                                               jint rotation, jobject upright) {
  (void)owner;
  failure failure = {0};
  facesdk_error error;
  jint numbers[LAYOUT * PLANES] = {0};
  (*env)->GetIntArrayRegion(env, layout, 0, LAYOUT * PLANES, numbers);
  if ((*env)->ExceptionCheck(env)) return;
  const jobject buffers[PLANES] = {y, u, v};
  facesdk_plane planes[PLANES];
  for (int i = 0; i < PLANES; ++i) {
    const jint *row = numbers + LAYOUT * i;
    planes[i] = (facesdk_plane){bridge_memory(env, buffers[i], row[0], row[1], &failure), (size_t)(row[1] - row[0]),
                                row[2], row[3]};
  }
  uint8_t *result = room_of(env, upright, width, height, &failure);
  if (failure.kind == FAILURE_NONE) {
    (void)check_status(&failure, facesdk_upright_yuv420(planes, height, width, rotation, result, &error), &error);
  }
  bridge_throw(env, &failure);
}
