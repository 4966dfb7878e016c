/* A graph of the operators with 1-bit weights for the fake runtime. */
#ifndef FACESDK_TESTS_TFLITE_BINARY_GRAPH_H_
#define FACESDK_TESTS_TFLITE_BINARY_GRAPH_H_

#include "tflite/fake_runtime.h"

/*   image (0) -> FacesdkBinaryConv2D (node 0) -> image (1) -> FacesdkBinaryDense (node 1), of each pixel -> result (2)
 * with the constants 3 filter, 4 scale, 5 bias of node 0 and 6 filter, 7 scale of node 1, which has no bias. */
fake_graph binary_graph_valid(int activation_bits);

#endif
