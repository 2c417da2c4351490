/* qwen2.c: the Qwen2 decoder, tokens to tap: config, tensors, one forward of a batch of packed rows.
 *
 *   x [N, D]
 *     layer: normed = input_layernorm(x)                             [N, D]
 *            q, k, v = q_proj, k_proj, v_proj(normed); q, k rotated  [N, H*d], [N, G*d], [N, G*d]
 *            a span: mixed = softmax(q k^T / sqrt(d) + causal mask) v    its rows; the last one is the tap
 *            x += o_proj(mixed)
 *            x += mlp(post_attention_layernorm(x))
 *
 * All but attention treats rows alone, so it runs over the whole batch at once: a weight is read once a
 * batch. A row's numbers do not depend on its neighbours, hence not on what else is in the batch
 * (test_batch.c).
 *
 * With one sample there is one span, which is all rows, and no cache: a reader may take it so and pass
 * spans.h by.
 *
 * Source: transformers 4.51.3, models/qwen2/configuration_qwen2.py, modeling_qwen2.py; the tap as in the SAVs
 * reference (a pre-hook on o_proj).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "llm/spans.h"

typedef struct qwen2_layer {
    sav_norm input_layernorm;
    sav_linear qkv[3]; /* self_attn.q_proj [H*d, D], k_proj [G*d, D], v_proj [G*d, D], with biases */
    sav_linear o_proj; /* self_attn.o_proj [D, H*d] */
    sav_norm post_attention_layernorm;
    sav_gated_mlp mlp; /* width F */
    const char *path;  /* "model.layers.3" */
} qwen2_layer;

typedef struct qwen2 {
    qwen2_layer *layers; /* [L] */
    sav_norm norm;       /* [D] */
    sav_linear lm_head;  /* [V, D] */
    float *inv_freq;     /* [d/2] */
    /* [d/2] M-RoPE: which of three positions turns a frequency; NULL: there is one position */
    unsigned char *axis;
} qwen2;

static const sav_decoder_config ABSENT = {.L = 32,
                                          .D = 4096,
                                          .H = 32,
                                          .G = 32,
                                          .F = 22016,
                                          .V = 151936,
                                          .norm_eps = 1e-6,
                                          .rope_theta = 10000,
                                          .window = 4096,
                                          .max_positions = 32768};

/* ---- config.json --------------------------------------------------------------------------------------- */

/* PARITY: absent fields have the class's defaults, so rope_theta is 10000 and sliding_window 4096 when a
 * Qwen2 config does not say; null means none (for num_key_value_heads: as many as heads). The window masks
 * even with use_sliding_window false (test: golden/qwen2, window cases). */
static void read_sizes(sav_decoder_config *c, sav_config *in, const sav_decoder_config *absent) {
    const bool groups = sav_config_find(in, "num_key_value_heads") != NULL;
    const sav_json *window = sav_config_find(in, "sliding_window");
    c->D = sav_config_size(in, "hidden_size", absent->D);
    c->L = sav_config_size(in, "num_hidden_layers", absent->L);
    c->H = sav_config_size(in, "num_attention_heads", absent->H);
    c->G = sav_config_size(in, "num_key_value_heads", groups ? c->H : absent->G);
    c->F = sav_config_size(in, "intermediate_size", absent->F);
    c->V = sav_config_size(in, "vocab_size", absent->V);
    c->max_positions = sav_config_size(in, "max_position_embeddings", absent->max_positions);
    c->window = sav_config_size(in, "sliding_window", window ? 0 : absent->window);
    sav_config_no_null(in, "rms_norm_eps");
    c->norm_eps = sav_config_double(in, "rms_norm_eps", absent->norm_eps);
    c->rope_theta = sav_config_double(in, "rope_theta", absent->rope_theta);
    c->tied = sav_config_bool(in, "tie_word_embeddings", absent->tied);
    sav_config_expect(in, "hidden_act", "silu", "silu");
    sav_config inner = *in; /* alone among the fields not looked for in the outer object */
    inner.outer = NULL;
    c->d = sav_config_size(&inner, "head_dim", c->H ? c->D / c->H : 0);
    in->status = inner.status;
    if (window && window->kind == SAV_JSON_NUMBER && c->window == 0)
        sav_config_fail(in, SAV_BAD_INPUT, window, "sliding_window",
                        "found 0; expected null or a number of keys");
}

static void check_sizes(sav_config *in, const sav_decoder_config *c) {
    sav_config_range(in, "hidden_size", c->D, 1u << 20);
    sav_config_range(in, "num_hidden_layers", c->L, 1u << 12);
    sav_config_range(in, "num_attention_heads", c->H, 1u << 14);
    sav_config_range(in, "num_key_value_heads", c->G, c->H);
    sav_config_range(in, "intermediate_size", c->F, 1u << 22);
    sav_config_range(in, "vocab_size", c->V, SIZE_MAX / 2);
    if (in->status) return;
    if (c->H % c->G)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "num_key_value_heads"), "num_key_value_heads",
                        "found %zu; expected a divisor of num_attention_heads, %zu", c->G, c->H);
    if (!c->d || c->d % 2 || c->d > 1024) {
        const sav_json *own = sav_json_get(in->object, "head_dim");
        if (own)
            sav_config_fail(in, SAV_BAD_INPUT, own, "head_dim",
                            "found %zu; expected an even number from 2 to 1024", c->d);
        else
            sav_config_fail(
                in, SAV_BAD_INPUT, sav_config_find(in, "hidden_size"), "hidden_size",
                "found %zu with num_attention_heads %zu, heads of %zu; expected an even size from 2 to 1024",
                c->D, c->H, c->d);
    }
    if (c->norm_eps < 0)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "rms_norm_eps"), "rms_norm_eps",
                        "found %g; expected at least 0", c->norm_eps);
}

/* transformers 5 writes one layer type a layer. PARITY: the eager module of 4.51.3 masks by sliding_window in
 * every layer, so a list that says otherwise is another model. */
static void check_layers(sav_config *in, const sav_decoder_config *c) {
    const sav_json *list = sav_config_find(in, "layer_types");
    const char *expected = c->window ? "sliding_attention" : "full_attention";
    if (!list || list->kind == SAV_JSON_NULL) return;
    if (list->kind != SAV_JSON_ARRAY || list->count != c->L)
        sav_config_fail(in, SAV_BAD_INPUT, list, "layer_types", "expected a list of num_hidden_layers, %zu",
                        c->L);
    for (const sav_json *type = list->child; type && !in->status; type = type->next)
        if (!sav_json_is(type, expected))
            sav_config_fail(in, SAV_UNSUPPORTED, type, "layer_types",
                            "found %.40s; expected \"%s\", as sliding_window says",
                            type->kind == SAV_JSON_STRING ? type->text : "no name", expected);
}

/* mrope_section [t, h, w]: how many frequencies each of a token's three positions turns. */
static void read_section(sav_decoder_config *c, sav_config *in, const sav_json *section) {
    const size_t half = c->d / 2;
    size_t sum = 0, axis = 0;
    for (const sav_json *node = section->child; node && !in->status; node = node->next, axis++) {
        int64_t count;
        if (!sav_json_integer(&count, node) || count < 0 || (uint64_t)count > half - sum) {
            sav_config_fail(in, SAV_BAD_INPUT, node, "mrope_section",
                            "its sum must be half the head size, %zu", half);
            return;
        }
        c->section[axis] = (size_t)count;
        sum += (size_t)count;
    }
    if (sum != half)
        sav_config_fail(in, SAV_BAD_INPUT, section, "mrope_section",
                        "found a sum of %zu; expected half the head size, %zu", sum, half);
}

/* An object that says how positions turn: rope_scaling, or rope_parameters of transformers 5. */
typedef struct rope_object {
    const char *key, *type, *theta;
} rope_object;

static const rope_object ROPES[] = {
    {"rope_scaling", "rope_scaling.rope_type", "rope_scaling.rope_theta"},
    {"rope_parameters", "rope_parameters.rope_type", "rope_parameters.rope_theta"}};

/* PARITY: "mrope" is "default" to the library. */
static void read_rope_type(sav_config *in, const sav_json *rope, const rope_object *names, bool mrope) {
    static const char *const keys[] = {"rope_type", "type"};
    bool said = false;
    for (size_t i = 0; i < 2; i++) {
        const sav_json *type = sav_json_get(rope, keys[i]);
        if (!type || type->kind == SAV_JSON_NULL) continue;
        said = true;
        if (!sav_json_is(type, "default") && !(mrope && sav_json_is(type, "mrope")))
            sav_config_fail(in, SAV_UNSUPPORTED, type, names->type, "found %.40s; expected \"default\"%s",
                            type->kind == SAV_JSON_STRING ? type->text : "no name",
                            mrope ? " or \"mrope\"" : "");
    }
    if (!said && !mrope)
        sav_config_fail(in, SAV_UNSUPPORTED, rope, names->type, "found none; expected \"default\"");
}

/* theta of rope_parameters, where 5.x has moved it; it may also stand where 4.51.3 looks for it. */
static void read_moved_theta(sav_decoder_config *c, sav_config *in, const sav_json *rope,
                             const rope_object *names, bool *said) {
    const sav_json *plain = sav_config_find(in, "rope_theta"), *moved = sav_json_get(rope, "rope_theta");
    if (!moved || moved->kind == SAV_JSON_NULL || in->status) return;
    const double theta = moved->kind == SAV_JSON_NUMBER ? sav_json_number(moved->text, moved->length) : 0;
    if (moved->kind != SAV_JSON_NUMBER)
        sav_config_fail(in, SAV_BAD_INPUT, moved, names->theta, "expected a number");
    else if ((*said || (plain && plain->kind != SAV_JSON_NULL)) && theta != c->rope_theta)
        sav_config_fail(in, SAV_BAD_INPUT, moved, names->theta, "found %g; rope_theta says %g", theta,
                        c->rope_theta);
    c->rope_theta = theta;
    *said = true;
}

/* How positions turn: theta, and for M-RoPE the sections. Both objects may stand there when they agree. */
static void read_rope(sav_decoder_config *c, sav_config *in) {
    const sav_json *plain = sav_config_find(in, "rope_theta"), *first = NULL;
    bool said = false;
    for (size_t i = 0; i < sizeof ROPES / sizeof *ROPES && !in->status; i++) {
        const sav_json *rope = sav_config_find(in, ROPES[i].key),
                       *section = sav_json_get(rope, "mrope_section");
        size_t before[3];
        if (!rope || rope->kind == SAV_JSON_NULL) continue;
        if (rope->kind != SAV_JSON_OBJECT)
            sav_config_fail(in, SAV_BAD_INPUT, rope, ROPES[i].key, "expected an object or null");
        read_rope_type(in, rope, &ROPES[i], c->mrope);
        read_moved_theta(c, in, rope, &ROPES[i], &said);
        if (i == 1 && !said && (!plain || plain->kind == SAV_JSON_NULL))
            sav_config_fail(in, SAV_BAD_INPUT, rope, ROPES[i].theta, "found none; expected a number");
        if (!c->mrope || !section || in->status) continue;
        if (section->kind != SAV_JSON_ARRAY || section->count != 3) {
            sav_config_fail(in, SAV_BAD_INPUT, section, "mrope_section", "expected three numbers");
            continue;
        }
        memcpy(before, c->section, sizeof before);
        read_section(c, in, section);
        if (first && memcmp(before, c->section, sizeof before) != 0)
            sav_config_fail(in, SAV_BAD_INPUT, section, "mrope_section", "rope_scaling says another one");
        first = section;
    }
    if (c->mrope && !first)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "rope_scaling",
                        "expected \"mrope_section\" of three numbers");
    if (!said) sav_config_no_null(in, "rope_theta");
    if (c->rope_theta < 1) /* below 1, angles would grow past what sine and cosine take */
        sav_config_fail(in, SAV_BAD_INPUT, plain, "rope_theta", "found %g; expected at least 1",
                        c->rope_theta);
}

static void read_config(sav_decoder_config *c, sav_config *in, const sav_decoder_config *absent) {
    *c = *absent;
    read_sizes(c, in, absent);
    check_sizes(in, c);
    check_layers(in, c);
    if (!in->status) read_rope(c, in);
}

#define WINDOW "every layer is masked by sliding_window, as the eager module of 4.51.3 does"
#define SCALED "positions are turned as rope_type \"default\" says, without scaling"

static const sav_key ROPE_ROWS[] = {SAV_READ("rope_type"),
                                    SAV_READ("type"),
                                    SAV_READ("rope_theta"),
                                    SAV_READ("mrope_section"),
                                    SAV_ONLY("partial_rotary_factor", "1|null", SCALED),
                                    {0}};

/* A member that is not here belongs to a scaling, which its type names: the reader says so first. */
static const sav_keys ROPE_KEYS = {.others = SAV_OTHERS_REFUSED, .rows = ROPE_ROWS};

static const sav_key ROWS[] = {
    SAV_READ("hidden_size"),
    SAV_READ("num_hidden_layers"),
    SAV_READ("num_attention_heads"),
    SAV_READ("num_key_value_heads"),
    SAV_READ("head_dim"),
    SAV_READ("intermediate_size"),
    SAV_READ("vocab_size"),
    SAV_READ("max_position_embeddings"),
    SAV_READ("hidden_act"),
    SAV_READ("rms_norm_eps"),
    SAV_READ("sliding_window"),
    SAV_READ("layer_types"),
    SAV_READ("tie_word_embeddings"),
    SAV_READ("rope_theta"),
    SAV_OBJECT("rope_scaling", &ROPE_KEYS),
    SAV_OBJECT("rope_parameters", &ROPE_KEYS),
    SAV_HARMLESS("use_mrope", "the architecture says how many positions a token has"),
    SAV_HARMLESS("use_sliding_window", WINDOW),
    SAV_HARMLESS("max_window_layers", WINDOW),
    {0}};

const sav_keys sav_decoder_qwen2_keys = {.file = "the decoder", .rows = ROWS, .more = &sav_config_keys};

/* ---- tensors ------------------------------------------------------------------------------------------- */

static void bind_layer(sav_binder *b, qwen2_layer *m, const sav_decoder_config *c) {
    const size_t D = c->D, Q = c->H * c->d, KV = c->G * c->d, F = c->F;
    sav_bind_rms_norm(b, &m->input_layernorm, "input_layernorm", D, c->norm_eps);
    sav_bind_linear(b, &m->qkv[0], "self_attn.q_proj", Q, D, SAV_ROLE_Q);
    sav_bind_linear(b, &m->qkv[1], "self_attn.k_proj", KV, D, SAV_ROLE_K);
    sav_bind_linear(b, &m->qkv[2], "self_attn.v_proj", KV, D, SAV_ROLE_V);
    sav_bind_matrix(b, &m->o_proj, "self_attn.o_proj", D, Q, SAV_ROLE_OUT);
    sav_bind_rms_norm(b, &m->post_attention_layernorm, "post_attention_layernorm", D, c->norm_eps);
    sav_bind_matrix(b, &m->mlp.gate_up[0], "mlp.gate_proj", F, D, SAV_ROLE_MLP_IN);
    sav_bind_matrix(b, &m->mlp.gate_up[1], "mlp.up_proj", F, D, SAV_ROLE_MLP_IN);
    sav_bind_act(b, &m->mlp.act_fn, "mlp.act_fn", SAV_SILU);
    sav_bind_matrix(b, &m->mlp.down_proj, "mlp.down_proj", D, F, SAV_ROLE_MLP_OUT);
    m->o_proj.shows_input = m->mlp.down_proj.shows_input = true;
}

/* Rotary tables that depend on the config alone: the frequencies, and whose position turns each. */
static void make_rope(sav_binder *b, qwen2 *m, const sav_decoder_config *c) {
    size_t n = 0;
    m->inv_freq = sav_bind_own(b, c->d / 2, sizeof *m->inv_freq);
    m->axis = c->mrope ? sav_bind_own(b, c->d / 2, 1) : NULL;
    if (b->status) return;
    sav_rope_frequencies(m->inv_freq, c->rope_theta, c->d);
    for (size_t axis = 0; axis < 3 && m->axis; n += c->section[axis++])
        memset(m->axis + n, (int)axis, c->section[axis]);
}

static void bind(sav_decoder *decoder, sav_binder *b, const char *prefix, const char *head_prefix) {
    const sav_decoder_config *c = &decoder->config;
    qwen2 *m = decoder->own = sav_bind_own(b, 1, sizeof *m);
    if (m) m->layers = sav_bind_own(b, c->L, sizeof *m->layers);
    if (!m || !m->layers) return;
    decoder->axes = c->mrope ? 3 : 1;
    decoder->first_layer = b->modules->layers;
    make_rope(b, m, c);
    sav_bind_sizes(b,
                   "hidden_size %zu, num_attention_heads %zu of %zu, num_key_value_heads %zu, "
                   "intermediate_size %zu, vocab_size %zu",
                   c->D, c->H, c->d, c->G, c->F, c->V);
    sav_bind_scope(b, "%s", prefix);
    sav_bind_table(b, &decoder->embed_tokens.weight, "embed_tokens", c->V, c->D);
    for (size_t l = 0; l < c->L && !b->status; l++) {
        sav_bind_layer(b, "%slayers.%zu", prefix, l);
        m->layers[l].path = sav_bind_path(b, "");
        sav_bind_scope(b, "%slayers.%zu.", prefix, l);
        bind_layer(b, &m->layers[l], c);
    }
    sav_bind_scope(b, "%s", prefix);
    sav_bind_rms_norm(b, &m->norm, "norm", c->D, c->norm_eps);
    sav_bind_scope(b, "%s", head_prefix);
    m->lm_head =
        (sav_linear){.role = SAV_ROLE_LM_HEAD, .path = sav_bind_path(b, "lm_head"), .layer = SAV_NO_LAYER};
    if (!c->tied) {
        sav_bind_table(b, &m->lm_head.weight, "lm_head", c->V, c->D);
        return;
    }
    sav_bind_peek(b, "lm_head.weight"); /* some writers store it all the same; the library ties it */
    m->lm_head.weight = decoder->embed_tokens.weight;
}

/* ---- scratch ------------------------------------------------------------------------------------------- */

enum { MLP_ROWS = 512 };

typedef struct scratch {
    float *normed;        /* [N, D] */
    float *added;         /* [N, D] what a block adds to the stream */
    float *q;             /* [N, H*d] */
    float *k, *v;         /* [N, G*d] */
    float *mixed;         /* [N, H*d] attention's output: o_proj's input */
    sav_angles angles;    /* cos, sin [N, d/2] */
    float *keys, *values; /* [most_keys, G*d] of one span, put together; NULL unless the batch is split */
    sav_mlp_scratch mlp;
    float *logits; /* [1, V] of a dump */
} scratch;

static void *plan(sav_arena *arena, const sav_decoder *decoder, const sav_rows *rows, bool whole,
                  bool logits) {
    const sav_decoder_config *c = &decoder->config;
    const size_t N = rows->N, Q = c->H * c->d, KV = c->G * c->d;
    scratch s = {0}, *kept = sav_arena_alloc(arena, 1, sizeof *kept);
    s.normed = sav_arena_floats(arena, N, c->D);
    s.added = sav_arena_floats(arena, N, c->D);
    s.q = sav_arena_floats(arena, N, Q);
    s.k = sav_arena_floats(arena, N, KV);
    s.v = sav_arena_floats(arena, N, KV);
    s.mixed = sav_arena_floats(arena, N, Q);
    s.angles = (sav_angles){.T = N, .d = c->d};
    s.angles.cos = sav_arena_floats(arena, N, c->d / 2);
    s.angles.sin = sav_arena_floats(arena, N, c->d / 2);
    if (rows->split) s.keys = sav_arena_floats(arena, rows->most_keys, KV);
    if (rows->split) s.values = sav_arena_floats(arena, rows->most_keys, KV);
    sav_mlp_plan(&s.mlp, arena, whole ? N : sav_min(N, MLP_ROWS), c->F, true);
    if (whole && !logits) s.logits = sav_arena_floats(arena, 1, c->V);
    if (kept) *kept = s;
    return kept;
}

/* ---- one forward, as its functions see it -------------------------------------------------------------- */

typedef struct batch {
    const sav_rows *rows;
    const sav_decoder_config *c;
    const qwen2 *m;
    scratch *s;
} batch;

/* ---- the layer ----------------------------------------------------------------------------------------- */

/* One span's last `queries` rows q [queries, H*d] of layer l over all its keys -> out. */
static void attend_span(sav_pass *p, float *out, const float *q, size_t queries, const batch *b,
                        const sav_span *span, size_t l) {
    const sav_decoder_config *c = b->c;
    const size_t KV = c->G * c->d;
    const sav_attention how = {.queries = queries,
                               .keys = span->past + span->count,
                               .H = c->H,
                               .G = c->G,
                               .d = c->d,
                               .q_stride = c->H * c->d,
                               .kv_stride = KV,
                               .causal = true,
                               .window = c->window,
                               .scale = c->divides ? sqrt((double)c->d) : sav_head_scale(c->d),
                               .divide = c->divides,
                               .inf_to_zero = c->divides && p->run.R == SAV_F16};
    sav_qkv from = {.q = q};
    if (span->cache) { /* tokens before this forward stand there */
        from.k = sav_span_append(span->cache->k, b->s->k, span, l, KV);
        from.v = sav_span_append(span->cache->v, b->s->v, span, l, KV);
    } else {
        from.k = sav_span_gather(b->s->keys, b->s->k, b->rows, span, KV);
        from.v = sav_span_gather(b->s->values, b->s->v, b->rows, span, KV);
    }
    sav_attend(p, out, &from, &how);
}

/* Qwen2Attention up to o_proj: normed [N, D] -> mixed [N, H*d]. */
static void attention(sav_pass *p, const batch *b, size_t l) {
    const sav_decoder_config *c = b->c;
    const qwen2_layer *layer = &b->m->layers[l];
    scratch *s = b->s;
    const size_t N = b->rows->N, Q = c->H * c->d, KV = c->G * c->d;
    sav_apply_each(p, (float *[]){s->q, s->k, s->v}, s->normed, N, layer->qkv, 3);
    sav_rotate(p, s->q, Q, c->H, &s->angles); /* so that q . k depends on the distance of two tokens */
    sav_rotate(p, s->k, KV, c->G, &s->angles);
    /* a token sees those of its own sample, up to itself */
    for (size_t i = 0; i < b->rows->span_count; i++) {
        const sav_span *span = &b->rows->spans[i];
        attend_span(p, s->mixed + span->first * Q, s->q + span->first * Q, span->count, b, span, l);
    }
}

/* The same where taps are all that is wanted: keys and values of all rows, but of each span the last row's
 * query alone. normed [N, D] -> mixed [span_count, H*d]. */
static void last_attention(sav_pass *p, const batch *b, size_t l) {
    const sav_decoder_config *c = b->c;
    const qwen2_layer *layer = &b->m->layers[l];
    scratch *s = b->s;
    const size_t Q = c->H * c->d, KV = c->G * c->d, half = c->d / 2;
    /* [span_count, D]: the scratch is free here, and q and mixed hold span_count rows */
    float *ends = s->added;
    sav_apply_each(p, (float *[]){s->k, s->v}, s->normed, b->rows->N, &layer->qkv[1], 2);
    sav_rotate(p, s->k, KV, c->G, &s->angles);
    sav_span_ends(ends, s->normed, b->rows, c->D);
    sav_apply(p, s->q, ends, b->rows->span_count, &layer->qkv[0]);
    for (size_t i = 0; i < b->rows->span_count; i++) {
        const sav_span *span = &b->rows->spans[i];
        const size_t row = span->first + span->count - 1;
        const sav_angles there = {s->angles.cos + row * half, s->angles.sin + row * half, 1, c->d};
        sav_rotate(p, s->q + i * Q, Q, c->H, &there);
        attend_span(p, s->mixed + i * Q, s->q + i * Q, 1, b, span, l);
    }
}

/* Qwen2DecoderLayer: the stream x [N, D] goes on, each block adds to it. */
static void decoder_layer(sav_pass *p, const sav_outputs *out, const batch *b, size_t l) {
    const qwen2_layer *layer = &b->m->layers[l];
    scratch *s = b->s;
    float *x = b->rows->x;
    const size_t N = b->rows->N, D = b->c->D, Q = b->c->H * b->c->d;
    /* rows of one size, however large the stream has grown */
    sav_apply_norm(p, s->normed, x, N, &layer->input_layernorm);
    /* tokens exchange what they know */
    attention(p, b, l);
    /* what SAVs read: the heads, before they are joined */
    sav_span_tap(out, s->mixed, b->rows, l, Q, false);
    sav_apply(p, s->added, s->mixed, N, &layer->o_proj);
    sav_residual(p, x, s->added, N * D);
    /* each token by itself */
    sav_apply_norm(p, s->normed, x, N, &layer->post_attention_layernorm);
    sav_apply_gated_mlp(p, s->added, s->normed, N, &layer->mlp, &s->mlp);
    sav_residual(p, x, s->added, N * D);
    sav_show(p, x, N, D, layer->path);
}

/* Final norm and logits of each span's last token; in a dump the norm of every row, and the tap behind it
 * all. */
static void finish(sav_pass *p, const sav_outputs *out, const batch *b) {
    scratch *s = b->s;
    const sav_decoder_config *c = b->c;
    float *ends = s->added; /* [span_count, D] */
    float *logits = out->logits ? out->logits : s->logits;
    const sav_snapshot taps = {"sav.tap", p->run.R, 3, {p->depth, c->H, c->d}, out->taps};
    sav_apply_norm(p, s->normed, b->rows->x, b->rows->N, &b->m->norm);
    sav_span_ends(ends, s->normed, b->rows, c->D);
    sav_apply(p, logits, ends, b->rows->span_count, &b->m->lm_head);
    sav_show_stage(p, &taps);
}

static void forward(sav_pass *p, const sav_outputs *out, void *planned, const sav_rows *rows,
                    const sav_decoder *decoder) {
    const batch b = {rows, &decoder->config, decoder->own, planned};
    const bool all = p->whole || out->logits;
    if (!sav_span_fits(p, rows)) return;
    sav_rope_table(&b.s->angles, rows->positions, b.m->inv_freq, b.m->axis, &p->run);
    sav_book(p, SAV_ROLE_EMBEDDING, NULL);
    for (size_t l = 0; l < p->depth && sav_enter(p, decoder->first_layer + l); l++) {
        if (all || l + 1 < p->depth) {
            decoder_layer(p, out, &b, l);
            continue;
        }
        sav_apply_norm(p, b.s->normed, rows->x, rows->N, &b.m->layers[l].input_layernorm);
        last_attention(p, &b, l);
        sav_span_tap(out, b.s->mixed, rows, l, b.c->H * b.c->d, true);
    }
    if (all && !p->status) finish(p, out, &b);
    if (!p->status) sav_span_commit(rows);
}

const sav_decoder_kind sav_decoder_qwen2 = {"qwen2", &ABSENT, read_config, bind, plan, forward};
