/* siglip.h: LLaVA-OneVision's vision tower and projector: tiles to rows of the decoder's width.
 *
 *   tiles n x [3, s, s] -> patches [n, g*g, Dv] -> layers -> projector -> [n, g*g, D]
 *
 * Source: transformers 4.51.3, models/siglip/modeling_siglip.py,
 * models/llava_onevision/modeling_llava_onevision.py.
 */
#ifndef SAV_SIGLIP_H
#define SAV_SIGLIP_H

#include "io/config.h"
#include "nn/bind.h"

typedef struct sav_siglip_config {
    size_t Lv, Dv, Hv, Fv;
    size_t D;              /* width of the decoder: of the projector's rows */
    size_t tile, patch, g; /* pixels a side, pixels a patch side, g = tile / patch patches a side */
    double norm_eps;
} sav_siglip_config;

typedef struct sav_siglip_layer sav_siglip_layer;

typedef struct sav_siglip {
    sav_siglip_config config;
    sav_linear patch_embedding;      /* [Dv, 3*patch*patch], k = channel, row, column */
    const float *position_embedding; /* [g*g, Dv] */
    sav_siglip_layer *layers;        /* [Lv] */
    sav_mlp projector;               /* multi_modal_projector: linear_1 [D, Dv], gelu, linear_2 [D, D] */
} sav_siglip;

typedef struct sav_siglip_scratch {
    size_t n;             /* tiles that go through together: a few, or all when stages are shown */
    float *columns;       /* [n*g*g, 3*patch*patch] */
    float *x, *normed;    /* [n*g*g, Dv] */
    float *q, *k, *v;     /* [n*g*g, Dv] */
    float *mixed, *added; /* [n*g*g, Dv] */
    sav_mlp_scratch mlp, projector;
    float *map; /* [n, Dv, g, g], only when stages are shown */
} sav_siglip_scratch;

/* vision_config; D is the caller's. The status is the config's. */
void sav_siglip_read(sav_siglip_config *c, sav_config *in);
extern const sav_keys sav_siglip_keys; /* what vision_config's keys are */
/* g, and sizes that cannot be: the status of `in`. */
void sav_siglip_check(sav_siglip_config *c, sav_config *in);
/* Tensors "vision_tower.vision_model.…" and "multi_modal_projector.…"; m->config is there. */
void sav_siglip_bind(sav_siglip *m, sav_binder *b);

void sav_siglip_plan(sav_siglip_scratch *s, sav_arena *arena, const sav_siglip_config *c, size_t tiles,
                     bool whole);

/* tiles[i] -> [3, s, s]; out [count, g*g, D]. Allocates nothing. */
void sav_siglip_forward(sav_pass *p, float *out, const float *const *tiles, size_t count, const sav_siglip *m,
                        sav_siglip_scratch *s);

#endif
