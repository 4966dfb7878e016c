/* facesdk_ops: binary neural-network operators on bit-packed tensors, in plain C.
 *
 * The operators are those that Larq Compute Engine (LCE) 0.16 puts into a flatbuffer: LceQuantize, LceDequantize,
 * LceBconv2d and LceBMaxPool2d, bit-exact to LCE's own kernels; and FacesdkBinaryConv2D and FacesdkBinaryDense, whose
 * weights have one bit and whose activations are floats. This header knows nothing of TensorFlow Lite; the external
 * delegate in the same library is one user of it, tests and JNI are others.
 *
 * Bit-packed tensors
 *   A tensor of logical shape [..., C] is stored as uint32 words of shape [..., ceil(C / 32)], row-major. Channel c is
 *   bit c % 32 (least significant first) of word c / 32. A set bit means -1, a clear bit means +1. Unused bits of the
 *   last word are 0. The layout is defined on the words' values; the library requires a little-endian machine only
 *   because flatbuffers store them so.
 *
 * Kernel paths
 *   Every operator exists in several implementations ("paths"), one per instruction set, all with identical results, but
 *   for the order of facesdk_binary_conv2d's float sums.
 *   facesdk_ops_default() picks the fastest one that this CPU supports, unless the environment variable FACESDK_OPS_ISA
 *   names one. "reference" is the readable oracle, "portable" is plain C that runs everywhere.
 *
 * Errors
 *   Functions that can fail return a facesdk_status and, if `error` is not NULL, leave one line of text in it. Pointers
 *   may be NULL only where the text says so. No function prints or exits. The library's only state is the run counters,
 *   a pool of threads, and the profile that a caller asked for.
 *
 * Sources
 *   Bannink et al., "Larq Compute Engine: Design, Benchmark, and Deploy State-of-the-Art Binarized Neural Networks",
 *   MLSys 2021 (arXiv:2011.09398); larq/compute-engine, core/bconv2d, core/bmaxpool.h, tflite/kernels.
 */
#ifndef FACESDK_OPS_H_
#define FACESDK_OPS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACESDK_OPS_API __attribute__((visibility("default")))

/* Changes when a struct or a signature below changes incompatibly. */
#define FACESDK_OPS_ABI_VERSION 2

typedef enum facesdk_status {
  FACESDK_OK = 0,
  FACESDK_INVALID_ARGUMENT = 1, /* a shape, type, range or option is wrong */
  FACESDK_OUT_OF_MEMORY = 2,
  FACESDK_UNKNOWN_ISA = 3,     /* no kernel path has that name */
  FACESDK_UNSUPPORTED_ISA = 4, /* the path exists, but this CPU cannot run it */
} facesdk_status;

/* Limits, so that no size can overflow: heights, widths, strides and dilations, and bytes of one tensor. */
#define FACESDK_MAX_SPATIAL 65536
#define FACESDK_MAX_TENSOR_BYTES ((size_t)1 << 30)

/* One line without a newline; always terminated. */
typedef struct facesdk_error {
  char message[256];
} facesdk_error;

typedef enum facesdk_type {
  FACESDK_FLOAT32 = 0,
  FACESDK_INT8 = 1, /* affine: real = scale * (value - zero_point) */
  FACESDK_BOOL = 2, /* one byte; false (0) stands for -1, anything else for +1 */
  FACESDK_BITS = 3, /* bit-packed, see above */
} facesdk_type;

typedef enum facesdk_padding {
  FACESDK_SAME = 0,  /* output = ceil(input / stride) */
  FACESDK_VALID = 1, /* output = ceil((input - dilated filter + 1) / stride) */
} facesdk_padding;

/* Values are those of TFLite's schema. Applied to the integer dot product, before multiplier and bias. */
typedef enum facesdk_activation {
  FACESDK_ACTIVATION_NONE = 0,
  FACESDK_ACTIVATION_RELU = 1,
  FACESDK_ACTIVATION_RELU_N1_TO_1 = 2,
  FACESDK_ACTIVATION_RELU6 = 3,
} facesdk_activation;

/* How SAME padding with pad_value 0 enters a float32 output without fused activation; every other output is corrected
 * in integers, because the order of operations cannot be seen there. */
typedef enum facesdk_zero_padding {
  FACESDK_ZERO_PADDING_OPTIMIZED = 0, /* as LCE's optimised kernels: a float is added at the end, with its own rounding */
  FACESDK_ZERO_PADDING_REFERENCE = 1, /* as LCE's reference kernel: corrected in integers, exact */
} facesdk_zero_padding;

/* ---- library ---------------------------------------------------------------------------------------------------- */

/* The package version the library was built for, for example "0.1.0"; static storage. */
FACESDK_OPS_API const char *facesdk_ops_version(void);

/* FACESDK_OPS_ABI_VERSION of the compiled library. */
FACESDK_OPS_API uint32_t facesdk_ops_abi_version(void);

/* A set of kernels for one instruction set; static storage, never freed. */
typedef struct facesdk_path facesdk_path;

/* The path that new operators get: the one named by FACESDK_OPS_ISA (read at each call) if that is set and not empty,
 * else the fastest supported one. FACESDK_UNKNOWN_ISA and FACESDK_UNSUPPORTED_ISA list the usable names. */
FACESDK_OPS_API facesdk_status facesdk_ops_default(const facesdk_path **path, facesdk_error *error);

/* The path of that name, for example "portable". Errors as above. */
FACESDK_OPS_API facesdk_status facesdk_ops_find(const char *name, const facesdk_path **path, facesdk_error *error);

/* Name of the default path; NULL if FACESDK_OPS_ISA names an unknown or unsupported one. */
FACESDK_OPS_API const char *facesdk_ops_isa(void);

/* Number of paths compiled in, slowest first; index runs over [0, count). */
FACESDK_OPS_API size_t facesdk_ops_isa_count(void);

/* Name of path `index`; NULL if out of range. */
FACESDK_OPS_API const char *facesdk_ops_isa_name(size_t index);

/* What a CPU must have to run path `index`, in words, for example "AVX2 and POPCNT"; "" if nothing, NULL if out of range. */
FACESDK_OPS_API const char *facesdk_ops_isa_requires(size_t index);

/* 1 if this CPU can run path `index`, else 0 (also if out of range). */
FACESDK_OPS_API int facesdk_ops_isa_supported(size_t index);

/* How many operator runs path `index` has executed in this process (wraps around; 0 if out of range). A test reads it
 * to prove that the forced path ran. */
FACESDK_OPS_API size_t facesdk_ops_isa_runs(size_t index);

/* ---- LceQuantize, LceDequantize --------------------------------------------------------------------------------- */

/* Binarizes and packs. A bit is set where
 *   FLOAT32: x < 0 (so -0.0 and NaN give a clear bit);  INT8: x < zero_point;  BOOL: x is 0.
 * input [rows, channels] of `type`, output [rows, ceil(channels / 32)] words. `zero_point` counts for INT8 only and may
 * be any int32. Rows may be 0, channels must be at least 1. `threads` as for facesdk_bconv2d_run(); more than one help
 * only while a convolution exists. */
FACESDK_OPS_API facesdk_status facesdk_quantize(const facesdk_path *path, facesdk_type type, const void *input,
                                                size_t rows, size_t channels, int32_t zero_point, uint32_t *output,
                                                int32_t threads, facesdk_error *error);

/* Unpacks: clear bit -> +1, set bit -> -1.
 *   FLOAT32: 1.0 and -1.0;  BOOL: 1 and 0;
 *   INT8: min(127, zero_point + r) and max(-128, zero_point - r) with r = 1 / scale, rounded half away from zero.
 * input [rows, ceil(channels / 32)] words, output [rows, channels] of `type`. `scale` (> 0, finite) and `zero_point`
 * (-128..127) count for INT8 only. */
FACESDK_OPS_API facesdk_status facesdk_dequantize(const facesdk_path *path, const uint32_t *input, size_t rows,
                                                  size_t channels, facesdk_type type, float scale, int32_t zero_point,
                                                  void *output, facesdk_error *error);

/* ---- LceBMaxPool2d ---------------------------------------------------------------------------------------------- */

typedef struct facesdk_bmaxpool2d_options {
  int32_t batch, input_height, input_width, channels; /* logical channels, each >= 1 */
  int32_t filter_height, filter_width;                /* >= 1 */
  int32_t stride_height, stride_width;                /* 1..FACESDK_MAX_SPATIAL, as are the sizes above */
  int32_t padding;                                    /* facesdk_padding; padded cells never win the maximum */
} facesdk_bmaxpool2d_options;

/* Logical output shape [batch, height, width, channels]. */
FACESDK_OPS_API facesdk_status facesdk_bmaxpool2d_output_shape(const facesdk_bmaxpool2d_options *options,
                                                               int32_t shape[4], facesdk_error *error);

/* Maximum over each window of +1/-1 values, that is the AND of the words inside the image.
 * input and output bit-packed NHWC. */
FACESDK_OPS_API facesdk_status facesdk_bmaxpool2d(const facesdk_path *path, const facesdk_bmaxpool2d_options *options,
                                                  const uint32_t *input, uint32_t *output, facesdk_error *error);

/* ---- LceBconv2d ------------------------------------------------------------------------------------------------- */

typedef struct facesdk_bconv2d_options {
  int32_t batch, input_height, input_width, channels_in; /* logical channels, each >= 1 */
  int32_t channels_out, filter_height, filter_width;     /* each >= 1 */
  int32_t groups;                                        /* >= 1; if > 1, channels_in / groups is a multiple of 32 and
                                                            channels_out a multiple of groups */
  int32_t stride_height, stride_width;                   /* >= 1 */
  int32_t dilation_height, dilation_width;               /* >= 1 */
  int32_t padding;                                       /* facesdk_padding */
  int32_t pad_value;                                     /* 1: pad with +1; 0: pad with 0 */
  int32_t activation;                                    /* facesdk_activation; ignored for FACESDK_BITS */
  int32_t output_type;                                   /* facesdk_type: FLOAT32, INT8 or BITS */
  int32_t zero_padding;                                  /* facesdk_zero_padding */
  float output_scale;                                    /* INT8 only: > 0, finite */
  int32_t output_zero_point;                             /* INT8 only: -128..127 */
} facesdk_bconv2d_options;

/* A prepared convolution: validated options, fused output transform, weights packed for one path. */
typedef struct facesdk_bconv2d facesdk_bconv2d;

/* Logical output shape [batch, height, width, channels_out]. */
FACESDK_OPS_API facesdk_status facesdk_bconv2d_output_shape(const facesdk_bconv2d_options *options, int32_t shape[4],
                                                            facesdk_error *error);

/* Prepares a convolution; on success *op is to be released with facesdk_bconv2d_destroy().
 *   filter     [channels_out, filter_height, filter_width, ceil(channels_in / groups / 32)] words
 *   multiplier [channels_out] float32, bias [channels_out] float32: for FLOAT32 and INT8, else NULL
 *   thresholds [channels_out] int32: for BITS, else NULL
 * All arrays are copied. With dot = K - 2 * popcount(input xor filter), K = taps * channels_in / groups, the result is
 *   FLOAT32: activation(dot) * multiplier + bias, evaluated as LCE does: -multiplier and bias + K * multiplier are fused
 *            in double and rounded to float32 once, then product and sum are each rounded to float32;
 *   INT8:    the same divided by output_scale, plus output_zero_point (fused too), rounded half away from zero and
 *            clamped to -128..127;
 *   BITS:    bit set where popcount > threshold. */
FACESDK_OPS_API facesdk_status facesdk_bconv2d_create(const facesdk_path *path, const facesdk_bconv2d_options *options,
                                                      const uint32_t *filter, const float *multiplier,
                                                      const float *bias, const int32_t *thresholds,
                                                      facesdk_bconv2d **op, facesdk_error *error);

/* Runs it: input bit-packed NHWC, output NHWC of output_type. `residual` is NULL or, for FLOAT32 output, a tensor of the
 * output's shape that is added to it (it may be the output itself); other types ignore it. Uses scratch memory inside `op`: one call at a time for
 * each op; different ops may run in parallel.
 * `threads` is the number of threads that may compute, the caller included; 1 or less: the caller alone. The others come
 * from one pool for the whole process, which never has more of them than the process may use CPUs, serves one call at a
 * time (a call that finds it taken computes alone), and ends with the last convolution. The result does not depend on
 * the number of threads. */
FACESDK_OPS_API void facesdk_bconv2d_run(facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                                         void *output, int32_t threads);

/* Releases it; NULL is allowed. */
FACESDK_OPS_API void facesdk_bconv2d_destroy(facesdk_bconv2d *op);

/* ---- profiling the delegate ------------------------------------------------------------------------------------- */

/* One run of one operator. A runtime's own profiler sees all operators of a partition as one node. */
typedef struct facesdk_profile_event {
  uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
  uint32_t partition;        /* a number of the connected set of nodes it belongs to, unique in the process */
  int32_t node;              /* its index in the model */
  int32_t path;              /* the kernel path that ran: an index for facesdk_ops_isa_name() */
  int32_t within;            /* -1; for an operator that is part of another's work, as an addition is of a convolution's:
                                the index of that other, whose event before has the time. start_ns and end_ns are then
                                equal. */
} facesdk_profile_event;

/* Records every operator that a delegate of this process runs from now on, the first `capacity` of them in `events`, in
 * the order in which they end. The memory is the caller's and must stay until facesdk_profile_stop(). One recording at a
 * time: FACESDK_INVALID_ARGUMENT while there is another, or if `events` is NULL. Costs an operator two looks at the clock
 * and a lock that nobody else takes; nothing but the load of one flag while nothing is recorded. */
FACESDK_OPS_API facesdk_status facesdk_profile_start(facesdk_profile_event *events, size_t capacity,
                                                     facesdk_error *error);

/* Ends the recording: how many events there were, more than `capacity` if some were left out, 0 if none was recorded.
 * The library does not touch `events` any more. */
FACESDK_OPS_API size_t facesdk_profile_stop(void);

/* ---- FacesdkBinaryConv2D, FacesdkBinaryDense --------------------------------------------------------------------- */

typedef struct facesdk_binary_conv2d_options {
  int32_t batch, input_height, input_width, channels_in;  /* each >= 1 */
  int32_t channels_out, filter_height, filter_width;      /* each >= 1 */
  int32_t stride_height, stride_width;                    /* >= 1 */
  int32_t dilation_height, dilation_width;                /* >= 1 */
  int32_t padding;                                        /* facesdk_padding; padded cells are 0 */
  int32_t activation;                                     /* facesdk_activation, applied to the result */
  int32_t activation_bits;                                /* 0: the input is used as it is; 8: quantized for each image */
} facesdk_binary_conv2d_options;

/* A prepared convolution with 1-bit weights: validated options, scales, weights packed for one path, one bit each. */
typedef struct facesdk_binary_conv2d facesdk_binary_conv2d;

/* Output shape [batch, height, width, channels_out]. */
FACESDK_OPS_API facesdk_status facesdk_binary_conv2d_output_shape(const facesdk_binary_conv2d_options *options,
                                                                  int32_t shape[4], facesdk_error *error);

/* Prepares a convolution; on success *op is to be released with facesdk_binary_conv2d_destroy().
 *   filter [channels_out, filter_height, filter_width, ceil(channels_in / 32)] words; unused bits are ignored
 *   scale  [channels_out] float32, the magnitude of each filter's weights (any float)
 *   bias   [channels_out] float32, or NULL for zeros
 * All arrays are copied. With w = +1 or -1 (a set bit) and x = 0 outside of the image, the result is
 *
 *   activation_bits 0:  activation(sum(w * x) * scale + bias)
 *     sum(w * x) has float32 additions in an order that depends on the path, and on nothing else; product and sum are
 *     each rounded once. The path "reference" adds in float64. The two differ by no more than
 *     (n + 3) * 2^-24 * sum(|x|) * |scale| + 2^-22 * (|sum * scale| + |bias|), n the number of the window's weights
 *     rounded up to 32 per tap, plus 2^-126 * (n * |scale| + 2) where vectors take subnormal floats for zero (32-bit ARM).
 *
 *   activation_bits 8:  activation(float(sum(w * (u - z))) * (s * scale) + bias)
 *     u = clamp(round(x * (1 / s)) + z, 0, 255), round(): half to even
 *     s = high / 255 - low / 255, z = clamp(round(-low * (1 / s)), 0, 255)
 *     low = min(0, smallest x of the image), high = max(0, largest)
 *     The sum is exact in integers, every other operation is rounded to float32 once: all paths give the same bytes. If s < 2^-126 the image counts as 0. An image with a value
 *     that is not finite gives NaN everywhere. One s and z per image: of a batch, each image has its own.
 *
 * FacesdkBinaryDense is a 1 x 1 convolution of images of one pixel: for 8 bits each row has its own s and z. */
FACESDK_OPS_API facesdk_status facesdk_binary_conv2d_create(const facesdk_path *path,
                                                            const facesdk_binary_conv2d_options *options,
                                                            const uint32_t *filter, const float *scale,
                                                            const float *bias, facesdk_binary_conv2d **op,
                                                            facesdk_error *error);

/* Runs it: input float32 NHWC, output float32 NHWC; they must not overlap. Uses scratch memory inside `op`, and
 * `threads`, as facesdk_bconv2d_run() does. The result does not depend on the number of threads. */
FACESDK_OPS_API void facesdk_binary_conv2d_run(facesdk_binary_conv2d *op, const float *input, float *output,
                                               int32_t threads);

/* Releases it; NULL is allowed. */
FACESDK_OPS_API void facesdk_binary_conv2d_destroy(facesdk_binary_conv2d *op);

#ifdef __cplusplus
}
#endif

#endif /* FACESDK_OPS_H_ */
