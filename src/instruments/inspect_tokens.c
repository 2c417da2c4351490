/* inspect_tokens.c: text -> ids with their pieces. See inspect.h. */
#include "forward/input.h"
#include "instruments/inspect.h"

static sav_status list_tokens(sav_token_list *out, const sav_tokenizer *tokenizer, const sav_ids *ids,
                              sav_error *err) {
    out->tokens = sav_alloc(ids->count, sizeof *out->tokens);
    if (!out->tokens) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", ids->count);
    out->count = ids->count;
    for (size_t i = 0; i < ids->count; i++) {
        sav_token *t = &out->tokens[i];
        t->id = ids->ids[i];
        t->piece = sav_tokenizer_piece(tokenizer, t->id, &t->length);
    }
    return SAV_OK;
}

sav_status sav_inspect_text(sav_token_list *out, const char *folder, const char *name, const char *text,
                            size_t length, sav_error *err) {
    sav_ids ids = {0};
    *out = (sav_token_list){0};
    sav_status status = sav_tokenizer_open(&out->own, &out->notes, folder, err);
    const bool opened = !status;
    if (!status) status = sav_tokenizer_encode(&ids, out->own, text, length, err);
    if (status && opened) sav_error_prefix(err, "%s", name);
    if (!status) status = list_tokens(out, out->own, &ids, err);
    sav_ids_free(&ids);
    if (status) sav_token_list_free(out);
    return status;
}

sav_status sav_inspect_prompt(sav_token_list *out, const sav_model *model, const sav_prompt *prompt,
                              sav_error *err) {
    sav_ids ids = {0}, places = {0};
    *out = (sav_token_list){0};
    sav_status status = sav_input_tokens(&ids, &places, model, prompt, err);
    if (!status) status = list_tokens(out, model->tokenizer, &ids, err);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    return status;
}

void sav_token_list_free(sav_token_list *list) {
    sav_free(list->tokens);
    sav_tokenizer_free(list->own);
    sav_text_free(&list->notes);
    *list = (sav_token_list){0};
}
