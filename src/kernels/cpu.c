/* cpu.c: the one place that asks the CPU what it has. See cpu.h. */
#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(_WIN32)
#include <windows.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

bool sav_cpu_has_c(void) {
    return true;
}

#if defined(__x86_64__)

bool sav_cpu_has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool sav_cpu_has_avx512(void) {
    return __builtin_cpu_supports("avx512f") != 0;
}

bool sav_cpu_has_vnni(void) {
    return sav_cpu_has_avx512() && __builtin_cpu_supports("avx512vnni");
}

/* Asked of the CPU itself: not every compiler's list of features has it. */
bool sav_cpu_has_avxvnni(void) {
    unsigned a, b, c, d;
    return sav_cpu_has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

size_t sav_cpu_vector_bytes(void) {
    return sav_cpu_has_avx512() ? 64 : sav_cpu_has_avx2() ? 32 : 16;
}

#else

size_t sav_cpu_vector_bytes(void) {
    return 16;
}

#endif

#if defined(__aarch64__)

bool sav_cpu_has_neon(void) {
    return true;
}

bool sav_cpu_has_dotprod(void) {
#if defined(_WIN32)
    return IsProcessorFeaturePresent(43); /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE, which older headers lack */
#elif defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1; /* HWCAP_ASIMDDP */
#elif defined(__APPLE__)
    return true;
#else
    return false;
#endif
}

#endif
