"""Operators by what they do with weights and bits: the custom ones facesdk runs, and TFLite's own.

The layouts of custom operators are those of Larq Compute Engine 0.16 and of sdk/native.
"""

from __future__ import annotations

QUANTIZE = "LceQuantize"
DEQUANTIZE = "LceDequantize"
BCONV2D = "LceBconv2d"
BMAXPOOL2D = "LceBMaxPool2d"
BINARY_CONV2D = "FacesdkBinaryConv2D"
BINARY_DENSE = "FacesdkBinaryDense"

CUSTOM_OPERATORS = (BINARY_CONV2D, BINARY_DENSE, BMAXPOOL2D, BCONV2D, DEQUANTIZE, QUANTIZE)
"""The custom operators that the operator library implements, and so those that a model may need."""

PACKED_WEIGHTS = (BCONV2D, BINARY_CONV2D, BINARY_DENSE)
"""Operators whose second input is signs, 32 per word."""

CONV_2D = "CONV_2D"
DEPTHWISE_CONV_2D = "DEPTHWISE_CONV_2D"
FULLY_CONNECTED = "FULLY_CONNECTED"
TRANSPOSE_CONV = "TRANSPOSE_CONV"

WEIGHTED = (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV, *PACKED_WEIGHTS)
"""Operators that multiply with weights, their second input."""

WIDEN = "DEQUANTIZE"
"""TFLite's operator that turns narrow numbers into float32; of constants, before they are used."""
