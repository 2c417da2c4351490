/* test_stage.c: the arithmetic of the stage on known vectors, and its edge cases. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "base/round.h"
#include "classify/stage.h"

enum { MOST = 256 };

/* Cosines of x with C means of d values. */
static void cosines_of(float *out, const float *x, const float *means, size_t classes, size_t d,
                       sav_dtype dtype) {
    float units[MOST], unit[MOST];
    double sum[MOST];
    const sav_fit_setup stage = {1, 1, d, classes, dtype, 1};
    sav_stage_scratch scratch = {unit, sum, out};
    sav_stage_units(units, means, &stage);
    sav_stage_cosines(&scratch, x, units, &stage);
}

static void test_cosine_vector(void) {
    static const float means[] = {1, 2, 3, 4, 0.5f, -1, 2, 0.25f}, x[] = {1, 1, 2, 3.5f};
    static const uint32_t bits[] = {0x3f7ba341, 0x3ee37e16};
    static const float bf16[] = {0.98046875f, 0.43945312f}, f16[] = {0.982421875f, 0.444091796875f};
    float got[2], want[2];
    memcpy(want, bits, sizeof want);
    cosines_of(got, x, means, 2, 4, SAV_F32);
    check_bits(got, want, 2, "cosine f32");
    cosines_of(got, x, means, 2, 4, SAV_BF16);
    check_bits(got, bf16, 2, "cosine bf16");
    cosines_of(got, x, means, 2, 4, SAV_F16);
    check_bits(got, f16, 2, "cosine f16");
}

static void test_extreme_vectors(void) {
    float means[2][16] = {{0}}, got[2];
    const float zero[16] = {0};
    for (size_t k = 0; k < 16; k++) means[1][k] = 1;
    cosines_of(got, zero, means[0], 2, 16, SAV_F32); /* zero vectors */
    CHECK(got[0] == 0 && got[1] == 0);
    cosines_of(got, means[1], means[0], 2, 16, SAV_F32);
    CHECK(got[0] == 0 && got[1] == 1);
    cosines_of(got, zero, means[0], 2, 16, SAV_BF16);
    CHECK(got[0] == 0 && got[1] == 0);
    cosines_of(got, means[1], means[0], 2, 16, SAV_F16);
    CHECK(isnan(got[0]) && got[1] == 1);
    cosines_of(got, zero, means[0], 2, 16, SAV_F16);
    CHECK(isnan(got[0]) && isnan(got[1]));

    for (size_t k = 0; k < 16; k++) means[0][k] = 1e19f; /* squares beyond float32, not beyond double */
    cosines_of(got, means[0], means[0], 1, 16, SAV_F32);
    CHECK(got[0] == 1);
    /* a norm above eps whose squares underflow nowhere */
    for (size_t k = 0; k < 16; k++) means[0][k] = 1e-7f;
    cosines_of(got, means[0], means[0], 1, 16, SAV_F32);
    CHECK(got[0] == 1);
    for (size_t k = 0; k < 16; k++) means[0][k] = 1e-23f; /* a norm far below eps */
    cosines_of(got, means[0], means[0], 1, 16, SAV_F32);
    CHECK(got[0] > 0 && got[0] < 1e-25f);
    for (size_t k = 0; k < 16; k++) means[0][k] = 65504; /* a norm beyond f16 is infinite */
    cosines_of(got, means[1], means[0], 1, 16, SAV_F16);
    CHECK(got[0] == 0);
    means[0][3] = NAN;
    cosines_of(got, means[1], means[0], 1, 16, SAV_F32);
    CHECK(isnan(got[0]));
}

static sav_vote vote_on(const float *cosines, size_t classes, sav_dtype dtype) {
    const sav_fit_setup stage = {1, 1, 1, classes, dtype, 1};
    return sav_stage_vote(cosines, &stage);
}

static void test_votes(void) {
    sav_vote v = vote_on((const float[]){0.5f, 0.75f, 0.75f}, 3, SAV_F32);
    CHECK(v.choice == 1 && v.near_tie && !v.nan); /* the first maximum */
    v = vote_on((const float[]){0.5f, NAN, 2, NAN}, 4, SAV_F32);
    CHECK(v.choice == 1 && !v.near_tie && v.nan); /* NaN is the largest, the first one wins */
    v = vote_on((const float[]){NAN, 1}, 2, SAV_F32);
    CHECK(v.choice == 0 && v.nan);
    v = vote_on((const float[]){-1}, 1, SAV_F32);
    CHECK(v.choice == 0 && !v.near_tie); /* one class: the margin is infinite */
    v = vote_on((const float[]){-0.0f, 0.0f}, 2, SAV_F32);
    CHECK(v.choice == 0 && v.near_tie);
    v = vote_on((const float[]){0.5f + 0x1p-20f, 0.5f}, 2, SAV_F32);
    CHECK(v.near_tie);
    v = vote_on((const float[]){0.5f + 0x1p-19f, 0.5f}, 2, SAV_F32);
    CHECK(!v.near_tie);
    CHECK(vote_on((const float[]){0.5f, 0.50390625f}, 2, SAV_BF16).near_tie);
    CHECK(!vote_on((const float[]){0.5f, 0.5078125f}, 2, SAV_BF16).near_tie);
    CHECK(vote_on((const float[]){0.5f, 0.5f + 0x1p-11f}, 2, SAV_F16).near_tie);
    CHECK(!vote_on((const float[]){0.5f, 0.5f + 0x1p-10f}, 2, SAV_F16).near_tie);
}

static float sum_of(const float *values, size_t count, sav_dtype dtype) {
    const sav_fit_setup stage = {count, 1, 1, 1, dtype, 1};
    const int32_t ids[8] = {0};
    int32_t n;
    float sum;
    sav_stage_sums(&sum, &n, values, ids, &stage);
    CHECK_SIZE((size_t)n, count);
    return sum;
}

static void test_sums(void) {
    CHECK(sum_of((const float[]){256, 1, 1, 1}, 4, SAV_BF16) == 256); /* bf16 order */
    CHECK(sum_of((const float[]){1, 1, 1, 256}, 4, SAV_BF16) == 260);
    CHECK(sum_of((const float[]){256, 1, 1, 1}, 4, SAV_F32) == 259);
    CHECK(sum_of((const float[]){65504, 65504}, 2, SAV_F16) == INFINITY);
    const float zero = sum_of((const float[]){-0.0f}, 1, SAV_F32); /* negative zero */
    CHECK(zero == 0 && !signbit(zero));
    CHECK(sum_of((const float[]){1 + 0x1p-8f}, 1, SAV_BF16) == 1); /* an f32 feature comes onto the grid */

    /* Two classes, one example of neither, means rounded once. */
    static const float x[] = {1, 10, 2, 20, 1, 30};
    static const int32_t ids[] = {1, 0, 1, -1, 1, 0};
    const sav_fit_setup stage = {6, 1, 1, 2, SAV_BF16, 1};
    float sums[2], means[2];
    int32_t counts[2];
    sav_stage_sums(sums, counts, x, ids, &stage);
    sav_stage_means(means, sums, counts, &stage);
    CHECK(counts[0] == 2 && counts[1] == 3 && sums[0] == 40 && sums[1] == 4);
    CHECK(means[0] == 20 && means[1] == 1.3359375f);
}

static void test_selection(void) {
    static int32_t hits[784], top[784];
    sav_stage_cut cut;
    sav_error err;
    for (size_t f = 0; f < 784; f++) hits[f] = 7; /* all equal: the highest indices */
    CHECK_OK(sav_stage_select(top, &cut, hits, 784, 20, &err), &err);
    for (int32_t r = 0; r < 20; r++) CHECK(top[r] == 783 - r);
    CHECK(cut.count == 7 && cut.next == 7 && cut.tied == 784 && cut.taken == 20);

    static const int32_t few[] = {3, 5, 4, 5, 4, 4};
    CHECK_OK(sav_stage_select(top, &cut, few, 6, 4, &err), &err);
    CHECK(top[0] == 3 && top[1] == 1 && top[2] == 5 && top[3] == 4);
    CHECK(cut.count == 4 && cut.next == 4 && cut.tied == 3 && cut.taken == 2);
    CHECK_OK(sav_stage_select(top, &cut, few, 6, 5, &err), &err);
    /* a clear cut */
    CHECK(top[4] == 2 && cut.count == 4 && cut.next == 3 && cut.tied == 3 && cut.taken == 3);
    CHECK_OK(sav_stage_select(top, &cut, few, 6, 6, &err), &err);
    CHECK(top[5] == 0 && cut.count == 3 && cut.next == -1 && cut.tied == 1 && cut.taken == 1);
    CHECK_OK(sav_stage_select(top, &cut, few, 6, 1, &err), &err);
    CHECK(top[0] == 3 && cut.count == 5 && cut.next == 5 && cut.tied == 2 && cut.taken == 1);
}

static void check_winner(const int32_t *head_votes, size_t K, size_t C, size_t winner, size_t margin) {
    int32_t votes[MOST];
    sav_prediction got;
    sav_stage_winner(&got, votes, head_votes, K, C);
    CHECK_SIZE(got.winner, winner);
    CHECK_SIZE(got.margin, margin);
}

static void test_winner(void) {
    /* vote tie: the lower id loses to the first voted */
    check_winner((const int32_t[]){2, 0, 0, 2, 1}, 5, 3, 2, 0);
    check_winner((const int32_t[]){2, 0, 0, 2, 0}, 5, 3, 0, 1);
    check_winner((const int32_t[]){1}, 1, 3, 1, 1);
    check_winner((const int32_t[]){1, 1, 1}, 3, 3, 1, 3);
    check_winner((const int32_t[]){1, 2, 0}, 3, 3, 1, 0);
}

/* Hits at any number of threads are those of one. */
static void test_threads(void) {
    enum { N = 12, HEADS = 70, D = 10, C = 3 };
    static float x[N * HEADS * D], means[C * HEADS * D], units[C * HEADS * D];
    int32_t ids[N], hits[HEADS], again[HEADS];
    sav_stage_report report, second;
    sav_error err;
    uint32_t state = 1;
    for (size_t i = 0; i < N * HEADS * D; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = sav_round_bf16((double)(state >> 8) * 0x1p-23 - 1);
    }
    for (size_t n = 0; n < N; n++) ids[n] = n == 5 ? -1 : (int32_t)(n % C);
    for (int threads = 1; threads <= 3; threads++) {
        const sav_fit_setup stage = {N, HEADS, D, C, SAV_BF16, threads};
        int32_t counts[C];
        sav_stage_sums(means, counts, x, ids, &stage);
        sav_stage_means(means, means, counts, &stage);
        sav_stage_units(units, means, &stage);
        CHECK_OK(sav_stage_hits(threads == 1 ? hits : again, threads == 1 ? &report : &second, x, ids, units,
                                &stage, &err),
                 &err);
        if (threads == 1) continue;
        CHECK(memcmp(hits, again, sizeof hits) == 0 && memcmp(&report, &second, sizeof report) == 0);
    }
}

int main(void) {
    test_cosine_vector();
    test_extreme_vectors();
    test_votes();
    test_sums();
    test_selection();
    test_winner();
    test_threads();
    return check_report("stage");
}
