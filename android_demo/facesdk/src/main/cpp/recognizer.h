/* Aligned crop to unit vector: the recognition network behind its contract. */
#ifndef FACESDK_ANDROID_RECOGNIZER_H_
#define FACESDK_ANDROID_RECOGNIZER_H_

#include "contract.h"
#include "network.h"

typedef struct recognizer {
  network network;
  network_run *run;
  int32_t input_type, output_type; /* RUNTIME_FLOAT32 or an integer */
  runtime_quantization given, returned;
} recognizer;

/* Loads the network; it must not move in memory until it is closed, also after a failure. */
bool recognizer_open(recognizer *recognizer, const runtime *lite, const contract *contract, model_bytes file,
                     const char *name, int32_t threads, failure *failure);

/* Embeds a crop of 112 rows and the template's width, RGB. With flip-concatenation the vector of the crop is followed by
 * that of its mirror image before the whole is brought to length 1; the contract's direction is taken out of that. */
bool recognizer_embed(recognizer *recognizer, const contract *contract, const uint8_t *crop, float *vector,
                      failure *failure);

void recognizer_close(recognizer *recognizer);

#endif
