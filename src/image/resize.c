/* resize.c: antialiased resampling in fixed point, as Pillow's Resample.c does it.
 *
 *   axis, n -> m:  kernel, widened by the shrink factor -> double weights, each row divided by its sum
 *                  -> int32 k [m, width], 22 bits behind the point
 *   pass:          s = 2^21 + Σ pixel·k (int32) -> clip(s >> 22) -> uint8, so two passes round twice
 *
 * The expressions of the weights and their order are Pillow's, since every one of them is rounded in double.
 * Sums of the passes are of integers: their order is free. Source: src/libImaging/Resample.c of Pillow 11.3.0
 * and 13.0.0.
 */
#include "image/resize.h"

#include <math.h>
#include <string.h>

/* ---- kernels ------------------------------------------------------------------------------------------- */

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x) { /* Keys' cubic with a = -0.5 */
    x = fabs(x);
    if (x < 1.0) return ((1.5 * x - 2.5) * x) * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0.0;
}

static double sinc(double x) {
    if (x == 0.0) return 1.0;
    x = x * 3.14159265358979323846;
    return sin(x) / x; /* libm's sin: its last bit is far below the 2^-22 of a coefficient */
}

static double lanczos(double x) {
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

/* ---- one axis ------------------------------------------------------------------------------------------ */

typedef struct kernel {
    double (*at)(double x);
    double support; /* 0 outside (-support, support) */
} kernel;

static kernel kernel_of(sav_filter filter) {
    if (filter == SAV_BILINEAR) return (kernel){bilinear, 1.0};
    if (filter == SAV_LANCZOS) return (kernel){lanczos, 3.0};
    return (kernel){bicubic, 2.0};
}

/* How one axis is sampled: n samples to m, with the kernel widened where they become fewer. */
typedef struct sampling {
    kernel kernel;
    size_t n;
    double scale, support; /* samples an output; reach of the widened kernel */
    double inv;            /* 1 / how much it is widened */
} sampling;

static sampling sampling_of(size_t n, size_t m, sav_filter filter) {
    const kernel k = kernel_of(filter);
    const double scale = (double)n / (double)m, widened = scale > 1.0 ? scale : 1.0;
    return (sampling){k, n, scale, k.support * widened, 1.0 / widened};
}

/* Which samples output i reads: first and count. Returns its centre. (PARITY: truncation of centre ± support
 * + 0.5; row tests in tests/image/test_resize.c.) */
static double reach(size_t *first, size_t *count, size_t i, const sampling *s) {
    const double center = ((double)i + 0.5) * s->scale;
    const double low = center - s->support + 0.5, high = center + s->support + 0.5;
    *first = low > 0.0 ? (size_t)low : 0;
    const size_t end = high < (double)s->n ? (size_t)high : s->n;
    *count = end > *first ? end - *first : 0;
    return center;
}

/* The row of coefficients of output i; weight: scratch for one row. */
static void fill_row(sav_resize_axis *axis, double *weight, size_t i, const sampling *s) {
    const double center = reach(&axis->first[i], &axis->count[i], i, s);
    const size_t first = axis->first[i], count = axis->count[i];
    int32_t *row = axis->coefficient + i * axis->width;
    double sum = 0.0;
    for (size_t x = 0; x < count; x++) {
        weight[x] = s->kernel.at(((double)(x + first) - center + 0.5) * s->inv);
        sum += weight[x];
    }
    for (size_t x = 0; x < count; x++) {
        double w = sum != 0.0 ? weight[x] / sum : weight[x];
        row[x] = (int32_t)(w * (1 << SAV_RESIZE_BITS) + (w < 0.0 ? -0.5 : 0.5));
    }
}

sav_status sav_resize_axis_make(sav_resize_axis *out, size_t n, size_t m, sav_filter filter, sav_error *err) {
    const sampling s = sampling_of(n, m, filter);
    const double most = ceil(s.support) * 2.0 + 1.0;
    const size_t width = most < (double)n ? (size_t)most : n;
    size_t cells;
    double *weight = sav_alloc(width, sizeof *weight);
    *out = (sav_resize_axis){.m = m, .width = width};
    out->first = sav_alloc(m, sizeof *out->first);
    out->count = sav_alloc(m, sizeof *out->count);
    if (sav_mul(&cells, m, width)) out->coefficient = sav_alloc(cells, sizeof *out->coefficient);
    const bool enough = weight && out->first && out->count && out->coefficient;
    for (size_t i = 0; enough && i < m; i++) fill_row(out, weight, i, &s);
    sav_free(weight);
    if (enough) return SAV_OK;
    sav_resize_axis_free(out);
    return sav_fail(err, SAV_NO_MEMORY, "no memory to resize an axis of %zu to %zu pixels", n, m);
}

void sav_resize_axis_free(sav_resize_axis *axis) {
    sav_free(axis->first);
    sav_free(axis->count);
    sav_free(axis->coefficient);
    memset(axis, 0, sizeof *axis);
}

/* ---- the two passes ------------------------------------------------------------------------------------ */

static const int32_t HALF = 1 << (SAV_RESIZE_BITS - 1);

/* Arithmetic shift, then clip. Sums stay inside int32: weights sum to at most 1.29, so 1.29·2^22·255 + 2^21 <
 * 2^31. */
static unsigned char clip(int32_t sum) {
    int32_t v = sum >= 0 ? sum >> SAV_RESIZE_BITS : -1;
    return (unsigned char)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* in [h, w, 3] -> out [h, m, 3]. */
static void pass_horizontal(unsigned char *out, const unsigned char *in, size_t h, size_t w,
                            const sav_resize_axis *axis) {
    for (size_t y = 0; y < h; y++, in += w * 3)
        for (size_t x = 0; x < axis->m; x++, out += 3) {
            const int32_t *k = axis->coefficient + x * axis->width;
            const unsigned char *p = in + axis->first[x] * 3;
            int32_t r = HALF, g = HALF, b = HALF;
            for (size_t t = 0; t < axis->count[x]; t++, p += 3) {
                r += p[0] * k[t];
                g += p[1] * k[t];
                b += p[2] * k[t];
            }
            out[0] = clip(r);
            out[1] = clip(g);
            out[2] = clip(b);
        }
}

/* in [h, w, 3] -> out [m, w, 3]. Columns are taken in pieces, so that the sums stay in the nearest cache. */
static void pass_vertical(unsigned char *out, const unsigned char *in, size_t w,
                          const sav_resize_axis *axis) {
    enum { PIECE = 1024 };
    int32_t sum[PIECE];
    size_t stride = w * 3;
    for (size_t y = 0; y < axis->m; y++, out += stride)
        for (size_t at = 0; at < stride; at += PIECE) {
            size_t n = stride - at < PIECE ? stride - at : PIECE;
            const unsigned char *p = in + axis->first[y] * stride + at;
            for (size_t i = 0; i < n; i++) sum[i] = HALF;
            for (size_t t = 0; t < axis->count[y]; t++, p += stride) {
                int32_t k = axis->coefficient[y * axis->width + t];
                for (size_t i = 0; i < n; i++) sum[i] += p[i] * k;
            }
            for (size_t i = 0; i < n; i++) out[at + i] = clip(sum[i]);
        }
}

/* PARITY: see sav_pillow in resize.h; the two orders differ by up to 25 levels
 * (tests/image/test_resize.c). */
static bool vertical_first(sav_size to, sav_size from, sav_pillow pillow) {
    if (pillow != SAV_PILLOW_13 || from.h <= to.h) return false;
    return to.w >= from.w || from.h - to.h > 2 * (from.w - to.w);
}

/* Both passes, through a picture between them that has its rows or its columns resized. */
static sav_status resize_both(unsigned char *out, const unsigned char *in, sav_size from,
                              const sav_resize_axis *across, const sav_resize_axis *down, bool down_first) {
    size_t pixels;
    const size_t rows = down_first ? down->m : from.h, columns = down_first ? from.w : across->m;
    unsigned char *middle = sav_mul(&pixels, rows, columns) ? sav_alloc(pixels, 3) : NULL;
    if (!middle) return SAV_NO_MEMORY;
    if (down_first) {
        pass_vertical(middle, in, from.w, down);
        pass_horizontal(out, middle, down->m, from.w, across);
    } else {
        pass_horizontal(middle, in, from.h, from.w, across);
        pass_vertical(out, middle, across->m, down);
    }
    sav_free(middle);
    return SAV_OK;
}

static sav_status check_sizes(sav_size to, sav_size from, sav_filter filter, sav_error *err) {
    if (filter != SAV_LANCZOS && filter != SAV_BILINEAR && filter != SAV_BICUBIC)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "resample %d; expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)", (int)filter);
    if (!from.h || !from.w || !to.h || !to.w)
        return sav_fail(err, SAV_BAD_INPUT,
                        "resize of %zu x %zu to %zu x %zu pixels; expected at least 1 x 1", from.w, from.h,
                        to.w, to.h);
    return SAV_OK;
}

sav_status sav_image_resize(unsigned char *out, sav_size to, const unsigned char *in, sav_size from,
                            sav_resampling how, sav_error *err) {
    sav_resize_axis across = {0}, down = {0};
    sav_status status = check_sizes(to, from, how.filter, err);
    if (!status && from.w != to.w) status = sav_resize_axis_make(&across, from.w, to.w, how.filter, err);
    if (!status && from.h != to.h) status = sav_resize_axis_make(&down, from.h, to.h, how.filter, err);
    if (!status) {
        if (across.m && down.m)
            status = resize_both(out, in, from, &across, &down, vertical_first(to, from, how.pillow));
        else if (across.m)
            pass_horizontal(out, in, from.h, from.w, &across);
        else if (down.m)
            pass_vertical(out, in, from.w, &down);
        else
            memcpy(out, in, from.h * from.w * 3);
        if (status)
            sav_fail(err, status, "no memory to resize %zu x %zu to %zu x %zu pixels", from.w, from.h, to.w,
                     to.h);
    }
    sav_resize_axis_free(&across);
    sav_resize_axis_free(&down);
    return status;
}
