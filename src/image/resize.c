/* resize.c: antialiased resampling in fixed point, as Pillow's Resample.c does it.
 *
 *   axis n -> m:  kernel, widened by the shrink factor -> double weights, each row divided by its sum
 *       -> int32, 22 bits
 *   pass:         s = 2^21 + Σ pixel·k (int32) -> clip(s >> 22) -> uint8, so two passes round twice
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

/* Which samples output xx reads: first and count. (PARITY: truncation of centre ± support + 0.5; row tests in
 * tests/image/test_resize.c.) */
static void reach(size_t *first, size_t *count, double *center, size_t xx, size_t n, double scale,
                  double support) {
    *center = ((double)xx + 0.5) * scale;
    double lo = *center - support + 0.5, hi = *center + support + 0.5;
    *first = lo > 0.0 ? (size_t)lo : 0;
    size_t end = hi < (double)n ? (size_t)hi : n;
    *count = end > *first ? end - *first : 0;
}

static void fill_row(int32_t *row, double *weight, size_t first, size_t count, double center, kernel f,
                     double inv) {
    double sum = 0.0;
    for (size_t x = 0; x < count; x++) {
        weight[x] = f.at(((double)(x + first) - center + 0.5) * inv);
        sum += weight[x];
    }
    for (size_t x = 0; x < count; x++) {
        double w = sum != 0.0 ? weight[x] / sum : weight[x];
        row[x] = (int32_t)(w * (1 << SAV_RESIZE_BITS) + (w < 0.0 ? -0.5 : 0.5));
    }
}

sav_status sav_resize_axis_make(sav_resize_axis *out, size_t n, size_t m, sav_filter filter, sav_error *err) {
    kernel f = kernel_of(filter);
    double scale = (double)n / (double)m, filter_scale = scale > 1.0 ? scale : 1.0;
    double support = f.support * filter_scale, inv = 1.0 / filter_scale, center;
    double room = ceil(support) * 2.0 + 1.0;
    sav_status status = SAV_OK;
    memset(out, 0, sizeof *out);
    out->m = m;
    out->width = room < (double)n ? (size_t)room : n;
    size_t cells;
    double *weight = sav_alloc(out->width, sizeof *weight);
    out->first = sav_alloc(m, sizeof *out->first);
    out->count = sav_alloc(m, sizeof *out->count);
    if (sav_mul(&cells, m, out->width)) out->coefficient = sav_alloc(cells, sizeof *out->coefficient);
    if (!weight || !out->first || !out->count || !out->coefficient) {
        status = sav_fail(err, SAV_NO_MEMORY, "no memory to resize an axis of %zu to %zu pixels", n, m);
        goto done;
    }
    for (size_t xx = 0; xx < m; xx++) {
        reach(out->first + xx, out->count + xx, &center, xx, n, scale, support);
        fill_row(out->coefficient + xx * out->width, weight, out->first[xx], out->count[xx], center, f, inv);
    }
done:
    sav_free(weight);
    if (status) sav_resize_axis_free(out);
    return status;
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
static bool vertical_first(size_t oh, size_t ow, size_t h, size_t w, sav_pillow pillow) {
    if (pillow != SAV_PILLOW_13 || h <= oh) return false;
    return ow >= w || h - oh > 2 * (w - ow);
}

sav_status sav_image_resize(unsigned char *out, size_t oh, size_t ow, const unsigned char *in, size_t h,
                            size_t w, sav_filter filter, sav_pillow pillow, sav_error *err) {
    if (filter != SAV_LANCZOS && filter != SAV_BILINEAR && filter != SAV_BICUBIC)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "resample %d; expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)", (int)filter);
    if (!h || !w || !oh || !ow)
        return sav_fail(err, SAV_BAD_INPUT,
                        "resize of %zu x %zu to %zu x %zu pixels; expected at least 1 x 1", w, h, ow, oh);
    sav_resize_axis across = {0}, down = {0};
    unsigned char *middle = NULL;
    bool both = w != ow && h != oh, first_down = vertical_first(oh, ow, h, w, pillow);
    size_t rows = first_down ? oh : h, columns = first_down ? w : ow, bytes;
    sav_status status = SAV_OK;
    if (w != ow) status = sav_resize_axis_make(&across, w, ow, filter, err);
    if (!status && h != oh) status = sav_resize_axis_make(&down, h, oh, filter, err);
    if (!status && both && (!sav_mul(&bytes, rows, columns) || !(middle = sav_alloc(bytes, 3))))
        status =
            sav_fail(err, SAV_NO_MEMORY, "no memory to resize %zu x %zu to %zu x %zu pixels", w, h, ow, oh);
    if (status) goto done;
    if (!both) {
        if (w != ow)
            pass_horizontal(out, in, h, w, &across);
        else if (h != oh)
            pass_vertical(out, in, w, &down);
        else
            memcpy(out, in, h * w * 3);
    } else if (first_down) {
        pass_vertical(middle, in, w, &down);
        pass_horizontal(out, middle, oh, w, &across);
    } else {
        pass_horizontal(middle, in, h, w, &across);
        pass_vertical(out, middle, ow, &down);
    }
done:
    sav_free(middle);
    sav_resize_axis_free(&across);
    sav_resize_axis_free(&down);
    return status;
}
