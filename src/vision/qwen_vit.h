/* qwen_vit.h: the vision tower of Qwen2-VL and Qwen2.5-VL, patches to rows of the decoder's width.
 *
 *   pixel_values [P, 1176] -> patch_embed [P, E] -> blocks -> merger: four patches one row -> [P/4, D]
 *
 * The two differ in a block's norm (LayerNorm, RMSNorm), its MLP (fc1, quick_gelu, fc2; SwiGLU), and in that
 * most blocks of Qwen2.5-VL attend inside windows of 8 x 8 patches, for which the patches are put in window
 * order first.
 *
 * Source: transformers 4.51.3, models/qwen2_vl/modeling_qwen2_vl.py,
 * models/qwen2_5_vl/modeling_qwen2_5_vl.py.
 */
#ifndef SAV_QWEN_VIT_H
#define SAV_QWEN_VIT_H

#include "base/trace.h"
#include "image/patches.h"
#include "kernels/kernels.h"

typedef struct sav_qwen_vit_config {
    size_t layers, E, heads, M, D; /* M: width of the MLP; D: width of the merger's output */
    sav_patch_grid grid;
    size_t window;    /* merged tokens a window side, 4; 0: no windows (Qwen2-VL) */
    const bool *full; /* [layers] blocks that attend to the whole frame; only with windows */
} sav_qwen_vit_config;

typedef struct sav_qwen_vit_block {
    const float *norm1, *norm1_bias, *norm2, *norm2_bias; /* [E]; biases NULL: RMSNorm */
    sav_matrix qkv, proj;                                 /* [3E, E], [E, E] */
    const float *qkv_bias, *proj_bias;                    /* [3E], [E] */
    /* [M, E] (gate_proj), [M, E] (only SwiGLU), [E, M] (down_proj) */
    sav_matrix fc1, up, fc2;
    const float *fc1_bias, *up_bias, *fc2_bias; /* [M], [M], [E] */
} sav_qwen_vit_block;

typedef struct sav_qwen_vit {
    sav_qwen_vit_config config;
    sav_matrix patch_embed;        /* [E, 3*2*14*14], no bias */
    sav_qwen_vit_block *blocks;    /* [layers] */
    const float *ln_q, *ln_q_bias; /* [E] the merger's norm */
    sav_matrix mlp_0, mlp_2;       /* [4E, 4E], [D, 4E] */
    const float *mlp_0_bias, *mlp_2_bias;
    float *inv_freq;     /* [d/2] a quarter of a head's size for y, the same for x */
    unsigned char *axis; /* [d/2] 0: turned by y, 1: by x */
} sav_qwen_vit;

typedef struct sav_qwen_vit_scratch {
    /* [P/4] window_index: merged token that stands at a place; NULL without windows */
    size_t *order;
    size_t *frames, *windows; /* [segments + 1] first patch of each, in window order */
    size_t frame_count, window_count;
    int64_t *places;                   /* [2, P] y and x of each patch */
    float *cos, *sin;                  /* [P, d/2] */
    float *x, *normed, *added, *mixed; /* [P, E] */
    float *qkv;                        /* [P, 3E] */
    float *wide, *up;                  /* [rows, M] */
    size_t rows;                       /* of the MLP at a time; P when stages are shown */
    float *merged;                     /* [P/4, 4E] */
    float *out;                        /* [P/4, D] in window order */
} sav_qwen_vit_scratch;

/* For P patches in so many frames; a picture is one. */
void sav_qwen_vit_plan(sav_qwen_vit_scratch *scratch, sav_arena *arena, const sav_qwen_vit_config *config,
                       size_t P, size_t frames, bool whole);

/* Fills order, frames, windows and places of a planned scratch: the forward's first step. Places are in the
 * pictures' order. grids [images, 3]: time, height, width in patches. */
void sav_qwen_vit_lay_out(sav_qwen_vit_scratch *scratch, const int64_t *grids, size_t images,
                          const sav_qwen_vit_config *config);

/* out [P/4, D] in the pictures' own order. Allocates nothing. Enters layer 0, the patch embedding, 1 + i,
 * block i, and the merger behind the last. */
void sav_qwen_vit_forward(float *out, const float *pixels, const int64_t *grids, size_t images,
                          const sav_qwen_vit *tower, sav_qwen_vit_scratch *scratch,
                          const sav_kernels *kernels, const sav_run *run, sav_trace *trace);

#endif
