/* panel_avx2.c: packed panels with 256-bit fused multiply-adds: 6 rows x 16 columns, 12 of 16 registers hold
 * sums. */
#define ISA avx2
#define LANES 8
#define ROWS 6
#define VECS 2
#include "kernels/panel/panel_tile.inc"
