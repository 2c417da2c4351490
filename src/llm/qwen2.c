/* qwen2.c: the decoder, tokens to tap, one forward of a batch of packed rows.
 *
 *   x [N, D]
 *     layer: normed = rms_norm(x)                                   [N, D]
 *            q, k, v = normed . W^T + bias; q, k rotated            [N, H*d], [N, G*d], [N, G*d]
 *            a span: mixed = softmax(q k^T / sqrt(d) + causal mask) v  its rows; the last one
 *                -> its sample's tap[l]
 *            x += mixed . o_proj^T
 *            x += (silu(normed . gate^T) * (normed . up^T)) . down^T,  normed = rms_norm(x)
 *
 * All but attention treats rows alone, so it runs over the whole batch at once: a weight is read once a
 * batch. A row's numbers do not depend on its neighbours, hence not on what else is in the batch
 * (test_batch.c).
 *
 * Source: transformers 4.51.3, models/qwen2/modeling_qwen2.py; the tap as in the SAVs reference (a pre-hook
 * on o_proj).
 */
#include "llm/qwen2.h"

#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"

enum { MLP_ROWS = 512 };

void sav_qwen2_plan(sav_qwen2_scratch *s, sav_arena *arena, const sav_qwen2_config *c, const sav_rows *rows,
                    bool whole) {
    const size_t N = rows->N, Q = c->H * c->d, KV = c->G * c->d;
    /* floats; factors are a config's, so each product is checked */
    size_t stream, queries, keys, past, angles, wide;
    *s = (sav_qwen2_scratch){.x = s->x, .mlp_rows = whole ? N : sav_min(N, MLP_ROWS)};
    if (!sav_mul(&stream, N, c->D) || !sav_mul(&queries, N, Q) || !sav_mul(&keys, N, KV) ||
        !sav_mul(&past, rows->most_keys, KV) || !sav_mul(&angles, N, c->d / 2) ||
        !sav_mul(&wide, s->mlp_rows, c->F)) {
        arena->overflow = true;
        return;
    }
    s->normed = sav_arena_take(arena, stream, sizeof *s->normed);
    s->added = sav_arena_take(arena, stream, sizeof *s->added);
    s->q = sav_arena_take(arena, queries, sizeof *s->q);
    s->k = sav_arena_take(arena, keys, sizeof *s->k);
    s->v = sav_arena_take(arena, keys, sizeof *s->v);
    s->mixed = sav_arena_take(arena, queries, sizeof *s->mixed);
    s->cos = sav_arena_take(arena, angles, sizeof *s->cos);
    s->sin = sav_arena_take(arena, angles, sizeof *s->sin);
    s->keys = rows->split ? sav_arena_take(arena, past, sizeof *s->keys) : NULL;
    s->values = rows->split ? sav_arena_take(arena, past, sizeof *s->values) : NULL;
    s->gate = sav_arena_take(arena, wide, sizeof *s->gate);
    s->up = sav_arena_take(arena, wide, sizeof *s->up);
    s->logits = whole ? sav_arena_take(arena, c->V, sizeof *s->logits) : NULL;
}

/* A span's keys (or values) as one piece [past + count, KV]: in place, or its past's rows and its own put
 * together in room. */
static const float *gather(float *room, const float *k, const sav_rows *rows, const sav_span *span,
                           size_t KV) {
    if (span->in_front) return k + (span->first - span->past) * KV;
    memcpy(room + span->past * KV, k + span->first * KV, span->count * KV * sizeof *room);
    /* tokens past … end - 1 of the sample stand in span `at` */
    for (size_t end = span->past, at = span->parent; end > 0;) {
        const sav_span *p = &rows->spans[at];
        memcpy(room + p->past * KV, k + p->first * KV, (end - p->past) * KV * sizeof *room);
        end = p->past;
        at = p->parent;
    }
    return room;
}

/* One span's last `queries` rows q [queries, H*d] over all its keys -> out. */
static void attend(float *out, const float *q, size_t queries, sav_qwen2_scratch *s, const sav_rows *rows,
                   const sav_span *span, const sav_qwen2_config *c, const sav_kernels *kernels,
                   const sav_run *run) {
    const size_t KV = c->G * c->d;
    const sav_attention shape = {.queries = queries,
                                 .keys = span->past + span->count,
                                 .heads = c->H,
                                 .kv_heads = c->G,
                                 .d = c->d,
                                 .q_stride = c->H * c->d,
                                 .kv_stride = KV,
                                 .causal = true,
                                 .window = c->window,
                                 .scale = c->divides ? sqrt((double)c->d) : sav_head_scale(c->d),
                                 .divide = c->divides,
                                 .inf_to_zero = c->divides && run->R == SAV_F16};
    const float *k = gather(s->keys, s->k, rows, span, KV), *v = gather(s->values, s->v, rows, span, KV);
    kernels->attention(out, q, k, v, &shape, run);
}

/* normed [N, D] -> s->mixed [N, H*d]. */
static void attention(sav_qwen2_scratch *s, size_t l, const sav_qwen2 *m, const sav_rows *rows,
                      const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen2_config *c = &m->config;
    const sav_qwen2_layer *layer = &m->layers[l];
    const size_t N = rows->N, Q = c->H * c->d, KV = c->G * c->d;
    const sav_product qkv[] = {{s->q, &layer->q_proj, layer->q_bias},
                               {s->k, &layer->k_proj, layer->k_bias},
                               {s->v, &layer->v_proj, layer->v_bias}};
    kernels->linear(qkv, 3, s->normed, N, run);
    sav_show_rows(trace, s->q, N, Q, "%slayers.%zu.self_attn.q_proj.output", m->prefix, l);
    sav_show_rows(trace, s->k, N, KV, "%slayers.%zu.self_attn.k_proj.output", m->prefix, l);
    sav_show_rows(trace, s->v, N, KV, "%slayers.%zu.self_attn.v_proj.output", m->prefix, l);
    sav_rope(s->q, Q, c->H, &(sav_angles){s->cos, s->sin, N, c->d}, run);
    sav_rope(s->k, KV, c->G, &(sav_angles){s->cos, s->sin, N, c->d}, run);
    for (size_t i = 0; i < rows->span_count; i++) {
        const sav_span *span = &rows->spans[i];
        attend(s->mixed + span->first * Q, s->q + span->first * Q, span->count, s, rows, span, c, kernels,
               run);
    }
    sav_show_rows(trace, s->mixed, N, Q, "%slayers.%zu.self_attn.o_proj.input", m->prefix, l);
}

/* The last layer that runs: keys and values of all rows, but of each span the last row's query alone; taps
 * are all that is wanted. normed [N, D] -> s->mixed [span_count, H*d]. */
static void last_attention(sav_qwen2_scratch *s, const sav_qwen2_layer *layer, const sav_qwen2_config *c,
                           const sav_rows *rows, const sav_kernels *kernels, const sav_run *run) {
    const size_t D = c->D, Q = c->H * c->d, KV = c->G * c->d, half = c->d / 2;
    const sav_product kv[] = {{s->k, &layer->k_proj, layer->k_bias}, {s->v, &layer->v_proj, layer->v_bias}};
    float *ends = s->added; /* [span_count, D] */
    kernels->linear(kv, 2, s->normed, rows->N, run);
    sav_rope(s->k, KV, c->G, &(sav_angles){s->cos, s->sin, rows->N, c->d}, run);
    for (size_t i = 0; i < rows->span_count; i++) {
        const size_t row = rows->spans[i].first + rows->spans[i].count - 1;
        memcpy(ends + i * D, s->normed + row * D, D * sizeof *ends);
    }
    sav_linear(s->q, ends, &layer->q_proj, layer->q_bias, rows->span_count, kernels, run);
    for (size_t i = 0; i < rows->span_count; i++) {
        const sav_span *span = &rows->spans[i];
        const size_t row = span->first + span->count - 1;
        const sav_angles its = {s->cos + row * half, s->sin + row * half, 1, c->d};
        sav_rope(s->q + i * Q, Q, c->H, &its, run);
        attend(s->mixed + i * Q, s->q + i * Q, 1, s, rows, span, c, kernels, run);
    }
}

/* normed [N, D] -> added [N, D], a block of rows at a time. */
static void mlp(sav_qwen2_scratch *s, size_t l, const sav_qwen2 *m, size_t N, const sav_kernels *kernels,
                const sav_run *run, sav_trace *trace) {
    const sav_qwen2_layer *layer = &m->layers[l];
    const size_t D = m->config.D, F = m->config.F;
    const sav_product gate_up[] = {{s->gate, &layer->gate_proj, NULL}, {s->up, &layer->up_proj, NULL}};
    for (size_t t = 0; t < N; t += s->mlp_rows) {
        size_t rows = sav_min(N - t, s->mlp_rows); /* N when stages are shown */
        kernels->linear(gate_up, 2, s->normed + t * D, rows, run);
        sav_show_rows(trace, s->gate, rows, F, "%slayers.%zu.mlp.gate_proj.output", m->prefix, l);
        kernels->activation(s->gate, s->gate, rows * F, SAV_SILU, run);
        sav_show_rows(trace, s->gate, rows, F, "%slayers.%zu.mlp.act_fn.output", m->prefix, l);
        sav_show_rows(trace, s->up, rows, F, "%slayers.%zu.mlp.up_proj.output", m->prefix, l);
        sav_times(s->gate, s->gate, s->up, rows * F, run);
        sav_show_rows(trace, s->gate, rows, F, "%slayers.%zu.mlp.down_proj.input", m->prefix, l);
        sav_linear(s->added + t * D, s->gate, &layer->down_proj, NULL, rows, kernels, run);
    }
    sav_show_rows(trace, s->added, N, D, "%slayers.%zu.mlp.down_proj.output", m->prefix, l);
}

/* Layer l's o_proj input at each sample's last token; it stands in row i (last layer) or where the span
 * ends. */
static void tap(float *taps, size_t features, const sav_qwen2_scratch *s, size_t l, size_t Q,
                const sav_rows *rows, bool last) {
    for (size_t i = 0; i < rows->span_count; i++) {
        const sav_span *span = &rows->spans[i];
        const size_t row = last ? i : span->first + span->count - 1;
        memcpy(taps + span->sample * features + l * Q, s->mixed + row * Q, Q * sizeof *taps);
    }
}

/* Final norm, the last token's logits, the tap: what only a dump wants. */
static void finish(const float *taps, sav_qwen2_scratch *s, const sav_qwen2 *m, size_t N, size_t depth,
                   const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen2_config *c = &m->config;
    const size_t shape[3] = {depth, c->H, c->d};
    sav_rms_norm(s->normed, s->x, N, &(sav_norm_weights){m->norm, NULL, c->D, c->norm_eps}, run);
    sav_show_rows(trace, s->normed, N, c->D, "%snorm.output", m->prefix);
    sav_linear(s->logits, s->normed + (N - 1) * c->D, &m->lm_head, NULL, 1, kernels, run);
    sav_show_rows(trace, s->logits, 1, c->V, "%slm_head.output", m->head_prefix);
    sav_show(trace, taps, 3, shape, "sav.tap");
}

void sav_qwen2_forward(float *taps, size_t features, sav_qwen2_scratch *s, const sav_rows *rows,
                       const sav_qwen2 *m, size_t depth, const sav_kernels *kernels, const sav_run *run,
                       sav_trace *trace) {
    const sav_qwen2_config *c = &m->config;
    const size_t N = rows->N, D = c->D, Q = c->H * c->d;
    const bool whole = sav_watched(trace);
    sav_rope_table(&(sav_angles){s->cos, s->sin, N, c->d}, rows->positions, m->inv_freq, m->axis, run);
    for (size_t l = 0; l < depth && sav_enter(trace, SAV_IN_DECODER, l); l++) {
        const sav_qwen2_layer *layer = &m->layers[l];
        const bool last = l + 1 == depth && !whole;
        sav_rms_norm(s->normed, s->x, N, &(sav_norm_weights){layer->input_norm, NULL, D, c->norm_eps}, run);
        sav_show_rows(trace, s->normed, N, D, "%slayers.%zu.input_layernorm.output", m->prefix, l);
        if (last)
            last_attention(s, layer, c, rows, kernels, run);
        else
            attention(s, l, m, rows, kernels, run, trace);
        tap(taps, features, s, l, Q, rows, last);
        if (last) return;
        sav_linear(s->added, s->mixed, &layer->o_proj, NULL, N, kernels, run);
        sav_show_rows(trace, s->added, N, D, "%slayers.%zu.self_attn.o_proj.output", m->prefix, l);
        sav_plus(s->x, s->x, s->added, N * D, run);
        sav_rms_norm(s->normed, s->x, N, &(sav_norm_weights){layer->post_norm, NULL, D, c->norm_eps}, run);
        sav_show_rows(trace, s->normed, N, D, "%slayers.%zu.post_attention_layernorm.output", m->prefix, l);
        mlp(s, l, m, N, kernels, run, trace);
        sav_plus(s->x, s->x, s->added, N * D, run);
        sav_show_rows(trace, s->x, N, D, "%slayers.%zu.output", m->prefix, l);
    }
    if (whole && !trace->status) finish(taps, s, m, N, depth, kernels, run, trace);
}
