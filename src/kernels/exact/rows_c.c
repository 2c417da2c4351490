/* rows_c.c: roundings, softmax and activation of the exact engine for any CPU. */
#define ROWS sav_exact_rows_c
#define FULL 6
#include "kernels/exact/rows.h"
