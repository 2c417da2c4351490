/* model.c: a Hugging Face folder -> sav_model: config, family, weights, tokenizer, chat layout. See
 * model.h. */
#include "kernels/float_mode.h"
#include <string.h>

#include "models/family.h"

sav_status sav_model_bind(sav_binder *out, sav_model *model, const sav_rename *renames, sav_error *err) {
    *out = (sav_binder){.weights = model->weights,
                        .folder = model->folder,
                        .family = model->family->name,
                        .group = model->group,
                        .renames = renames,
                        .owned = &model->owned,
                        .modules = &model->modules,
                        .err = err};
    return sav_binder_begin(out);
}

void sav_model_close(sav_model *model) {
    if (!model) return;
    sav_owned_free(&model->owned);
    sav_register_free(&model->modules);
    sav_tokenizer_free(model->tokenizer);
    sav_weights_close(model->weights);
    sav_text_free(&model->notes);
    sav_free(model->folder);
    sav_free(model);
}

const sav_model_info *sav_model_describe(const sav_model *model) {
    return &model->info;
}

static void describe(sav_model *model) {
    sav_model_info *info = &model->info;
    const sav_decoder_config *c = &model->decoder.config;
    info->folder = model->folder;
    info->family = model->family->name;
    info->layout = sav_layout_name(model->layout);
    info->notes = model->notes.length ? model->notes.bytes : NULL;
    info->L = c->L, info->D = c->D, info->H = c->H, info->G = c->G, info->d = c->d, info->F = c->F,
    info->V = c->V;
    info->features = c->L * c->H * c->d;
    info->window = c->window;
    info->max_positions = c->max_positions;
    info->tensors = sav_weights_count(model->weights);
    info->shards = sav_weights_shards(model->weights);
    info->int8_group = model->group;
    for (size_t i = 0; i < info->tensors; i++) {
        const sav_tensor *t = sav_weights_at(model->weights, i);
        info->parameters += t->count;
        info->weight_bytes += t->count * sav_dtype_size(t->dtype);
    }
}

/* The library looks for config.json's token among the tokenizer's ids: where that has another one, or none,
 * it fails at the first picture. */
static sav_status check_placeholder(const sav_model *model, const sav_json *root, const char *name,
                                    sav_error *err) {
    const char *text = sav_layout_placeholder(model->layout);
    const uint32_t id = sav_tokenizer_id(model->tokenizer, text);
    const bool index = sav_json_get(root, "image_token_index") != NULL;
    if (!model->vision || model->is_marker || id == model->image_token) return SAV_OK;
    if (id == SAV_TOKEN_NONE)
        return sav_fail(err, SAV_BAD_INPUT, "%s: its tokenizer has no added token %s", model->folder, text);
    return sav_fail(err, SAV_BAD_INPUT, "%s: \"%s\": found %lu; expected the tokenizer's %s, %lu", name,
                    index ? "image_token_index" : "image_token_id", (unsigned long)model->image_token, text,
                    (unsigned long)id);
}

/* A key that was misspelt leaves its default, of which the error speaks: the hint names it. */
static void name_keys(sav_model *model, const sav_json *config, sav_error *err) {
    sav_error why;
    if (err->status == SAV_NO_MEMORY || err->hint[0]) return;
    if (sav_model_check_keys(model, config, &why))
        sav_hint(err, "%s", why.message);
    else if (model->notes.length)
        sav_hint(err, "%.*s", (int)strcspn(model->notes.bytes, "\n"), model->notes.bytes);
}

static sav_status open_parts(sav_model *model, const sav_json_doc *config, sav_error *err) {
    const char *name = sav_json_name(config);
    const sav_json *root = sav_json_root(config);
    const sav_family *family = sav_family_find(root, name, err);
    if (!family) return err->status;
    model->family = family;
    model->decoder.kind = family->decoder;
    sav_status status = sav_quantised_read(model, root, name, err);
    if (!status) status = sav_weights_open(&model->weights, model->folder, err);
    if (!status) status = sav_quantised_check(model, err);
    if (!status) {
        status = family->open(model, root, name, err);
        if (status) name_keys(model, root, err);
    }
    if (!status) status = sav_model_check_keys(model, root, err); /* readers name the worse faults */
    if (!status) status = sav_tokenizer_open(&model->tokenizer, &model->notes, model->folder, err);
    if (!status)
        status = sav_layout_choose(&model->layout, &model->notes, model->folder, family->fallback, err);
    if (!status) status = check_placeholder(model, root, name, err);
    if (!status) status = sav_model_identity(model->info.sha256, model->folder, model->weights, err);
    if (!status) describe(model);
    return status;
}

sav_status sav_model_open(sav_model **out, const char *folder, sav_error *err) {
    sav_error own;
    sav_json_doc *config = NULL;
    char *path = sav_path_join(folder, "config.json");
    sav_model *model = sav_alloc(1, sizeof *model);
    sav_status status = SAV_OK;
    err = err ? err : &own;
    *out = NULL;
    if (model) model->folder = sav_strdup(folder);
    if (!model || !model->folder || !path)
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    else if (!sav_os_is_folder(folder))
        status =
            sav_fail(err, SAV_BAD_INPUT, "%s: found no folder; expected a Hugging Face model folder", folder);
    if (!status) status = sav_float_mode_check(err); /* frequencies of positions are made here */
    if (!status) status = sav_json_read(&config, path, err);
    if (!status) status = open_parts(model, config, err);
    sav_json_free(config);
    sav_free(path);
    if (status)
        sav_model_close(model);
    else
        *out = model;
    return status;
}
