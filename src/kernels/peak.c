/* peak.c: the multiply-add peak of this core. See peak.h. */
#include "kernels/peak.h"

#include "base/os.h"
#include "kernels/cpu.h"

/* What every CPU of this architecture has: 128-bit vectors, on x86-64 as a product and a sum. */
#define BYTES 16
#define FLOAT sav_peak_float_c
#define DOUBLE sav_peak_double_c
#include "kernels/peak_loop.inc"

typedef double loop(double x, long steps);

#if defined(__x86_64__)
loop sav_peak_float_avx2, sav_peak_double_avx2, sav_peak_float_avx512, sav_peak_double_avx512;

static loop *choose(size_t bytes, bool in_double) {
    if (bytes == 64) return in_double ? sav_peak_double_avx512 : sav_peak_float_avx512;
    if (bytes == 32) return in_double ? sav_peak_double_avx2 : sav_peak_float_avx2;
    return in_double ? sav_peak_double_c : sav_peak_float_c;
}
#else
static loop *choose(size_t bytes, bool in_double) {
    (void)bytes;
    return in_double ? sav_peak_double_c : sav_peak_float_c;
}
#endif

double sav_peak(size_t vector_bytes, bool in_double) {
    enum { CHAINS = 12, STEPS = 3000000 };
    const size_t widest = sav_cpu_vector_bytes();
    const size_t bytes = vector_bytes && vector_bytes < widest ? vector_bytes : widest;
    loop *run = choose(bytes, in_double);
    const double start = sav_os_thread_seconds();
    volatile double keep = run(0.999, STEPS);
    (void)keep;
    const double lanes = (double)bytes / (in_double ? 8.0 : 4.0);
    return 2e-9 * CHAINS * STEPS * lanes / (sav_os_thread_seconds() - start);
}
