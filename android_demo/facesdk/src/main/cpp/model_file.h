/* What is read of a .tflite file before a runtime sees it: that it is one, and the contract that it carries. */
#ifndef FACESDK_ANDROID_MODEL_FILE_H_
#define FACESDK_ANDROID_MODEL_FILE_H_

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

typedef struct model_bytes {
  const uint8_t *start;
  size_t size;
} model_bytes;

/* The buffer named facesdk.json in the file's metadata, and the position of the four bytes that say where it is. Fails if the file is no TFLite model, if it is truncated (a buffer
 * ends beyond it), or if it carries no contract. Who may run a file is not decided here: one that somebody made in order
 * to harm needs `facesdk inspect` on a computer, or no trust. */
bool model_contract(model_bytes file, const char *name, model_bytes *contract, size_t *offset_at,
                    failure *failure);

enum { MODEL_OPERATOR_NAME = 48 };

/* Name of an operator of the main graph, as Python's profiles write it; "operator N" where the file does not say it. */
void model_operator_name(model_bytes file, int32_t number, char name[MODEL_OPERATOR_NAME]);

#endif
