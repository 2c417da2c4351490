/* qwen2.c: the decoder, tokens to tap, one forward.
 *
 *   x [T, D]
 *     layer: normed = rms_norm(x)                                   [T, D]
 *            q, k, v = normed . W^T + bias; q, k rotated            [T, H*d], [T, G*d], [T, G*d]
 *            mixed = softmax(q k^T / sqrt(d) + causal mask) v       [T, H*d]   last row -> tap[l]
 *            x += mixed . o_proj^T
 *            x += (silu(normed . gate^T) * (normed . up^T)) . down^T,  normed = rms_norm(x)
 *
 * Source: transformers 4.51.3, models/qwen2/modeling_qwen2.py; the tap as in the SAVs reference (a pre-hook on o_proj).
 */
#include "llm/qwen2.h"

#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"

enum { MLP_ROWS = 512 };

void sav_qwen2_plan(sav_qwen2_scratch *s, sav_arena *arena, const sav_qwen2_config *c, size_t T, bool whole) {
    const size_t D = c->D, Q = c->H * c->d, KV = c->G * c->d;
    size_t stream, queries, keys, angles, wide; /* floats; factors are a config's, so each product is checked */
    *s = (sav_qwen2_scratch){.mlp_rows = whole || T < MLP_ROWS ? T : MLP_ROWS};
    if (!sav_mul(&stream, T, D) || !sav_mul(&queries, T, Q) || !sav_mul(&keys, T, KV) ||
        !sav_mul(&angles, T, c->d / 2) || !sav_mul(&wide, s->mlp_rows, c->F)) {
        arena->overflow = true;
        return;
    }
    s->x = sav_arena_take(arena, stream, sizeof *s->x);
    s->normed = sav_arena_take(arena, stream, sizeof *s->normed);
    s->added = sav_arena_take(arena, stream, sizeof *s->added);
    s->q = sav_arena_take(arena, queries, sizeof *s->q);
    s->k = sav_arena_take(arena, keys, sizeof *s->k);
    s->v = sav_arena_take(arena, keys, sizeof *s->v);
    s->mixed = sav_arena_take(arena, queries, sizeof *s->mixed);
    s->cos = sav_arena_take(arena, angles, sizeof *s->cos);
    s->sin = sav_arena_take(arena, angles, sizeof *s->sin);
    s->gate = sav_arena_take(arena, wide, sizeof *s->gate);
    s->up = sav_arena_take(arena, wide, sizeof *s->up);
    s->logits = whole ? sav_arena_take(arena, c->V, sizeof *s->logits) : NULL;
}

/* normed [T, D] -> s->mixed; queries from row `first` on (0, or T - 1 where the last one is enough). */
static void attention(sav_qwen2_scratch *s, size_t l, const sav_qwen2 *m, size_t T, size_t first,
                      const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen2_config *c = &m->config;
    const sav_qwen2_layer *layer = &m->layers[l];
    const size_t Q = c->H * c->d, KV = c->G * c->d, half = c->d / 2;
    float *q = s->q + first * Q;
    const sav_product qkv[] = {{q, &layer->q_proj, layer->q_bias}, {s->k, &layer->k_proj, layer->k_bias}, {s->v, &layer->v_proj, layer->v_bias}};
    if (first) sav_linear(q, s->normed + first * c->D, &layer->q_proj, layer->q_bias, T - first, kernels, run);
    kernels->linear(first ? qkv + 1 : qkv, first ? 2 : 3, s->normed, T, run);
    sav_show_rows(trace, s->q, T, Q, "%slayers.%zu.self_attn.q_proj.output", m->prefix, l);
    sav_show_rows(trace, s->k, T, KV, "%slayers.%zu.self_attn.k_proj.output", m->prefix, l);
    sav_show_rows(trace, s->v, T, KV, "%slayers.%zu.self_attn.v_proj.output", m->prefix, l);
    sav_rope(q, Q, s->cos + first * half, s->sin + first * half, T - first, c->H, c->d, run);
    sav_rope(s->k, KV, s->cos, s->sin, T, c->G, c->d, run);
    const sav_attention shape = {.queries = T - first, .keys = T, .heads = c->H, .kv_heads = c->G, .d = c->d,
                                 .q_stride = Q, .kv_stride = KV, .causal = true, .window = c->window,
                                 .scale = c->divides ? sqrt((double)c->d) : sav_head_scale(c->d),
                                 .divide = c->divides, .inf_to_zero = c->divides && run->R == SAV_F16};
    kernels->attention(s->mixed + first * Q, q, s->k, s->v, &shape, run);
    sav_show_rows(trace, s->mixed, T, Q, "%slayers.%zu.self_attn.o_proj.input", m->prefix, l);
}

/* normed [T, D] -> added [T, D], a block of rows at a time. */
static void mlp(sav_qwen2_scratch *s, size_t l, const sav_qwen2 *m, size_t T, const sav_kernels *kernels,
                const sav_run *run, sav_trace *trace) {
    const sav_qwen2_layer *layer = &m->layers[l];
    const size_t D = m->config.D, F = m->config.F;
    const sav_product gate_up[] = {{s->gate, &layer->gate_proj, NULL}, {s->up, &layer->up_proj, NULL}};
    for (size_t t = 0; t < T; t += s->mlp_rows) {
        size_t rows = T - t < s->mlp_rows ? T - t : s->mlp_rows; /* T when stages are shown */
        kernels->linear(gate_up, 2, s->normed + t * D, rows, run);
        sav_show_rows(trace, s->gate, rows, F, "%slayers.%zu.mlp.gate_proj.output", m->prefix, l);
        kernels->activation(s->gate, s->gate, rows * F, SAV_SILU, run);
        sav_show_rows(trace, s->gate, rows, F, "%slayers.%zu.mlp.act_fn.output", m->prefix, l);
        sav_show_rows(trace, s->up, rows, F, "%slayers.%zu.mlp.up_proj.output", m->prefix, l);
        sav_times(s->gate, s->gate, s->up, rows * F, run);
        sav_show_rows(trace, s->gate, rows, F, "%slayers.%zu.mlp.down_proj.input", m->prefix, l);
        sav_linear(s->added + t * D, s->gate, &layer->down_proj, NULL, rows, kernels, run);
    }
    sav_show_rows(trace, s->added, T, D, "%slayers.%zu.mlp.down_proj.output", m->prefix, l);
}

void sav_qwen2_forward(float *tap, sav_qwen2_scratch *s, const int64_t *positions, const sav_qwen2 *m, size_t T,
                       size_t depth, const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen2_config *c = &m->config;
    const size_t D = c->D, Q = c->H * c->d;
    const bool whole = sav_watched(trace);
    sav_rope_table(s->cos, s->sin, positions, m->inv_freq, m->axis, T, c->d, run);
    for (size_t l = 0; l < depth && !trace->status; l++) {
        const sav_qwen2_layer *layer = &m->layers[l];
        const bool last = l + 1 == depth && !whole;
        sav_rms_norm(s->normed, s->x, layer->input_norm, T, D, c->norm_eps, run);
        sav_show_rows(trace, s->normed, T, D, "%slayers.%zu.input_layernorm.output", m->prefix, l);
        attention(s, l, m, T, last ? T - 1 : 0, kernels, run, trace);
        memcpy(tap + l * Q, s->mixed + (T - 1) * Q, Q * sizeof *tap);
        if (last) return;
        sav_linear(s->added, s->mixed, &layer->o_proj, NULL, T, kernels, run);
        sav_show_rows(trace, s->added, T, D, "%slayers.%zu.self_attn.o_proj.output", m->prefix, l);
        sav_plus(s->x, s->x, s->added, T * D, run);
        sav_rms_norm(s->normed, s->x, layer->post_norm, T, D, c->norm_eps, run);
        sav_show_rows(trace, s->normed, T, D, "%slayers.%zu.post_attention_layernorm.output", m->prefix, l);
        mlp(s, l, m, T, kernels, run, trace);
        sav_plus(s->x, s->x, s->added, T * D, run);
        sav_show_rows(trace, s->x, T, D, "%slayers.%zu.output", m->prefix, l);
    }
    if (!whole || trace->status) return;
    sav_rms_norm(s->normed, s->x, m->norm, T, D, c->norm_eps, run);
    sav_show_rows(trace, s->normed, T, D, "%snorm.output", m->prefix);
    sav_linear(s->logits, s->normed + (T - 1) * D, &m->lm_head, NULL, 1, kernels, run);
    sav_show_rows(trace, s->logits, 1, c->V, "%slm_head.output", m->head_prefix);
    const size_t shape[3] = {depth, c->H, c->d};
    sav_show(trace, tap, 3, shape, "sav.tap");
}
