/* What the JNI functions have in common: exceptions, texts, memory of buffers. */
#ifndef FACESDK_ANDROID_BRIDGE_H_
#define FACESDK_ANDROID_BRIDGE_H_

#include <jni.h>
#include <stddef.h>

#include "failure.h"

/* Throws the exception of a failure, if there is one. */
void bridge_throw(JNIEnv *env, const failure *failure);

/* A Java string of UTF-8; characters beyond the basic plane become question marks. NULL with an exception pending if
 * memory ran out. */
jstring bridge_string(JNIEnv *env, const char *text);

/* The memory of a direct buffer from byte `from` to byte `to`; NULL, and a failure, if it has no such part. */
uint8_t *bridge_memory(JNIEnv *env, jobject buffer, jlong from, jlong to, failure *failure);

/* The whole memory of a direct buffer. */
uint8_t *bridge_buffer(JNIEnv *env, jobject buffer, size_t *size, failure *failure);

#endif
