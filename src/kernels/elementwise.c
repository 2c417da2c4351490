/* elementwise.c: norms, sums, rotary embedding, bilinear resize: operation by operation as ATen has them. See
 * elementwise.h.
 *
 * Parameters of a checkpoint are in its own type; a run in another one takes them rounded to R, as
 * from_pretrained does. Where a module casts to float32 (`.float()`, `.to(torch.float32)`) the rounding is to
 * float, else to R.
 */
#include "kernels/elementwise.h"

#include <math.h>
#include <string.h>

#include "kernels/elementary.h"
#include "kernels/parallel.h"

/* A sum in double is one chain of additions, each waiting for the last, so several rows are summed side by
 * side. */
enum { ROWS = 4 };

/* PARITY: the cast to R comes before the multiplication by the weight (test: golden/qwen2, bf16 cases). In
 * float32 the product of two floats rounded from double is the float product. */
static void scale_row(float *to, const float *row, float r, const sav_norm_weights *norm, sav_dtype R) {
    const float *weight = norm->weight;
    const size_t D = norm->D;
    if (R == SAV_F32)
        for (size_t i = 0; i < D; i++) to[i] = weight[i] * (row[i] * r);
    else
        for (size_t i = 0; i < D; i++) {
            float normed = sav_round((double)(row[i] * r), R);
            to[i] = sav_round((double)sav_round((double)weight[i], R) * (double)normed, R);
        }
}

void sav_rms_norm(float *out, const float *x, size_t T, const sav_norm_weights *norm, const sav_run *run) {
    const size_t D = norm->D;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, T * D * 16))
    for (size_t t = 0; t < T; t += ROWS) {
        const float *row[ROWS]; /* past the last row, the last row again */
        double sum[ROWS] = {0};
        for (size_t j = 0; j < ROWS; j++) row[j] = x + sav_min(t + j, T - 1) * D;
        for (size_t i = 0; i < D; i++)
            for (size_t j = 0; j < ROWS; j++) sum[j] += (double)(row[j][i] * row[j][i]);
        for (size_t j = 0; j < ROWS && t + j < T; j++) {
            float mean = (float)(sum[j] / (double)D);
            float shifted = (float)((double)mean + norm->eps);
            scale_row(out + (t + j) * D, row[j], (float)(1 / sqrt((double)shifted)), norm, run->R);
        }
    }
}

void sav_layer_norm(float *out, const float *x, size_t T, const sav_norm_weights *norm, const sav_run *run) {
    const float *weight = norm->weight, *bias = norm->bias;
    const size_t D = norm->D;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, T * D * 16))
    for (size_t t = 0; t < T; t += ROWS) {
        const float *row[ROWS];
        double sum[ROWS] = {0}, squares[ROWS] = {0}, mean[ROWS];
        for (size_t j = 0; j < ROWS; j++) row[j] = x + sav_min(t + j, T - 1) * D;
        for (size_t i = 0; i < D; i++)
            for (size_t j = 0; j < ROWS; j++) sum[j] += (double)row[j][i];
        for (size_t j = 0; j < ROWS; j++) mean[j] = sum[j] / (double)D;
        for (size_t i = 0; i < D; i++)
            for (size_t j = 0; j < ROWS; j++)
                squares[j] += ((double)row[j][i] - mean[j]) * ((double)row[j][i] - mean[j]);
        for (size_t j = 0; j < ROWS && t + j < T; j++) {
            const double m = mean[j], r = 1 / sqrt(squares[j] / (double)D + norm->eps);
            float *to = out + (t + j) * D;
            if (run->R == SAV_F32)
                for (size_t i = 0; i < D; i++)
                    to[i] = (float)(((double)row[j][i] - m) * r * (double)weight[i] + (double)bias[i]);
            else
                for (size_t i = 0; i < D; i++)
                    to[i] =
                        sav_round(((double)row[j][i] - m) * r * (double)sav_round((double)weight[i], run->R) +
                                      (double)sav_round((double)bias[i], run->R),
                                  run->R);
        }
    }
}

/* The double sum of two floats, rounded to float, is their float sum: double has more than twice the digits
 * (Figueroa, "When is double rounding innocuous?", 1995). So in float32 both are the CPU's own float
 * operations. */
void sav_plus(float *out, const float *a, const float *b, size_t n, const sav_run *run) {
#pragma omp parallel num_threads(run->threads) if (sav_team(run, n * 8))
    {
        if (run->R == SAV_F32) {
#pragma omp for schedule(static)
            for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
        } else {
#pragma omp for schedule(static)
            for (size_t i = 0; i < n; i++) out[i] = sav_round((double)a[i] + (double)b[i], run->R);
        }
    }
}

void sav_times(float *out, const float *a, const float *b, size_t n, const sav_run *run) {
#pragma omp parallel num_threads(run->threads) if (sav_team(run, n * 8))
    {
        if (run->R == SAV_F32) {
#pragma omp for schedule(static)
            for (size_t i = 0; i < n; i++) out[i] = a[i] * b[i];
        } else {
#pragma omp for schedule(static)
            for (size_t i = 0; i < n; i++) out[i] = sav_round((double)a[i] * (double)b[i], run->R);
        }
    }
}

void sav_plus_row(float *out, const float *x, const float *row, size_t T, size_t D, const sav_run *run) {
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, T * D * 8))
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < D; i++)
            out[t * D + i] =
                sav_round((double)x[t * D + i] + (double)sav_round((double)row[i], run->R), run->R);
}

/* ---- rotary embedding ---------------------------------------------------------------------------------- */

/* PARITY: for d = 128, theta = 1e6 PyTorch's own vectorised float32 pow rounds entry 37 wrongly; the contract
 * takes the correctly rounded power (tests/kernels/test_kernels.c pins it). */
void sav_rope_frequencies(float *inv_freq, double theta, size_t d) {
    for (size_t i = 0; i < d / 2; i++) {
        float exponent = (float)((double)(2 * i) / (double)d);
        inv_freq[i] = (float)(1 / (double)sav_pow_f32(theta, exponent));
    }
}

void sav_rope_table(const sav_angles *out, const int64_t *positions, const float *inv_freq,
                    const unsigned char *axis, const sav_run *run) {
    const size_t T = out->T, half = out->d / 2;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, T * half * 128))
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < half; i++) {
            double angle =
                (double)(float)((double)inv_freq[i] * (double)(float)positions[(axis ? axis[i] * T : 0) + t]);
            out->cos[t * half + i] = sav_round((double)(float)sav_cos(angle), run->R);
            out->sin[t * half + i] = sav_round((double)(float)sav_sin(angle), run->R);
        }
}

/* The two halves of a head. */
static void rotate(float *x, const float *c, const float *s, size_t half, sav_dtype R) {
    float *low = x, *high = x + half;
    if (R == SAV_F32)
        for (size_t i = 0; i < half; i++) {
            const float a = low[i], b = high[i];
            low[i] = a * c[i] + -b * s[i];
            high[i] = b * c[i] + a * s[i];
        }
    else
        for (size_t i = 0; i < half; i++) {
            const float a = low[i], b = high[i];
            float ac = sav_round((double)a * (double)c[i], R), bs = sav_round(-(double)b * (double)s[i], R);
            float bc = sav_round((double)b * (double)c[i], R), as = sav_round((double)a * (double)s[i], R);
            low[i] = sav_round((double)ac + (double)bs, R);
            high[i] = sav_round((double)bc + (double)as, R);
        }
}

void sav_rope(float *x, size_t stride, size_t H, const sav_angles *by, const sav_run *run) {
    const size_t T = by->T, d = by->d, half = d / 2;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, T * H * d * 16))
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < H; h++)
            rotate(x + t * stride + h * d, by->cos + t * half, by->sin + t * half, half, run->R);
}

void sav_narrow_rows(float *x, size_t stride, size_t T, size_t n, const sav_run *run) {
    if (run->R == SAV_F32) return;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, T * n * 8))
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < n; i++) x[t * stride + i] = sav_round((double)x[t * stride + i], run->R);
}

/* One step of Newton on r = 1 / sqrt(d). Its residual 1 - d r^2 is small, so it must come from exact
 * products: r = high + low with 21 bits in high, which leaves d high^2 exact for d < 2^11 and the other terms
 * far below what is needed. */
double sav_head_scale(size_t d) {
    const double n = (double)d, r = 1 / sqrt(n), c = r * 4294967297.0; /* 2^32 + 1 */
    const double high = c - (c - r), low = r - high;
    const double residual = ((1 - n * (high * high)) - n * (2 * high * low)) - n * (low * low);
    return r + 0.5 * r * residual;
}

/* ---- rows and maps ------------------------------------------------------------------------------------- */

void sav_embed_row(float *out, const sav_matrix *table, size_t id, const sav_run *run) {
    const size_t D = table->cols;
    sav_widen(out, (const char *)table->data + id * D * sav_dtype_size(table->dtype), D, table->dtype);
    for (size_t i = 0; i < D; i++) out[i] = sav_round((double)out[i], run->R);
}

/* One output index along an axis n_in -> n_out: its two neighbours and their weights. */
typedef struct neighbours {
    size_t low, high;
    double of_low, of_high;
} neighbours;

static neighbours bilinear_axis(size_t i, size_t n_in, size_t n_out) {
    const double scale = (double)n_in / (double)n_out, wanted = scale * ((double)i + 0.5) - 0.5;
    const double x = wanted < 0 ? 0 : wanted;
    neighbours p = {.low = (size_t)floor(x) < n_in - 1 ? (size_t)floor(x) : n_in - 1};
    p.high = p.low + 1 < n_in - 1 ? p.low + 1 : n_in - 1;
    p.of_high = x - (double)p.low < 1 ? x - (double)p.low : 1;
    if (p.of_high < 0) p.of_high = 0;
    p.of_low = 1 - p.of_high;
    return p;
}

void sav_bilinear(float *out, const float *in, const sav_resize *shape, const sav_run *run) {
    const size_t h = shape->h, w = shape->w, out_h = shape->out_h, out_w = shape->out_w, D = shape->D;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, out_h * out_w * D * 16))
    for (size_t y = 0; y < out_h; y++) {
        const neighbours row = bilinear_axis(y, h, out_h);
        for (size_t x = 0; x < out_w; x++) {
            const neighbours column = bilinear_axis(x, w, out_w);
            const float *p00 = in + (row.low * w + column.low) * D,
                        *p01 = in + (row.low * w + column.high) * D;
            const float *p10 = in + (row.high * w + column.low) * D,
                        *p11 = in + (row.high * w + column.high) * D;
            for (size_t i = 0; i < D; i++) {
                double top = (double)p00[i] * column.of_low + (double)p01[i] * column.of_high,
                       low = (double)p10[i] * column.of_low + (double)p11[i] * column.of_high;
                out[y * shape->out_stride + x * D + i] =
                    sav_round(top * row.of_low + low * row.of_high, run->R);
            }
        }
    }
}
