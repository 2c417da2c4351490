/* rows_avx512.c: roundings, softmax and activation of the exact engine, eight doubles at a time. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX512F__)
#define ROWS sav_exact_rows_avx512
#define FULL 24
#include "kernels/exact/rows.h"
#endif
