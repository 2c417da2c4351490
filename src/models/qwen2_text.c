/* qwen2_text.c: the decoder's config and tensors, which all families share, and the family that is nothing
 * else: a text model (Qwen2ForCausalLM).
 *
 *   config.json -> sav_qwen2_config; tensors "model.layers.0.…" -> sav_qwen2
 *
 * Source: transformers 4.51.3, models/qwen2/configuration_qwen2.py and modeling_qwen2.py.
 */
#include <string.h>

#include "models/model.h"

const sav_qwen2_config sav_qwen2_absent = {.L = 32,
                                           .D = 4096,
                                           .H = 32,
                                           .G = 32,
                                           .F = 22016,
                                           .V = 151936,
                                           .norm_eps = 1e-6,
                                           .rope_theta = 10000,
                                           .window = 4096,
                                           .max_positions = 32768};

/* The object that holds a field: config, or the one around it. */
static const sav_json *holder(const sav_json *config, const sav_json *outer, const char *key) {
    return outer && !sav_json_get(config, key) ? outer : config;
}

/* PARITY: absent fields have the class's defaults, so rope_theta is 10000 and sliding_window 4096 when a
 * Qwen2 config does not say; null means none (for num_key_value_heads: as many as heads). The window masks
 * even with use_sliding_window false (test: golden/qwen2, window cases). */
sav_status sav_qwen2_read_config(sav_qwen2_config *c, const sav_json *config, const sav_json *outer,
                                 const sav_qwen2_config *absent, const char *name, sav_error *err) {
    const sav_json *window = sav_json_get(holder(config, outer, "sliding_window"), "sliding_window");
    const sav_json *groups =
        sav_json_get(holder(config, outer, "num_key_value_heads"), "num_key_value_heads");
    const sav_json *scaling = sav_json_get(config, "rope_scaling");
    const char *act;
    sav_status status;
    *c = *absent;
#define SIZE(field, key, otherwise) \
    (status = sav_json_size(&c->field, holder(config, outer, key), key, otherwise, name, err))
#define REAL(field, key) \
    (status = sav_json_double(&c->field, holder(config, outer, key), key, absent->field, name, err))
    if (SIZE(D, "hidden_size", absent->D) || SIZE(L, "num_hidden_layers", absent->L) ||
        SIZE(H, "num_attention_heads", absent->H) ||
        SIZE(G, "num_key_value_heads", groups ? c->H : absent->G) ||
        SIZE(F, "intermediate_size", absent->F) || SIZE(V, "vocab_size", absent->V) ||
        SIZE(max_positions, "max_position_embeddings", absent->max_positions) ||
        SIZE(window, "sliding_window", window ? 0 : absent->window) || REAL(norm_eps, "rms_norm_eps") ||
        REAL(rope_theta, "rope_theta") ||
        (status = sav_json_bool(&c->tied, holder(config, outer, "tie_word_embeddings"), "tie_word_embeddings",
                                absent->tied, name, err)) ||
        (status =
             sav_json_string(&act, holder(config, outer, "hidden_act"), "hidden_act", "silu", name, err)))
        return status;
#undef SIZE
#undef REAL
    if ((status = sav_json_size(&c->d, config, "head_dim", c->H ? c->D / c->H : 0, name, err)) != SAV_OK)
        return status;
    if (strcmp(act, "silu") != 0)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: \"hidden_act\": found \"%s\"; expected \"silu\"", name,
                        act);
    if (c->norm_eps < 0 || c->rope_theta < 1) /* below 1, angles would grow past what sine and cosine take */
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found rms_norm_eps %g, rope_theta %g; expected at least 0 and 1", name,
                        c->norm_eps, c->rope_theta);
    if (window && window->kind == SAV_JSON_NUMBER && c->window == 0)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s:%u: \"sliding_window\": found 0; expected null or a number of keys", name,
                        window->line);
    /* the families with M-RoPE read their own */
    if (scaling && scaling->kind != SAV_JSON_NULL && !absent->divides) {
        const sav_json *type = sav_json_get(scaling, "rope_type");
        if (!type) type = sav_json_get(scaling, "type");
        if (!sav_json_is(type, "default"))
            return sav_fail(err, SAV_UNSUPPORTED,
                            "%s:%u: \"rope_scaling\": found type %s; expected none or \"default\"", name,
                            scaling->line, type && type->kind == SAV_JSON_STRING ? type->text : "(none)");
    }
    if (!c->D || !c->L || !c->H || !c->G || !c->F || !c->V || !c->d || c->d % 2 || c->H % c->G)
        return sav_fail(
            err, SAV_BAD_INPUT,
            "%s: sizes that do not fit: hidden_size %zu, %zu layers, %zu heads of %zu, %zu key/value heads, "
            "intermediate_size %zu, vocab_size %zu",
            name, c->D, c->L, c->H, c->d, c->G, c->F, c->V);
    if (c->D > 1u << 20 || c->F > 1u << 22 || c->H > 1u << 14 || c->d > 1024 || c->L > 1u << 12)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: sizes far beyond any Qwen2: hidden_size %zu, intermediate_size %zu, %zu heads "
                        "of %zu, %zu layers",
                        name, c->D, c->F, c->H, c->d, c->L);
    return SAV_OK;
}

void sav_qwen2_bind(sav_binder *b, sav_qwen2 *m, const char *prefix, const char *head_prefix) {
    const sav_qwen2_config *c = &m->config;
    const size_t D = c->D, Q = c->H * c->d, KV = c->G * c->d;
    m->prefix = prefix;
    m->head_prefix = head_prefix;
    m->layers = sav_model_own(b->model, c->L, sizeof *m->layers);
    m->inv_freq = sav_model_own(b->model, c->d / 2, sizeof *m->inv_freq);
    if (!b->status && (!m->layers || !m->inv_freq))
        b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", b->model->folder);
    b->role = SAV_MATRIX_DECODER;
    m->embed_tokens = sav_bind_table(b, c->V, D, "%sembed_tokens.weight", prefix);
    for (size_t l = 0; l < c->L && !b->status; l++) {
        sav_qwen2_layer *layer = &m->layers[l];
        layer->input_norm = sav_bind_vector(b, D, "%slayers.%zu.input_layernorm.weight", prefix, l);
        layer->q_proj = sav_bind_matrix(b, Q, D, "%slayers.%zu.self_attn.q_proj.weight", prefix, l);
        layer->k_proj = sav_bind_matrix(b, KV, D, "%slayers.%zu.self_attn.k_proj.weight", prefix, l);
        layer->v_proj = sav_bind_matrix(b, KV, D, "%slayers.%zu.self_attn.v_proj.weight", prefix, l);
        layer->q_bias = sav_bind_vector(b, Q, "%slayers.%zu.self_attn.q_proj.bias", prefix, l);
        layer->k_bias = sav_bind_vector(b, KV, "%slayers.%zu.self_attn.k_proj.bias", prefix, l);
        layer->v_bias = sav_bind_vector(b, KV, "%slayers.%zu.self_attn.v_proj.bias", prefix, l);
        layer->o_proj = sav_bind_matrix(b, D, Q, "%slayers.%zu.self_attn.o_proj.weight", prefix, l);
        layer->post_norm = sav_bind_vector(b, D, "%slayers.%zu.post_attention_layernorm.weight", prefix, l);
        layer->gate_proj = sav_bind_matrix(b, c->F, D, "%slayers.%zu.mlp.gate_proj.weight", prefix, l);
        layer->up_proj = sav_bind_matrix(b, c->F, D, "%slayers.%zu.mlp.up_proj.weight", prefix, l);
        layer->down_proj = sav_bind_matrix(b, D, c->F, "%slayers.%zu.mlp.down_proj.weight", prefix, l);
    }
    m->norm = sav_bind_vector(b, D, "%snorm.weight", prefix);
    if (c->tied) {
        /* some writers store it all the same; the library ties it */
        sav_bind_peek(b, "%slm_head.weight", head_prefix);
        m->lm_head = m->embed_tokens;
    } else {
        m->lm_head = sav_bind_table(b, c->V, D, "%slm_head.weight", head_prefix);
    }
    b->role = SAV_MATRIX_VISION;
}

/* ---- the text family ----------------------------------------------------------------------------------- */

static sav_status open_text(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    sav_binder binder;
    sav_status status = sav_qwen2_read_config(&model->llm.config, config, NULL, &sav_qwen2_absent, name, err);
    if (status || (status = sav_binder_begin(&binder, model, NULL, err)) != SAV_OK) return status;
    sav_qwen2_bind(&binder, &model->llm, "model.", "");
    return sav_binder_end(&binder);
}

static const char *const TEXT[] = {"Qwen2ForCausalLM", NULL};

const sav_family sav_family_qwen2 = {
    .name = "qwen2", .architectures = TEXT, .fallback = SAV_LAYOUT_QWEN_1_5, .open = open_text};
