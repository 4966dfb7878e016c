/* Convolution in blocks: what all kernels but the reference share.
 *
 * One kernel call computes a *tile* of output pixels for a *block* of output channels, with all counts in registers. It
 * walks through the window in *units* of a few adjacent 32-bit words. Where a unit lies is looked up in a list of
 * offsets that is the same for every output pixel, so strides, dilation, filter sizes and groups are all one loop.
 *
 * That needs an input without borders: blocked.c copies the (small, bit-packed) input into an image with padding cells,
 * unless there is nothing to pad. For kernels that count with adders of bits the copy also has, beside each word, its
 * exclusive-or with the next ones, see `sums`.
 */
#ifndef FACESDK_KERNELS_BCONV2D_BLOCKED_H_
#define FACESDK_KERNELS_BCONV2D_BLOCKED_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/packing.h"
#include "kernels/bconv2d/bconv2d.h"

typedef struct facesdk_blocked facesdk_blocked;
typedef struct facesdk_zone facesdk_zone;

/* A kernel, and what it expects of the packed data. */
struct facesdk_bconv2d_kernel {
  size_t block; /* output channels per block: a multiple of 8 */
  size_t tile;  /* output pixels per tile */
  size_t unit;  /* words per unit, 1, 2 or 3 */

  /* 1, or as many as a unit has words: image and filters then hold for a unit of words a, b, c the sums a, a ^ b and
   * a ^ b ^ c. With differences d, e and f of these words between image and filter, d, d ^ e and d ^ e ^ f take one
   * operation each on the packed values, where adding d, e and f one by one takes more. */
  size_t sums;
  bool complemented; /* the filters' last sum of a unit is inverted */

  bool distances; /* it reads unit_distances and single_distances */

  /* With units of two: a run of an odd number of words, at least three, ends with a single of three words. */
  bool triples;

  /* Strips take a chain. Otherwise the results lie in memory before it, which takes fewer instructions where each tile's
   * counts are in memory anyway. */
  bool chains;

  /* Filter words of a unit: [channel / adjacent][word][channel % adjacent]. 0 for all channels of the block. */
  size_t adjacent;

  /* Output pixels [first, end) of one image, of one zone, for block `block` of all blocks of all groups. `residual` is
   * NULL or lies as the float output does. With a chain, the float output goes through it and is not written. */
  void (*strip)(const facesdk_bconv2d *op, const uint32_t *image, size_t block, const facesdk_zone *zone, size_t first,
                size_t end, const float *residual, const facesdk_chain *chain, char *output);
};

/* Rows of output pixels whose windows have the same rows of taps inside the input. Those outside are not computed: there
 * every bit of the input is clear, so that they add a constant to the count. */
struct facesdk_zone {
  size_t first_pixel, end_pixel;
  size_t first_unit, units, first_single, singles; /* of the window, those inside */
  int32_t *outside;                                /* [channels_out] the constants; NULL if all rows are inside */
};

/* What a kernel counts in each window: where its words are, and their filters. */
typedef struct facesdk_window_words {
  const uint32_t *unit_steps, *single_steps;
  const int32_t *unit_distances, *single_distances; /* bytes from each unit or single to the next one */
  const uint32_t *unit_filter, *single_filter;
  size_t units, singles;
  size_t single_words; /* 1, or 3 with `triples` */
} facesdk_window_words;

struct facesdk_blocked {
  size_t blocks; /* a group */
  size_t zone_count;
  facesdk_zone *zones;

  /* Offsets into the image: of each output pixel's window, and from there of each unit, then of each single, a word
   * that units leave over, or three with `triples`. A group's words are group_offset apart. */
  uint32_t *pixels, *steps;
  int32_t *distances; /* of the steps, in bytes; NULL if the kernel does not need them. An image has at most 1 GiB. */
  size_t pixel_count, units, singles, single_words, group_offset;

  /* [group][block], and in a block [unit][word of the unit][channel of the block], see `adjacent`, then
   * [single][word of the single][channel] */
  uint32_t *filter;
  size_t block_words;

  /* The copy of the input; NULL if kernels read the input itself. Input row 0 starts at image + image_start; `columns`
   * words of each of `rows` rows are copied. */
  uint32_t *image;
  size_t image_row, image_start, rows, columns;

  bool scattered_bits; /* blocks share bytes of bit output */
};

/* Whether the image stays small and its offsets fit. */
bool facesdk_blocked_is_practical(const facesdk_bconv2d *op);

/* Everything else in `op` is complete; false if memory ran out. */
bool facesdk_blocked_prepare(facesdk_bconv2d *op, const uint32_t *filter);
void facesdk_blocked_run(const facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                         const facesdk_chain *chain, void *output, int32_t threads);
void facesdk_blocked_release(facesdk_bconv2d *op);

/* Writes the low `count` bits as channels first..first+count-1 of a bit-packed pixel. */
static inline void facesdk_blocked_store_bits(const facesdk_bconv2d *op, uint32_t bits, size_t first, size_t count,
                                              uint8_t *pixel) {
  if (count < FACESDK_WORD_BITS) bits &= (1u << count) - 1;
  if (op->blocked->scattered_bits) {
    for (size_t i = 0; i < count; ++i, bits >>= 1) {
      pixel[(first + i) / 8] |= (uint8_t)((bits & 1) << ((first + i) % 8));
    }
    return;
  }
  for (size_t i = 0; i < count; i += 8, bits >>= 8) pixel[(first + i) / 8] = (uint8_t)bits;
}

#endif
