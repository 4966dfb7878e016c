/* org.facesdk.NativeEngine */
#include <stdlib.h>

#include "bridge.h"
#include "engine.h"
#include "quality.h"
#include "selection.h"

enum { FACE_VALUES = 15, CROP_CHANNELS = 3 };

static engine *of(jlong handle) { return (engine *)(intptr_t)handle; }

/* No bytes of no buffer. */
static bool model_of(JNIEnv *env, jobject buffer, model_bytes *model, failure *failure) {
  *model = (model_bytes){NULL, 0};
  if (buffer == NULL) return true;
  model->start = bridge_buffer(env, buffer, &model->size, failure);
  return model->start != NULL;
}

JNIEXPORT jlong JNICALL Java_org_facesdk_NativeEngine_open(JNIEnv *env, jclass owner, jobjectArray detector,
                                                           jobject recognizer, jobjectArray names, jint min_face,
                                                           jint threads) {
  (void)owner;
  failure failure = {0};
  model_bytes models[ENGINE_NETWORKS];
  jstring strings[ENGINE_NETWORKS] = {NULL};
  const char *texts[ENGINE_NETWORKS] = {NULL};
  bool ready = model_of(env, recognizer, &models[ENGINE_RECOGNIZER], &failure);
  for (jsize i = 0; i < ENGINE_RECOGNIZER && ready; ++i) {
    ready = model_of(env, (*env)->GetObjectArrayElement(env, detector, i), &models[i], &failure);
  }
  for (jsize i = 0; i < ENGINE_NETWORKS && ready; ++i) {
    if (models[i].start == NULL) continue;
    strings[i] = (*env)->GetObjectArrayElement(env, names, i);
    texts[i] = strings[i] != NULL ? (*env)->GetStringUTFChars(env, strings[i], NULL) : NULL;
    ready = texts[i] != NULL || fail(&failure, FAILURE_INPUT, "a model has no name");
  }
  engine *made = ready ? engine_open(models, texts, min_face, threads, &failure) : NULL;
  for (int i = 0; i < ENGINE_NETWORKS; ++i) {
    if (texts[i] != NULL) (*env)->ReleaseStringUTFChars(env, strings[i], texts[i]);
  }
  bridge_throw(env, &failure);
  return (jlong)(intptr_t)made;
}

JNIEXPORT void JNICALL Java_org_facesdk_NativeEngine_close(JNIEnv *env, jclass owner, jlong handle) {
  (void)env;
  (void)owner;
  engine_close(of(handle));
}

JNIEXPORT jobjectArray JNICALL Java_org_facesdk_NativeEngine_texts(JNIEnv *env, jclass owner, jlong handle) {
  (void)owner;
  const contract *said = engine_contract(of(handle));
  const char *const texts[] = {said->name,    said->architecture,      said->variant,      said->template_name,
                               said->license, said->thresholds_source, said->training_data};
  const jsize count = sizeof texts / sizeof *texts;
  const jclass type = (*env)->FindClass(env, "java/lang/String");
  const jobjectArray result = type != NULL ? (*env)->NewObjectArray(env, count, type, NULL) : NULL;
  for (jsize i = 0; i < count && result != NULL; ++i) {
    const jstring text = bridge_string(env, texts[i]);
    if (text == NULL) return NULL;
    (*env)->SetObjectArrayElement(env, result, i, text);
    (*env)->DeleteLocalRef(env, text);
  }
  return result;
}

JNIEXPORT jdoubleArray JNICALL Java_org_facesdk_NativeEngine_numbers(JNIEnv *env, jclass owner, jlong handle) {
  (void)owner;
  const contract *said = engine_contract(of(handle));
  const jsize columns = sizeof(contract_threshold) / sizeof(jdouble);
  const jdouble first[] = {said->dim,  said->template_width, ENGINE_CROP_HEIGHT, said->original_bytes, said->offset_at,
                           said->original_offset, said->thresholds_pixels, facesdk_pixels_version()};
  const jsize leading = sizeof first / sizeof *first, rest = columns * said->threshold_count;
  const jdoubleArray result = (*env)->NewDoubleArray(env, leading + rest);
  if (result == NULL) return NULL;
  (*env)->SetDoubleArrayRegion(env, result, 0, leading, first);
  (*env)->SetDoubleArrayRegion(env, result, leading, rest, &said->thresholds[0].fmr);
  return result;
}

/* An upright picture in a direct buffer. */
static bool photo_of(JNIEnv *env, jobject pixels, jint width, jint height, facesdk_image *photo, failure *failure) {
  size_t size = 0;
  const uint8_t *memory = bridge_buffer(env, pixels, &size, failure);
  if (memory == NULL) return false;
  if (width < 1 || height < 1 || size / CROP_CHANNELS / (size_t)width < (size_t)height) {
    return fail(failure, FAILURE_INPUT, "a buffer of %zu bytes is too small for %d x %d pixels", size, (int)width,
                (int)height);
  }
  *photo = (facesdk_image){memory, height, width, (ptrdiff_t)CROP_CHANNELS * width};
  return true;
}

static void face_to_java(const facesdk_face *face, jfloat row[FACE_VALUES]) {
  for (int k = 0; k < 4; ++k) row[k] = face->box[k];
  row[4] = (jfloat)face->score;
  for (int k = 0; k < 10; ++k) row[5 + k] = face->landmarks[k];
}

static jfloatArray faces_to_java(JNIEnv *env, const facesdk_face *faces, size_t count) {
  const jfloatArray result = (*env)->NewFloatArray(env, (jsize)(count * FACE_VALUES));
  for (size_t i = 0; i < count && result != NULL; ++i) {
    jfloat row[FACE_VALUES];
    face_to_java(&faces[i], row);
    (*env)->SetFloatArrayRegion(env, result, (jsize)(i * FACE_VALUES), FACE_VALUES, row);
  }
  return result;
}

JNIEXPORT jfloatArray JNICALL Java_org_facesdk_NativeEngine_detect(JNIEnv *env, jclass owner, jlong handle,
                                                                   jobject pixels, jint width, jint height,
                                                                   jint max_faces) {
  (void)owner;
  failure failure = {0};
  facesdk_image photo;
  facesdk_face *faces = NULL;
  size_t count = 0;
  jfloatArray result = NULL;
  if (photo_of(env, pixels, width, height, &photo, &failure) &&
      selection_find(of(handle), &photo, max_faces, &faces, &count, &failure)) {
    result = faces_to_java(env, faces, count);
  }
  facesdk_faces_destroy(faces);
  bridge_throw(env, &failure);
  return result;
}

JNIEXPORT jbyteArray JNICALL Java_org_facesdk_NativeEngine_align(JNIEnv *env, jclass owner, jlong handle,
                                                                 jobject pixels, jint width, jint height,
                                                                 jfloatArray landmarks) {
  (void)owner;
  failure failure = {0};
  facesdk_image photo;
  jfloat points[10] = {0};
  uint8_t crop[CROP_CHANNELS * ENGINE_CROP_HEIGHT * ENGINE_CROP_HEIGHT];
  jbyteArray result = NULL;
  if (photo_of(env, pixels, width, height, &photo, &failure)) {
    (*env)->GetFloatArrayRegion(env, landmarks, 0, 10, points);
    if (!(*env)->ExceptionCheck(env) && engine_align(of(handle), &photo, points, crop, &failure)) {
      const jsize size = CROP_CHANNELS * ENGINE_CROP_HEIGHT * engine_contract(of(handle))->template_width;
      result = (*env)->NewByteArray(env, size);
      if (result != NULL) (*env)->SetByteArrayRegion(env, result, 0, size, (const jbyte *)crop);
    }
  }
  bridge_throw(env, &failure);
  return result;
}

JNIEXPORT jfloatArray JNICALL Java_org_facesdk_NativeEngine_embed(JNIEnv *env, jclass owner, jlong handle,
                                                                  jbyteArray crop) {
  (void)owner;
  failure failure = {0};
  uint8_t pixels[CROP_CHANNELS * ENGINE_CROP_HEIGHT * ENGINE_CROP_HEIGHT];
  const contract *said = engine_contract(of(handle));
  const jsize size = CROP_CHANNELS * ENGINE_CROP_HEIGHT * said->template_width;
  float *vector = calloc((size_t)said->dim, sizeof *vector);
  jfloatArray result = NULL;
  if (vector == NULL) {
    (void)fail(&failure, FAILURE_MEMORY, "no memory for an embedding");
  } else if ((*env)->GetArrayLength(env, crop) != size) {
    (void)fail(&failure, FAILURE_INPUT, "a crop must have %d bytes, but got %d", (int)size,
               (int)(*env)->GetArrayLength(env, crop));
  } else {
    (*env)->GetByteArrayRegion(env, crop, 0, size, (jbyte *)pixels);
    if (engine_embed(of(handle), pixels, vector, &failure)) {
      result = (*env)->NewFloatArray(env, said->dim);
      if (result != NULL) (*env)->SetFloatArrayRegion(env, result, 0, said->dim, vector);
    }
  }
  free(vector);
  bridge_throw(env, &failure);
  return result;
}

/* Writes the score and the measures into `numbers`; returns `leading` texts, of which the caller fills the first, then the
 * reasons. */
static jobjectArray quality_to_java(JNIEnv *env, const quality *from, jsize leading, jdoubleArray numbers) {
  (*env)->SetDoubleArrayRegion(env, numbers, 0, 1, &from->score);
  (*env)->SetDoubleArrayRegion(env, numbers, 1, QUALITY_MEASURES, from->measures);
  const jclass type = (*env)->FindClass(env, "java/lang/String");
  const jobjectArray result =
      type != NULL ? (*env)->NewObjectArray(env, leading + from->reason_count, type, NULL) : NULL;
  for (int i = 0; i < from->reason_count && result != NULL; ++i) {
    const jstring text = bridge_string(env, from->reasons[i]);
    if (text == NULL) return NULL;
    (*env)->SetObjectArrayElement(env, result, leading + i, text);
    (*env)->DeleteLocalRef(env, text);
  }
  return result;
}

JNIEXPORT jobjectArray JNICALL Java_org_facesdk_NativeEngine_quality(JNIEnv *env, jclass owner, jobject pixels,
                                                                     jint width, jint height, jfloatArray landmarks,
                                                                     jdouble score, jdoubleArray numbers) {
  (void)owner;
  failure failure = {0};
  facesdk_image photo;
  jfloat points[10] = {0};
  quality found;
  (*env)->GetFloatArrayRegion(env, landmarks, 0, 10, points);
  if ((*env)->ExceptionCheck(env) || !photo_of(env, pixels, width, height, &photo, &failure) ||
      !quality_assess(&found, &photo, points, score, &failure)) {
    bridge_throw(env, &failure);
    return NULL;
  }
  return quality_to_java(env, &found, 0, numbers);
}

JNIEXPORT jobjectArray JNICALL Java_org_facesdk_NativeEngine_choose(JNIEnv *env, jclass owner, jlong handle,
                                                                    jobject pixels, jint width, jint height,
                                                                    jfloatArray face, jdoubleArray numbers) {
  (void)owner;
  failure failure = {0};
  facesdk_image photo;
  selection chosen;
  bool found = false;
  if (!photo_of(env, pixels, width, height, &photo, &failure) ||
      !selection_pick(of(handle), &photo, &chosen, &found, &failure) || !found) {
    bridge_throw(env, &failure);
    return NULL;
  }
  jfloat row[FACE_VALUES];
  face_to_java(&chosen.face, row);
  (*env)->SetFloatArrayRegion(env, face, 0, FACE_VALUES, row);
  const jobjectArray result = quality_to_java(env, &chosen.quality, 1, numbers);
  const jstring reason = result != NULL ? bridge_string(env, chosen.reason) : NULL;
  if (reason == NULL) return NULL;
  (*env)->SetObjectArrayElement(env, result, 0, reason);
  return result;
}
