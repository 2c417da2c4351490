/* module.h: PyTorch's modules as values: a weight, what goes with it, its path; and what applying one does.
 *
 *   nn.Linear   sav_linear   out[rows, N] = x[rows, K] . weight[N, K]^T + bias[N]   sav_apply, sav_apply_each
 *   nn.LayerNorm, Qwen2RMSNorm   sav_norm                                                  sav_apply_norm
 *   nn.Conv2d, nn.Conv3d         sav_linear over patches laid out as rows               sav_apply_convolution
 *   nn.Embedding                 sav_embedding                                            sav_apply_embedding
 *   an MLP of two linears, Qwen2MLP                                        sav_apply_mlp, sav_apply_gated_mlp
 *
 * Applying a module computes it, shows "PATH.output" (and "PATH.input" where `shows_input` says so) and books
 * its cost. Looking rows of an embedding up is told apart: many calls make one stage. Who streams, quantises
 * or measures weights asks the register of linears (bind.h).
 *
 * Source: torch.nn; transformers 4.51.3, models/qwen2/modeling_qwen2.py (Qwen2RMSNorm, Qwen2MLP).
 */
#ifndef SAV_MODULE_H
#define SAV_MODULE_H

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "nn/pass.h"

typedef struct sav_linear {
    sav_matrix weight; /* [N, K], mapped as stored */
    const float *bias; /* [N]; NULL: none */
    const char *path;  /* "model.layers.3.self_attn.o_proj"; NULL: not shown */
    sav_role role;
    size_t layer;     /* of the forward, as pass.h counts them */
    bool shows_input; /* its input is a stage too */
    bool bias_apart;  /* product and sum are two operations, each rounded */
} sav_linear;

typedef struct sav_norm {
    const float *weight, *bias; /* [D]; bias NULL: RMSNorm, else LayerNorm */
    size_t D;
    double eps;
    const char *path;
} sav_norm;

typedef struct sav_embedding {
    sav_matrix weight; /* [V, D] */
} sav_embedding;

typedef struct sav_act {
    sav_activation f;
    const char *path;
} sav_act;

void sav_apply(sav_pass *p, float *out, const float *x, size_t rows, const sav_linear *m);
/* The same x through count linears of equal K, out[i] by m[i]: x is prepared once, and threads share all. */
void sav_apply_each(sav_pass *p, float *const *out, const float *x, size_t rows, const sav_linear *m,
                    size_t count);
/* n pictures of g x g patches. */
typedef struct sav_grid {
    size_t n, g;
} sav_grid;

/* A convolution whose patches do not overlap: columns [n*g*g, K] -> out [n*g*g, N]. map [n, N, g, g]: room
 * for the stage, whose layout is the convolution's own; NULL when nobody looks. */
void sav_apply_convolution(sav_pass *p, float *out, const float *columns, const sav_grid *grid,
                           const sav_linear *m, float *map);
void sav_apply_norm(sav_pass *p, float *out, const float *x, size_t rows, const sav_norm *m);
void sav_apply_act(sav_pass *p, float *x, size_t rows, size_t cols, const sav_act *m); /* in place */
/* Row `id` of the table, in R. */
void sav_apply_embedding(sav_pass *p, float *out, size_t id, const sav_embedding *m);

/* x += y, n floats: a residual. */
void sav_residual(sav_pass *p, float *x, const float *y, size_t n);

/* Rotary position embedding: H heads of d floats in each of by->T rows, `stride` floats from row to row, in
 * place; in_f32: in float32, whatever R, and narrowed afterwards. */
void sav_rotate(sav_pass *p, float *x, size_t stride, size_t H, const sav_angles *by);
void sav_rotate_in_f32(sav_pass *p, float *x, size_t stride, size_t H, const sav_angles *by);

/* softmax(q k^T * scale + mask) v -> out [queries, H*d]. */
typedef struct sav_qkv {
    const float *q, *k, *v;
} sav_qkv;
void sav_attend(sav_pass *p, float *out, const sav_qkv *from, const sav_attention *how);

/* ---- modules made of modules --------------------------------------------------------------------------- */

/* second(act(first(x))). */
typedef struct sav_mlp {
    sav_linear first, second;
    sav_act act;
} sav_mlp;

/* down_proj(act_fn(gate_proj(x)) * up_proj(x)): Qwen2MLP. */
typedef struct sav_gated_mlp {
    sav_linear gate_up[2]; /* gate_proj, up_proj: [F, D] */
    sav_linear down_proj;  /* [D, F] */
    sav_act act_fn;
} sav_gated_mlp;

/* Rows go through in blocks, so that [all rows, F] never stands in memory. */
typedef struct sav_mlp_scratch {
    float *gate, *up; /* [rows, F]; up: NULL where there is no gate */
    size_t rows;      /* of a block; all when stages are shown */
} sav_mlp_scratch;

/* For blocks of `rows` rows and a width F. */
void sav_mlp_plan(sav_mlp_scratch *s, sav_arena *arena, size_t rows, size_t F, bool gated);

void sav_apply_mlp(sav_pass *p, float *out, const float *x, size_t N, const sav_mlp *m,
                   const sav_mlp_scratch *s);
void sav_apply_gated_mlp(sav_pass *p, float *out, const float *x, size_t N, const sav_gated_mlp *m,
                         const sav_mlp_scratch *s);

#endif
