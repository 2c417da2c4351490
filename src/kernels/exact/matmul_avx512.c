/* matmul_avx512.c: the exact matmul with 512-bit fused multiply-adds: 8 rows x 24 columns, 24 of 32 registers
 * hold sums. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX512F__)
#define LANES 8
#define ROWS 8
#define ISA sav_exact_isa_avx512
#define ROWS_TABLE sav_exact_rows_avx512
#include "kernels/exact/tile.h"
#endif
