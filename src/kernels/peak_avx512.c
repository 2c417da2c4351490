/* peak_avx512.c: 512-bit fused multiply-adds on registers alone. */
#define BYTES 64
#define FLOAT sav_peak_float_avx512
#define DOUBLE sav_peak_double_avx512
#include "kernels/peak_loop.inc"
