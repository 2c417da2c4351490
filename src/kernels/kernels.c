/* kernels.c: the table of engines. The first row of an engine that this CPU can run is its default; the first
 * row of all is the float32 default, so int8 stands last. */
#include "kernels/kernels.h"

#include <stdio.h>
#include <string.h>
#if defined(SAV_AVXVNNI)
#include <cpuid.h>
#endif

#include "base/os.h"
#include "kernels/exact/exact.h"
#include "kernels/int8/int8.h"
#ifdef SAV_BLAS
#include "kernels/blas/blas.h"
#endif
#include "kernels/panel/panel.h"

/* One row of the exact engine: its matmul compiled for one ISA. */
#define EXACT(isa_name)                                                                               \
    static void linear_##isa_name(const sav_product *to, size_t count, const float *x, size_t T,      \
                                  const sav_run *run) {                                               \
        sav_exact_linear(to, count, x, T, run, &sav_exact_isa_##isa_name);                            \
    }                                                                                                 \
    static void attention_##isa_name(float *out, const float *q, const float *k, const float *v,      \
                                     const sav_attention *at, const sav_run *run) {                   \
        sav_exact_attention(out, q, k, v, at, run, &sav_exact_isa_##isa_name);                        \
    }                                                                                                 \
    static void activation_##isa_name(float *out, const float *x, size_t n, sav_activation f,         \
                                      const sav_run *run) {                                           \
        sav_exact_activation(out, x, n, f, run, &sav_exact_isa_##isa_name);                           \
    }                                                                                                 \
    static const sav_kernels kernels_##isa_name = {                                                   \
        "exact",           #isa_name, linear_##isa_name, attention_##isa_name, activation_##isa_name, \
        sav_exact_scratch, NULL};

EXACT(c)
#if defined(__x86_64__)
EXACT(avx2)
EXACT(avx512)
#endif

/* One row of the int8 engine. */
#define INT8(isa_name)                                                                                    \
    static void int8_linear_##isa_name(const sav_product *to, size_t count, const float *x, size_t T,     \
                                       const sav_run *run) {                                              \
        sav_int8_linear(to, count, x, T, run, &sav_int8_isa_##isa_name);                                  \
    }                                                                                                     \
    static const sav_kernels int8_##isa_name = {                                                          \
        "int8",           #isa_name,     int8_linear_##isa_name, sav_int8_attention, sav_int8_activation, \
        sav_int8_scratch, sav_int8_sound};

INT8(c)
#if defined(__x86_64__)
INT8(vnni)
#if defined(SAV_AVXVNNI)
INT8(avxvnni)
#endif
INT8(avx2)
#elif defined(__aarch64__)
INT8(dotprod)
INT8(neon)
#endif

/* One row of the panel engine. */
#define PANEL(isa_name)                                                                                \
    static void panel_linear_##isa_name(const sav_product *to, size_t count, const float *x, size_t T, \
                                        const sav_run *run) {                                          \
        sav_panel_linear(to, count, x, T, run, &sav_panel_isa_##isa_name);                             \
    }                                                                                                  \
    static void panel_attention_##isa_name(float *out, const float *q, const float *k, const float *v, \
                                           const sav_attention *at, const sav_run *run) {              \
        sav_panel_attention(out, q, k, v, at, run, &sav_panel_isa_##isa_name);                         \
    }                                                                                                  \
    static void panel_activation_##isa_name(float *out, const float *x, size_t n, sav_activation f,    \
                                            const sav_run *run) {                                      \
        sav_panel_activation(out, x, n, f, run, &sav_panel_isa_##isa_name);                            \
    }                                                                                                  \
    static bool panel_scratch_##isa_name(size_t *bytes, size_t T, size_t K, size_t keys, size_t d,     \
                                         int threads) {                                                \
        return sav_panel_scratch(bytes, T, K, keys, d, threads, &sav_panel_isa_##isa_name);            \
    }                                                                                                  \
    static const sav_kernels panel_##isa_name = {"panel",                                              \
                                                 #isa_name,                                            \
                                                 panel_linear_##isa_name,                              \
                                                 panel_attention_##isa_name,                           \
                                                 panel_activation_##isa_name,                          \
                                                 panel_scratch_##isa_name,                             \
                                                 NULL};

PANEL(c)
#if defined(__x86_64__)
PANEL(avx2)
PANEL(avx512)
#endif

static bool always(void) {
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") != 0;
}

static bool has_vnni(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

#if defined(SAV_AVXVNNI)
/* Asked of the CPU itself: not every compiler's list of features has it. */
static bool has_avxvnni(void) {
    unsigned a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif
#endif

static const struct {
    const sav_kernels *kernels;
    bool (*runs_here)(void);
} ROWS[] = {
#if defined(__x86_64__)
    {&panel_avx512, has_avx512},
    {&panel_avx2, has_avx2},
#endif
    {&panel_c, always},
#ifdef SAV_BLAS
    {&sav_kernels_blas, always},
#endif
#if defined(__x86_64__)
    {&kernels_avx512, has_avx512},
    {&kernels_avx2, has_avx2},
#endif
    {&kernels_c, always},
#if defined(__x86_64__)
    {&int8_vnni, has_vnni},
#if defined(SAV_AVXVNNI)
    {&int8_avxvnni, has_avxvnni},
#endif
    {&int8_avx2, has_avx2},
#elif defined(__aarch64__)
    {&int8_dotprod, sav_os_has_dotprod},
    {&int8_neon, always},
#endif
    {&int8_c, always},
};

const sav_kernels *sav_kernels_built(size_t i) {
    return i < sizeof ROWS / sizeof ROWS[0] ? ROWS[i].kernels : NULL;
}

const sav_kernels *sav_kernels_at(size_t i) {
    for (size_t row = 0; row < sizeof ROWS / sizeof ROWS[0]; row++)
        if (ROWS[row].runs_here() && i-- == 0) return ROWS[row].kernels;
    return NULL;
}

const sav_kernels *sav_kernels_find(const char *engine, const char *isa, sav_error *err) {
    const sav_kernels *row;
    char list[200] = "";
    /* an ISA alone does not change the engine behind a user's back */
    if (!engine) engine = sav_kernels_at(0)->engine;
    for (size_t i = 0; (row = sav_kernels_at(i)) != NULL; i++) {
        if (strcmp(row->engine, engine) == 0 && (!isa || strcmp(row->isa, isa) == 0)) return row;
        const size_t used = strlen(list); /* too many rows: the list is cut */
        snprintf(list + used, sizeof list - used, "%s%s %s", used ? ", " : "", row->engine, row->isa);
    }
    sav_fail(err, SAV_UNSUPPORTED,
             "engine %s%s%s: found no such kernels in this program on this CPU; expected one of: %s", engine,
             isa ? ", ISA " : "", isa ? isa : "", list);
    return NULL;
}
