/* A photo, its half, its quarter and so on, each made when it is first asked for. */
#ifndef FACESDK_FACE_HALVINGS_H_
#define FACESDK_FACE_HALVINGS_H_

#include "facesdk_face.h"

/* How many times as large as a picture, at least, what it is averaged from should be; facesdk/detection/halvings.py. */
#define FACESDK_OVERSAMPLING 4

/* The photo itself is images[0]; the others own their memory. */
typedef struct facesdk_halvings {
  facesdk_image images[FACESDK_MAX_HALVINGS + 1];
  int32_t made; /* beyond the photo */
} facesdk_halvings;

void facesdk_halvings_init(facesdk_halvings *halvings, const facesdk_image *photo);

/* The photo, halved so many times, 0 to FACESDK_MAX_HALVINGS. */
facesdk_status facesdk_halvings_get(facesdk_halvings *halvings, int32_t times, const facesdk_image **image,
                                    facesdk_error *error);

/* Frees what was made. */
void facesdk_halvings_free(facesdk_halvings *halvings);

/* How often a photo can be halved and still be at least as large as the photo at a scale: floor(-log2(scale)), 0 to
 * FACESDK_MAX_HALVINGS. */
int32_t facesdk_halvings_for(double scale);

#endif
