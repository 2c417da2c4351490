/* rows_c.c: roundings, softmax and activation of the exact engine for any CPU. */
#define ISA c
#define FULL 6
#include "kernels/exact/rows.inc"
