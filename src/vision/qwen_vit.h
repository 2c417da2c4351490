/* qwen_vit.h: the vision tower of Qwen2-VL and Qwen2.5-VL, patches to rows of the decoder's width.
 *
 *   pixel_values [P, 1176] -> patch_embed [P, Dv] -> blocks -> merger: four patches one row -> [P/4, D]
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

#include "image/patches.h"
#include "io/config.h"
#include "nn/bind.h"

typedef struct sav_qwen_vit_config {
    size_t Lv, Dv, Hv, Fv;
    size_t D; /* width of the merger's rows, the decoder's */
    sav_patch_grid grid;
    size_t window;    /* merged tokens a window side, 4; 0: no windows (Qwen2-VL) */
    const bool *full; /* [Lv] blocks that attend to the whole frame; only with windows */
} sav_qwen_vit_config;

typedef struct sav_qwen_vit_block sav_qwen_vit_block;

typedef struct sav_qwen_vit {
    sav_qwen_vit_config config;
    sav_linear patch_embed;     /* [Dv, 3*2*14*14], no bias */
    sav_qwen_vit_block *blocks; /* [Lv] */
    sav_norm ln_q;              /* the merger's norm */
    sav_mlp mlp;                /* the merger's: [4Dv, 4Dv], gelu_erf, [D, 4Dv] */
    float *inv_freq;            /* [dv/2] a quarter of a head's size for y, the same for x */
    unsigned char *axis;        /* [dv/2] 0: turned by y, 1: by x */
} sav_qwen_vit;

typedef struct sav_qwen_vit_scratch {
    size_t *order; /* [P/4] window_index: merged token that stands at a place; NULL without windows */
    size_t *frames, *windows; /* [segments + 1] first patch of each, in window order */
    size_t frame_count, window_count;
    int64_t *places;                   /* [2, P] y and x of each patch */
    sav_angles angles;                 /* cos, sin [P, dv/2] */
    float *x, *normed, *added, *mixed; /* [P, Dv] */
    float *qkv;                        /* [P, 3Dv] */
    sav_mlp_scratch mlp, merger;
    float *out; /* [P/4, D] in window order */
} sav_qwen_vit_scratch;

/* vision_config of Qwen2VLVisionConfig and of Qwen2_5_VLVisionConfig. The status is the config's. */
void sav_qwen_vit_read_2(sav_qwen_vit_config *c, sav_config *in);
void sav_qwen_vit_read_2_5(sav_qwen_vit_config *c, sav_config *in, sav_owned *owned);
extern const sav_keys sav_qwen_vit_keys_2, sav_qwen_vit_keys_2_5; /* what their keys are */
/* Sizes that cannot be, or do not fit a decoder of width D. */
void sav_qwen_vit_check(const sav_qwen_vit_config *c, size_t D, sav_config *in);
/* Tensors "visual.…"; m->config is there. */
void sav_qwen_vit_bind(sav_qwen_vit *m, sav_binder *b);

/* Pictures of the tower's run: grids [count, 3]: time, height, width in patches. */
typedef struct sav_grids {
    const int64_t *thw;
    size_t count;
} sav_grids;

/* For P patches in so many frames; a picture is one. */
void sav_qwen_vit_plan(sav_qwen_vit_scratch *s, sav_arena *arena, const sav_qwen_vit_config *c, size_t P,
                       size_t frames, bool whole);

/* Fills order, frames, windows and places of a planned scratch: the forward's first step. Places are in the
 * pictures' order. */
void sav_qwen_vit_lay_out(sav_qwen_vit_scratch *s, const sav_grids *grids, const sav_qwen_vit_config *c);

/* pixels [P, 1176] -> out [P/4, D] in the pictures' own order. Allocates nothing. */
void sav_qwen_vit_forward(sav_pass *p, float *out, const float *pixels, const sav_grids *grids,
                          const sav_qwen_vit *m, sav_qwen_vit_scratch *s);

#endif
