/* Maximum of bits over windows: what a kernel is given. */
#ifndef FACESDK_KERNELS_BMAXPOOL2D_BMAXPOOL2D_H_
#define FACESDK_KERNELS_BMAXPOOL2D_BMAXPOOL2D_H_

#include "base/window.h"
#include "kernels/path.h"

struct facesdk_bmaxpool2d_plan {
  facesdk_window y, x;
  size_t batch, words; /* words per pixel */
};

/* The oracle, in reference.c. */
facesdk_bmaxpool2d_kernel facesdk_bmaxpool2d_reference;

#endif
