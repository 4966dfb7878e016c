/* A kernel path: a kernel for each operator, chosen for one instruction set. The table of them is in dispatch.c. */
#ifndef FACESDK_KERNELS_PATH_H_
#define FACESDK_KERNELS_PATH_H_

#include <stdbool.h>

#include "facesdk_ops.h"

/* What an operator's kernel is, the operator's folder says. */
typedef struct facesdk_quantize_kernel facesdk_quantize_kernel;
typedef struct facesdk_bmaxpool2d_plan facesdk_bmaxpool2d_plan;
typedef void facesdk_bmaxpool2d_kernel(const facesdk_bmaxpool2d_plan *plan, const uint32_t *input, uint32_t *output);
typedef struct facesdk_step facesdk_step;
typedef struct facesdk_rows facesdk_rows;
typedef void facesdk_pointwise_kernel(const facesdk_step *steps, size_t count, const facesdk_rows *input,
                                      size_t first_row, size_t rows);
typedef struct facesdk_bconv2d_kernel facesdk_bconv2d_kernel;
typedef struct facesdk_binary_conv2d_kernel facesdk_binary_conv2d_kernel;

/* Where there is no kernel (NULL), the operator's reference.c computes. A path may have another path's kernel. */
struct facesdk_path {
  const char *name;
  const char *requires; /* what the CPU must have, in words; "" if nothing */
  bool (*supported)(void);
  const facesdk_quantize_kernel *quantize;
  facesdk_bmaxpool2d_kernel *bmaxpool2d;
  facesdk_pointwise_kernel *pointwise;
  const facesdk_bconv2d_kernel *bconv2d;
  const facesdk_binary_conv2d_kernel *floats, *bytes; /* activations of binary_conv2d */
};

/* An entry of the table: the name of the path, and for each operator the name of a kernel, which is the end of its symbol. */
#define FACESDK_PATH_ENTRY(path, has, needs, quantize_, bmaxpool2d_, pointwise_, bconv2d_, floats_, bytes_) \
  {.name = (path),                                                                            \
   .requires = (needs),                                                                       \
   .supported = (has),                                                                        \
   .quantize = &facesdk_quantize_##quantize_,                                                 \
   .bmaxpool2d = facesdk_bmaxpool2d_##bmaxpool2d_,                                            \
   .pointwise = facesdk_pointwise_##pointwise_,                                               \
   .bconv2d = &facesdk_bconv2d_##bconv2d_,                                                    \
   .floats = &facesdk_floats_##floats_,                                                       \
   .bytes = &facesdk_bytes_##bytes_},

/* The declarations of what an entry names. */
#define FACESDK_PATH_KERNELS(path, has, needs, quantize_, bmaxpool2d_, pointwise_, bconv2d_, floats_, bytes_) \
  extern const facesdk_quantize_kernel facesdk_quantize_##quantize_;                            \
  facesdk_bmaxpool2d_kernel facesdk_bmaxpool2d_##bmaxpool2d_;                                   \
  facesdk_pointwise_kernel facesdk_pointwise_##pointwise_;                                      \
  extern const facesdk_bconv2d_kernel facesdk_bconv2d_##bconv2d_;                               \
  extern const facesdk_binary_conv2d_kernel facesdk_floats_##floats_, facesdk_bytes_##bytes_;

/* The path without kernels. */
const facesdk_path *facesdk_path_reference(void);

/* Its index, see facesdk_ops_isa_name(). */
int32_t facesdk_path_index(const facesdk_path *path);

/* Counts one operator run of the path, see facesdk_ops_isa_runs(). */
void facesdk_path_count_run(const facesdk_path *path);

#endif
