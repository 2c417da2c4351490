/* siglip.h: LLaVA-OneVision's vision tower and projector: tiles to rows of the decoder's width.
 *
 *   tiles n x [3, s, s] -> patches [n, g*g, C] -> layers -> projector -> [n, g*g, D]
 *
 * Source: transformers 4.51.3, models/siglip/modeling_siglip.py,
 * models/llava_onevision/modeling_llava_onevision.py.
 */
#ifndef SAV_SIGLIP_H
#define SAV_SIGLIP_H

#include "base/trace.h"
#include "kernels/kernels.h"

typedef struct sav_siglip_config {
    size_t layers, C, heads, F; /* F: width of the MLP */
    size_t tile, patch, g;      /* pixels a side, pixels a patch side, g = tile / patch patches a side */
    double norm_eps;
} sav_siglip_config;

typedef struct sav_siglip_layer {
    const float *norm1, *norm1_bias, *norm2, *norm2_bias; /* [C] */
    sav_matrix q_proj, k_proj, v_proj, out_proj;          /* [C, C] */
    const float *q_bias, *k_bias, *v_bias, *out_bias;     /* [C] */
    sav_matrix fc1, fc2;                                  /* [F, C], [C, F] */
    const float *fc1_bias, *fc2_bias;                     /* [F], [C] */
} sav_siglip_layer;

typedef struct sav_siglip {
    sav_siglip_config config;
    sav_matrix patch_embedding;      /* [C, 3*patch*patch], k = channel, row, column */
    const float *patch_bias;         /* [C] */
    const float *position_embedding; /* [g*g, C] */
    sav_siglip_layer *layers;        /* [layers] */
} sav_siglip;

typedef struct sav_projector {
    sav_matrix linear_1, linear_2; /* [D, C], [D, D] */
    const float *bias_1, *bias_2;  /* [D] */
} sav_projector;

typedef struct sav_siglip_scratch {
    size_t n;             /* tiles that go through together: a few, or all when stages are shown */
    float *columns;       /* [n*g*g, 3*patch*patch] */
    float *x, *normed;    /* [n*g*g, C] */
    float *q, *k, *v;     /* [n*g*g, C] */
    float *mixed, *added; /* [n*g*g, C] */
    float *wide;          /* [n*g*g, F] */
    float *hidden;        /* [n*g*g, D] */
    float *map;           /* [n, C, g, g], only when stages are shown */
} sav_siglip_scratch;

void sav_siglip_plan(sav_siglip_scratch *scratch, sav_arena *arena, const sav_siglip_config *config, size_t D,
                     size_t tiles, bool whole);

/* tiles[i] -> [3, s, s]; out [count, g*g, D]. Allocates nothing. Enters layer 0, the patch embedding, 1 + i,
 * layer i, and the projector behind the last, for every n tiles. */
void sav_siglip_forward(float *out, const float *const *tiles, size_t count, const sav_siglip *tower,
                        const sav_projector *projector, sav_siglip_scratch *scratch,
                        const sav_kernels *kernels, const sav_run *run, sav_trace *trace);

#endif
