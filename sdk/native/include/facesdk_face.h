/* facesdk_face: the face pipeline but for its networks, in plain C: frames, pixels, the cascade of MTCNN, alignment.
 *
 * Every function on pictures gives the same bytes on every processor and with every compiler: no float takes part. The
 * formulas below are the definition; tests hold the code to them, written again in NumPy. Boxes and landmarks are float64
 * and rounded once, in the order in which Python computes them.
 *
 * Pictures
 *   Three bytes for each pixel, side by side (RGB or BGR; only facesdk_grey() asks which). Results are written without
 *   gaps between rows. A result must not overlap its source.
 *
 * Weighing
 *   Resizing and warping weigh pixels along one axis and then along the other. The weights of each axis are integers that
 *   sum to 2^14. Between the axes a value has 7 fractional bits:
 *
 *     between = (sum of weight * byte + 2^6) >> 7          result = (sum of weight * between + 2^20) >> 21
 *
 *   so that a result is rounded to the nearest integer, and a picture of one colour keeps it.
 *
 * Errors are those of facesdk_ops.h: a facesdk_status, and one line of text in `error` if that is not NULL.
 */
#ifndef FACESDK_FACE_H_
#define FACESDK_FACE_H_

#include "facesdk_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a function below may give another byte than before: embeddings of a photo may then differ. */
#define FACESDK_PIXELS_VERSION 1

/* Limits: sides of pictures (a picture has at most FACESDK_MAX_TENSOR_BYTES, too), how far the edges of a region may lie from
 * the photo's first pixel, sides of what facesdk_warp() makes, and how often a photo was halved. */
#define FACESDK_MAX_SIDE (1 << 20)
#define FACESDK_MAX_REACH (1 << 21)
#define FACESDK_MAX_WARPED_SIDE (1 << 16)
#define FACESDK_MAX_HALVINGS 20

/* A picture that is read. `row_bytes` is the distance between the starts of two rows; it may be negative or 0. */
typedef struct facesdk_image {
  const uint8_t *pixels;
  int32_t height, width;
  ptrdiff_t row_bytes;
} facesdk_image;

/* A part of a photo, in pixels of the photo; it may reach beyond the photo, or lie beside it. The image that it is read
 * from is the photo halved `halvings` times (facesdk_halve()): its pixel i is the photo's pixels i * 2^halvings to
 * (i + 1) * 2^halvings. */
typedef struct facesdk_region {
  int32_t left, top, width, height, halvings;
} facesdk_region;

typedef enum facesdk_border {
  FACESDK_BORDER_FILL = 0, /* every byte outside is `fill` */
  FACESDK_BORDER_EDGE = 1, /* the nearest pixel of the picture is repeated */
} facesdk_border;

/* FACESDK_PIXELS_VERSION of the compiled library. */
FACESDK_OPS_API int32_t facesdk_pixels_version(void);

/* The mean of the area that each pixel of the result covers, whether it shrinks or enlarges.
 *
 * Along an axis let the region begin at b, N long, and let n pixels result. Pixel x covers [b + x N / n, b + (x + 1) N / n)
 * of the photo. Let u(i) be how much of it ends before the end of image pixel i, between 0 and N / n. Pixel i has the weight
 * c(i) - c(i - 1) with c(i) = floor(2^14 n u(i) / N + 1/2). Rows are weighed first.
 *
 * `region` NULL is the whole image. What lies outside the image is `fill` in all channels. */
FACESDK_OPS_API facesdk_status facesdk_resize_area(const facesdk_image *image, const facesdk_region *region,
                                                   uint8_t fill, uint8_t *result, int32_t height, int32_t width,
                                                   facesdk_error *error);

/* facesdk_resize_area() of `count` parts of one photo, each to `side` x `side` pixels, one after the other. `regions` must
 * have one value of `halvings`. */
FACESDK_OPS_API facesdk_status facesdk_cut_windows(const facesdk_image *image, const facesdk_region *regions,
                                                   size_t count, uint8_t fill, uint8_t *result, int32_t side,
                                                   facesdk_error *error);

/* Interpolates between the centres of the nearest pixels; border pixels are repeated.
 *
 * Along an axis of N pixels that n result from, pixel x has its centre at p = (x + 1/2) N / n - 1/2. Let i = floor(p) and
 * f = floor(2^14 (p - i) + 1/2): pixel i has the weight 2^14 - f and the next one f. Rows are weighed first. */
FACESDK_OPS_API facesdk_status facesdk_resize_bilinear(const facesdk_image *image, uint8_t *result, int32_t height,
                                                       int32_t width, facesdk_error *error);

/* Half of a picture: (sum of 2 x 2 bytes + 2) >> 2. A last odd row or column is repeated: the result has
 * ceil(height / 2) x ceil(width / 2) pixels. */
FACESDK_OPS_API facesdk_status facesdk_halve(const facesdk_image *image, uint8_t *result, facesdk_error *error);

/* An affine transform, interpolated between the nearest four pixels; what lies outside the picture is `fill`.
 *
 * `matrix` says where the result's pixel (x, y) lies in the picture, in units of 2^-32 pixels:
 *
 *     column = m[0] x + m[1] y + m[2]        row = m[3] x + m[4] y + m[5]
 *
 * Both are rounded to 2^-14 pixels (half up). With i the integer part of a coordinate and f its fraction in units of 2^-14,
 * pixel i has the weight 2^14 - f and the next one f. Columns are weighed first. m[2] and m[5] must be within 2^58, the
 * others within 2^44. */
FACESDK_OPS_API facesdk_status facesdk_warp(const facesdk_image *image, const int64_t matrix[6], uint8_t fill,
                                            uint8_t *result, int32_t height, int32_t width, facesdk_error *error);

/* One byte for each pixel of an RGB picture: its luma (9798 R + 19235 G + 3735 B + 2^14) >> 15, the weights of
 * ITU-R BT.601. */
FACESDK_OPS_API facesdk_status facesdk_grey(const facesdk_image *image, uint8_t *result, facesdk_error *error);

/* The first and the third channel exchanged: RGB from BGR, or the other way. */
FACESDK_OPS_API facesdk_status facesdk_swap_channels(const facesdk_image *image, uint8_t *result,
                                                     facesdk_error *error);

/* The picture with so many more pixels on each side, at least 0. `fill` is not read for FACESDK_BORDER_EDGE. */
FACESDK_OPS_API facesdk_status facesdk_pad(const facesdk_image *image, int32_t top, int32_t bottom, int32_t left,
                                           int32_t right, facesdk_border border, uint8_t fill, uint8_t *result,
                                           facesdk_error *error);

/* What tells a good crop of a face from a bad one: of the luma (facesdk_grey()) of its face region, which is rows 24 to 103
 * and columns 24 to 87 of the 112x112 crop. */
#define FACESDK_CROP_SIDE 112

typedef struct facesdk_crop_measures {
  int32_t brightness;   /* mean, in levels / 256, rounded down */
  int32_t contrast;     /* standard deviation, in levels / 256, rounded down */
  int32_t noise;        /* standard deviation of the noise, in levels / 256: see below */
  int32_t detail;       /* mean detail along the lines with least of it, in levels / 256: see below */
  int32_t eye_detail;   /* mean detail, in levels / 256, of rows 47 to 56 and columns 32 to 44 or 67 to 79, whichever has more */
  int32_t mouth_detail; /* the same of rows 84 to 99 and columns 42 to 70 */
  int32_t dark, bright; /* share of pixels of at most 16 levels, and of at least 247, in 2^-16, rounded down */
  int32_t pattern;      /* power of the strongest wave by that of others like it, in 1/16, rounded down: see below */
} facesdk_crop_measures;

/* Measures an aligned crop of 112x112 RGB pixels (the template arcface-112x112).
 *
 * Detail at a pixel is what a blur by a few pixels takes away: |49 a - 9 b| / 441 with a the sum of the 3x3 pixels around it
 * and b that of 7x7. Its mean is (256 sum) / (441 pixels), rounded down. Along a line it is |7 a - 3 b| / 21 with a the
 * sum of three pixels of the line and b that of seven, from one to the next (rows, columns) = (0, 1), (1, 0), (1, 1) or
 * (1, -1); its mean is (256 sum) / (21 pixels). A face that moves while it is exposed has little detail along its way, and
 * as much as ever across it.
 *
 * Noise is read off where the picture is smooth. The mask [1 -2 1; -2 4 -2; 1 -2 1] has no answer to planes and edges along
 * the axes, and one with 6 times the noise's deviation to noise (J. Immerkaer, "Fast noise variance estimation", Computer
 * Vision and Image Understanding 64(2), 1996); the median of its absolute value is 0.6745 times that. So with m this median
 * (the smallest value that half of the pixels do not exceed) noise is (16194 m) >> 8.
 *
 * A pattern (stripes, a net, print, another screen) is one wave that is stronger than others like it: a cell-averaging
 * detector of a constant false alarm rate (H. Finn and R. Johnson, RCA Review 29, 1968) on a periodogram. Of the 64x64 pixels
 * from row 32 and column 24 on, with m their mean, rounded down, C(n) = 1024 cos(2 pi n / 64), rounded, S(n) = C(n - 16) and
 * the window h(n) = (1024 - C(n)) >> 4, x(r, c) = ((luma - m) h(r) h(c)) >> 10. Down the columns
 *
 *     E(v, c) = (sum over r of C(v r) x(r, c)) >> 12     O(v, c) = (sum over r of S(v r) x(r, c)) >> 12
 *
 * and along the rows, which gives v waves down and u waves across the power P(v, u) = R^2 + I^2,
 *
 *     R = (sum over c of C(u c) E(v, c) - S(u c) O(v, c)) >> 8     I = (sum over c of C(u c) O(v, c) + S(u c) E(v, c)) >> 8
 *
 * for v from 0 to 32, and u from 0 to 32 where v is 0 or 32; P(-v, -u) = P(v, u), and both go round at 64. Each wave with
 * 5^2 <= v^2 + u^2 <= 31^2 is set against the 72 that are at most 4 away in both v and u, but more than 1 in one: with A
 * their sum it is 16 * 72 P / (A + 72 * 512000); the largest counts. */
FACESDK_OPS_API facesdk_status facesdk_measure_crop(const facesdk_image *crop, facesdk_crop_measures *measures,
                                                    facesdk_error *error);

/* ---- camera frames ---------------------------------------------------------------------------------------------- */

/* Samples of a camera's picture: sample x of row y is at `samples[y * row_bytes + x * sample_bytes]`. Nothing is read at
 * `samples + bytes` or after it. Rows must not overlap. */
typedef struct facesdk_plane {
  const uint8_t *samples;
  size_t bytes;
  int32_t row_bytes, sample_bytes;
} facesdk_plane;

/* An upright RGB picture of one whose pixels are red, green and blue bytes in the first three of `sample_bytes` (3 or
 * more). `height` and `width` are those of the plane; `rotation` is by how many degrees it is turned clockwise: 0, 90, 180
 * or 270. The result has width x height pixels after 90 and 270 degrees, else height x width. */
FACESDK_OPS_API facesdk_status facesdk_upright_rgb(const facesdk_plane *plane, int32_t height, int32_t width,
                                                   int32_t rotation, uint8_t *result, facesdk_error *error);

/* The same of a luma plane and two chroma planes (U and V) with ceil(height / 2) x ceil(width / 2) samples, each of which
 * counts for 2 x 2 pixels. Full range, ITU-R BT.601, as JFIF and Android's YUV_420_888 have it: with u = U - 128,
 * v = V - 128, and results below 0 or above 255 cut,
 *
 *     R = Y + ((91881 v + 2^15) >> 16)     G = Y - ((22554 u + 46802 v + 2^15) >> 16)     B = Y + ((116130 u + 2^15) >> 16)
 *
 * NV21 is such a picture: V begins after the luma, U one byte later, both with sample_bytes 2. */
FACESDK_OPS_API facesdk_status facesdk_upright_yuv420(const facesdk_plane planes[3], int32_t height, int32_t width,
                                                      int32_t rotation, uint8_t *result, facesdk_error *error);

/* ---- faces ------------------------------------------------------------------------------------------------------ */

/* A face in pixels of the photo: left, top, right and bottom edge, and x and y of both eyes, the tip of the nose and both
 * corners of the mouth, each from left to right as seen in the photo. */
typedef struct facesdk_face {
  double score; /* 0 to 1 */
  float box[4];
  float landmarks[10];
} facesdk_face;

/* Cuts a face out so that its landmarks meet the template "arcface-112x112" (`width` 112), or its columns 8 to 103
 * (`width` 96): the least-squares similarity (Umeyama 1991), then facesdk_warp() with `fill` 0. `result` has 112 rows. */
FACESDK_OPS_API facesdk_status facesdk_align(const facesdk_image *photo, const float landmarks[10], int32_t width,
                                             uint8_t *result, facesdk_error *error);

/* Greedy non-maximum suppression: from the best score down (of equal ones, from the first on) a box is kept unless it
 * overlaps with a kept one by more than `threshold`: the common area by that of the union, or by the smaller area if
 * `of_smaller` is not 0. `boxes` [count, 4] are left, top, right, bottom; `kept` has room for `count` indices, of which
 * *kept_count are written, best first. Scores must not be NaN. */
FACESDK_OPS_API facesdk_status facesdk_suppress(const double *boxes, const double *scores, size_t count,
                                                double threshold, int32_t of_smaller, size_t *kept, size_t *kept_count,
                                                facesdk_error *error);

/* ---- MTCNN ------------------------------------------------------------------------------------------------------ */

typedef enum facesdk_mtcnn_network {
  FACESDK_PNET = 0, /* any height and width from 12 on; [1, (height - 12) / 2 + 1, (width - 12) / 2 + 1, 5] */
  FACESDK_RNET = 1, /* 24 x 24 pixels, 16, 4 or 1 at a time; [count, 5] */
  FACESDK_ONET = 2, /* 48 x 48 pixels, 16, 4 or 1 at a time; [count, 15] */
} facesdk_mtcnn_network;

/* The three networks, run by the caller on whatever runtime it has. */
typedef struct facesdk_mtcnn_networks {
  void *context; /* given back to run() */

  /* Runs a network on `count` RGB pictures, side by side without gaps, their bytes as floats 0 to 255. *values are its
   * *value_count results: a face logit, four offsets of the box's edges as shares of its size, and for O-Net x and y of
   * five landmarks as shares of the box. They must stay until the next call. Any status but FACESDK_OK ends the
   * detection, which returns it. */
  facesdk_status (*run)(void *context, facesdk_mtcnn_network network, const uint8_t *pixels, int32_t count,
                        int32_t height, int32_t width, const float **values, size_t *value_count,
                        facesdk_error *error);
} facesdk_mtcnn_networks;

/* Finds faces as Python's facesdk.detection.mtcnn does (K. Zhang et al., IEEE Signal Processing Letters 23(10), 2016).
 *
 * `min_face` is the side of the smallest face to find, at least 12. `max_faces` is how many to find at most, the largest,
 * for which less of the image pyramid may be looked at; 0 for all. On success *faces are *face_count faces, largest box
 * first, to be released with facesdk_faces_destroy(); NULL if there is none. */
FACESDK_OPS_API facesdk_status facesdk_mtcnn_detect(const facesdk_mtcnn_networks *networks, const facesdk_image *photo,
                                                    int32_t min_face, int32_t max_faces, facesdk_face **faces,
                                                    size_t *face_count, facesdk_error *error);

/* ---- A finder and O-Net ----------------------------------------------------------------------------------------- */

enum { FACESDK_FINDER_MAPS = 3, FACESDK_FINDER_COLUMNS = 16 };

/* A one-stage network that finds squares, and O-Net that decides about them, run by the caller. */
typedef struct facesdk_finder {
  facesdk_mtcnn_networks networks; /* asked for FACESDK_ONET only; its context is look()'s too */

  /* Runs the finder on one RGB picture whose sides 32 divides. Each of its maps has height / stride x width / stride cells
   * for a stride of 8, 16 and 32, of FACESDK_FINDER_COLUMNS values: the logits of "a face" and "this box fits", the box's
   * middle and the logarithms of its size in cells, and what is not read here. They must stay until the next call. */
  facesdk_status (*look)(void *context, const uint8_t *pixels, int32_t height, int32_t width,
                         const float *maps[FACESDK_FINDER_MAPS], size_t counts[FACESDK_FINDER_MAPS],
                         facesdk_error *error);

  double score;      /* least root of the product of both probabilities, above 0 and below 1 */
  float least_logit; /* log(score^2 / (1 - score^2)): neither logit may be below it */
  double sees_from;  /* side in pixels of its picture from which it is sure to see a face */
} facesdk_finder;

/* Finds faces as Python's facesdk.detection.refined does with a finder of facesdk.detection.one_stage; arguments as those of
 * facesdk_mtcnn_detect(). */
FACESDK_OPS_API facesdk_status facesdk_finder_detect(const facesdk_finder *finder, const facesdk_image *photo,
                                                     int32_t min_face, int32_t max_faces, facesdk_face **faces,
                                                     size_t *face_count, facesdk_error *error);

/* Releases them; NULL is allowed. */
FACESDK_OPS_API void facesdk_faces_destroy(facesdk_face *faces);

#ifdef __cplusplus
}
#endif

#endif
