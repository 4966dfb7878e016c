/* What a model file says about itself (docs/use/model-files.md): the fields that are needed to use it. */
#ifndef FACESDK_ANDROID_CONTRACT_H_
#define FACESDK_ANDROID_CONTRACT_H_

#include "json.h"
#include "model_file.h"

enum { CONTRACT_THRESHOLDS = 32 };

typedef struct contract_threshold {
  double fmr, similarity, fnmr, positive_pairs, negative_pairs;
} contract_threshold;

/* Texts lie in the document. */
typedef struct contract {
  json_document document;
  const char *name, *task, *architecture, *variant, *license, *thresholds_source, *training_data;
  const char *template_name;              /* recognition; else NULL */
  int32_t dim, template_width;            /* recognition; else 0 */
  double original_bytes;                  /* the file before it was given this contract; 0: the file itself */
  double original_offset, offset_at;      /* what it has at the position of the contract's offset */
  bool bgr, flip_concatenation;
  const json_value *removed_direction;    /* numbers to take out of an embedding, in the document; NULL: none */
  double removed_scale;                   /* 1 / the greatest of them, at most 1e300 */
  float mean, scale;
  float full_norm;                        /* of the output for a clear face, or more; 0: every embedding has norm 1 */
  int32_t thresholds_pixels;              /* version of the pixel functions that cut their crops; 0: the crops were given */
  int32_t threshold_count;
  contract_threshold thresholds[CONTRACT_THRESHOLDS];
} contract;

/* Reads and checks the contract in a model file. Released with contract_free(), also after a failure. */
bool contract_read(contract *contract, model_bytes file, const char *name, failure *failure);

/* Fails unless it is the contract of a recognition model. */
bool contract_recognizes(const contract *contract, const char *name, failure *failure);

void contract_free(contract *contract);

#endif
