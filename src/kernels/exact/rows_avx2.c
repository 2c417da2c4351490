/* rows_avx2.c: roundings, softmax and activation of the exact engine, four doubles at a time. */
#define ISA avx2
#define FULL 12
#include "kernels/exact/rows.inc"
