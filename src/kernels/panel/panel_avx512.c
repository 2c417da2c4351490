/* panel_avx512.c: packed panels with 512-bit fused multiply-adds: 8 rows x 48 columns, 24 of 32 registers
 * hold sums. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#define VECS 3
#define ISA sav_panel_isa_avx512
#include "kernels/panel/tile.h"
#endif
