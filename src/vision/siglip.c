/* siglip.c: tiles -> SigLIP -> projector. See siglip.h.
 *
 *   tile [3, s, s] -> columns [g*g, 588] -> x = patch_embedding(columns) + position_embedding   [g*g, Dv]
 *     layer: x += out_proj(attention(layer_norm1(x)))       no mask, heads of Dv / Hv
 *            x += fc2(gelu_tanh(fc1(layer_norm2(x))))
 *   projector: linear_2(gelu_erf(linear_1(x)))                                                  [g*g, D]
 *
 * The output of the last layer in the checkpoint is used directly: post_layernorm is not applied
 * (src/MODEL.md §6).
 */
#include "vision/siglip.h"

#include "kernels/elementwise.h"

#define TOWER "vision_tower.vision_model."

/* Patches that go through a layer together, about: a weight is read once for them, and they stay in cache.
 * The session hands over some thousands at a time (forward/memory.c). */
enum { ROWS = 2048 };

struct sav_siglip_layer {
    sav_norm layer_norm1;
    sav_linear qkv[3];   /* self_attn.q_proj, k_proj, v_proj: [Dv, Dv] */
    sav_linear out_proj; /* self_attn.out_proj: [Dv, Dv] */
    sav_norm layer_norm2;
    sav_mlp mlp; /* fc1 [Fv, Dv], gelu_tanh, fc2 [Dv, Fv] */
    const char *path;
};

/* ---- config.json, tensors ------------------------------------------------------------------------------ */

/* PARITY: an absent field has the default of SiglipVisionConfig. */
void sav_siglip_read(sav_siglip_config *c, sav_config *in) {
    c->Dv = sav_config_size(in, "hidden_size", 768);
    c->Fv = sav_config_size(in, "intermediate_size", 3072);
    c->Lv = sav_config_size(in, "num_hidden_layers", 12);
    c->Hv = sav_config_size(in, "num_attention_heads", 12);
    c->tile = sav_config_size(in, "image_size", 224);
    c->patch = sav_config_size(in, "patch_size", 16);
    sav_config_no_null(in, "layer_norm_eps");
    c->norm_eps = sav_config_double(in, "layer_norm_eps", 1e-6);
    sav_config_expect(in, "hidden_act", "gelu_pytorch_tanh", "gelu_pytorch_tanh");
}

void sav_siglip_check(sav_siglip_config *c, sav_config *in) {
    sav_config_range(in, "hidden_size", c->Dv, 1u << 16);
    sav_config_range(in, "num_hidden_layers", c->Lv, 1u << 10);
    sav_config_range(in, "num_attention_heads", c->Hv, c->Dv);
    sav_config_range(in, "intermediate_size", c->Fv, 1u << 18);
    sav_config_range(in, "image_size", c->tile, 4096);
    sav_config_range(in, "patch_size", c->patch, c->tile);
    if (in->status) return;
    if (c->Dv % c->Hv)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "num_attention_heads"), "num_attention_heads",
                        "found %zu; expected a divisor of hidden_size, %zu", c->Hv, c->Dv);
    c->g = c->tile / c->patch;
}

static const sav_key CONFIG[] = {
    SAV_READ("hidden_size"),
    SAV_READ("intermediate_size"),
    SAV_READ("num_hidden_layers"),
    SAV_READ("num_attention_heads"),
    SAV_READ("image_size"),
    SAV_READ("patch_size"),
    SAV_READ("layer_norm_eps"),
    SAV_READ("hidden_act"),
    SAV_ONLY("num_channels", "3|null", "pictures are RGB"),
    SAV_ONLY("model_type", "\"siglip_vision_model\"|null", "the tower is SigLIP"),
    SAV_HARMLESS("vision_use_head", "the tower's rows are taken before its head"),
    SAV_HARMLESS("projection_dim", "SigLIP projects nothing"),
    SAV_HARMLESS("vocab_size", "the tower has no words"),
    SAV_HARMLESS("tie_word_embeddings", "the tower has no words"),
    {0}};

const sav_keys sav_siglip_keys = {.rows = CONFIG, .more = &sav_config_keys};

static void bind_layer(sav_binder *b, sav_siglip_layer *m, const sav_siglip_config *c) {
    const size_t Dv = c->Dv;
    sav_bind_layer_norm(b, &m->layer_norm1, "layer_norm1", Dv, c->norm_eps);
    sav_bind_linear(b, &m->qkv[0], "self_attn.q_proj", Dv, Dv, SAV_ROLE_Q);
    sav_bind_linear(b, &m->qkv[1], "self_attn.k_proj", Dv, Dv, SAV_ROLE_K);
    sav_bind_linear(b, &m->qkv[2], "self_attn.v_proj", Dv, Dv, SAV_ROLE_V);
    sav_bind_linear(b, &m->out_proj, "self_attn.out_proj", Dv, Dv, SAV_ROLE_OUT);
    sav_bind_layer_norm(b, &m->layer_norm2, "layer_norm2", Dv, c->norm_eps);
    sav_bind_linear(b, &m->mlp.first, "mlp.fc1", c->Fv, Dv, SAV_ROLE_MLP_IN);
    sav_bind_act(b, &m->mlp.act, "mlp.activation_fn", SAV_GELU_TANH);
    sav_bind_linear(b, &m->mlp.second, "mlp.fc2", Dv, c->Fv, SAV_ROLE_MLP_OUT);
    m->out_proj.shows_input = true;
}

/* PARITY: linear_1 rounds twice, alone among all linears: its input is a transposed view (module.c). */
static void bind_projector(sav_binder *b, sav_mlp *m, const sav_siglip_config *c) {
    sav_bind_layer(b, "multi_modal_projector.");
    sav_bind_linear(b, &m->first, "linear_1", c->D, c->Dv, SAV_ROLE_PROJECTOR);
    sav_bind_act(b, &m->act, "act", SAV_GELU_ERF);
    sav_bind_linear(b, &m->second, "linear_2", c->D, c->D, SAV_ROLE_PROJECTOR);
    m->first.bias_apart = true;
}

void sav_siglip_bind(sav_siglip *m, sav_binder *b) {
    const sav_siglip_config *c = &m->config;
    const size_t filters[4] = {c->Dv, 3, c->patch, c->patch};
    m->layers = sav_bind_own(b, c->Lv, sizeof *m->layers);
    sav_bind_sizes(b,
                   "the tower's hidden_size %zu, intermediate_size %zu, image_size %zu, patch_size %zu; the "
                   "decoder's hidden_size %zu",
                   c->Dv, c->Fv, c->tile, c->patch, c->D);
    sav_bind_layer(b, TOWER "embeddings.");
    sav_bind_filters(b, &m->patch_embedding, "patch_embedding", 4, filters);
    m->patch_embedding.bias = sav_bind_values(b, "patch_embedding.bias", c->Dv, 0);
    m->position_embedding = sav_bind_values(b, "position_embedding.weight", c->g * c->g, c->Dv);
    for (size_t i = 0; i < c->Lv && !b->status; i++) {
        sav_bind_layer(b, TOWER "encoder.layers.%zu", i);
        m->layers[i].path = sav_bind_path(b, "");
        sav_bind_scope(b, TOWER "encoder.layers.%zu.", i);
        bind_layer(b, &m->layers[i], c);
    }
    sav_bind_scope(b, TOWER);
    sav_bind_ignore(b, "post_layernorm."); /* PARITY: in the checkpoint, in the graph, in nobody's input */
    sav_bind_ignore(b, "head.");
    bind_projector(b, &m->projector, c);
}

/* ---- scratch ------------------------------------------------------------------------------------------- */

void sav_siglip_plan(sav_siglip_scratch *s, sav_arena *arena, const sav_siglip_config *c, size_t tiles,
                     bool whole) {
    const size_t P = c->g * c->g, n = sav_max(1, whole ? tiles : sav_min(tiles, ROWS / P));
    size_t rows = 0;
    *s = (sav_siglip_scratch){.n = n};
    if (!sav_mul(&rows, P, n)) arena->overflow = true;
    s->columns = sav_arena_floats(arena, rows, 3 * c->patch * c->patch);
    s->x = sav_arena_floats(arena, rows, c->Dv);
    s->normed = sav_arena_floats(arena, rows, c->Dv);
    s->q = sav_arena_floats(arena, rows, c->Dv);
    s->k = sav_arena_floats(arena, rows, c->Dv);
    s->v = sav_arena_floats(arena, rows, c->Dv);
    s->mixed = sav_arena_floats(arena, rows, c->Dv);
    s->added = sav_arena_floats(arena, rows, c->Dv);
    sav_mlp_plan(&s->mlp, arena, rows, c->Fv, false);
    sav_mlp_plan(&s->projector, arena, rows, c->D, false);
    if (whole) s->map = sav_arena_floats(arena, rows, c->Dv);
}

/* ---- the forward --------------------------------------------------------------------------------------- */

/* Patches of a tile as rows, in the order of the convolution's weight: channel, row, column. What lies beyond
 * g patches (384 = 27 * 14 + 6) is not read. */
static void unfold(float *columns, const float *tile, const sav_siglip_config *c, sav_dtype R) {
    const size_t s = c->tile, a = c->patch;
    for (size_t p = 0; p < c->g * c->g; p++)
        for (size_t channel = 0; channel < 3; channel++)
            for (size_t y = 0; y < a; y++) {
                const float *from = tile + (channel * s + p / c->g * a + y) * s + p % c->g * a;
                float *to = columns + ((p * 3 + channel) * a + y) * a;
                for (size_t x = 0; x < a; x++) to[x] = sav_round((double)from[x], R);
            }
}

/* SiglipVisionEmbeddings: n tiles -> x [n, g*g, Dv]. */
static void embeddings(sav_pass *p, const float *const *tiles, size_t n, const sav_siglip *m,
                       sav_siglip_scratch *s) {
    const sav_siglip_config *c = &m->config;
    const size_t P = c->g * c->g, Dv = c->Dv;
    for (size_t i = 0; i < n; i++)
        unfold(s->columns + i * P * 3 * c->patch * c->patch, tiles[i], c, p->run.R);
    sav_apply_convolution(p, s->x, s->columns, &(sav_grid){n, c->g}, &m->patch_embedding, s->map);
    /* a tile is one row of P * Dv here */
    sav_plus_row(s->x, s->x, m->position_embedding, n, P * Dv, &p->run);
    sav_show(p, s->x, n * P, Dv, TOWER "embeddings");
}

/* SiglipAttention up to out_proj, a tile at a time: every patch sees all of its tile. */
static void attention(sav_pass *p, size_t n, const sav_siglip *m, const sav_siglip_layer *layer,
                      sav_siglip_scratch *s) {
    const sav_siglip_config *c = &m->config;
    const size_t P = c->g * c->g, Dv = c->Dv, dv = Dv / c->Hv;
    const sav_attention how = {.queries = P,
                               .keys = P,
                               .H = c->Hv,
                               .G = c->Hv,
                               .d = dv,
                               .q_stride = Dv,
                               .kv_stride = Dv,
                               .scale = sav_head_scale(dv)};
    sav_apply_each(p, (float *[]){s->q, s->k, s->v}, s->normed, n * P, layer->qkv, 3);
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * P * Dv;
        const sav_qkv from = {s->q + at, s->k + at, s->v + at};
        sav_attend(p, s->mixed + at, &from, &how);
    }
}

/* SiglipEncoderLayer. */
static void encoder_layer(sav_pass *p, size_t n, const sav_siglip *m, const sav_siglip_layer *layer,
                          sav_siglip_scratch *s) {
    const size_t rows = n * m->config.g * m->config.g, Dv = m->config.Dv;
    /* patches of a tile look at each other */
    sav_apply_norm(p, s->normed, s->x, rows, &layer->layer_norm1);
    attention(p, n, m, layer, s);
    sav_apply(p, s->added, s->mixed, rows, &layer->out_proj);
    sav_residual(p, s->x, s->added, rows * Dv);
    /* each patch by itself */
    sav_apply_norm(p, s->normed, s->x, rows, &layer->layer_norm2);
    sav_apply_mlp(p, s->added, s->normed, rows, &layer->mlp, &s->mlp);
    sav_residual(p, s->x, s->added, rows * Dv);
    sav_show(p, s->x, rows, Dv, layer->path);
}

/* n tiles -> out [n, g*g, D]. */
static void run_tiles(sav_pass *p, float *out, const float *const *tiles, size_t n, const sav_siglip *m,
                      sav_siglip_scratch *s) {
    const size_t first = m->patch_embedding.layer, Lv = m->config.Lv;
    p->stack = n; /* stages are [n, g*g, …] */
    if (!sav_enter(p, first)) return;
    embeddings(p, tiles, n, m, s);
    for (size_t i = 0; i < Lv && sav_enter(p, first + 1 + i); i++) encoder_layer(p, n, m, &m->layers[i], s);
    if (!sav_enter(p, first + 1 + Lv)) return;
    sav_apply_mlp(p, out, s->x, n * m->config.g * m->config.g, &m->projector, &s->projector);
}

void sav_siglip_forward(sav_pass *p, float *out, const float *const *tiles, size_t count, const sav_siglip *m,
                        sav_siglip_scratch *s) {
    const size_t P = m->config.g * m->config.g;
    for (size_t i = 0; i < count && !p->status; i += s->n)
        run_tiles(p, out + i * P * m->config.D, tiles + i, sav_min(count - i, s->n), m, s);
    p->stack = 0;
}
