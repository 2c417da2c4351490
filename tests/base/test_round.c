/* test_round.c: one rounding from double to f32, bf16 and f16, on every number of the 16-bit types and
 * between neighbours. */
#include "../check.h"
#include "base/round.h"

typedef float (*round_fn)(double);
typedef float (*widen_fn)(uint16_t);
typedef uint16_t (*narrow_fn)(float);

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static bool same(float a, float b) {
    return (a != a && b != b) || bits_of(a) == bits_of(b);
}

/* Every stored number survives widen -> round -> narrow, in both signs. `infinity` is its positive bit
 * pattern. */
static void check_every_number(round_fn round, widen_fn widen, narrow_fn narrow, uint16_t infinity) {
    size_t wrong = 0;
    for (uint32_t stored = 0; stored < 65536; stored++) {
        const float x = widen((uint16_t)stored);
        if ((stored & 0x7fffu) > infinity) {
            wrong += x == x || round(x) == round(x) || (narrow(x) & 0x7fffu) <= infinity;
            continue;
        }
        wrong += !same(round((double)x), x) || narrow(x) != stored;
    }
    CHECK_SIZE(wrong, 0);
}

/* Between two neighbours: the midpoint goes to the even one, anything off it by one bit of the double to the
 * nearer one. The nudged midpoint is where rounding through float32 first would go wrong. */
static void check_between(round_fn round, widen_fn widen, uint16_t infinity, double over) {
    size_t wrong = 0;
    for (uint32_t stored = 0; stored < infinity; stored++) {
        const bool last = stored + 1u == infinity;
        const float low = widen((uint16_t)stored), high = widen((uint16_t)(stored + 1u));
        const double middle = ((double)low + (last ? over : (double)high)) / 2;
        const float even = stored % 2 == 0 ? low : high;
        for (int sign = 1; sign >= -1; sign -= 2) {
            const float s = (float)sign;
            wrong += !same(round(s * middle), s * even);
            wrong += !same(round(s * nextafter(middle, 0)), s * low);
            wrong += !same(round(s * nextafter(middle, HUGE_VAL)), s * high);
        }
    }
    CHECK_SIZE(wrong, 0);
}

static void check_extremes(round_fn round) {
    CHECK(same(round(1e300), (float)HUGE_VAL) && same(round(-1e300), -(float)HUGE_VAL));
    CHECK(same(round(HUGE_VAL), (float)HUGE_VAL) && same(round(-HUGE_VAL), -(float)HUGE_VAL));
    CHECK(same(round(-0.0), -0.0f) && same(round(0.0), 0.0f));
    CHECK(same(round(1e-300), 0.0f) && same(round(-1e-300), -0.0f));
    CHECK(same(round(4.9406564584124654e-324), 0.0f));
    CHECK(round(NAN) != round(NAN));
}

int main(void) {
    check_every_number(sav_round_bf16, sav_widen_bf16, sav_narrow_bf16, 0x7f80);
    check_every_number(sav_round_f16, sav_widen_f16, sav_narrow_f16, 0x7c00);
    check_between(sav_round_bf16, sav_widen_bf16, 0x7f80, 0x1p+128);
    check_between(sav_round_f16, sav_widen_f16, 0x7c00, 0x1p+16);
    check_extremes(sav_round_f32);
    check_extremes(sav_round_bf16);
    check_extremes(sav_round_f16);

    /* Values of the eps of the cosine, as PyTorch holds them (a float32 scalar, rounded to the type). */
    CHECK(sav_round_bf16((double)1e-8f) == 1.0011717677116394e-08f);
    CHECK(sav_round_f16((double)1e-8f) == 0.0f);
    CHECK((double)sav_round_f32(1e-8) == 9.99999993922529e-09);
    /* 1 + 2^-8 + 2^-40 is above bf16's midpoint; through float32 it would become the midpoint and go down to
     * 1. */
    CHECK(sav_round_bf16(1 + 0x1p-8 + 0x1p-40) == 1 + 0x1p-7f);
    CHECK(sav_round_f16(1 + 0x1p-11 + 0x1p-40) == 1 + 0x1p-10f);
    CHECK(sav_round(1.00390625, SAV_BF16) == 1.0f && sav_round(1.00390625, SAV_F32) == 1.00390625f);
    return check_report("round");
}
