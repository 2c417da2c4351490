/* siglip.c: tiles -> SigLIP -> projector. See siglip.h.
 *
 *   tile [3, s, s] -> columns [g*g, 588] -> x = columns . W^T + bias, + position        [g*g, C]
 *     layer: x += out_proj(attention(layer_norm1(x)))       no mask, heads of C / heads
 *            x += fc2(gelu_tanh(fc1(layer_norm2(x))))
 *   projector: linear_2(gelu_erf(linear_1(x)))                                          [g*g, D]
 *
 * The output of the last layer in the checkpoint is used as it is: post_layernorm is not applied (MODEL.md).
 */
#include "vision/siglip.h"

#include "kernels/elementwise.h"

#define TOWER "vision_tower.vision_model."

/* patches that go through together, about: a weight is read once for them, and they stay in cache */
enum { ROWS = 2048 };

void sav_siglip_plan(sav_siglip_scratch *s, sav_arena *arena, const sav_siglip_config *c, size_t D,
                     size_t tiles, bool whole) {
    size_t rows = 0, columns = 0, width = 0, wide = 0, hidden = 0,
           n = whole ? tiles : sav_min(tiles, ROWS / (c->g * c->g));
    if (!n) n = 1;
    *s = (sav_siglip_scratch){.n = n};
    bool fits = sav_mul(&rows, c->g, c->g) && sav_mul(&rows, rows, n) &&
                sav_mul(&columns, rows, 3 * c->patch * c->patch) && sav_mul(&width, rows, c->C) &&
                sav_mul(&wide, rows, c->F) && sav_mul(&hidden, rows, D);
    if (!fits) {
        arena->overflow = true;
        return;
    }
    s->columns = sav_arena_take(arena, columns, sizeof *s->columns);
    s->x = sav_arena_take(arena, width, sizeof *s->x);
    s->normed = sav_arena_take(arena, width, sizeof *s->normed);
    s->q = sav_arena_take(arena, width, sizeof *s->q);
    s->k = sav_arena_take(arena, width, sizeof *s->k);
    s->v = sav_arena_take(arena, width, sizeof *s->v);
    s->mixed = sav_arena_take(arena, width, sizeof *s->mixed);
    s->added = sav_arena_take(arena, width, sizeof *s->added);
    s->wide = sav_arena_take(arena, wide, sizeof *s->wide);
    s->hidden = sav_arena_take(arena, hidden, sizeof *s->hidden);
    s->map = whole ? sav_arena_take(arena, width, sizeof *s->map) : NULL;
}

/* Patches of a tile as rows, in the order of the convolution's weight: channel, row, column. What lies beyond
 * g patches (384 = 27 * 14 + 6) is not read. */
static void unfold(float *columns, const float *tile, const sav_siglip_config *c, const sav_run *run) {
    const size_t s = c->tile, a = c->patch;
    for (size_t p = 0; p < c->g * c->g; p++)
        for (size_t channel = 0; channel < 3; channel++)
            for (size_t y = 0; y < a; y++) {
                const float *from = tile + (channel * s + p / c->g * a + y) * s + p % c->g * a;
                float *to = columns + ((p * 3 + channel) * a + y) * a;
                for (size_t x = 0; x < a; x++) to[x] = sav_round((double)from[x], run->R);
            }
}

static void embed(sav_siglip_scratch *s, const float *const *tiles, size_t n, const sav_siglip *m,
                  const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_siglip_config *c = &m->config;
    const size_t P = c->g * c->g, C = c->C;
    for (size_t i = 0; i < n; i++) unfold(s->columns + i * P * 3 * c->patch * c->patch, tiles[i], c, run);
    sav_linear(s->x, s->columns, &m->patch_embedding, m->patch_bias, n * P, kernels, run);
    if (sav_watched(trace)) { /* the convolution's own layout: [n, C, g, g] */
        const size_t shape[4] = {n, C, c->g, c->g};
        for (size_t i = 0; i < n; i++)
            for (size_t p = 0; p < P; p++)
                for (size_t j = 0; j < C; j++) s->map[(i * C + j) * P + p] = s->x[(i * P + p) * C + j];
        sav_show(trace, s->map, 4, shape, TOWER "embeddings.patch_embedding.output");
    }
    sav_plus_row(s->x, s->x, m->position_embedding, n, P * C, run); /* a tile is one row of P * C here */
}

static void attention(sav_siglip_scratch *s, size_t n, const sav_siglip *m, const sav_siglip_layer *layer,
                      const sav_kernels *kernels, const sav_run *run) {
    const sav_siglip_config *c = &m->config;
    const size_t P = c->g * c->g, C = c->C, d = C / c->heads;
    const sav_attention shape = {.queries = P,
                                 .keys = P,
                                 .heads = c->heads,
                                 .kv_heads = c->heads,
                                 .d = d,
                                 .q_stride = C,
                                 .kv_stride = C,
                                 .scale = sav_head_scale(d)};
    const sav_product qkv[] = {{s->q, &layer->q_proj, layer->q_bias},
                               {s->k, &layer->k_proj, layer->k_bias},
                               {s->v, &layer->v_proj, layer->v_bias}};
    kernels->linear(qkv, 3, s->normed, n * P, run);
    for (size_t i = 0; i < n; i++) {
        size_t at = i * P * C;
        kernels->attention(s->mixed + at, s->q + at, s->k + at, s->v + at, &shape, run);
    }
}

/* s->x through layer i; every stage is [n, g*g, width]. */
static void encoder_layer(sav_siglip_scratch *s, size_t n, size_t i, const sav_siglip *m,
                          const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_siglip_layer *layer = &m->layers[i];
    const sav_siglip_config *c = &m->config;
    const size_t P = c->g * c->g, C = c->C, rows = n * P, shape[3] = {n, P, C}, wide[3] = {n, P, c->F};
    sav_layer_norm(s->normed, s->x, rows,
                   &(sav_norm_weights){layer->norm1, layer->norm1_bias, C, c->norm_eps}, run);
    sav_show(trace, s->normed, 3, shape, TOWER "encoder.layers.%zu.layer_norm1.output", i);
    attention(s, n, m, layer, kernels, run);
    sav_show(trace, s->q, 3, shape, TOWER "encoder.layers.%zu.self_attn.q_proj.output", i);
    sav_show(trace, s->k, 3, shape, TOWER "encoder.layers.%zu.self_attn.k_proj.output", i);
    sav_show(trace, s->v, 3, shape, TOWER "encoder.layers.%zu.self_attn.v_proj.output", i);
    sav_show(trace, s->mixed, 3, shape, TOWER "encoder.layers.%zu.self_attn.out_proj.input", i);
    sav_linear(s->added, s->mixed, &layer->out_proj, layer->out_bias, rows, kernels, run);
    sav_show(trace, s->added, 3, shape, TOWER "encoder.layers.%zu.self_attn.out_proj.output", i);
    sav_plus(s->x, s->x, s->added, rows * C, run);
    sav_layer_norm(s->normed, s->x, rows,
                   &(sav_norm_weights){layer->norm2, layer->norm2_bias, C, c->norm_eps}, run);
    sav_show(trace, s->normed, 3, shape, TOWER "encoder.layers.%zu.layer_norm2.output", i);
    sav_linear(s->wide, s->normed, &layer->fc1, layer->fc1_bias, rows, kernels, run);
    sav_show(trace, s->wide, 3, wide, TOWER "encoder.layers.%zu.mlp.fc1.output", i);
    kernels->activation(s->wide, s->wide, rows * c->F, SAV_GELU_TANH, run);
    sav_show(trace, s->wide, 3, wide, TOWER "encoder.layers.%zu.mlp.activation_fn.output", i);
    sav_linear(s->added, s->wide, &layer->fc2, layer->fc2_bias, rows, kernels, run);
    sav_show(trace, s->added, 3, shape, TOWER "encoder.layers.%zu.mlp.fc2.output", i);
    sav_plus(s->x, s->x, s->added, rows * C, run);
    sav_show(trace, s->x, 3, shape, TOWER "encoder.layers.%zu.output", i);
}

/* PARITY: linear_1 rounds twice, product and bias apart, alone among all linears: its input is a transposed
 * view in PyTorch, and F.linear on one of those is mm + add (test: golden/llava, stage
 * multi_modal_projector.linear_1). */
static void project(float *out, sav_siglip_scratch *s, size_t n, size_t P, const sav_projector *m,
                    const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const size_t D = m->linear_1.rows, shape[3] = {n, P, D};
    sav_linear(s->hidden, s->x, &m->linear_1, NULL, n * P, kernels, run);
    sav_plus_row(s->hidden, s->hidden, m->bias_1, n * P, D, run);
    sav_show(trace, s->hidden, 3, shape, "multi_modal_projector.linear_1.output");
    kernels->activation(s->hidden, s->hidden, n * P * D, SAV_GELU_ERF, run);
    sav_show(trace, s->hidden, 3, shape, "multi_modal_projector.act.output");
    sav_linear(out, s->hidden, &m->linear_2, m->bias_2, n * P, kernels, run);
    sav_show(trace, out, 3, shape, "multi_modal_projector.linear_2.output");
}

void sav_siglip_forward(float *out, const float *const *tiles, size_t count, const sav_siglip *m,
                        const sav_projector *projector, sav_siglip_scratch *s, const sav_kernels *kernels,
                        const sav_run *run, sav_trace *trace) {
    const size_t P = m->config.g * m->config.g, D = projector->linear_2.rows;
    for (size_t i = 0; i < count && !trace->status; i += s->n) {
        size_t n = count - i < s->n ? count - i : s->n;
        const size_t shape[3] = {n, P, m->config.C};
        if (!sav_enter(trace, SAV_IN_TOWER, 0)) return;
        embed(s, tiles + i, n, m, kernels, run, trace);
        sav_show(trace, s->x, 3, shape, TOWER "embeddings.output");
        for (size_t l = 0; l < m->config.layers && sav_enter(trace, SAV_IN_TOWER, l + 1); l++)
            encoder_layer(s, n, l, m, kernels, run, trace);
        if (!sav_enter(trace, SAV_IN_TOWER, m->config.layers + 1)) return;
        project(out + i * P * D, s, n, P, projector, kernels, run, trace);
    }
}
