/* matmul_c.c: the exact matmul for any CPU: 128-bit vectors, which x86-64 and ARM64 always have. */
#define LANES 2
#define ROWS 4
#define ISA sav_exact_isa_c
#define ROWS_TABLE sav_exact_rows_c
#include "kernels/exact/tile.h"
