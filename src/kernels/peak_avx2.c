/* peak_avx2.c: 256-bit fused multiply-adds on registers alone. */
#define BYTES 32
#define FLOAT sav_peak_float_avx2
#define DOUBLE sav_peak_double_avx2
#include "kernels/peak_loop.inc"
