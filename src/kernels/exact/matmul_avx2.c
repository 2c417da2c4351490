/* matmul_avx2.c: the exact matmul with 256-bit fused multiply-adds: 4 rows x 12 columns, 12 of 16 registers
 * hold sums. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX2__) && defined(__FMA__)
#define LANES 4
#define ROWS 4
#define ISA sav_exact_isa_avx2
#define ROWS_TABLE sav_exact_rows_avx2
#include "kernels/exact/tile.h"
#endif
