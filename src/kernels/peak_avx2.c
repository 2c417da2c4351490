/* peak_avx2.c: 256-bit fused multiply-adds on registers alone. */
typedef int sav_not_empty; /* elsewhere this file is empty, which ISO C does not allow */
#if defined(__AVX2__) && defined(__FMA__)
#define BYTES 32
#define FLOAT sav_peak_float_avx2
#define DOUBLE sav_peak_double_avx2
#include "kernels/peak_loop.h"
#endif
