/* stage.c: class sums, means, cosines, hits, selection, votes. See stage.h; source: SAVs
 * (github.com/chancharikmitra/SAVs, src/utils.py).
 */
#include "classify/stage.h"

#include <math.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/round.h"
#include "kernels/parallel.h"

#ifdef _OPENMP
/* 0: OpenMP's own choice would be the machine's, not this process's. */
static inline int team(int threads) {
    return sav_threads(threads > 0 ? threads : sav_os_cores());
}
#endif

/* A feature as the stage sees it. PARITY: the reference takes the mean over one copy of each activation. It
 * changes nothing but -0, since a sum starts at +0 (test_stage.c: negative zero). */
static inline float load(float x, sav_dtype dtype) {
    return (dtype == SAV_F32 ? x : sav_round((double)x, dtype)) + 0.0f;
}

/* ---- class means --------------------------------------------------------------------------------------- */

/* PARITY: the first example of a class is the accumulator and every later one is added in R, in list order;
 * in bf16 another order gives other means (test_stage.c: bf16 order). */
void sav_stage_sums(float *sums, int32_t *counts, const float *features, const int32_t *ids,
                    const sav_fit_setup *stage) {
    const size_t d = stage->d, width = stage->LH * d;
    const ptrdiff_t heads = (ptrdiff_t)stage->LH;
    for (size_t c = 0; counts && c < stage->C; c++) counts[c] = 0;
    for (size_t n = 0; counts && n < stage->N; n++)
        if (ids[n] >= 0) counts[ids[n]]++;
    /* -0 + x = x, and no x is -0: see load */
    for (size_t i = 0; i < stage->C * width; i++) sums[i] = -0.0f;
#pragma omp parallel for schedule(static) num_threads(team(stage->threads))
    for (ptrdiff_t f = 0; f < heads; f++) {
        for (size_t n = 0; n < stage->N; n++) {
            if (ids[n] < 0) continue;
            float *sum = sums + (size_t)ids[n] * width + (size_t)f * d;
            const float *x = features + n * width + (size_t)f * d;
            for (size_t k = 0; k < d; k++)
                sum[k] = sav_round((double)sum[k] + (double)load(x[k], stage->dtype), stage->dtype);
        }
    }
}

void sav_stage_means(float *means, const float *sums, const int32_t *counts, const sav_fit_setup *stage) {
    const size_t width = stage->LH * stage->d;
    for (size_t c = 0; c < stage->C; c++)
        for (size_t i = c * width; i < (c + 1) * width; i++)
            means[i] = sav_round((double)sums[i] / (double)counts[c], stage->dtype);
}

/* ---- cosines ------------------------------------------------------------------------------------------- */

/* n(x) = R(max(R(sqrt(sum x*x)), eps)). eps = 1e-8 is a float32 scalar in the reference; a NaN norm stays
 * NaN. PARITY: in f16 eps rounds to 0, so that a zero vector gives 0/0 = NaN (test_stage.c: zero vectors). */
static double clamped_norm(double square_sum, sav_dtype dtype) {
    const double norm = (double)sav_round(sqrt(square_sum), dtype), eps = (double)1e-8f;
    return (double)sav_round(norm < eps ? eps : norm, dtype);
}

void sav_stage_units(float *units, const float *means, const sav_fit_setup *stage) {
    const size_t d = stage->d, C = stage->C;
    const ptrdiff_t heads = (ptrdiff_t)stage->LH;
#pragma omp parallel for schedule(static) num_threads(team(stage->threads))
    for (ptrdiff_t f = 0; f < heads; f++) {
        for (size_t c = 0; c < C; c++) {
            const float *mean = means + (c * stage->LH + (size_t)f) * d;
            float *unit = units + (size_t)f * d * C + c;
            double square_sum = 0;
            for (size_t k = 0; k < d; k++) square_sum += (double)mean[k] * (double)mean[k];
            const double norm = clamped_norm(square_sum, stage->dtype);
            for (size_t k = 0; k < d; k++) unit[k * C] = sav_round((double)mean[k] / norm, stage->dtype);
        }
    }
}

/* sum[c] = sum over k of R(units[k][c] * unit[k]). Inlined once for each R; the loop over classes is the
 * inner one, so that it vectorises over outputs while each sum keeps its order. */
static inline void add_products(double *sum, const float *units, const float *unit, size_t d, size_t C,
                                sav_dtype dtype) {
    for (size_t c = 0; c < C; c++) sum[c] = 0;
    for (size_t k = 0; k < d; k++)
        for (size_t c = 0; c < C; c++)
            sum[c] += (double)sav_round((double)units[k * C + c] * (double)unit[k], dtype);
}

sav_status sav_stage_scratch_make(sav_stage_scratch *out, const sav_fit_setup *stage, sav_error *err) {
    out->unit = sav_alloc(stage->d, sizeof *out->unit);
    out->sum = sav_alloc(stage->C, sizeof *out->sum);
    out->cosines = sav_alloc(stage->C, sizeof *out->cosines);
    if (out->unit && out->sum && out->cosines) return SAV_OK;
    sav_stage_scratch_free(out);
    return sav_fail(err, SAV_NO_MEMORY, "no memory to compare with %zu classes", stage->C);
}

void sav_stage_scratch_free(sav_stage_scratch *scratch) {
    sav_free(scratch->unit);
    sav_free(scratch->sum);
    sav_free(scratch->cosines);
    *scratch = (sav_stage_scratch){0};
}

/* PARITY: both vectors are divided by their norms first, the products rounded, then summed; the textbook's
 * dot product over the product of norms has other bits (test_stage.c: cosine vector). */
void sav_stage_cosines(sav_stage_scratch *scratch, const float *x, const float *units,
                       const sav_fit_setup *stage) {
    const size_t d = stage->d, C = stage->C;
    const sav_dtype dtype = stage->dtype;
    float *unit = scratch->unit;
    double *sum = scratch->sum;
    double square_sum = 0;
    for (size_t k = 0; k < d; k++) {
        unit[k] = load(x[k], dtype);
        square_sum += (double)unit[k] * (double)unit[k];
    }
    const double norm = clamped_norm(square_sum, dtype);
    for (size_t k = 0; k < d; k++) unit[k] = sav_round((double)unit[k] / norm, dtype);
    if (dtype == SAV_BF16)
        add_products(sum, units, unit, d, C, SAV_BF16);
    else if (dtype == SAV_F16)
        add_products(sum, units, unit, d, C, SAV_F16);
    else
        add_products(sum, units, unit, d, C, SAV_F32);
    for (size_t c = 0; c < C; c++) scratch->cosines[c] = sav_round(sum[c], dtype);
}

double sav_stage_tolerance(sav_dtype dtype) {
    return dtype == SAV_BF16 ? 0x1p-8 : dtype == SAV_F16 ? 0x1p-11 : 0x1p-20;
}

sav_vote sav_stage_vote(const float *cosines, const sav_fit_setup *stage) {
    sav_vote vote = {0, false, false};
    double best = (double)cosines[0], second = -HUGE_VAL;
    for (size_t c = 0; c < stage->C; c++) {
        const double x = (double)cosines[c];
        if (isnan(x)) return (sav_vote){(int32_t)c, false, true};
        if (c == 0) continue;
        if (x > best) {
            second = best;
            best = x;
            vote.choice = (int32_t)c;
        } else if (x > second) {
            second = x;
        }
    }
    vote.near_tie = best - second <= sav_stage_tolerance(stage->dtype);
    return vote;
}

/* ---- hits ---------------------------------------------------------------------------------------------- */

typedef struct scoring {
    const float *features; /* [N, L*H, d] */
    const int32_t *ids;    /* [N] */
    const float *units;    /* [L*H, d, C] */
    const sav_fit_setup *stage;
} scoring;

/* One of the pieces that heads are dealt out to. */
typedef struct lane {
    sav_stage_scratch scratch;
    sav_stage_report report;
} lane;

static int32_t hits_of_head(lane *own, const scoring *in, size_t f) {
    const sav_fit_setup *stage = in->stage;
    const size_t d = stage->d, C = stage->C;
    int32_t hits = 0;
    for (size_t n = 0; n < stage->N; n++) {
        if (in->ids[n] < 0) continue;
        const float *x = in->features + (n * stage->LH + f) * d;
        sav_stage_cosines(&own->scratch, x, in->units + f * d * C, stage);
        const sav_vote vote = sav_stage_vote(own->scratch.cosines, stage);
        hits += vote.choice == in->ids[n];
        own->report.near_ties += vote.near_tie;
        own->report.nan_cosines += vote.nan;
    }
    return hits;
}

sav_status sav_stage_hits(int32_t *hits, sav_stage_report *report, const float *features, const int32_t *ids,
                          const float *units, const sav_fit_setup *stage, sav_error *err) {
    enum { LANES = 64 };
    lane lanes[LANES] = {{{NULL, NULL, NULL}, {0, 0}}};
    const scoring in = {features, ids, units, stage};
    const ptrdiff_t count = (ptrdiff_t)sav_min(stage->LH, LANES);
    sav_status status = SAV_OK;
    *report = (sav_stage_report){0, 0};
    for (ptrdiff_t i = 0; i < count && !status; i++)
        status = sav_stage_scratch_make(&lanes[i].scratch, stage, err);
    if (!status) {
#pragma omp parallel for schedule(dynamic) num_threads(team(stage->threads))
        for (ptrdiff_t i = 0; i < count; i++)
            for (size_t f = (size_t)i; f < stage->LH; f += (size_t)count)
                hits[f] = hits_of_head(&lanes[i], &in, f);
    }
    for (ptrdiff_t i = 0; i < count; i++) {
        report->near_ties += lanes[i].report.near_ties;
        report->nan_cosines += lanes[i].report.nan_cosines;
        sav_stage_scratch_free(&lanes[i].scratch);
    }
    return status;
}

/* ---- selection and votes ------------------------------------------------------------------------------- */

static int descending(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/* PARITY: np.argsort(counts)[-k:][::-1] sorts unstably, and its ties differ from one numpy and CPU to the
 * next. The rule here is what kind="stable" gives: hits descending, then flat index descending (test_stage.c:
 * selection). */
sav_status sav_stage_select(int32_t *top, sav_stage_cut *cut, const int32_t *hits, size_t LH, size_t K,
                            sav_error *err) {
    /* hits in the upper half, index in the lower: all different */
    uint64_t *keys = sav_alloc(LH, sizeof *keys);
    if (!keys) return sav_fail(err, SAV_NO_MEMORY, "no memory to sort %zu heads", LH);
    for (size_t f = 0; f < LH; f++) keys[f] = (uint64_t)(uint32_t)hits[f] << 32 | (uint32_t)f;
    qsort(keys, LH, sizeof *keys, descending);
    for (size_t r = 0; r < K; r++) top[r] = (int32_t)(uint32_t)keys[r];
    *cut = (sav_stage_cut){hits[top[K - 1]], -1, 0, 0};
    if (K < LH) cut->next = (int32_t)(keys[K] >> 32);
    for (size_t f = 0; f < LH; f++) cut->tied += hits[f] == cut->count;
    for (size_t r = 0; r < K; r++) cut->taken += hits[top[r]] == cut->count;
    sav_free(keys);
    return SAV_OK;
}

/* PARITY: Counter.most_common sorts stably over a dict in order of first vote, so a lower class id can lose a
 * tie to the class voted for first (test_stage.c: vote tie). */
void sav_stage_winner(sav_prediction *out, int32_t *votes, const int32_t *head_votes, size_t K, size_t C) {
    for (size_t c = 0; c < C; c++) votes[c] = 0;
    for (size_t r = 0; r < K; r++) votes[head_votes[r]]++;
    size_t best = (size_t)head_votes[0];
    for (size_t r = 1; r < K; r++)
        if (votes[head_votes[r]] > votes[best]) best = (size_t)head_votes[r];
    int32_t second = 0;
    for (size_t c = 0; c < C; c++)
        if (c != best && votes[c] > second) second = votes[c];
    out->winner = best;
    out->margin = (size_t)(votes[best] - second);
}
