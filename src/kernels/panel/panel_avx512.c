/* panel_avx512.c: packed panels with 512-bit fused multiply-adds: 8 rows x 48 columns, 24 of 32 registers
 * hold sums. */
#define ISA avx512
#define LANES 16
#define ROWS 8
#define VECS 3
#include "kernels/panel/panel_tile.inc"
