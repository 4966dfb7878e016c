/* Detection, alignment and embedding: the networks, and the face pipeline of facesdk_face.h around them. */
#ifndef FACESDK_ANDROID_ENGINE_H_
#define FACESDK_ANDROID_ENGINE_H_

#include "contract.h"
#include "facesdk_face.h"
#include "network.h"

enum {
  ENGINE_PNET,
  ENGINE_RNET,
  ENGINE_ONET,
  ENGINE_FINDER,
  ENGINE_RECOGNIZER,
  ENGINE_NETWORKS,
  ENGINE_NAME = 128,
  ENGINE_CROP_HEIGHT = 112
};

typedef struct engine engine;

/* Model files in the order above, and what messages call them. They are copied. Without a finder (no bytes) MTCNN's three
 * networks find the faces, with one it and O-Net. NULL after a failure. An engine is for one thread at a time. */
engine *engine_open(const model_bytes models[ENGINE_NETWORKS], const char *const names[ENGINE_NETWORKS],
                    int32_t min_face, int32_t threads, failure *failure);

void engine_close(engine *engine);

/* The recogniser's. */
const contract *engine_contract(const engine *engine);

/* Faces, to be released with facesdk_faces_destroy(); `max_faces` 0: all. */
bool engine_detect(engine *engine, const facesdk_image *photo, int32_t max_faces, facesdk_face **faces, size_t *count,
                   failure *failure);

/* Records networks and operators from now on, until engine_stop_recording(). Fails while another recording runs. */
bool engine_record(engine *engine, failure *failure);

/* What was recorded, to be released with recording_free(); NULL if nothing was being recorded. */
recording *engine_stop_recording(engine *engine);

/* Name of an operator of the recogniser, by its index in the file, for example "LceBconv2d". */
void engine_operator_name(const engine *engine, int32_t node, char name[MODEL_OPERATOR_NAME]);

/* A crop of ENGINE_CROP_HEIGHT rows and the contract's width. */
bool engine_align(const engine *engine, const facesdk_image *photo, const float landmarks[10], uint8_t *crop,
                  failure *failure);

/* A unit vector of the contract's length. */
bool engine_embed(engine *engine, const uint8_t *crop, float *vector, failure *failure);

#endif
