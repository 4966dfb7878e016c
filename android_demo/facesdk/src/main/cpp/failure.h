/* Why something did not work, for one Java exception. */
#ifndef FACESDK_ANDROID_FAILURE_H_
#define FACESDK_ANDROID_FAILURE_H_

#include <stdbool.h>

#include "facesdk_ops.h"

/* Each is an exception of org.facesdk; jni.c has their names. */
typedef enum failure_kind {
  FAILURE_NONE = 0,
  FAILURE_INPUT,
  FAILURE_MODEL,
  FAILURE_CONTRACT,
  FAILURE_RUNTIME,
  FAILURE_OPERATORS,
  FAILURE_MEMORY,
} failure_kind;

enum { FAILURE_LENGTH = 768 };

typedef struct failure {
  failure_kind kind;
  char message[FAILURE_LENGTH]; /* UTF-8, one line */
} failure;

/* Notes the first failure and returns false; later ones are consequences. */
__attribute__((format(printf, 3, 4))) bool fail(failure *failure, failure_kind kind, const char *format, ...);

/* The failure of a function of facesdk_face.h, unless one was noted already. True if `status` is FACESDK_OK. */
bool check_status(failure *failure, facesdk_status status, const facesdk_error *error);

#endif
