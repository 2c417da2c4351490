/* elementwise.h: what a forward does between its matmuls, under the numeric contract, for every engine: each
 * operation computes in double and rounds once to R. Threads split rows.
 */
#ifndef SAV_ELEMENTWISE_H
#define SAV_ELEMENTWISE_H

#include "kernels/kernels.h"

/* What a norm has: weight [D], bias [D] (RMSNorm: NULL), and eps, which is added under the root. */
typedef struct sav_norm_weights {
    const float *weight, *bias;
    size_t D;
    double eps;
} sav_norm_weights;

/* Qwen2RMSNorm. out[T, D] = R(x * rsqrt(mean(x^2) + eps)) * weight[D], six roundings as the module has
 * operations. */
void sav_rms_norm(float *out, const float *x, size_t T, const sav_norm_weights *norm, const sav_run *run);

/* nn.LayerNorm: one operation, one rounding. out[T, D]. */
void sav_layer_norm(float *out, const float *x, size_t T, const sav_norm_weights *norm, const sav_run *run);

/* out may be a or b */
void sav_plus(float *out, const float *a, const float *b, size_t n, const sav_run *run);
void sav_times(float *out, const float *a, const float *b, size_t n, const sav_run *run); /* likewise */
/* + row[D] */
void sav_plus_row(float *out, const float *x, const float *row, size_t T, size_t D, const sav_run *run);

/* pow(theta, 2i/d) -> 1/x: the rotary frequencies [d/2], each step rounded to float32 (a test pins 64 of
 * 64). */
void sav_rope_frequencies(float *inv_freq, double theta, size_t d);

/* Rotary angles of T tokens: cos and sin [T, d/2]. Frequencies repeat in the second half of a head. */
typedef struct sav_angles {
    float *cos, *sin;
    size_t T, d;
} sav_angles;

/* Angles of position * inv_freq[d/2]. positions [axes, T]; axis [d/2] says which of them turns a frequency,
 * NULL: all by the first. */
void sav_rope_table(const sav_angles *out, const int64_t *positions, const float *inv_freq,
                    const unsigned char *axis, const sav_run *run);
/* T rows of H * d floats, `stride` apart, rotated in place, halves (x1, x2) -> x * cos + (-x2, x1) * sin:
 * three roundings an element. */
void sav_rope(float *x, size_t stride, size_t H, const sav_angles *by, const sav_run *run);
/* T rows of n floats, `stride` apart: float32 values cast to R. */
void sav_narrow_rows(float *x, size_t stride, size_t T, size_t n, const sav_run *run);

/* d^-0.5 correctly rounded, as Python's `d ** -0.5`: the scale of attention scores. 1 / sqrt(d) rounds twice
 * and differs for d = 72. */
double sav_head_scale(size_t d);

/* Row `id` of the embedding matrix [V, D], in R. */
void sav_embed_row(float *out, const sav_matrix *table, size_t id, const sav_run *run);

/* A map [h, w, D] and what it becomes: out_h rows of out_w * D floats, out_stride floats apart. */
typedef struct sav_resize {
    size_t h, w, out_h, out_w, out_stride, D;
} sav_resize;

/* upsample_bilinear2d, align_corners false. Rows first, one rounding (PARITY: torch has no single order; the
 * contract fixes this one. Test: golden/llava, t70-300x280). */
void sav_bilinear(float *out, const float *in, const sav_resize *shape, const sav_run *run);

#endif
