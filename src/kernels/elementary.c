/* elementary.c: the elementary functions of the numeric contract (elementary.h), by tables and short
 * polynomials.
 *
 *     x -> nearest table point c, x = c + h -> f(c) as hi + lo, plus the rest as a short series in h
 *         -> hi + lo -> one double
 *
 * The pieces of exp, erf and tanh stand in elementary_parts.h, where the exact engine's loops over many
 * numbers find them too.
 *
 * The sum is kept as a double hi and a much smaller correction lo, so the last addition makes nearly the
 * whole error: half a unit. Two tricks make the float32 of the double right too. Where a product matters
 * beyond 53 bits, both factors are cut to 26 or 27 bits and it is exact. And where the double would fall on
 * the middle between two float32, although the truth does not, settle() steps one unit to the truth's side;
 * otherwise the second rounding could go the wrong way.
 *
 * Sources: Tang, "Table-driven implementation of the exponential function", TOMS 15 (1989); Dekker (1971) for
 * sums and products with their errors; Cody and Waite for the argument reductions; CORE-MATH (Zimmermann and
 * others) for the aim and for testing on every input. Tables: tools/golden/elementary_coefficients.py. The
 * NumPy twin is tools/oracle/elementary.py: whoever changes the order of one operation here changes it there.
 */
#include "kernels/elementary.h"

#include <float.h>

#include "kernels/elementary_parts.h"

/* ---- exp ----------------------------------------------------------------------------------------------- */

typedef struct exp_parts {
    double hi, lo;
    int64_t exponent;
} exp_parts;

static inline exp_parts exp_parts_of(double x) {
    const exp_argument a = exp_reduce(x);
    const double *entry = EXP_TABLE[exp_entry(a.steps)];
    const exp_parts parts = {entry[0], exp_low(entry[0], entry[1], a.r, a.rest), exp_exponent(a.steps)};
    return parts;
}

/* Right unless the result is subnormal, in which case it would be rounded twice. */
static inline double exp_normal(double x) {
    exp_parts parts = exp_parts_of(exp_clamp(x));
    return exp_join(parts.hi, parts.lo, parts.exponent);
}

/* Adding 2^(-1022 - exponent) first puts the last bit where the subnormal result has it, so that there is one
 * rounding. */
static double exp_small(double x) {
    if (x < -746.0) {
        return 0.0;
    }
    exp_parts parts = exp_parts_of(x);
    double sum = parts.hi + parts.lo;
    double left = parts.lo - (sum - parts.hi);
    if (parts.exponent > -1022 || (parts.exponent == -1022 && sum >= 1)) {
        return scale(settle(parts.hi, parts.lo), parts.exponent);
    }
    double big = power_of_two(-1022 - parts.exponent);
    double head = big + sum;
    double tail = ((big - head) + sum) + left;
    return scale((head + tail) - big, parts.exponent);
}

double sav_exp(double x) {
    return x < EXP_SUBNORMAL ? exp_small(x) : exp_normal(x);
}

/* ---- erf, tanh ----------------------------------------------------------------------------------------- */

double sav_erf(double x) {
    double size = absolute(x);
    if (size < ERF_LEAST) {
        return x * TWO_OVER_SQRT_PI; /* the short products would be subnormal */
    }
    if (!(size < ERF_END)) {
        return x != x ? x : with_sign(1.0, x); /* 1 - erf(6) is 2^-55 */
    }
    int i = patch_row(size);
    return with_sign(patch(ERF_TABLE[i], 1, patch_distance(size, i)), x);
}

double sav_tanh(double x) {
    double size = absolute(x);
    if (size < TANH_END) {
        int i = patch_row(size);
        return with_sign(patch(TANH_TABLE[i], 1, patch_distance(size, i)), x);
    }
    if (x != x) {
        return x;
    }
    double away = 2.0 / (1.0 + exp_normal(2.0 * size)); /* tanh = 1 - away, away < 2^-10 */
    return with_sign(settle(1.0, -away), x);
}

/* ---- sin, cos ------------------------------------------------------------------------------------------ */

/* a + b = sum + error exactly (Knuth). */
static inline double two_sum(double a, double b, double *error) {
    double sum = a + b;
    double b_part = sum - a;
    *error = (a - (sum - b_part)) + (b - b_part);
    return sum;
}

/* sin(x + turn pi/64), 0 <= x <= 2^24. x = k pi/64 + r, r = hi + lo; then sin(point) cos(r) + cos(point)
 * sin(r). */
static double sin_from(double x, int64_t turn) {
    double k = (x * TRIG_INV_STEP + ROUNDER) - ROUNDER;
    double e1, e2, e3, lo;
    double hi = x - k * TRIG_STEP_1; /* exact, as are the next three products: k has 29 bits, a step 24 */
    hi = two_sum(hi, -(k * TRIG_STEP_2), &e1);
    hi = two_sum(hi, -(k * TRIG_STEP_3), &e2);
    hi = two_sum(hi, -(k * TRIG_STEP_4), &e3);
    hi = two_sum(hi, ((e1 + e2) + e3) - k * TRIG_STEP_5, &lo);

    int64_t point = (int64_t)k + turn;
    const double *sine = TRIG_TABLE[point & 127];
    const double *cosine = TRIG_TABLE[(point + 32) & 127];
    double hi_top = top_bits(hi);
    double cosine_top = top_bits(cosine[0]);
    double linear = cosine_top * hi_top; /* exact */
    double linear_rest = cosine_top * ((hi - hi_top) + lo) + ((cosine[0] - cosine_top) + cosine[1]) * hi;
    double square = hi * hi;
    /* cos r - 1 */
    double cos_part = square * (COS_C2 + square * (COS_C4 + square * (COS_C6 + square * COS_C8)));
    /* sin r - r */
    double sin_part = hi * (square * (SIN_C3 + square * (SIN_C5 + square * (SIN_C7 + square * SIN_C9))));
    double rest = (sine[1] + linear_rest) + (sine[0] * cos_part + cosine[0] * sin_part);
    double sum = sine[0] + linear;
    double left = linear - (sum - sine[0]);
    return settle(sum, left + rest);
}

static double not_a_number(void) {
    return from_bits(0x7ff8000000000000u);
}

double sav_sin(double x) {
    double size = absolute(x);
    return size <= SAV_TRIG_LIMIT ? with_sign(sin_from(size, 0), x) : not_a_number();
}

double sav_cos(double x) {
    double size = absolute(x);
    return size <= SAV_TRIG_LIMIT ? sin_from(size, 32) : not_a_number();
}

/* ---- pow: numbers as unevaluated sums hi + lo, about 100 bits ------------------------------------------ */

typedef struct pair {
    double hi, lo;
} pair;

static pair pair_of(double hi, double lo) {
    pair p;
    p.hi = two_sum(hi, lo, &p.lo);
    return p;
}

/* a * b exactly (Dekker, with Veltkamp's split). */
static pair product(double a, double b) {
    double a_far = 134217729.0 * a, b_far = 134217729.0 * b;
    double a_hi = a_far - (a_far - a), b_hi = b_far - (b_far - b);
    double a_lo = a - a_hi, b_lo = b - b_hi;
    pair p;
    p.hi = a * b;
    p.lo = ((a_hi * b_hi - p.hi) + (a_hi * b_lo + a_lo * b_hi)) + a_lo * b_lo;
    return p;
}

static pair pair_add(pair a, pair b) {
    double error;
    double sum = two_sum(a.hi, b.hi, &error);
    return pair_of(sum, error + (a.lo + b.lo));
}

static pair pair_multiply(pair a, pair b) {
    pair p = product(a.hi, b.hi);
    return pair_of(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static pair pair_divide(pair a, pair b) {
    double guess = a.hi / b.hi;
    pair back = product(guess, b.hi);
    double left = ((a.hi - back.hi) - back.lo) + (a.lo - guess * b.lo);
    return pair_of(guess, left / b.hi);
}

/* ln(theta), theta = m 2^e: e ln 2 + 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1)/(m + 1), |s| < 0.172. */
static pair pair_log(double theta) {
    const pair one = {1.0, 0.0};
    uint64_t bits = bits_of(theta);
    double e = (double)((int64_t)(bits >> 52) - 1023);
    double m = from_bits((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
    if (m > 1.4142135) {
        m = m * 0.5;
        e = e + 1.0;
    }
    pair s = pair_divide(pair_of(m, -1.0), pair_of(m, 1.0));
    pair square = pair_multiply(s, s);
    pair series = {0.0, 0.0};
    for (int n = 45; n >= 1; n -= 2) {
        pair odd = {(double)n, 0.0};
        series = pair_add(pair_divide(one, odd), pair_multiply(square, series));
    }
    pair twice = {2.0 * s.hi, 2.0 * s.lo};
    pair whole = product(e, LN2_HI);
    whole = pair_of(whole.hi, whole.lo + e * LN2_LO);
    return pair_add(whole, pair_multiply(twice, series));
}

/* exp(y) = result 2^*exponent, |y.hi| <= 128. */
static pair pair_exp(pair y, int64_t *exponent) {
    const pair one = {1.0, 0.0};
    double k = (y.hi * EXP_INV_STEP + ROUNDER) - ROUNDER;
    double error;
    double hi = y.hi - k * EXP_STEP_1;
    hi = two_sum(hi, -(k * EXP_STEP_2), &error);
    pair r = pair_of(hi, (error + y.lo) - k * EXP_STEP_3);
    pair series = one;
    for (int n = 13; n >= 1; n--) {
        pair divisor = {(double)n, 0.0};
        series = pair_add(one, pair_divide(pair_multiply(r, series), divisor));
    }
    int64_t steps = (int64_t)k + 2048 * 128;
    pair entry = {EXP_TABLE[steps % 128][0], EXP_TABLE[steps % 128][1]};
    *exponent = steps / 128 - 2048;
    return pair_multiply(entry, series);
}

float sav_pow_f32(double theta, float x) {
    if (!(theta >= DBL_MIN && theta <= DBL_MAX) || !(x >= -FLT_MAX && x <= FLT_MAX)) {
        return (float)not_a_number();
    }
    pair factor = {(double)x, 0.0};
    pair y = pair_multiply(pair_log(theta), factor);
    if (y.hi > 89.0) {
        return (float)from_bits(0x7ff0000000000000u);
    }
    if (y.hi < -105.0) {
        return 0.0f;
    }
    int64_t exponent;
    pair p = pair_exp(y, &exponent);
    /* Exact powers (10000^0.5) carry an error of about 2^-95 only. Others are kept odd, so that the cast is
     * the one rounding. */
    uint64_t bits = bits_of(p.hi);
    double noise = p.hi * 0x1p-85;
    if (absolute(p.lo) > noise && bits % 2 == 0) {
        bits = p.lo > 0 ? bits + 1 : bits - 1;
    }
    return (float)scale(from_bits(bits), exponent);
}

bool sav_float_mode_ok(void) {
    volatile double least = DBL_MIN, one = 1.0, tiny = 0x1p-54;
    volatile float least_f = FLT_MIN;
    volatile double half = least * 0.5;
    volatile float half_f = least_f * 0.5f;
    bool keeps = half > 0 && half * 2.0 == least && half_f > 0 && half_f * 2.0f == least_f;
    return keeps && one + tiny == 1.0 && one - tiny == 1.0 && -one - tiny == -1.0;
}
