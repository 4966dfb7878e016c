/* One detection: the photo, the networks, and what both are needed for. */
#ifndef FACESDK_FACE_MTCNN_SEARCH_H_
#define FACESDK_FACE_MTCNN_SEARCH_H_

#include "face/halvings.h"
#include "face/mtcnn/candidates.h"

/* What lies outside a photo: the grey that the networks' normalisation makes zero. */
#define FACESDK_MTCNN_BLANK 127

typedef struct facesdk_search {
  const facesdk_mtcnn_networks *networks;
  facesdk_halvings photo;
} facesdk_search;

/* Runs a network and checks how many numbers it gives. */
facesdk_status facesdk_search_run(const facesdk_search *search, facesdk_mtcnn_network network, const uint8_t *pixels,
                                  int32_t count, int32_t height, int32_t width, size_t value_count,
                                  const float **values, facesdk_error *error);

/* P-Net on one level of the pyramid: adds the windows that may hold a face, as they lie in the photo. */
facesdk_status facesdk_search_level(facesdk_search *search, double scale, facesdk_candidates *found,
                                    facesdk_error *error);

/* R-Net or O-Net on squares of `side` pixels that are cut out of the photo: adds to `passed` the boxes whose logit is at
 * least `logit`, as they were cut, with the network's output. */
facesdk_status facesdk_search_classify(facesdk_search *search, facesdk_mtcnn_network network, int32_t side,
                                       float logit, const facesdk_candidates *boxes, facesdk_candidates *passed,
                                       facesdk_error *error);

/* Least logit of a face for P-Net (0.6), and for R-Net and O-Net (0.7), and of a doubtful one (0.3): log(p / (1 - p)). */
#define FACESDK_LOGIT_30 ((float)-0.8472978603872037)
#define FACESDK_LOGIT_60 ((float)0.4054651081081642)
#define FACESDK_LOGIT_70 ((float)0.8472978603872034)

#endif
