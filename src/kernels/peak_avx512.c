/* peak_avx512.c: 512-bit fused multiply-adds on registers alone. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX512F__)
#define BYTES 64
#define FLOAT sav_peak_float_avx512
#define DOUBLE sav_peak_double_avx512
#include "kernels/peak_loop.h"
#endif
