/* matmul_c.c: the exact matmul for any CPU: 128-bit vectors, which x86-64 and ARM64 always have. */
#define ISA c
#define LANES 2
#define ROWS 4
#include "kernels/exact/tile.inc"
