/* AVX-512 with VNNI: one instruction multiplies and adds four bytes in each lane. */
#include "base/vectors_avx512.inc"

#define VECTORS 2
#define TILE 12
#define FLOATS 0
#define STEPS 16
#define PANEL_BYTES (32 * LANES * VECTORS)
#include "kernels/binary_conv2d/strip.inc"
#include "kernels/binary_conv2d/bytes.inc"
#include "kernels/binary_conv2d/dot4.inc"

INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]) {
  const char *panel = weights;
  for (; count > 0; --count, ++steps) {
    ROLLED for (size_t n = 0; n < GROUPS; ++n, panel += GROUP_BYTES) {
      UNROLL for (size_t i = 0; i < tile; ++i) {
        const __m512i values = (__m512i)load_group(pixel[i] + *steps + 4 * n);
        UNROLL for (size_t v = 0; v < VECTORS; ++v) {
          const __m512i signs = (__m512i)load(panel + v * LANES * 4);
          sums[i][v] = (sum)_mm512_dpbusd_epi32((__m512i)sums[i][v], values, signs);
        }
      }
    }
  }
}

BYTES_KERNEL(avx512vnni, arrange);
