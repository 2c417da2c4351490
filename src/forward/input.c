/* input.c: a prompt -> tokens, pictures, positions. See input.h. */
#include "forward/input.h"

#include <string.h>

void sav_input_free(sav_input *input) {
    sav_free(input->ids);
    sav_free(input->content);
    sav_free(input->positions);
    sav_free(input->pictures);
    sav_free(input->starts);
    *input = (sav_input){0};
}

/* Apart in `content`: a picture whose tokens stand like text. */
#define LIKE_TEXT ((int64_t)1 << 40)

/* The library's processors put a mark of their own in place of the placeholders and turn all such marks back
 * into placeholders: one that the prompt brings along becomes a token of no picture, and the model fails. */
static sav_status check_marks(const char *text, const sav_model *model, const sav_prompt *prompt,
                              sav_error *err) {
    const char *mark = sav_layout_mark(model->layout);
    if (!mark || !strstr(text, mark) || !sav_layout_pictures(NULL, 0, model->layout, prompt)) return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT, "the prompt's text holds %s, which the processor keeps for itself",
                    mark);
}

sav_status sav_input_tokens(sav_ids *ids, sav_ids *places, const sav_model *model, const sav_prompt *prompt,
                            sav_error *err) {
    sav_text text = {0};
    sav_status status = sav_layout_render(&text, model->layout, prompt, err);
    const char *bytes = text.bytes ? text.bytes : "";
    const sav_placeholder image = {sav_layout_placeholder(model->layout), model->image_token};
    if (!status) status = check_marks(bytes, model, prompt, err);
    if (!status && !model->vision)
        status = sav_tokenizer_encode(ids, model->tokenizer, bytes, text.length, err);
    else if (!status)
        status = sav_tokenizer_encode_media(ids, places, model->tokenizer, bytes, text.length, &image, err);
    sav_text_free(&text);
    return status;
}

/* Pictures must be as many as placeholders. */
static sav_status check_count(const sav_input *in, const sav_model *model, const sav_part *const *parts,
                              size_t places, sav_error *err) {
    const size_t count = in->images;
    if (count && !model->vision)
        return sav_fail(err, SAV_BAD_INPUT, "%s: %s is a text model; expected a prompt without pictures",
                        parts[0]->text, model->folder);
    if (places != count)
        return sav_fail(err, SAV_BAD_INPUT, "the prompt has %zu placeholder%s %s for %zu picture%s", places,
                        sav_plural(places), sav_layout_placeholder(model->layout), count, sav_plural(count));
    return SAV_OK;
}

static sav_status read_pictures(sav_input *in, sav_pictures *pictures, const sav_model *model,
                                const sav_prompt *prompt, size_t places, sav_error *err) {
    const size_t count = in->images = sav_layout_pictures(NULL, 0, model->layout, prompt);
    const sav_part **parts = sav_alloc(count, sizeof *parts);
    in->starts = sav_alloc(count, sizeof *in->starts);
    in->pictures = sav_alloc(count, sizeof *in->pictures);
    sav_status status = SAV_OK;
    if (!parts || !in->starts || !in->pictures) {
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", count);
        goto done;
    }
    sav_layout_pictures(parts, count, model->layout, prompt);
    status = check_count(in, model, parts, places, err);
    for (size_t i = 0; i < count && !status; i++)
        status = sav_pictures_find(&in->pictures[i], pictures, model, parts[i], err);
done:
    sav_free(parts);
    return status;
}

/* ids with one placeholder a picture (at `places`) -> in->ids with as many as the picture has tokens;
 * starts. */
static sav_status expand(sav_input *in, const sav_ids *ids, const sav_ids *places, const sav_picture_set *own,
                         sav_error *err) {
    size_t T = ids->count - places->count, t = 0, picture = 0;
    for (size_t i = 0; i < own->count; i++)
        if (!sav_add(&T, T, own->items[i]->fit.tokens))
            return sav_fail(err, SAV_BAD_INPUT, "too many visual tokens");
    in->ids = sav_alloc(T, sizeof *in->ids);
    in->content = sav_alloc(T, sizeof *in->content);
    if (!in->ids || !in->content) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", T);
    in->T = T;
    for (size_t i = 0; i < ids->count; i++) {
        const bool visual = picture < places->count && places->ids[picture] == i;
        const size_t times = visual ? own->items[picture]->fit.tokens : 1;
        if (visual) in->starts[picture] = t;
        for (size_t n = 0; n < times; n++, t++) {
            in->ids[t] = ids->ids[i];
            in->content[t] = visual ? -1 - (int64_t)in->pictures[picture] : in->ids[t];
        }
        picture += visual;
    }
    return SAV_OK;
}

static sav_status check(const sav_input *in, const sav_model *model, sav_error *err) {
    const sav_decoder_config *c = &model->decoder.config;
    if (in->T > c->max_positions)
        return sav_fail(err, SAV_BAD_INPUT,
                        "the prompt has %zu tokens; the model takes %zu (max_position_embeddings)", in->T,
                        c->max_positions);
    for (size_t t = 0; t < in->T; t++)
        if (in->content[t] >= (int64_t)c->V)
            return sav_fail(err, SAV_BAD_INPUT, "token id %lld at place %zu; the model's vocabulary has %zu",
                            (long long)in->ids[t], t, c->V);
    return SAV_OK;
}

static sav_status set_positions(sav_input *in, const sav_model *model, const sav_picture_set *own,
                                sav_error *err) {
    in->positions = sav_alloc(in->T, model->decoder.axes * sizeof *in->positions);
    if (!in->positions) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", in->T);
    if (!model->family->positions) {
        for (size_t t = 0; t < in->T; t++) in->positions[t] = (int64_t)t;
        return SAV_OK;
    }
    const sav_token_row tokens = {in->ids, in->T, in->starts, own};
    size_t laid;
    sav_status status = model->family->positions(in->positions, &laid, &tokens, model, err);
    /* whether a picture has places depends on what follows: prompts that differ there share nothing of it */
    for (size_t i = laid; i < in->images && !status; i++)
        for (size_t n = 0; n < own->items[i]->fit.tokens; n++) in->content[in->starts[i] + n] -= LIKE_TEXT;
    return status;
}

/* What follows the pictures: tokens, checks, positions. */
static sav_status lay_out(sav_input *in, const sav_pictures *pictures, const sav_model *model,
                          const sav_ids *ids, const sav_ids *places, sav_error *err) {
    const sav_picture **own = sav_alloc(in->images, sizeof *own);
    if (!own) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", in->images);
    for (size_t i = 0; i < in->images; i++) own[i] = pictures->items[in->pictures[i]];
    const sav_picture_set set = {own, in->images};
    sav_status status = expand(in, ids, places, &set, err);
    if (!status) status = check(in, model, err);
    if (!status) status = set_positions(in, model, &set, err);
    sav_free(own);
    return status;
}

sav_status sav_input_read(sav_input *in, sav_pictures *pictures, const sav_model *model,
                          const sav_prompt *prompt, sav_error *err) {
    sav_ids ids = {0}, places = {0};
    *in = (sav_input){0};
    sav_status status = sav_input_tokens(&ids, &places, model, prompt, err);
    if (!status && ids.count == 0) status = sav_fail(err, SAV_BAD_INPUT, "the prompt has no tokens");
    if (!status) status = read_pictures(in, pictures, model, prompt, places.count, err);
    if (!status) status = lay_out(in, pictures, model, &ids, &places, err);
    if (status) sav_input_free(in);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    return status;
}
