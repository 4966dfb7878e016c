#include "bridge.h"

#include <stdlib.h>
#include <string.h>

static const char *const EXCEPTIONS[] = {
    [FAILURE_INPUT] = "org/facesdk/InputException",
    [FAILURE_MODEL] = "org/facesdk/ModelException",
    [FAILURE_CONTRACT] = "org/facesdk/ContractException",
    [FAILURE_RUNTIME] = "org/facesdk/RuntimeUnavailableException",
    [FAILURE_OPERATORS] = "org/facesdk/OperatorLibraryException",
    [FAILURE_MEMORY] = "java/lang/OutOfMemoryError",
};

/* Bytes of a UTF-8 sequence by its first one; 0 where none starts. */
static size_t sequence(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Copies what JNI's own form of UTF-8 has too; whatever else becomes a question mark. */
static void copy_text(char *to, const char *text) {
  while (*text != 0) {
    const size_t length = sequence((unsigned char)*text);
    size_t there = 1;
    while (there < length && ((unsigned char)text[there] & 0xc0) == 0x80) ++there;
    if (length >= 1 && length <= 3 && there == length) {
      memcpy(to, text, length);
      to += length;
    } else {
      *to++ = '?';
    }
    text += there;
  }
  *to = 0;
}

void bridge_throw(JNIEnv *env, const failure *failure) {
  if (failure->kind == FAILURE_NONE || (*env)->ExceptionCheck(env)) return;
  char message[FAILURE_LENGTH];
  copy_text(message, failure->message);
  const jclass type = (*env)->FindClass(env, EXCEPTIONS[failure->kind]);
  if (type != NULL) (void)(*env)->ThrowNew(env, type, message);
}

jstring bridge_string(JNIEnv *env, const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (copy == NULL) {
    const failure none = {FAILURE_MEMORY, "no memory for a text"};
    bridge_throw(env, &none);
    return NULL;
  }
  copy_text(copy, text);
  const jstring result = (*env)->NewStringUTF(env, copy);
  free(copy);
  return result;
}

uint8_t *bridge_buffer(JNIEnv *env, jobject buffer, size_t *size, failure *failure) {
  uint8_t *memory = buffer != NULL ? (*env)->GetDirectBufferAddress(env, buffer) : NULL;
  if (memory == NULL) {
    (void)fail(failure, FAILURE_INPUT, "a buffer must be direct: make it with ByteBuffer.allocateDirect");
    return NULL;
  }
  *size = (size_t)(*env)->GetDirectBufferCapacity(env, buffer);
  return memory;
}

uint8_t *bridge_memory(JNIEnv *env, jobject buffer, jlong from, jlong to, failure *failure) {
  size_t size = 0;
  uint8_t *memory = bridge_buffer(env, buffer, &size, failure);
  if (memory == NULL) return NULL;
  if (from < 0 || to < from || (uint64_t)to > size) {
    (void)fail(failure, FAILURE_INPUT, "a buffer of %zu bytes has no part from %lld to %lld", size, (long long)from,
               (long long)to);
    return NULL;
  }
  return memory + from;
}
