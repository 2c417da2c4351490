/* rows_avx512.c: roundings, softmax and activation of the exact engine, eight doubles at a time. */
#define ISA avx512
#define FULL 24
#include "kernels/exact/rows.inc"
