/* qwen_vit.c: patches -> blocks -> merger, for Qwen2-VL and Qwen2.5-VL. See qwen_vit.h.
 *
 *   pixel_values [P, 1176] . W^T                                            [P, E]
 *   Qwen2.5-VL: groups of four patches into window order
 *     block: x += proj(attention(rotated qkv(norm1(x))))              one segment of rows a frame or a window
 *            x += fc2(quick_gelu(fc1(norm2(x))))   or   down(silu(gate(·)) * up(·))
 *   merger: norm, [P/4, 4E], mlp_2(gelu_erf(mlp_0(x)))                  [P/4, D], back in the pictures' order
 */
#include "vision/qwen_vit.h"

#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"

enum { MLP_ROWS = 512 };

static const double NORM_EPS = 1e-6; /* in the modules, not in any config */

static size_t patches(const int64_t *grids, size_t images) {
    size_t P = 0;
    for (size_t i = 0; i < images; i++) P += (size_t)(grids[3 * i] * grids[3 * i + 1] * grids[3 * i + 2]);
    return P;
}

void sav_qwen_vit_plan(sav_qwen_vit_scratch *s, sav_arena *arena, const sav_qwen_vit_config *c, size_t P,
                       size_t frames, bool whole) {
    const size_t unit = c->grid.merge * c->grid.merge, d = c->E / c->heads;
    size_t width = 0, triple = 0, wide = 0, out = 0;
    *s = (sav_qwen_vit_scratch){.rows = whole || P < MLP_ROWS ? P : MLP_ROWS};
    if (!sav_mul(&width, P, c->E) || !sav_mul(&triple, width, 3) || !sav_mul(&wide, s->rows, c->M) ||
        !sav_mul(&out, P / unit, c->D)) {
        arena->overflow = true;
        return;
    }
    if (c->window) s->order = sav_arena_take(arena, P / unit, sizeof *s->order);
    s->frames = sav_arena_take(arena, frames + 1, sizeof *s->frames);
    s->windows = sav_arena_take(arena, c->window ? P / unit + 1 : 1, sizeof *s->windows);
    s->places = sav_arena_take(arena, 2 * P, sizeof *s->places);
    s->cos = sav_arena_take(arena, P * (d / 2), sizeof *s->cos);
    s->sin = sav_arena_take(arena, P * (d / 2), sizeof *s->sin);
    s->x = sav_arena_take(arena, width, sizeof *s->x);
    s->normed = sav_arena_take(arena, width, sizeof *s->normed);
    s->added = sav_arena_take(arena, width, sizeof *s->added);
    s->mixed = sav_arena_take(arena, width, sizeof *s->mixed);
    s->qkv = sav_arena_take(arena, triple, sizeof *s->qkv);
    s->wide = sav_arena_take(arena, wide, sizeof *s->wide);
    s->up = c->window ? sav_arena_take(arena, wide, sizeof *s->up) : NULL;
    s->merged = sav_arena_take(arena, width, sizeof *s->merged);
    s->out = sav_arena_take(arena, out, sizeof *s->out);
}

/* ---- order and segments -------------------------------------------------------------------------------- */

/* Windows of one frame, its merged tokens numbered from `first`: window after window, row by row inside.
 * Windows at the right and lower edge are what is left; PARITY: the library pads a divisible side by whole
 * empty windows, which hold no token. */
static void add_windows(sav_qwen_vit_scratch *s, size_t *n, size_t first, size_t rows, size_t cols,
                        size_t side, size_t unit) {
    for (size_t y0 = 0; y0 < rows; y0 += side)
        for (size_t x0 = 0; x0 < cols; x0 += side) {
            for (size_t y = y0; y < rows && y < y0 + side; y++)
                for (size_t x = x0; x < cols && x < x0 + side; x++) s->order[(*n)++] = first + y * cols + x;
            s->windows[++s->window_count] = *n * unit;
        }
}

void sav_qwen_vit_lay_out(sav_qwen_vit_scratch *s, const int64_t *grids, size_t images,
                          const sav_qwen_vit_config *c) {
    const size_t merge = c->grid.merge, unit = merge * merge, P = patches(grids, images);
    size_t token = 0, n = 0, p = 0;
    s->frame_count = s->window_count = 0;
    s->frames[0] = s->windows[0] = 0;
    for (size_t i = 0; i < images; i++) {
        size_t gh = (size_t)grids[3 * i + 1], gw = (size_t)grids[3 * i + 2];
        for (size_t t = 0; t < (size_t)grids[3 * i]; t++) {
            for (size_t q = 0; q < gh * gw; q++, p++) {
                size_t y, x;
                sav_patch_place(&y, &x, q, gw, merge);
                s->places[p] = (int64_t)y;
                s->places[P + p] = (int64_t)x;
            }
            if (c->window) add_windows(s, &n, token, gh / merge, gw / merge, c->window, unit);
            token += gh * gw / unit;
            s->frames[++s->frame_count] = p;
        }
    }
}

/* to = groups of `unit` rows of `from`, group i from place order[i]. */
static void gather(float *to, const float *from, const size_t *order, size_t groups, size_t floats) {
    for (size_t i = 0; i < groups; i++)
        memcpy(to + i * floats, from + order[i] * floats, floats * sizeof *to);
}

/* cos and sin in the pictures' order, then in the blocks' order. They are float32 in every run. */
static void rotary(sav_qwen_vit_scratch *s, size_t P, const sav_qwen_vit *m, const sav_run *run) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t d = c->E / c->heads, unit = c->grid.merge * c->grid.merge, group = unit * (d / 2);
    const sav_run wide = {.R = SAV_F32, .threads = run->threads, .team_work = run->team_work};
    sav_rope_table(&(sav_angles){s->cos, s->sin, P, d}, s->places, m->inv_freq, m->axis, &wide);
    if (!s->order) return;
    float *spare = s->mixed; /* [P, E], and d/2 <= E */
    gather(spare, s->cos, s->order, P / unit, group);
    memcpy(s->cos, spare, P * (d / 2) * sizeof *spare);
    gather(spare, s->sin, s->order, P / unit, group);
    memcpy(s->sin, spare, P * (d / 2) * sizeof *spare);
}

/* ---- blocks -------------------------------------------------------------------------------------------- */

static void apply_norm(float *out, const float *x, const float *weight, const float *bias, size_t rows,
                       size_t E, const sav_run *run) {
    const sav_norm_weights norm = {weight, bias, E, NORM_EPS};
    if (bias)
        sav_layer_norm(out, x, rows, &norm, run);
    else
        sav_rms_norm(out, x, rows, &norm, run);
}

static void attention(sav_qwen_vit_scratch *s, size_t P, size_t i, const sav_qwen_vit *m,
                      const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen_vit_config *c = &m->config;
    const sav_qwen_vit_block *block = &m->blocks[i];
    const size_t E = c->E, d = E / c->heads;
    const bool windowed = c->window && !c->full[i];
    const size_t *segments = windowed ? s->windows : s->frames,
                 count = windowed ? s->window_count : s->frame_count;
    const sav_run wide = {.R = SAV_F32, .threads = run->threads, .team_work = run->team_work};
    sav_linear(s->qkv, s->normed, &block->qkv, block->qkv_bias, P, kernels, run);
    sav_show_rows(trace, s->qkv, P, 3 * E, "visual.blocks.%zu.attn.qkv.output", i);
    /* PARITY: q and k are rotated in float32 and narrowed afterwards, unlike the decoder's (golden/qwen_vl,
     * bf16 cases). Heads of q and of k lie side by side. */
    sav_rope(s->qkv, 3 * E, 2 * c->heads, &(sav_angles){s->cos, s->sin, P, d}, &wide);
    sav_narrow_rows(s->qkv, 3 * E, P, 2 * E, run);
    const sav_attention shape = {.queries = P,
                                 .keys = P,
                                 .heads = c->heads,
                                 .kv_heads = c->heads,
                                 .d = d,
                                 .q_stride = 3 * E,
                                 .kv_stride = 3 * E,
                                 .segments = segments,
                                 .segment_count = count,
                                 .scale = sqrt((double)d),
                                 .divide = true};
    kernels->attention(s->mixed, s->qkv, s->qkv + E, s->qkv + 2 * E, &shape, run);
    sav_show_rows(trace, s->mixed, P, E, "visual.blocks.%zu.attn.proj.input", i);
    sav_linear(s->added, s->mixed, &block->proj, block->proj_bias, P, kernels, run);
    sav_show_rows(trace, s->added, P, E, "visual.blocks.%zu.attn.proj.output", i);
}

/* Qwen2-VL: normed -> added, rows t .. t + rows - 1. */
static void plain_mlp(sav_qwen_vit_scratch *s, size_t t, size_t rows, size_t i, const sav_qwen_vit *m,
                      const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen_vit_block *block = &m->blocks[i];
    const size_t E = m->config.E, M = m->config.M;
    sav_linear(s->wide, s->normed + t * E, &block->fc1, block->fc1_bias, rows, kernels, run);
    sav_show_rows(trace, s->wide, rows, M, "visual.blocks.%zu.mlp.fc1.output", i);
    kernels->activation(s->wide, s->wide, rows * M, SAV_QUICK_GELU, run);
    sav_show_rows(trace, s->wide, rows, M, "visual.blocks.%zu.mlp.act.output", i);
    sav_linear(s->added + t * E, s->wide, &block->fc2, block->fc2_bias, rows, kernels, run);
    sav_show_rows(trace, s->added + t * E, rows, E, "visual.blocks.%zu.mlp.fc2.output", i);
}

/* Qwen2.5-VL. */
static void gated_mlp(sav_qwen_vit_scratch *s, size_t t, size_t rows, size_t i, const sav_qwen_vit *m,
                      const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen_vit_block *block = &m->blocks[i];
    const size_t E = m->config.E, M = m->config.M;
    const sav_product gate_up[] = {{s->wide, &block->fc1, block->fc1_bias},
                                   {s->up, &block->up, block->up_bias}};
    kernels->linear(gate_up, 2, s->normed + t * E, rows, run);
    sav_show_rows(trace, s->wide, rows, M, "visual.blocks.%zu.mlp.gate_proj.output", i);
    kernels->activation(s->wide, s->wide, rows * M, SAV_SILU, run);
    sav_show_rows(trace, s->wide, rows, M, "visual.blocks.%zu.mlp.act_fn.output", i);
    sav_show_rows(trace, s->up, rows, M, "visual.blocks.%zu.mlp.up_proj.output", i);
    sav_times(s->wide, s->wide, s->up, rows * M, run);
    sav_show_rows(trace, s->wide, rows, M, "visual.blocks.%zu.mlp.down_proj.input", i);
    sav_linear(s->added + t * E, s->wide, &block->fc2, block->fc2_bias, rows, kernels, run);
    sav_show_rows(trace, s->added + t * E, rows, E, "visual.blocks.%zu.mlp.down_proj.output", i);
}

static void run_block(sav_qwen_vit_scratch *s, size_t P, size_t i, const sav_qwen_vit *m,
                      const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const sav_qwen_vit_block *block = &m->blocks[i];
    const size_t E = m->config.E;
    apply_norm(s->normed, s->x, block->norm1, block->norm1_bias, P, E, run);
    sav_show_rows(trace, s->normed, P, E, "visual.blocks.%zu.norm1.output", i);
    attention(s, P, i, m, kernels, run, trace);
    sav_plus(s->x, s->x, s->added, P * E, run);
    apply_norm(s->normed, s->x, block->norm2, block->norm2_bias, P, E, run);
    sav_show_rows(trace, s->normed, P, E, "visual.blocks.%zu.norm2.output", i);
    for (size_t t = 0; t < P; t += s->rows) {
        size_t rows = P - t < s->rows ? P - t : s->rows;
        if (m->config.window)
            gated_mlp(s, t, rows, i, m, kernels, run, trace);
        else
            plain_mlp(s, t, rows, i, m, kernels, run, trace);
    }
    sav_plus(s->x, s->x, s->added, P * E, run);
    sav_show_rows(trace, s->x, P, E, "visual.blocks.%zu.output", i);
}

/* x [P, E] -> s->out [P/4, D], in the blocks' order. */
static void merge(sav_qwen_vit_scratch *s, size_t P, const sav_qwen_vit *m, const sav_kernels *kernels,
                  const sav_run *run, sav_trace *trace) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t unit = c->grid.merge * c->grid.merge, rows = P / unit, wide = unit * c->E;
    apply_norm(s->normed, s->x, m->ln_q, m->ln_q_bias, P, c->E, run);
    sav_show_rows(trace, s->normed, P, c->E, "visual.merger.ln_q.output");
    /* [P, E] read as [P/4, 4E] */
    sav_linear(s->merged, s->normed, &m->mlp_0, m->mlp_0_bias, rows, kernels, run);
    sav_show_rows(trace, s->merged, rows, wide, "visual.merger.mlp.0.output");
    kernels->activation(s->merged, s->merged, rows * wide, SAV_GELU_ERF, run);
    sav_show_rows(trace, s->merged, rows, wide, "visual.merger.mlp.1.output");
    sav_linear(s->out, s->merged, &m->mlp_2, m->mlp_2_bias, rows, kernels, run);
    sav_show_rows(trace, s->out, rows, c->D, "visual.merger.output");
}

void sav_qwen_vit_forward(float *out, const float *pixels, const int64_t *grids, size_t images,
                          const sav_qwen_vit *m, sav_qwen_vit_scratch *s, const sav_kernels *kernels,
                          const sav_run *run, sav_trace *trace) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t P = patches(grids, images), unit = c->grid.merge * c->grid.merge;
    float *embedded = s->order ? s->normed : s->x;
    if (!sav_enter(trace, SAV_IN_TOWER, 0)) return;
    sav_qwen_vit_lay_out(s, grids, images, c);
    rotary(s, P, m, run);
    sav_linear(embedded, pixels, &m->patch_embed, NULL, P, kernels, run);
    sav_show_rows(trace, embedded, P, c->E, "visual.patch_embed.output");
    if (s->order) gather(s->x, embedded, s->order, P / unit, unit * c->E);
    for (size_t i = 0; i < c->layers && sav_enter(trace, SAV_IN_TOWER, i + 1); i++)
        run_block(s, P, i, m, kernels, run, trace);
    if (!sav_enter(trace, SAV_IN_TOWER, c->layers + 1)) return;
    merge(s, P, m, kernels, run, trace);
    for (size_t i = 0; i < P / unit; i++) /* the inverse of the window order */
        memcpy(out + (s->order ? s->order[i] : i) * c->D, s->out + i * c->D, c->D * sizeof *out);
    sav_show_rows(trace, out, P / unit, c->D, "visual.output");
}
