/* module.c: applying a module: compute, show, book. See module.h. */
#include "nn/module.h"

#include <stdio.h>

#include "nn/bind.h"

enum { AT_ONCE = 4 }; /* products over the same rows in one call of the kernels */

/* ---- linear -------------------------------------------------------------------------------------------- */

static void book_products(sav_pass *p, const sav_linear *m, size_t count, size_t rows) {
    sav_cost cost = {0, 0};
    if (!p->observer) return;
    for (size_t i = 0; i < count; i++) {
        cost.flop += 2.0 * (double)rows * (double)m[i].weight.rows * (double)m[i].weight.cols;
        cost.weight_bytes += sav_matrix_bytes(&m[i].weight);
    }
    sav_book(p, m->role, &cost);
}

/* PARITY: F.linear of a transposed view is mm + add in PyTorch, two roundings (bias_apart); all others are
 * one addmm (test: golden/llava, stage multi_modal_projector.linear_1). */
static void compute(sav_pass *p, float *const *out, const float *x, size_t rows, const sav_linear *m,
                    size_t count) {
    sav_product to[AT_ONCE] = {{0}};
    for (size_t i = 0; i < count; i++)
        to[i] = (sav_product){out[i], &m[i].weight, m[i].bias_apart ? NULL : m[i].bias};
    p->kernels->linear(to, count, x, rows, &p->run);
    for (size_t i = 0; i < count; i++)
        if (m[i].bias_apart) sav_plus_row(out[i], out[i], m[i].bias, rows, m[i].weight.rows, &p->run);
    book_products(p, m, count, rows);
}

void sav_apply(sav_pass *p, float *out, const float *x, size_t rows, const sav_linear *m) {
    if (m->shows_input) sav_show_input(p, x, rows, m->weight.cols, m->path);
    compute(p, &out, x, rows, m, 1);
    sav_show(p, out, rows, m->weight.rows, m->path);
}

void sav_apply_each(sav_pass *p, float *const *out, const float *x, size_t rows, const sav_linear *m,
                    size_t count) {
    for (size_t i = 0, n; i < count; i += n) {
        n = sav_min(count - i, AT_ONCE);
        compute(p, out + i, x, rows, m + i, n);
    }
    for (size_t i = 0; i < count; i++) sav_show(p, out[i], rows, m[i].weight.rows, m[i].path);
}

void sav_apply_convolution(sav_pass *p, float *out, const float *columns, const sav_grid *grid,
                           const sav_linear *m, float *map) {
    const size_t n = grid->n, P = grid->g * grid->g, N = m->weight.rows;
    char name[128];
    const sav_snapshot stage = {name, p->run.R, 4, {n, N, grid->g, grid->g}, map};
    compute(p, &out, columns, n * P, m, 1);
    if (!p->sink) return;
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < P; at++)
            for (size_t j = 0; j < N; j++) map[(i * N + j) * P + at] = out[(i * P + at) * N + j];
    snprintf(name, sizeof name, "%s.output", m->path);
    sav_show_stage(p, &stage);
}

/* ---- what stands between products ---------------------------------------------------------------------- */

void sav_apply_norm(sav_pass *p, float *out, const float *x, size_t rows, const sav_norm *m) {
    const sav_norm_weights norm = {m->weight, m->bias, m->D, m->eps};
    if (m->bias)
        sav_layer_norm(out, x, rows, &norm, &p->run);
    else
        sav_rms_norm(out, x, rows, &norm, &p->run);
    sav_book(p, SAV_ROLE_NORM, NULL);
    sav_show(p, out, rows, m->D, m->path);
}

void sav_apply_act(sav_pass *p, float *x, size_t rows, size_t cols, const sav_act *m) {
    p->kernels->activation(x, x, rows * cols, m->f, &p->run);
    sav_book(p, SAV_ROLE_ACTIVATION, NULL);
    sav_show(p, x, rows, cols, m->path);
}

void sav_apply_embedding(sav_pass *p, float *out, size_t id, const sav_embedding *m) {
    sav_embed_row(out, &m->weight, id, &p->run);
}

void sav_residual(sav_pass *p, float *x, const float *y, size_t n) {
    sav_plus(x, x, y, n, &p->run);
    sav_book(p, SAV_ROLE_NORM, NULL);
}

void sav_rotate(sav_pass *p, float *x, size_t stride, size_t H, const sav_angles *by) {
    sav_rope(x, stride, H, by, &p->run);
    sav_book(p, SAV_ROLE_ROPE, NULL);
}

void sav_rotate_in_f32(sav_pass *p, float *x, size_t stride, size_t H, const sav_angles *by) {
    sav_run run = p->run;
    run.R = SAV_F32;
    sav_rope(x, stride, H, by, &run);
    sav_narrow_rows(x, stride, by->T, H * by->d, &p->run);
    sav_book(p, SAV_ROLE_ROPE, NULL);
}

void sav_attend(sav_pass *p, float *out, const sav_qkv *from, const sav_attention *how) {
    p->kernels->attention(out, from->q, from->k, from->v, how, &p->run);
    if (!p->observer) return;
    const sav_cost cost = {4.0 * (double)(how->H * how->d) * sav_attention_pairs(how), 0};
    sav_book(p, SAV_ROLE_ATTENTION, &cost);
}

/* ---- MLPs ---------------------------------------------------------------------------------------------- */

void sav_mlp_plan(sav_mlp_scratch *s, sav_arena *arena, size_t rows, size_t F, bool gated) {
    *s = (sav_mlp_scratch){.rows = rows};
    s->gate = sav_arena_floats(arena, rows, F);
    if (gated) s->up = sav_arena_floats(arena, rows, F);
}

void sav_apply_mlp(sav_pass *p, float *out, const float *x, size_t N, const sav_mlp *m,
                   const sav_mlp_scratch *s) {
    const size_t K = m->first.weight.cols, F = m->first.weight.rows, D = m->second.weight.rows;
    for (size_t t = 0; t < N; t += s->rows) {
        const size_t rows = sav_min(N - t, s->rows);
        sav_apply(p, s->gate, x + t * K, rows, &m->first);
        sav_apply_act(p, s->gate, rows, F, &m->act);
        sav_apply(p, out + t * D, s->gate, rows, &m->second);
    }
}

/* Both products at once, since they read the same rows; shown in the order in which the module computes them:
 * gate_proj, act_fn, up_proj. */
void sav_apply_gated_mlp(sav_pass *p, float *out, const float *x, size_t N, const sav_gated_mlp *m,
                         const sav_mlp_scratch *s) {
    const sav_linear *gate_proj = &m->gate_up[0], *up_proj = &m->gate_up[1];
    const size_t D = gate_proj->weight.cols, F = gate_proj->weight.rows;
    for (size_t t = 0; t < N; t += s->rows) {
        const size_t rows = sav_min(N - t, s->rows);
        compute(p, (float *[]){s->gate, s->up}, x + t * D, rows, m->gate_up, 2);
        sav_show(p, s->gate, rows, F, gate_proj->path);
        p->kernels->activation(s->gate, s->gate, rows * F, m->act_fn.f, &p->run);
        sav_show(p, s->gate, rows, F, m->act_fn.path);
        sav_show(p, s->up, rows, F, up_proj->path);
        sav_times(s->gate, s->gate, s->up, rows * F, &p->run);
        sav_book(p, SAV_ROLE_ACTIVATION, NULL);
        sav_apply(p, out + t * D, s->gate, rows, &m->down_proj);
    }
}
