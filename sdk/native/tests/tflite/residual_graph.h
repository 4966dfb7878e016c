/* Builds graphs of binary convolutions and what stands beside them for the fake runtime. Each function appends a node and returns the tensor
 * it writes. All images are of one size, since strides are 1 and padding is SAME; channels are multiples of 32. */
#ifndef FACESDK_TESTS_TFLITE_RESIDUAL_GRAPH_H_
#define FACESDK_TESTS_TFLITE_RESIDUAL_GRAPH_H_

#include "tflite/fake_runtime.h"

/* A float image, which nothing writes. */
int append_image(fake_graph *graph, int channels);

int append_quantize(fake_graph *graph, int image);

/* A 3x3 convolution of bits to float, with weights of its own. */
int append_convolution(fake_graph *graph, int bits, int channels);

int append_sum(fake_graph *graph, int a, int b);

/* An operator of the runtime with a constant by channel (MUL, ADD, PRELU), or without (RELU and its kind). */
int append_by_channel(fake_graph *graph, int image, int32_t builtin_code);

/* CONCATENATION of the channels of two images. */
int append_concatenation(fake_graph *graph, int a, int b);

/* PAD with zeros before and after the channels. */
int append_pad(fake_graph *graph, int image, int before, int after);

/* STRIDED_SLICE of channels [first, end). */
int append_slice(fake_graph *graph, int image, int first, int end);

/* Two residual units, of which the second sum can be written over the first:
 *   node 0 quantize, 1 convolve, 2 add the image; 3 quantize, 4 convolve, 5 add the sum of node 2, which leaves. */
fake_graph residual_graph_valid(void);

/* Chains alone and of convolutions, with and without a result on the way that is read again:
 *   node 0 MUL, 1 ADD, 2 quantize, 3 convolve, 4 PRELU, 5 ADD, 6 quantize, 7 convolve, 8 add node 4, 9 RELU6, which leaves. */
fake_graph chain_graph_valid(void);

/* Layers that add channels and sums to some of them:
 *   node 0 quantize, 1 convolve, 2 concatenate with the image; 3 quantize, 4 convolve, 5 pad, 6 add node 2; 7 quantize,
 *   8 convolve, 9 and 10 slices of node 6, 11 add the second, 12 concatenate with the first, which leaves. */
fake_graph columns_graph_valid(void);

#endif
