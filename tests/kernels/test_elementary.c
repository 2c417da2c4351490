/* The elementary functions: the NumPy twin's bits, the right float32 at the hard inputs and on a sample,
 * specials, signs. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "io/safetensors.h"
#include "kernels/elementary.h"

typedef struct function {
    const char *name;
    double (*ours)(double);
    long double (*libm)(long double);
} function;

static const function functions[] = {
    {"exp", sav_exp, expl}, {"erf", sav_erf, erfl}, {"tanh", sav_tanh, tanhl},
    {"sin", sav_sin, sinl}, {"cos", sav_cos, cosl},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_at(const sav_tensor *tensor, size_t i) {
    double x;
    memcpy(&x, (const unsigned char *)tensor->data + i * sizeof x, sizeof x);
    return x;
}

static bool same(double a, double b) {
    return bits_of(a) == bits_of(b) || (a != a && b != b);
}

static void report(const char *name, size_t wrong, size_t count, double x, double got, double want) {
    if (!check_true(wrong == 0, name, __FILE__, __LINE__)) {
        printf("  %zu of %zu wrong, the first at %a: got %a, want %a\n", wrong, count, x, got, want);
    }
}

/* The file's tensors by name; false (and a failed check) if one is missing or has another type. */
static bool find(const sav_safetensors *file, const char *const *names, const sav_dtype *types,
                 const sav_tensor **out, int n) {
    for (int i = 0; i < n; i++) {
        out[i] = sav_safetensors_find(file, names[i]);
        if (!check_true(out[i] != NULL && out[i]->dtype == types[i] && out[i]->count == out[i - i % 2]->count,
                        names[i], __FILE__, __LINE__)) {
            return false;
        }
    }
    return true;
}

static void test_golden(const function *f) {
    static const char *const names[] = {"x", "y", "hard.x", "hard.y"};
    static const sav_dtype types[] = {SAV_F64, SAV_F64, SAV_F32, SAV_F32};
    char path[64];
    snprintf(path, sizeof path, "golden/elementary/%s.safetensors", f->name);
    sav_error err;
    sav_safetensors *file = NULL;
    const sav_tensor *t[4];
    if (CHECK_OK(sav_safetensors_open(&file, path, &err), &err) && find(file, names, types, t, 4)) {
        size_t wrong = 0, first = 0;
        for (size_t i = t[0]->count; i-- > 0;) {
            if (!same(f->ours(double_at(t[0], i)), double_at(t[1], i))) {
                wrong++;
                first = i;
            }
        }
        double x = double_at(t[0], first);
        report(f->name, wrong, t[0]->count, x, f->ours(x), double_at(t[1], first));
        wrong = first = 0;
        for (size_t i = t[2]->count; i-- > 0;) {
            if ((float)f->ours((double)sav_tensor_float(t[2], i)) != sav_tensor_float(t[3], i)) {
                wrong++;
                first = i;
            }
        }
        x = (double)sav_tensor_float(t[2], first);
        report(f->name, wrong, t[2]->count, x, (double)(float)f->ours(x),
               (double)sav_tensor_float(t[3], first));
    }
    sav_safetensors_close(file);
}

static void test_pow(void) {
    static const char *const names[] = {"x", "y", "theta"};
    static const sav_dtype types[] = {SAV_F32, SAV_F32, SAV_F64};
    sav_error err;
    sav_safetensors *file = NULL;
    const sav_tensor *t[3];
    if (CHECK_OK(sav_safetensors_open(&file, "golden/elementary/pow.safetensors", &err), &err) &&
        find(file, names, types, t, 3)) {
        size_t wrong = 0;
        for (size_t i = 0; i < t[0]->count; i++) {
            float got = sav_pow_f32(double_at(t[2], i), sav_tensor_float(t[0], i));
            wrong += !same((double)got, (double)sav_tensor_float(t[1], i));
        }
        CHECK_SIZE(wrong, 0);
    }
    sav_safetensors_close(file);
    CHECK(isnan(sav_pow_f32(-1.0, 0.5f)) && isnan(sav_pow_f32(0.0, 0.5f)) &&
          isnan(sav_pow_f32((double)INFINITY, 0.5f)));
    CHECK(sav_pow_f32(1e6, 0.5f) == 1000.0f && sav_pow_f32(1e4, 0.25f) == 10.0f &&
          sav_pow_f32(16777217.0, 1.0f) == 16777216.0f);
}

#if LDBL_MANT_DIG >= 64
/* True where the long double y is far enough from a rounding tie of float32 to decide
 * (tools/golden/exhaustive.c decides the rest). */
static bool decides(long double y) {
    float near = (float)y;
    if (!(fabsf(near) >= FLT_MIN && fabsf(near) < FLT_MAX)) {
        return near != near || y == (long double)near || fabsl(y) < 0x1p-151L || fabsl(y) > 0x1.1p128L;
    }
    float next = nextafterf(near, y > (long double)near ? INFINITY : -INFINITY);
    return fabsl(y - (long double)near) < fabsl((long double)next - (long double)near) * (0.5L - 0x1p-8L);
}
#endif

/* Every 4093rd float32: 2^20 of them. */
static void test_sample(const function *f) {
#if LDBL_MANT_DIG >= 64
    bool trigonometric = f->ours == sav_sin || f->ours == sav_cos;
    size_t tested = 0, wrong = 0;
    double where = 0;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 4093) {
        uint32_t low = (uint32_t)bits;
        float x;
        memcpy(&x, &low, sizeof x);
        if (trigonometric && !(fabs((double)x) <= SAV_TRIG_LIMIT)) {
            wrong += isnan(f->ours((double)x)) ? 0 : 1;
            continue;
        }
        long double y = f->libm((long double)x);
        if (decides(y)) {
            tested++;
            if (!same((double)(float)f->ours((double)x), (double)(float)y)) {
                wrong++;
                where = (double)x;
            }
        }
    }
    CHECK(tested > 600000);
    report(f->name, wrong, tested, where, f->ours(where), (double)f->libm((long double)where));
#else
    (void)f;
    check_skip("the sample wants a long double of 64 bits or more");
#endif
}

static void test_special(void) {
    CHECK(sav_float_mode_ok());
    CHECK(same(sav_exp(-(double)INFINITY), 0.0) && same(sav_exp((double)INFINITY), (double)INFINITY));
    CHECK(same(sav_exp(0.0), 1.0) && same(sav_exp(-0.0), 1.0) && isnan(sav_exp((double)NAN)));
    CHECK(same(sav_exp(709.79), (double)INFINITY) && same(sav_exp(-745.2), 0.0) &&
          same(sav_exp(-745.0), 0x1p-1074));
    CHECK(same(sav_exp(-(double)FLT_MAX), 0.0)); /* a masked score */
    CHECK(same(sav_erf(-0.0), -0.0) && same(sav_erf(0.0), 0.0) && same(sav_erf(-(double)INFINITY), -1.0));
    CHECK(same(sav_tanh(-0.0), -0.0) && same(sav_tanh(0.0), 0.0) && same(sav_tanh((double)INFINITY), 1.0));
    CHECK(same(sav_sin(-0.0), -0.0) && same(sav_sin(0.0), 0.0) && same(sav_cos(-0.0), 1.0));
    CHECK(isnan(sav_erf((double)NAN)) && isnan(sav_tanh((double)NAN)) && isnan(sav_sin((double)NAN)) &&
          isnan(sav_cos((double)NAN)));
    CHECK(isnan(sav_sin(SAV_TRIG_LIMIT + 2)) && isnan(sav_cos((double)INFINITY)) &&
          !isnan(sav_sin(-SAV_TRIG_LIMIT)));
    /* the double nearest to this sine is a tie of float32 */
    CHECK((float)sav_sin(0x1.33333p+13) == -0x1.63f4bap-2f);
    size_t uneven = 0;
    for (double x = 0x1p-40; x < SAV_TRIG_LIMIT; x *= 1.0001) {
        uneven += !same(sav_erf(-x), -sav_erf(x)) || !same(sav_tanh(-x), -sav_tanh(x)) ||
                  !same(sav_sin(-x), -sav_sin(x)) || !same(sav_cos(-x), sav_cos(x));
    }
    CHECK_SIZE(uneven, 0);
}

int main(void) {
    test_special();
    test_pow();
    for (int f = 0; f < FUNCTIONS; f++) {
        test_golden(&functions[f]);
        test_sample(&functions[f]);
    }
    return check_report("elementary");
}
