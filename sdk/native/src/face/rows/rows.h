/* The loops over pixels of warping and halving, which newer processors take in larger steps. All give the same bytes. */
#ifndef FACESDK_FACE_ROWS_ROWS_H_
#define FACESDK_FACE_ROWS_ROWS_H_

#include "facesdk_face.h"

typedef struct facesdk_rows {
  /* `count` pixels of a result. (column, row) is where the first lies in the image, in units of 2^-32 pixels with half of
   * 2^-14 added, and `steps` what each next one adds. For each, eight bytes from its pixel on can be read in two rows. */
  void (*warp)(const facesdk_image *image, int64_t column, int64_t row, const int64_t steps[2], uint8_t *result,
               int32_t count);
  /* `count` means of 2 x 2 pixels, of two rows of 2 * count pixels. */
  void (*halve)(const uint8_t *row, const uint8_t *other, uint8_t *result, int32_t count);
} facesdk_rows;

/* Coordinates have 32 fractional bits, weights 14: half of the latter's unit is added before it is cut. */
enum { FACESDK_POINT = 32, FACESDK_DROPPED = 18 };

extern const facesdk_rows facesdk_rows_everywhere;
#if defined(__x86_64__)
extern const facesdk_rows facesdk_rows_avx2;
#endif

/* The fastest of this processor, or those that FACESDK_OPS_ISA asks for: AVX2 with a path of AVX2 or AVX-512. */
const facesdk_rows *facesdk_rows_chosen(void);

#endif
