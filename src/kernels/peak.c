/* peak.c: the multiply-add peak of this core. See peak.h. */
#include "kernels/peak.h"

#include <string.h>

#include "base/os.h"

/* What every CPU of this architecture has: 128-bit vectors, on x86-64 as a product and a sum. */
#define BYTES 16
#define FLOAT sav_peak_float_c
#define DOUBLE sav_peak_double_c
#include "kernels/peak_loop.h"

typedef double loop(double x, long steps);

#if defined(__x86_64__)
loop sav_peak_float_avx2, sav_peak_double_avx2, sav_peak_float_avx512, sav_peak_double_avx512;

static int vector_bytes(const char *isa) {
    static const struct {
        const char *isa;
        int bytes;
    } known[] = {{"c", 16}, {"avx2", 32}, {"avxvnni", 32}, {"avx512", 64}, {"vnni", 64}};
    int most = 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) most = 32;
    if (__builtin_cpu_supports("avx512f")) most = 64;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].isa, isa) == 0 && known[i].bytes < most) return known[i].bytes;
    return most;
}

static loop *choose(int *bytes, const char *isa, bool in_double) {
    *bytes = vector_bytes(isa);
    if (*bytes == 64) return in_double ? sav_peak_double_avx512 : sav_peak_float_avx512;
    if (*bytes == 32) return in_double ? sav_peak_double_avx2 : sav_peak_float_avx2;
    return in_double ? sav_peak_double_c : sav_peak_float_c;
}
#else
static loop *choose(int *bytes, const char *isa, bool in_double) {
    (void)isa;
    *bytes = 16;
    return in_double ? sav_peak_double_c : sav_peak_float_c;
}
#endif

double sav_peak(const char *isa, bool in_double) {
    enum { CHAINS = 12, STEPS = 3000000 };
    int bytes;
    loop *run = choose(&bytes, isa, in_double);
    const double start = sav_os_thread_seconds();
    volatile double keep = run(0.999, STEPS);
    (void)keep;
    const double lanes = bytes / (in_double ? 8.0 : 4.0);
    return 2e-9 * CHAINS * STEPS * lanes / (sav_os_thread_seconds() - start);
}
