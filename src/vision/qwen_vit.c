/* qwen_vit.c: patches -> blocks -> merger, for Qwen2-VL and Qwen2.5-VL. See qwen_vit.h.
 *
 *   pixel_values [P, 1176] . W^T                                            [P, Dv]
 *   Qwen2.5-VL: groups of four patches into window order
 *     block: x += proj(attention(rotated qkv(norm1(x))))                a segment of rows a frame or a window
 *            x += fc2(quick_gelu(fc1(norm2(x))))   or   down(silu(gate(·)) * up(·))
 *   merger: ln_q, [P/4, 4Dv], mlp.2(gelu_erf(mlp.0(x)))                 [P/4, D], back in the pictures' order
 */
#include "vision/qwen_vit.h"

#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"

enum { MLP_ROWS = 512, MOST_WIDE = 1 << 16 };

static const double NORM_EPS = 1e-6; /* in the modules, not in any config */

struct sav_qwen_vit_block {
    sav_norm norm1, norm2;
    sav_linear qkv;      /* attn.qkv [3Dv, Dv] */
    sav_linear proj;     /* attn.proj [Dv, Dv] */
    sav_mlp mlp;         /* Qwen2-VL: fc1 [Fv, Dv], quick_gelu, fc2 [Dv, Fv] */
    sav_gated_mlp gated; /* Qwen2.5-VL: gate_proj, up_proj [Fv, Dv], silu, down_proj [Dv, Fv] */
    bool windowed;       /* attends inside windows */
    const char *path;
};

/* ---- config.json --------------------------------------------------------------------------------------- */

/* Fields that both towers have. */
static void read_common(sav_qwen_vit_config *c, sav_config *in) {
    c->Lv = sav_config_size(in, "depth", 32);
    c->Hv = sav_config_size(in, "num_heads", 16);
    const size_t channels = sav_config_size(in, "in_channels", 3);
    c->grid.patch = sav_config_size(in, "patch_size", 14);
    c->grid.merge = sav_config_size(in, "spatial_merge_size", 2);
    c->grid.temporal = sav_config_size(in, "temporal_patch_size", 2);
    if (channels != 3)
        sav_config_fail(in, SAV_UNSUPPORTED, NULL, "in_channels", "found %zu; expected 3", channels);
}

void sav_qwen_vit_read_2(sav_qwen_vit_config *c, sav_config *in) {
    read_common(c, in);
    c->Dv = sav_config_size(in, "embed_dim", 1280);
    c->D = sav_config_size(in, "hidden_size", 3584);
    const double ratio = sav_config_double(in, "mlp_ratio", 4);
    sav_config_expect(in, "hidden_act", "quick_gelu", "quick_gelu");
    sav_config_range(in, "embed_dim", c->Dv, MOST_WIDE);
    if (!(ratio > 0 && ratio < 64))
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "mlp_ratio"), "mlp_ratio",
                        "found %g; expected a number above 0 and below 64", ratio);
    c->Fv = in->status ? 0 : (size_t)((double)c->Dv * ratio);
}

/* fullatt_block_indexes -> a flag a block. */
static void read_full(sav_qwen_vit_config *c, sav_config *in, sav_owned *owned) {
    static const size_t usual[] = {7, 15, 23, 31};
    const sav_json *list = sav_config_find(in, "fullatt_block_indexes");
    if (c->Lv > 1u << 10) sav_config_fail(in, SAV_BAD_INPUT, NULL, "depth", "found %zu", c->Lv);
    if (list && list->kind != SAV_JSON_ARRAY)
        sav_config_fail(in, SAV_BAD_INPUT, list, "fullatt_block_indexes", "expected a list of whole numbers");
    if (in->status) return;
    bool *full = sav_own(owned, c->Lv, sizeof *full);
    if (!full) in->status = sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory", in->name);
    for (size_t i = 0; full && !list && i < sizeof usual / sizeof *usual; i++)
        if (usual[i] < c->Lv) full[usual[i]] = true;
    for (const sav_json *node = full && list ? list->child : NULL; node; node = node->next) {
        int64_t i;
        if (!sav_json_integer(&i, node) || i < 0) {
            sav_config_fail(in, SAV_BAD_INPUT, node, "fullatt_block_indexes", "expected whole numbers");
            return;
        }
        if ((size_t)i < c->Lv) full[i] = true;
    }
    c->full = full;
}

void sav_qwen_vit_read_2_5(sav_qwen_vit_config *c, sav_config *in, sav_owned *owned) {
    read_common(c, in);
    c->Dv = sav_config_size(in, "hidden_size", 3584);
    c->Fv = sav_config_size(in, "intermediate_size", 3420);
    c->D = sav_config_size(in, "out_hidden_size", 3584);
    const size_t pixels = sav_config_size(in, "window_size", 112), side = c->grid.patch * c->grid.merge;
    sav_config_expect(in, "hidden_act", "silu", "silu");
    if (!side || !pixels || pixels % side)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "window_size",
                        "found %zu; expected a multiple of patch_size x spatial_merge_size, %zu", pixels,
                        side);
    c->window = side ? pixels / side : 0;
    read_full(c, in, owned);
}

void sav_qwen_vit_check(const sav_qwen_vit_config *c, size_t D, sav_config *in) {
    const bool newer = c->full != NULL; /* the names of Qwen2_5_VLVisionConfig */
    const char *wide = newer ? "hidden_size" : "embed_dim", *out = newer ? "out_hidden_size" : "hidden_size";
    sav_config_range(in, wide, c->Dv, MOST_WIDE);
    sav_config_range(in, "depth", c->Lv, 1u << 10);
    sav_config_range(in, "num_heads", c->Hv, c->Dv);
    sav_config_range(in, newer ? "intermediate_size" : "mlp_ratio", c->Fv, 1u << 22);
    sav_config_range(in, "patch_size", c->grid.patch, 256);
    sav_config_range(in, "spatial_merge_size", c->grid.merge, 16);
    sav_config_range(in, "temporal_patch_size", c->grid.temporal, 16);
    if (in->status) return;
    if (c->Dv % c->Hv || c->Dv / c->Hv % 4)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "num_heads"), "num_heads",
                        "found %zu with %s %zu; expected heads of a size that is divisible by 4", c->Hv, wide,
                        c->Dv);
    if (c->D != D)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, out), out,
                        "found %zu; expected the decoder's hidden_size, %zu", c->D, D);
}

/* transformers 5 writes the tower's own turning, which is in the modules here. */
static const sav_key ROPE_ROWS[] = {
    SAV_ONLY("rope_theta", "10000", "the tower turns rows and columns by a theta of 10000"),
    SAV_ONLY("rope_type", "\"axial\"|\"default\"", "the tower turns rows and columns"),
    {0}};
static const sav_keys ROPE_KEYS = {.others = SAV_OTHERS_REFUSED, .rows = ROPE_ROWS};

#define OLD_NAME "a name that the class does not read"

static const sav_key COMMON[] = {SAV_READ("depth"),
                                 SAV_READ("num_heads"),
                                 SAV_READ("in_channels"),
                                 SAV_READ("patch_size"),
                                 SAV_READ("spatial_merge_size"),
                                 SAV_READ("temporal_patch_size"),
                                 SAV_READ("hidden_size"),
                                 SAV_READ("hidden_act"),
                                 SAV_OBJECT("rope_parameters", &ROPE_KEYS),
                                 SAV_HARMLESS("in_chans", OLD_NAME),
                                 SAV_HARMLESS("tie_word_embeddings", "the tower has no words"),
                                 SAV_HARMLESS("spatial_patch_size", OLD_NAME),
                                 {0}};
static const sav_key ROWS_2[] = {
    SAV_READ("embed_dim"),
    SAV_READ("mlp_ratio"),
    SAV_ONLY("model_type", "\"qwen2_vl\"|\"qwen2_vl_vision\"|null", "the tower is Qwen2-VL's"),
    {0}};
static const sav_key ROWS_2_5[] = {
    SAV_READ("intermediate_size"),
    SAV_READ("out_hidden_size"),
    SAV_READ("window_size"),
    SAV_READ("fullatt_block_indexes"),
    SAV_HARMLESS("tokens_per_second", "for videos"),
    SAV_ONLY("model_type", "\"qwen2_5_vl\"|\"qwen2_5_vl_vision\"|null", "the tower is Qwen2.5-VL's"),
    {0}};

static const sav_keys COMMON_KEYS = {.rows = COMMON, .more = &sav_config_keys};
const sav_keys sav_qwen_vit_keys_2 = {.rows = ROWS_2, .more = &COMMON_KEYS};
const sav_keys sav_qwen_vit_keys_2_5 = {.rows = ROWS_2_5, .more = &COMMON_KEYS};

/* ---- tensors ------------------------------------------------------------------------------------------- */

static void bind_qwen2(sav_binder *b, sav_qwen_vit_block *m, const sav_qwen_vit_config *c) {
    sav_bind_layer_norm(b, &m->norm1, "norm1", c->Dv, NORM_EPS);
    sav_bind_layer_norm(b, &m->norm2, "norm2", c->Dv, NORM_EPS);
    sav_bind_linear(b, &m->qkv, "attn.qkv", 3 * c->Dv, c->Dv, SAV_ROLE_QKV);
    sav_bind_linear(b, &m->proj, "attn.proj", c->Dv, c->Dv, SAV_ROLE_OUT);
    sav_bind_linear(b, &m->mlp.first, "mlp.fc1", c->Fv, c->Dv, SAV_ROLE_MLP_IN);
    sav_bind_act(b, &m->mlp.act, "mlp.act", SAV_QUICK_GELU);
    sav_bind_linear(b, &m->mlp.second, "mlp.fc2", c->Dv, c->Fv, SAV_ROLE_MLP_OUT);
}

static void bind_qwen2_5(sav_binder *b, sav_qwen_vit_block *m, const sav_qwen_vit_config *c) {
    sav_bind_rms_norm(b, &m->norm1, "norm1", c->Dv, NORM_EPS);
    sav_bind_rms_norm(b, &m->norm2, "norm2", c->Dv, NORM_EPS);
    sav_bind_linear(b, &m->qkv, "attn.qkv", 3 * c->Dv, c->Dv, SAV_ROLE_QKV);
    sav_bind_linear(b, &m->proj, "attn.proj", c->Dv, c->Dv, SAV_ROLE_OUT);
    sav_bind_linear(b, &m->gated.gate_up[0], "mlp.gate_proj", c->Fv, c->Dv, SAV_ROLE_MLP_IN);
    sav_bind_linear(b, &m->gated.gate_up[1], "mlp.up_proj", c->Fv, c->Dv, SAV_ROLE_MLP_IN);
    sav_bind_act(b, &m->gated.act_fn, "mlp.act_fn", SAV_SILU);
    sav_bind_linear(b, &m->gated.down_proj, "mlp.down_proj", c->Dv, c->Fv, SAV_ROLE_MLP_OUT);
    m->gated.down_proj.shows_input = true;
}

static void bind_blocks(sav_qwen_vit *m, sav_binder *b) {
    const sav_qwen_vit_config *c = &m->config;
    for (size_t i = 0; i < c->Lv && !b->status; i++) {
        sav_qwen_vit_block *block = &m->blocks[i];
        sav_bind_layer(b, "visual.blocks.%zu", i);
        block->path = sav_bind_path(b, "");
        sav_bind_scope(b, "visual.blocks.%zu.", i);
        if (c->window)
            bind_qwen2_5(b, block, c);
        else
            bind_qwen2(b, block, c);
        block->proj.shows_input = true;
        block->windowed = c->window && !c->full[i];
    }
}

/* The merger's last linear is shown by the merger's name, once. */
static void bind_merger(sav_qwen_vit *m, sav_binder *b) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t wide = c->grid.merge * c->grid.merge * c->Dv;
    sav_bind_layer(b, "visual.merger");
    const char *path = sav_bind_path(b, "");
    sav_bind_scope(b, "visual.merger.");
    if (c->window)
        sav_bind_rms_norm(b, &m->ln_q, "ln_q", c->Dv, NORM_EPS);
    else
        sav_bind_layer_norm(b, &m->ln_q, "ln_q", c->Dv, NORM_EPS);
    sav_bind_linear(b, &m->mlp.first, "mlp.0", wide, wide, SAV_ROLE_PROJECTOR);
    sav_bind_act(b, &m->mlp.act, "mlp.1", SAV_GELU_ERF);
    sav_bind_linear(b, &m->mlp.second, "mlp.2", c->D, wide, SAV_ROLE_PROJECTOR);
    m->mlp.second.path = path;
}

void sav_qwen_vit_bind(sav_qwen_vit *m, sav_binder *b) {
    const sav_qwen_vit_config *c = &m->config;
    if (b->status) return; /* sizes that cannot be divided, for one */
    const size_t half = c->Dv / c->Hv / 2;
    const size_t filters[5] = {c->Dv, 3, c->grid.temporal, c->grid.patch, c->grid.patch};
    m->blocks = sav_bind_own(b, c->Lv, sizeof *m->blocks);
    m->inv_freq = sav_bind_own(b, half, sizeof *m->inv_freq);
    m->axis = sav_bind_own(b, half, 1);
    if (b->status) return;
    sav_bind_sizes(b,
                   "the tower's %s %zu, intermediate_size %zu, patch_size %zu; the decoder's hidden_size %zu",
                   c->full ? "hidden_size" : "embed_dim", c->Dv, c->Fv, c->grid.patch, c->D);
    sav_rope_frequencies(m->inv_freq, 10000, half); /* half / 2 of them, for y; the same again for x */
    memcpy(m->inv_freq + half / 2, m->inv_freq, half / 2 * sizeof *m->inv_freq);
    memset(m->axis + half / 2, 1, half / 2);
    sav_bind_layer(b, "visual.");
    sav_bind_filters(b, &m->patch_embed, "patch_embed.proj", 5, filters);
    m->patch_embed.path = sav_bind_path(b, "patch_embed");
    bind_blocks(m, b);
    bind_merger(m, b);
}

/* ---- scratch ------------------------------------------------------------------------------------------- */

void sav_qwen_vit_plan(sav_qwen_vit_scratch *s, sav_arena *arena, const sav_qwen_vit_config *c, size_t P,
                       size_t frames, bool whole) {
    const size_t unit = c->grid.merge * c->grid.merge, half = c->Dv / c->Hv / 2;
    *s = (sav_qwen_vit_scratch){0};
    if (c->window) s->order = sav_arena_alloc(arena, P / unit, sizeof *s->order);
    s->frames = sav_arena_alloc(arena, frames + 1, sizeof *s->frames);
    s->windows = sav_arena_alloc(arena, c->window ? P / unit + 1 : 1, sizeof *s->windows);
    s->places = sav_arena_rows(arena, 2, P, sizeof *s->places);
    s->angles = (sav_angles){.T = P, .d = 2 * half};
    s->angles.cos = sav_arena_floats(arena, P, half);
    s->angles.sin = sav_arena_floats(arena, P, half);
    s->x = sav_arena_floats(arena, P, c->Dv);
    s->normed = sav_arena_floats(arena, P, c->Dv);
    s->added = sav_arena_floats(arena, P, c->Dv);
    s->mixed = sav_arena_floats(arena, P, c->Dv);
    s->qkv = sav_arena_floats3(arena, P, 3, c->Dv);
    sav_mlp_plan(&s->mlp, arena, whole ? P : sav_min(P, MLP_ROWS), c->Fv, c->window != 0);
    sav_mlp_plan(&s->merger, arena, P / unit, unit * c->Dv, false);
    s->out = sav_arena_floats(arena, P / unit, c->D);
}

/* ---- order and segments -------------------------------------------------------------------------------- */

/* Windows of one frame of rows x cols merged tokens, numbered from `first`: window after window, row by row
 * inside. Windows at the right and lower edge are what is left; PARITY: the library pads a divisible side by
 * whole empty windows, which hold no token. n: tokens placed so far -> with these. */
static size_t add_windows(sav_qwen_vit_scratch *s, size_t n, size_t first, const size_t size[2],
                          const sav_qwen_vit_config *c) {
    const size_t rows = size[0], cols = size[1], side = c->window, unit = c->grid.merge * c->grid.merge;
    for (size_t y0 = 0; y0 < rows; y0 += side)
        for (size_t x0 = 0; x0 < cols; x0 += side) {
            for (size_t y = y0; y < rows && y < y0 + side; y++)
                for (size_t x = x0; x < cols && x < x0 + side; x++) s->order[n++] = first + y * cols + x;
            s->windows[++s->window_count] = n * unit;
        }
    return n;
}

static size_t patch_count(const sav_grids *grids) {
    size_t P = 0;
    for (size_t i = 0; i < grids->count; i++)
        P += (size_t)(grids->thw[3 * i] * grids->thw[3 * i + 1] * grids->thw[3 * i + 2]);
    return P;
}

void sav_qwen_vit_lay_out(sav_qwen_vit_scratch *s, const sav_grids *grids, const sav_qwen_vit_config *c) {
    const size_t merge = c->grid.merge, unit = merge * merge, P = patch_count(grids);
    size_t token = 0, n = 0, p = 0;
    s->frame_count = s->window_count = 0;
    s->frames[0] = s->windows[0] = 0;
    for (size_t i = 0; i < grids->count; i++) {
        const size_t gh = (size_t)grids->thw[3 * i + 1], gw = (size_t)grids->thw[3 * i + 2];
        for (size_t t = 0; t < (size_t)grids->thw[3 * i]; t++) {
            for (size_t q = 0; q < gh * gw; q++, p++) {
                size_t y, x;
                sav_patch_place(&y, &x, q, gw, merge);
                s->places[p] = (int64_t)y;
                s->places[P + p] = (int64_t)x;
            }
            if (c->window) n = add_windows(s, n, token, (size_t[2]){gh / merge, gw / merge}, c);
            token += gh * gw / unit;
            s->frames[++s->frame_count] = p;
        }
    }
}

/* to = groups of `floats` floats of `from`, group i from place order[i]. */
static void gather(float *to, const float *from, const size_t *order, size_t groups, size_t floats) {
    for (size_t i = 0; i < groups; i++)
        memcpy(to + i * floats, from + order[i] * floats, floats * sizeof *to);
}

/* cos and sin in the pictures' order, then in the blocks' order. They are float32 in every run. */
static void rotary(sav_pass *p, sav_qwen_vit_scratch *s, size_t P, const sav_qwen_vit *m) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t dv = c->Dv / c->Hv, unit = c->grid.merge * c->grid.merge, group = unit * (dv / 2);
    float *spare = s->mixed; /* [P, Dv], and dv/2 <= Dv */
    sav_run run = p->run;
    run.R = SAV_F32;
    sav_rope_table(&s->angles, s->places, m->inv_freq, m->axis, &run);
    if (!s->order) return;
    gather(spare, s->angles.cos, s->order, P / unit, group);
    memcpy(s->angles.cos, spare, P * (dv / 2) * sizeof *spare);
    gather(spare, s->angles.sin, s->order, P / unit, group);
    memcpy(s->angles.sin, spare, P * (dv / 2) * sizeof *spare);
}

/* ---- the forward --------------------------------------------------------------------------------------- */

/* VisionAttention up to proj: normed [P, Dv] -> mixed [P, Dv]. PARITY: q and k are rotated in float32 and
 * narrowed afterwards, unlike the decoder's (golden/qwen_vl, bf16 cases). Heads of q and of k lie side by
 * side. */
static void attention(sav_pass *p, size_t P, const sav_qwen_vit *m, const sav_qwen_vit_block *block,
                      sav_qwen_vit_scratch *s) {
    const size_t Dv = m->config.Dv, Hv = m->config.Hv, dv = Dv / Hv;
    const sav_attention how = {.queries = P,
                               .keys = P,
                               .H = Hv,
                               .G = Hv,
                               .d = dv,
                               .q_stride = 3 * Dv,
                               .kv_stride = 3 * Dv,
                               .segments = block->windowed ? s->windows : s->frames,
                               .segment_count = block->windowed ? s->window_count : s->frame_count,
                               .scale = sqrt((double)dv),
                               .divide = true};
    const sav_qkv from = {s->qkv, s->qkv + Dv, s->qkv + 2 * Dv};
    sav_apply(p, s->qkv, s->normed, P, &block->qkv);
    sav_rotate_in_f32(p, s->qkv, 3 * Dv, 2 * Hv, &s->angles);
    sav_attend(p, s->mixed, &from, &how);
}

/* Qwen2VLVisionBlock, Qwen2_5_VLVisionBlock. */
static void run_block(sav_pass *p, size_t P, const sav_qwen_vit *m, const sav_qwen_vit_block *block,
                      sav_qwen_vit_scratch *s) {
    const size_t Dv = m->config.Dv;
    /* patches of a frame or a window look at each other */
    sav_apply_norm(p, s->normed, s->x, P, &block->norm1);
    attention(p, P, m, block, s);
    sav_apply(p, s->added, s->mixed, P, &block->proj);
    sav_residual(p, s->x, s->added, P * Dv);
    /* each patch by itself */
    sav_apply_norm(p, s->normed, s->x, P, &block->norm2);
    if (m->config.window)
        sav_apply_gated_mlp(p, s->added, s->normed, P, &block->gated, &s->mlp);
    else
        sav_apply_mlp(p, s->added, s->normed, P, &block->mlp, &s->mlp);
    sav_residual(p, s->x, s->added, P * Dv);
    sav_show(p, s->x, P, Dv, block->path);
}

/* Patches as rows of width Dv, in the blocks' order. */
static void embed_patches(sav_pass *p, const float *pixels, size_t P, const sav_qwen_vit *m,
                          sav_qwen_vit_scratch *s) {
    const size_t unit = m->config.grid.merge * m->config.grid.merge;
    sav_apply(p, s->order ? s->normed : s->x, pixels, P, &m->patch_embed);
    if (s->order) gather(s->x, s->normed, s->order, P / unit, unit * m->config.Dv);
}

/* PatchMerger: four neighbours of x [P, Dv] become one row; out [P/4, D], back in the pictures' order. */
static void merge(sav_pass *p, float *out, size_t P, const sav_qwen_vit *m, sav_qwen_vit_scratch *s) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t rows = P / (c->grid.merge * c->grid.merge);
    sav_apply_norm(p, s->normed, s->x, P, &m->ln_q);
    sav_apply_mlp(p, s->out, s->normed, rows, &m->mlp, &s->merger); /* [P, Dv] read as [P/4, 4Dv] */
    for (size_t i = 0; i < rows; i++)                               /* the inverse of the window order */
        memcpy(out + (s->order ? s->order[i] : i) * c->D, s->out + i * c->D, c->D * sizeof *out);
    sav_show(p, out, rows, c->D, "visual");
}

void sav_qwen_vit_forward(sav_pass *p, float *out, const float *pixels, const sav_grids *grids,
                          const sav_qwen_vit *m, sav_qwen_vit_scratch *s) {
    const size_t P = patch_count(grids), first = m->patch_embed.layer, Lv = m->config.Lv;
    if (!sav_enter(p, first)) return;
    sav_qwen_vit_lay_out(s, grids, &m->config);
    rotary(p, s, P, m);
    embed_patches(p, pixels, P, m, s);
    for (size_t i = 0; i < Lv && sav_enter(p, first + 1 + i); i++) run_block(p, P, m, &m->blocks[i], s);
    if (sav_enter(p, first + 1 + Lv)) merge(p, out, P, m, s);
}
