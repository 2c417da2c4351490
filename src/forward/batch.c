/* batch.c: prompts -> inputs -> packed rows. See batch.h. */
#include "forward/batch.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/elementwise.h"

/* ---- pictures ------------------------------------------------------------------------------------------ */

static void free_picture(sav_picture *picture) {
    if (picture) sav_free(picture->pixels);
    sav_free(picture);
}

/* The picture of this file's bytes as number *at of the batch: one that is there, a spare one, or read
 * now. */
static sav_status find_picture(size_t *at, sav_batch *b, const sav_model *model, const char *path,
                               sav_pictures *how, sav_error *err) {
    char key[65];
    sav_status status = sav_sha256_file(key, path, err);
    if (status) return status;
    size_t i = 0;
    while (i < b->picture_all &&
           (strcmp(b->pictures[i]->key, key) != 0 || (b->apart && i < b->picture_count)))
        i++;
    if (i == b->picture_all) {
        if (i == b->picture_room) {
            sav_picture **more = sav_realloc(b->pictures, i * 2 + 16, sizeof *more);
            if (!more) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", i + 1);
            b->pictures = more;
            b->picture_room = i * 2 + 16;
        }
        sav_picture *one = sav_alloc(1, sizeof *one);
        status = one ? model->family->read(one, model, path, how, err)
                     : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
        if (status) {
            free_picture(one);
            return status;
        }
        memcpy(one->key, key, sizeof key);
        b->pictures[b->picture_all++] = one;
    }
    if (i >= b->picture_count) { /* into the batch */
        sav_picture *one = b->pictures[i];
        b->pictures[i] = b->pictures[b->picture_count];
        b->pictures[i = b->picture_count++] = one;
    }
    *at = i;
    return SAV_OK;
}

/* ---- a prompt ------------------------------------------------------------------------------------------ */

/* The prompt's bytes -> ids and where placeholders fell. A text model knows no placeholder: `<image>` is text
 * there. */
static sav_status read_ids(sav_ids *ids, sav_ids *places, const sav_model *model, const sav_prompt *prompt,
                           sav_error *err) {
    sav_text text = {0};
    sav_status status = sav_layout_render(&text, model->layout, prompt, err);
    const char *bytes = text.bytes ? text.bytes : "";
    const sav_placeholder image = {sav_layout_placeholder(model->layout), model->image_token};
    if (!status && !model->vision)
        status = sav_tokenizer_encode(ids, model->tokenizer, bytes, text.length, err);
    else if (!status)
        status = sav_tokenizer_encode_media(ids, places, model->tokenizer, bytes, text.length, &image, err);
    if (!status && ids->count == 0) status = sav_fail(err, SAV_BAD_INPUT, "the prompt has no tokens");
    sav_text_free(&text);
    return status;
}

/* Pictures must be as many as placeholders. */
static sav_status read_pictures(sav_input *in, sav_batch *b, const sav_model *model, const sav_prompt *prompt,
                                size_t places, sav_pictures *how, sav_error *err) {
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
    if (count && !model->vision)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: %s is a text model; expected a prompt without pictures",
                          parts[0]->text, model->folder);
    else if (places != count)
        status = sav_fail(err, SAV_BAD_INPUT, "the prompt has %zu placeholder%s %s for %zu picture%s", places,
                          places == 1 ? "" : "s", sav_layout_placeholder(model->layout), count,
                          count == 1 ? "" : "s");
    for (size_t i = 0; i < count && !status; i++)
        status = find_picture(&in->pictures[i], b, model, parts[i]->text, how, err);
done:
    sav_free(parts);
    return status;
}

static sav_status check_input(const sav_input *in, const sav_model *model, sav_error *err) {
    const sav_qwen2_config *c = &model->llm.config;
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

static sav_status place_tokens(sav_input *in, const sav_model *model, const sav_picture **pictures,
                               sav_error *err) {
    if (model->family->place) return model->family->place(in, model, pictures, err);
    if (!(in->positions = sav_alloc(in->T, sizeof *in->positions)))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", in->T);
    for (size_t t = 0; t < in->T; t++) in->positions[t] = (int64_t)t;
    return SAV_OK;
}

static sav_status read_prompt(sav_input *in, sav_batch *b, const sav_model *model, const sav_prompt *prompt,
                              sav_pictures *how, sav_error *err) {
    sav_ids ids = {0}, places = {0};
    const sav_picture **pictures = NULL;
    sav_status status = read_ids(&ids, &places, model, prompt, err);
    if (!status) status = read_pictures(in, b, model, prompt, places.count, how, err);
    if (!status && !(pictures = sav_alloc(in->images, sizeof *pictures)))
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", in->images);
    for (size_t i = 0; i < in->images && !status; i++) pictures[i] = b->pictures[in->pictures[i]];
    if (!status) status = sav_input_expand(in, &ids, &places, pictures, err);
    if (!status) status = check_input(in, model, err);
    if (!status) status = place_tokens(in, model, pictures, err);
    sav_free(pictures);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    return status;
}

/* ---- a batch grows ------------------------------------------------------------------------------------- */

/* Tokens that two samples begin with in common. A picture's tokens are equal as a whole or differ from the
 * first on. */
static size_t common(const sav_batch *b, const sav_input *one, const sav_input *other) {
    const size_t most = b->apart ? 0 : sav_min(one->T, other->T);
    size_t t = 0;
    while (t < most && one->content[t] == other->content[t]) t++;
    return t;
}

void sav_batch_begin(sav_batch *b) {
    for (size_t i = 0; i < b->count; i++) sav_input_free(&b->inputs[i]);
    for (size_t i = 0; i < b->picture_count; i++) free_picture(b->pictures[i]);
    size_t kept = 0;
    for (size_t i = b->picture_count; i < b->picture_all; i++) {
        if (b->pictures[i]->waited) {
            free_picture(b->pictures[i]); /* nobody asked for it in a whole batch */
            continue;
        }
        b->pictures[kept] = b->pictures[i];
        b->pictures[kept++]->waited = true;
    }
    b->picture_all = kept;
    b->picture_count = b->count = b->N = b->most_keys = 0;
    sav_free(b->spans);
    sav_free(b->positions);
    sav_free(b->same_as);
    sav_free(b->places);
    b->spans = NULL;
    b->positions = NULL;
    b->same_as = b->places = NULL;
    b->rows = (sav_rows){0};
}

void sav_batch_free(sav_batch *b) {
    sav_batch_begin(b);
    for (size_t i = 0; i < b->picture_all; i++) free_picture(b->pictures[i]);
    sav_free(b->pictures);
    sav_free(b->inputs);
    *b = (sav_batch){0};
}

sav_status sav_batch_add(sav_batch *b, const sav_model *model, const sav_prompt *prompt, sav_pictures *how,
                         sav_error *err) {
    const size_t pictures = b->picture_count;
    if (b->count == b->room) {
        const size_t room = b->room * 2 + 8;
        sav_input *more = sav_realloc(b->inputs, room, sizeof *more);
        if (!more) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu prompts", room);
        b->inputs = more;
        b->room = room;
    }
    sav_input *in = &b->inputs[b->count];
    *in = (sav_input){0};
    sav_status status = read_prompt(in, b, model, prompt, how, err);
    if (status) {
        sav_input_free(in);
        b->picture_count = pictures;
        return status;
    }
    size_t shared = 0;
    for (size_t i = 0; i < b->count; i++) {
        const size_t n = common(b, in, &b->inputs[i]);
        if (n > shared) shared = n;
    }
    b->count++;
    b->N += in->T - shared;
    if (in->T > b->most_keys) b->most_keys = in->T;
    return SAV_OK;
}

void sav_batch_drop(sav_batch *b, size_t N, size_t most_keys, size_t picture_count) {
    sav_input_free(&b->inputs[--b->count]);
    b->N = N;
    b->most_keys = most_keys;
    b->picture_count = picture_count; /* the others are spare now */
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* Lexicographic, so that what samples share stands side by side and a prefix comes before what goes on; equal
 * ones in their order. */
static int by_content(const void *a, const void *b) {
    const sav_input *one = *(const sav_input *const *)a, *other = *(const sav_input *const *)b;
    const size_t most = sav_min(one->T, other->T);
    for (size_t t = 0; t < most; t++)
        if (one->content[t] != other->content[t]) return one->content[t] < other->content[t] ? -1 : 1;
    if (one->T != other->T) return one->T < other->T ? -1 : 1;
    return one < other ? -1 : one > other;
}

/* The next sample in order: `past` tokens are those of the sample before it. Its other tokens become a
 * span. */
static void add_span(sav_batch *b, const sav_input *in, size_t past, size_t axes) {
    sav_span *span = &b->spans[b->rows.span_count];
    *span = (sav_span){.first = b->rows.N,
                       .count = in->T - past,
                       .past = past,
                       .in_front = true,
                       .sample = (size_t)(in - b->inputs)};
    if (past) {
        size_t at = b->rows.span_count - 1;
        while (b->spans[at].past >= past) at = b->spans[at].parent;
        const sav_span *parent = &b->spans[at];
        span->parent = at;
        span->in_front = parent->in_front && parent->first + (past - parent->past) == span->first;
    }
    for (size_t axis = 0; axis < axes; axis++)
        memcpy(b->positions + axis * b->N + span->first, in->positions + axis * in->T + past,
               span->count * sizeof *b->positions);
    for (size_t i = 0; i < in->images; i++)
        if (in->starts[i] >= past && b->places[in->pictures[i]] == SIZE_MAX)
            b->places[in->pictures[i]] = span->first + in->starts[i] - past;
    if (!span->in_front) b->rows.split = true;
    b->rows.N += span->count;
    b->rows.span_count++;
}

sav_status sav_batch_pack(sav_batch *b, const sav_model *model, sav_error *err) {
    const size_t axes = model->llm.axis ? 3 : 1;
    const sav_input **order = sav_alloc(b->count, sizeof *order);
    b->spans = sav_alloc(b->count, sizeof *b->spans);
    b->positions = sav_alloc(b->N, axes * sizeof *b->positions);
    b->same_as = sav_alloc(b->count, sizeof *b->same_as);
    b->places = sav_alloc(b->picture_count, sizeof *b->places);
    if (!order || !b->spans || !b->positions || !b->same_as || !b->places) {
        sav_free(order);
        return sav_fail(err, SAV_NO_MEMORY, "no memory for a batch of %zu rows", b->N);
    }
    for (size_t i = 0; i < b->picture_count; i++) b->places[i] = SIZE_MAX;
    for (size_t i = 0; i < b->count; i++) order[i] = &b->inputs[i];
    qsort(order, b->count, sizeof *order, by_content);
    b->rows = (sav_rows){.positions = b->positions, .spans = b->spans, .most_keys = b->most_keys};
    for (size_t i = 0; i < b->count; i++) {
        const size_t past = i ? common(b, order[i], order[i - 1]) : 0;
        if (past < order[i]->T) add_span(b, order[i], past, axes);
        b->same_as[order[i] - b->inputs] = b->spans[b->rows.span_count - 1].sample;
    }
    sav_free(order);
    return SAV_OK;
}

void sav_batch_embed(float *x, const sav_batch *b, const sav_model *model, const sav_run *run) {
    const size_t D = model->llm.config.D;
    for (size_t i = 0; i < b->rows.span_count; i++) {
        const sav_span *span = &b->spans[i];
        const int64_t *content = b->inputs[span->sample].content + span->past;
        for (size_t t = 0; t < span->count; t++)
            if (content[t] >= 0)
                sav_embed_row(x + (span->first + t) * D, &model->llm.embed_tokens, (size_t)content[t], run);
    }
}

void sav_batch_repeat(float *x, const sav_batch *b, size_t D) {
    for (size_t i = 0; i < b->rows.span_count; i++) {
        const sav_span *span = &b->spans[i];
        const sav_input *in = &b->inputs[span->sample];
        for (size_t j = 0; j < in->images; j++) {
            const size_t picture = in->pictures[j], from = b->places[picture];
            if (in->starts[j] < span->past) continue;
            const size_t to = span->first + in->starts[j] - span->past;
            if (to != from) memcpy(x + to * D, x + from * D, b->pictures[picture]->tokens * D * sizeof *x);
        }
    }
}
