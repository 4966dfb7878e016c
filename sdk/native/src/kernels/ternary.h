/* Truth tables for vpternlogd: bit 4 a + 2 b + c is the result for the bits a, b and c. */
#ifndef FACESDK_KERNELS_TERNARY_H_
#define FACESDK_KERNELS_TERNARY_H_

enum {
  XOR3 = 0x96,
  MAJORITY = 0xe8,
  FALLS = 0x74, /* 1 if the sequence a, b, c falls from 1 to 0 */
};

#endif
