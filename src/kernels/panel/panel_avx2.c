/* panel_avx2.c: packed panels with 256-bit fused multiply-adds: 6 rows x 16 columns, 12 of 16 registers hold
 * sums. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX2__) && defined(__FMA__)
#define LANES 8
#define ROWS 6
#define VECS 2
#define ISA sav_panel_isa_avx2
#include "kernels/panel/tile.h"
#endif
