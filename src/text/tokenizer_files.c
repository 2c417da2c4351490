/* tokenizer_files.c: a model folder's tokenizer files -> sav_tokenizer (see tokenizer.h).
 *
 *     tokenizer.json                -> vocabulary, merges, added tokens; its stages, which are checked
 *     or vocab.json + merges.txt    -> vocabulary, merges; the stages are Qwen2's
 *
 *     then the files of added tokens    -> tokenizer_added.c
 *
 * Order and defaults follow transformers 4.51.3: tokenization_utils_base.py, tokenization_utils_fast.py and
 * models/qwen2/tokenization_qwen2_fast.py. A stage that is not Qwen2's is refused by name: another pattern
 * would give other ids without any sign of it.
 */
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"
#include "io/config.h"
#include "text/pretokenize.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

#define MERGES_LIMIT ((size_t)64 << 20) /* bytes; Qwen2's merges.txt has 1.7 MB */

static const char *type_of(const sav_json *node) {
    const sav_json *type = sav_json_get(node, "type");
    return type && type->kind == SAV_JSON_STRING ? type->text : "(no type)";
}

/* ---- the stages of tokenizer.json ---------------------------------------------------------------------- */

static sav_status check_normalizer(bool *nfc, const sav_json *node, const char *name, sav_error *err) {
    *nfc = false;
    if (sav_json_is_null(node)) return SAV_OK;
    if (strcmp(type_of(node), "NFC") != 0)
        return sav_tokenizer_refuse("normalizer", type_of(node), "NFC", node, name, err);
    *nfc = true;
    return SAV_OK;
}

static sav_status check_split(const sav_json *split, const char *name, sav_error *err) {
    const sav_json *regex = sav_json_get(sav_json_get(split, "pattern"), "Regex");
    const sav_json *behavior = sav_json_get(split, "behavior");
    sav_config in = {.object = split, .name = name, .err = err};
    const bool invert = sav_config_bool(&in, "invert", false);
    if (in.status) return in.status;
    if (!regex || regex->kind != SAV_JSON_STRING)
        return sav_tokenizer_refuse("pre-tokenizer Split without", "Regex", "Qwen2's pattern", split, name,
                                    err);
    if (!sav_json_is(regex, sav_pretokenize_pattern))
        return sav_tokenizer_refuse("pre-tokenizer pattern", regex->text, "Qwen2's pattern", regex, name,
                                    err);
    if (!sav_json_is(behavior, "Isolated") || invert)
        return sav_tokenizer_refuse("pre-tokenizer Split", "behavior or invert", "\"Isolated\", not inverted",
                                    split, name, err);
    return SAV_OK;
}

static sav_status check_bytes(const sav_json *bytes, const char *name, sav_error *err) {
    sav_config in = {.object = bytes, .name = name, .err = err};
    const bool prefix_space = sav_config_bool(&in, "add_prefix_space", true);
    const bool use_regex = sav_config_bool(&in, "use_regex", true);
    if (in.status) return in.status;
    if (prefix_space)
        return sav_tokenizer_refuse("ByteLevel with", "add_prefix_space", "it to be false", bytes, name, err);
    if (use_regex)
        return sav_tokenizer_refuse("ByteLevel with", "use_regex", "it to be false", bytes, name, err);
    return SAV_OK;
}

static sav_status check_pre_tokenizer(const sav_json *node, const char *name, sav_error *err) {
    static const char expected[] = "Sequence of Split (Qwen2's pattern) and ByteLevel";
    if (sav_json_is_null(node))
        return sav_fail(err, SAV_UNSUPPORTED, "%s: no pre-tokenizer; expected %s", name, expected);
    const sav_json *list = sav_json_get(node, "pretokenizers");
    if (strcmp(type_of(node), "Sequence") != 0 || !list || list->kind != SAV_JSON_ARRAY)
        return sav_tokenizer_refuse("pre-tokenizer", type_of(node), expected, node, name, err);
    const sav_json *split = list->child, *bytes = split ? split->next : NULL;
    if (!split || strcmp(type_of(split), "Split") != 0)
        return sav_tokenizer_refuse("first pre-tokenizer", split ? type_of(split) : "(none)", expected,
                                    split ? split : node, name, err);
    if (!bytes || strcmp(type_of(bytes), "ByteLevel") != 0)
        return sav_tokenizer_refuse("second pre-tokenizer", bytes ? type_of(bytes) : "(none)", expected,
                                    bytes ? bytes : node, name, err);
    if (bytes->next)
        return sav_tokenizer_refuse("third pre-tokenizer", type_of(bytes->next), expected, bytes->next, name,
                                    err);
    sav_status status = check_split(split, name, err);
    return status ? status : check_bytes(bytes, name, err);
}

static sav_status check_byte_level(const sav_json *node, const char *what, const char *name, sav_error *err) {
    if (sav_json_is_null(node))
        return sav_fail(err, SAV_UNSUPPORTED, "%s: no %s; expected ByteLevel", name, what);
    if (strcmp(type_of(node), "ByteLevel") != 0)
        return sav_tokenizer_refuse(what, type_of(node), "ByteLevel", node, name, err);
    return SAV_OK;
}

/* ---- vocabulary and merges ----------------------------------------------------------------------------- */

static sav_status read_vocab(sav_bpe *bpe, const sav_json *vocab, const char *name, sav_error *err) {
    if (!vocab || vocab->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: no vocabulary; expected an object of token to id", name);
    for (const sav_json *token = vocab->child; token; token = token->next) {
        int64_t id;
        char quoted[SAV_QUOTED];
        if (!sav_json_integer(&id, token) || id < 0 || id >= SAV_BPE_MOST_IDS)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s:%u:%u: id of token \"%s\"; expected a whole number from 0 to %u", name,
                            token->line, token->column, sav_quote(quoted, token->key, token->key_length),
                            SAV_BPE_MOST_IDS - 1);
        sav_status status = sav_bpe_add_token(bpe, token->key, token->key_length, (uint32_t)id, err);
        if (status) return sav_tokenizer_at(status, token, name, err);
    }
    sav_bpe_finish(bpe);
    return SAV_OK;
}

/* "left right": exactly one space. */
static sav_status add_merge_line(sav_bpe *bpe, const char *line, size_t length, sav_error *err) {
    const char *space = memchr(line, ' ', length);
    size_t left = space ? (size_t)(space - line) : length;
    if (!space || left == 0 || left + 1 == length || memchr(space + 1, ' ', length - left - 1))
        return sav_fail(err, SAV_BAD_INPUT, "merge \"%.*s\"; expected two tokens with one space between",
                        (int)sav_min(length, 200), line);
    return sav_bpe_add_merge(bpe, line, left, space + 1, length - left - 1, err);
}

/* Both spellings: "a b" of older files, ["a", "b"] of newer ones. */
static sav_status read_merges(sav_bpe *bpe, const sav_json *merges, const char *name, sav_error *err) {
    if (!merges || merges->kind != SAV_JSON_ARRAY)
        return sav_fail(err, SAV_BAD_INPUT, "%s: no merges; expected a list", name);
    for (const sav_json *merge = merges->child; merge; merge = merge->next) {
        sav_status status;
        const sav_json *left = merge->child, *right = left ? left->next : NULL;
        if (merge->kind == SAV_JSON_STRING) {
            /* as the library does, in this spelling only */
            if (strncmp(merge->text, "#version", 8) == 0) continue;
            status = add_merge_line(bpe, merge->text, merge->length, err);
        } else if (merge->kind == SAV_JSON_ARRAY && merge->count == 2 && left->kind == SAV_JSON_STRING &&
                   right->kind == SAV_JSON_STRING) {
            status = sav_bpe_add_merge(bpe, left->text, left->length, right->text, right->length, err);
        } else {
            status = sav_fail(err, SAV_BAD_INPUT, "a merge; expected \"a b\" or [\"a\", \"b\"]");
        }
        if (status) return sav_tokenizer_at(status, merge, name, err);
    }
    return SAV_OK;
}

/* merges.txt: a first line "#version…" is a comment, and no other line is one: a merge may begin with #. */
static sav_status read_merges_text(sav_bpe *bpe, const char *path, sav_error *err) {
    char *text = NULL;
    size_t length, line_number = 1;
    sav_status status = sav_os_read_file(&text, &length, path, MERGES_LIMIT, err);
    if (status) return status;
    status = sav_utf8_check(text, length, path, err);
    for (size_t at = 0; at < length && !status; line_number++) {
        const char *line = text + at, *end = memchr(line, '\n', length - at);
        size_t bytes = end ? (size_t)(end - line) : length - at;
        at += bytes + (end ? 1 : 0);
        if (bytes && line[bytes - 1] == '\r') bytes--;
        if (bytes == 0 || (line_number == 1 && bytes >= 9 && memcmp(line, "#version:", 9) == 0)) continue;
        status = add_merge_line(bpe, line, bytes, err);
        if (status) sav_error_prefix(err, "%s:%zu", path, line_number);
    }
    sav_free(text);
    return status;
}

static bool blank(const sav_json *node) { /* absent, null or "" */
    return sav_json_is_null(node) || sav_json_is(node, "");
}

static bool spells_every_byte(const sav_bpe *bpe) {
    for (unsigned byte = 0; byte < 256; byte++)
        if (bpe->byte_id[byte] == SAV_BPE_NONE) return false;
    return true;
}

/* The BPE model's own switches; those that would change ids in a way not written here are refused. */
static sav_status check_model(sav_bpe *bpe, const sav_json *model, const char *name, sav_error *err) {
    static const char *const unused[] = {"continuing_subword_prefix", "end_of_word_suffix", "unk_token"};
    const sav_json *type = sav_json_get(model, "type");
    if (!sav_json_is_null(type) && !sav_json_is(type, "BPE"))
        return sav_tokenizer_refuse("model", type_of(model), "BPE", type, name, err);
    sav_config in = {.object = model, .name = name, .err = err};
    bpe->ignore_merges = sav_config_bool(&in, "ignore_merges", false);
    const bool fallback = sav_config_bool(&in, "byte_fallback", false);
    if (in.status) return in.status;
    if (fallback)
        return sav_tokenizer_refuse("model with", "byte_fallback", "it to be false", model, name, err);
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        const sav_json *node = sav_json_get(model, unused[i]);
        const bool needless = i == 2 && spells_every_byte(bpe); /* then nothing is ever unknown */
        if (!blank(node) && !needless)
            return sav_tokenizer_refuse("model with", unused[i], "none", node, name, err);
    }
    if (sav_config_double(&in, "dropout", 0) != 0)
        return sav_tokenizer_refuse("model with", "dropout", "none", sav_json_get(model, "dropout"), name,
                                    err);
    return in.status;
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

static sav_status open_tokenizer_json(sav_tokenizer *t, const sav_json_doc *doc, sav_error *err) {
    const sav_json *root = sav_json_root(doc), *model = sav_json_get(root, "model");
    const char *name = sav_json_name(doc);
    if (sav_json_is_null(model))
        return sav_fail(err, SAV_BAD_INPUT, "%s: no \"model\"; expected a BPE model", name);
    sav_status status = check_normalizer(&t->nfc, sav_json_get(root, "normalizer"), name, err);
    if (!status) status = check_pre_tokenizer(sav_json_get(root, "pre_tokenizer"), name, err);
    if (!status) status = check_byte_level(sav_json_get(root, "decoder"), "decoder", name, err);
    /* a ByteLevel post-processor adds no ids */
    const sav_json *post = sav_json_get(root, "post_processor");
    if (!status && !sav_json_is_null(post)) status = check_byte_level(post, "post-processor", name, err);
    if (!status) status = read_vocab(&t->bpe, sav_json_get(model, "vocab"), name, err);
    if (!status) status = check_model(&t->bpe, model, name, err);
    if (!status) status = read_merges(&t->bpe, sav_json_get(model, "merges"), name, err);
    if (!status) status = sav_added_read_list(t, sav_json_get(root, "added_tokens"), name, err);
    return status;
}

static sav_status open_vocab_json(sav_tokenizer *t, const char *folder, sav_error *err) {
    sav_json_doc *doc = NULL;
    char *merges = sav_path_join(folder, "merges.txt");
    sav_status status = merges ? sav_tokenizer_read(&doc, folder, "vocab.json", err)
                               : sav_tokenizer_no_memory(err, folder);
    if (!status && !doc) {
        status = sav_fail(err, SAV_BAD_INPUT,
                          "%s: no tokenizer; expected tokenizer.json, or vocab.json and merges.txt", folder);
        sav_hint(err, "copy the tokenizer files of the model into the folder");
    }
    t->nfc = true;
    if (!status) status = read_vocab(&t->bpe, sav_json_root(doc), sav_json_name(doc), err);
    if (!status) status = read_merges_text(&t->bpe, merges, err);
    sav_free(merges);
    sav_json_free(doc);
    return status;
}

sav_status sav_tokenizer_parse(sav_tokenizer **out, const sav_json_doc *doc, sav_error *err) {
    *out = NULL;
    sav_tokenizer *t = sav_alloc(1, sizeof *t);
    if (!t) return sav_tokenizer_no_memory(err, sav_json_name(doc));
    sav_status status = open_tokenizer_json(t, doc, err);
    if (!status) status = sav_added_finish(&t->added, err);
    if (!status)
        *out = t;
    else
        sav_tokenizer_free(t);
    return status;
}

sav_status sav_tokenizer_open(sav_tokenizer **out, sav_text *notes, const char *folder, sav_error *err) {
    sav_json_doc *doc = NULL;
    *out = NULL;
    sav_tokenizer *t = sav_alloc(1, sizeof *t);
    if (!t) return sav_tokenizer_no_memory(err, folder);
    sav_status status = sav_tokenizer_read(&doc, folder, "tokenizer.json", err);
    if (!status) status = sav_tokenizer_check(notes, doc, &sav_tokenizer_json_keys, err);
    if (!status) status = doc ? open_tokenizer_json(t, doc, err) : open_vocab_json(t, folder, err);
    sav_json_free(doc);
    if (!status) status = sav_added_read_folder(t, notes, folder, err);
    if (!status)
        *out = t;
    else
        sav_tokenizer_free(t);
    return status;
}

void sav_tokenizer_free(sav_tokenizer *tokenizer) {
    if (!tokenizer) return;
    sav_bpe_free(&tokenizer->bpe);
    sav_added_free(&tokenizer->added);
    sav_free(tokenizer);
}
