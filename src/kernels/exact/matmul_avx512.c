/* matmul_avx512.c: the exact matmul with 512-bit fused multiply-adds: 8 rows x 24 columns, 24 of 32 registers
 * hold sums. */
#define ISA avx512
#define LANES 8
#define ROWS 8
#include "kernels/exact/tile.inc"
