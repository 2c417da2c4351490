/* compare_stage.c: one stage of two files, number by number. See compare_stage.h. */
#include "tasks/compare_stage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- numbers ------------------------------------------------------------------------------------------- */

static bool is_integer(sav_dtype dtype) {
    return dtype == SAV_I64 || dtype == SAV_I32 || dtype == SAV_U8;
}

static double number_at(const sav_tensor *t, size_t i) {
    double v;
    if (t->dtype == SAV_F64) {
        memcpy(&v, (const char *)t->data + 8 * i, 8);
        return v;
    }
    return is_integer(t->dtype) ? (double)sav_tensor_integer(t, i) : (double)sav_tensor_float(t, i);
}

static bool same_number(const sav_tensor *a, const sav_tensor *b, size_t i, double x, double y) {
    if (is_integer(a->dtype) && is_integer(b->dtype))
        return sav_tensor_integer(a, i) == sav_tensor_integer(b, i);
    return sav_same(x, y);
}

/* The coarsest type that holds all values of a float tensor, by the bits that none of them has. Zeros and
 * powers of two fit any type, so a stage of few values may pass for a coarser one. */
static sav_dtype precision_of(const sav_tensor *t) {
    enum { F32_SPARE = 52 - 23, F16_SPARE = 52 - 10, BF16_SPARE = 52 - 7 };
    uint64_t used = 0;
    for (size_t i = 0; i < t->count; i++) {
        const double v = number_at(t, i);
        uint64_t bits;
        memcpy(&bits, &v, 8);
        if (isfinite(v)) used |= bits;
    }
    if (used & ((UINT64_C(1) << F32_SPARE) - 1)) return SAV_F64;
    if (used & ((UINT64_C(1) << F16_SPARE) - 1)) return SAV_F32;
    return used & ((UINT64_C(1) << BF16_SPARE) - 1) ? SAV_F16 : SAV_BF16;
}

/* ---- noise --------------------------------------------------------------------------------------------- */

/* Two right programs add in another order, so that they differ from the first sum on; each further stage
 * hands on what it got, a little larger or smaller. A mistake shows as a step: the stage is far beyond the
 * roundings of its type and beyond what the stages before it explain. */
enum { NOISE_STEP = 4, NOISE_MOST = 100 };

static double noise_floor(sav_dtype precision) {
    switch (precision) {
    case SAV_F64:
        return 2e-14;
    case SAV_F16:
        return 1e-3;
    case SAV_BF16:
        return 1e-2;
    default:
        return 1e-5;
    }
}

/* ---- shapes -------------------------------------------------------------------------------------------- */

/* The shape without its dimensions of one; returns the rank. */
static int squeeze(size_t shape[SAV_MAX_RANK], const sav_tensor *t) {
    int rank = 0;
    for (int r = 0; r < t->rank; r++)
        if (t->shape[r] != 1) shape[rank++] = t->shape[r];
    return rank;
}

static bool same_shape(const sav_tensor *a, const sav_tensor *b) {
    size_t x[SAV_MAX_RANK], y[SAV_MAX_RANK];
    const int rank = squeeze(x, a);
    return rank == squeeze(y, b) && memcmp(x, y, (size_t)rank * sizeof *x) == 0;
}

/* The last of all rows, where `row` is one row; false when the shapes are others. */
static bool last_row(sav_tensor *out, const sav_tensor *all, const sav_tensor *row) {
    size_t x[SAV_MAX_RANK], y[SAV_MAX_RANK];
    if (squeeze(x, all) != 2 || squeeze(y, row) != 1 || x[1] != y[0]) return false;
    *out = *row;
    out->dtype = all->dtype;
    out->data = (const char *)all->data + (all->count - row->count) * sav_dtype_size(all->dtype);
    return true;
}

/* Stages of which a program may keep the last token alone, as savs does of lm_head. */
static bool may_keep_last(const char *key) {
    return strcmp(key, "lm_head.output") == 0 || strcmp(key, "model.norm.output") == 0;
}

static void write_shape(char *out, size_t size, const sav_tensor *t) {
    size_t n = 0;
    n += (size_t)snprintf(out, size, "[");
    for (int r = 0; r < t->rank && n < size; r++)
        n += (size_t)snprintf(out + n, size - n, "%s%zu", r ? ", " : "", t->shape[r]);
    if (n < size) snprintf(out + n, size - n, "] %s", sav_dtype_name(t->dtype));
}

static void write_shapes(sav_compare_stage *out, const sav_tensor *a, const sav_tensor *b, bool last) {
    char shape_a[72], shape_b[72];
    write_shape(shape_a, sizeof shape_a, a);
    write_shape(shape_b, sizeof shape_b, b);
    if (last)
        snprintf(out->shape, sizeof out->shape, "%s, last row of %s", a->count < b->count ? shape_a : shape_b,
                 a->count < b->count ? shape_b : shape_a);
    else if (!same_shape(a, b))
        snprintf(out->shape, sizeof out->shape, "%s against %s", shape_a, shape_b);
    else if (a->dtype != b->dtype)
        snprintf(out->shape, sizeof out->shape, "%s|%s", shape_a, sav_dtype_name(b->dtype));
    else
        snprintf(out->shape, sizeof out->shape, "%s", shape_a);
}

/* ---- one stage ----------------------------------------------------------------------------------------- */

/* |a - t|_2 / |t|_2 over the elements; equal infinities and pairs of NaN count as no distance. */
static double relative_l2(const sav_tensor *a, const sav_tensor *t) {
    double distance = 0, norm = 0;
    for (size_t i = 0; i < t->count; i++) {
        double x = number_at(a, i), y = number_at(t, i);
        if (x != y && !(isnan(x) && isnan(y))) distance += (x - y) * (x - y);
        if (isfinite(y)) norm += y * y;
    }
    return distance == 0 ? 0 : sqrt(distance / norm);
}

static void count_element(sav_compare_stage *out, size_t i, double x, double y) {
    const sav_compare_element here = {i, x, y};
    const double gap = fabs(x - y);
    if (out->differ == 0) out->first = out->farthest = here;
    out->differ++;
    if (isnan(x)) out->nan_a++;
    if (isnan(y)) out->nan_b++;
    if (gap <= out->max_abs || isnan(out->max_abs)) return;
    out->max_abs = gap; /* the first NaN gets in and stays */
    out->farthest = here;
}

static void compare_elements(sav_compare_stage *out, const sav_tensor *a, const sav_tensor *b) {
    if (a->dtype == b->dtype && memcmp(a->data, b->data, a->count * sav_dtype_size(a->dtype)) == 0) return;
    double distance = 0, norm = 0;
    for (size_t i = 0; i < a->count; i++) {
        double x = number_at(a, i), y = number_at(b, i);
        if (isfinite(x)) norm += x * x;
        if (same_number(a, b, i, x, y)) continue;
        count_element(out, i, x, y);
        distance += (x - y) * (x - y);
    }
    out->rel_l2 = distance == 0 ? 0 : sqrt(distance / norm);
    if (out->differ || a->dtype != b->dtype) out->kind = SAV_COMPARE_VALUES;
    if (out->integers || !out->differ) return;
    const sav_dtype of_a = precision_of(a), of_b = precision_of(b);
    out->precision = noise_floor(of_a) > noise_floor(of_b) ? of_a : of_b;
}

static void compare_truth(sav_compare_stage *out, const sav_tensor *a, const sav_tensor *b,
                          const sav_tensor *truth) {
    if (!truth || out->integers || !same_shape(a, truth)) return;
    out->has_truth = true;
    out->truth_a = relative_l2(a, truth);
    out->truth_b = relative_l2(b, truth);
}

void sav_compare_tensors(sav_compare_stage *out, const sav_tensor *const abt[3], const char *key) {
    const sav_tensor *a = abt[0] ? abt[0] : abt[1], *b = abt[1] ? abt[1] : abt[0], *truth = abt[2];
    sav_tensor row_a, row_b, row_truth;
    out->integers = is_integer(a->dtype) && is_integer(b->dtype);
    out->precision = SAV_F32;
    const bool last = may_keep_last(key) && !same_shape(a, b);
    const bool of_a = last && last_row(&row_a, a, b), of_b = last && last_row(&row_b, b, a);
    write_shapes(out, a, b, of_a || of_b);
    if (of_a) a = &row_a;
    if (of_b) b = &row_b;
    out->count = a->count;
    if (!abt[0] || !abt[1]) {
        out->kind = abt[0] ? SAV_COMPARE_ONLY_A : SAV_COMPARE_ONLY_B;
    } else if (!same_shape(a, b)) {
        out->kind = SAV_COMPARE_SHAPES;
    } else {
        compare_elements(out, a, b);
        if (truth && may_keep_last(key) && last_row(&row_truth, truth, a)) truth = &row_truth;
        compare_truth(out, a, b, truth);
    }
}

/* ---- all stages ---------------------------------------------------------------------------------------- */

static bool is_noise(const sav_compare_stage *stage, double level) {
    if (stage->kind == SAV_COMPARE_EQUAL) return true;
    if (stage->kind != SAV_COMPARE_VALUES) return false;
    if (stage->differ == 0) return true; /* equal numbers of another type */
    if (stage->integers) return false;
    const double floor = noise_floor(stage->precision), grown = NOISE_STEP * level;
    return stage->rel_l2 <= (grown > floor ? grown : floor) && stage->rel_l2 <= NOISE_MOST * floor;
}

void sav_mark_noise(sav_compare_stage *stages, size_t count) {
    double level = 0; /* the largest rel-L2 of the noise so far */
    for (size_t i = 0; i < count; i++) {
        stages[i].noise = is_noise(&stages[i], level);
        if (stages[i].noise && stages[i].rel_l2 > level) level = stages[i].rel_l2;
    }
}
