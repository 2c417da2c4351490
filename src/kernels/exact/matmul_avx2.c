/* matmul_avx2.c: the exact matmul with 256-bit fused multiply-adds: 4 rows x 12 columns, 12 of 16 registers
 * hold sums. */
#define ISA avx2
#define LANES 4
#define ROWS 4
#include "kernels/exact/tile.inc"
