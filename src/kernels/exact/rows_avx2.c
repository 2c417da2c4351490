/* rows_avx2.c: roundings, softmax and activation of the exact engine, four doubles at a time. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX2__) && defined(__FMA__)
#define ROWS sav_exact_rows_avx2
#define FULL 12
#include "kernels/exact/rows.h"
#endif
