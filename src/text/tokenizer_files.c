/* tokenizer_files.c: a model folder's tokenizer files -> sav_tokenizer (see tokenizer.h).
 *
 *     tokenizer.json                -> vocabulary, merges, added tokens; its stages, which are checked
 *     or vocab.json + merges.txt    -> vocabulary, merges; the stages are Qwen2's
 *
 *     then tokenizer_config.json    -> added_tokens_decoder, applied on top; special tokens not yet there
 *     or added_tokens.json +
 *        special_tokens_map.json    -> the same in older folders
 *
 * Order and defaults follow transformers 4.51.3: tokenization_utils_base.py, tokenization_utils_fast.py and
 * models/qwen2/tokenization_qwen2_fast.py. A stage that is not Qwen2's is refused by name: another pattern
 * would give other ids without any sign of it.
 */
#include <string.h>

#include "base/os.h"
#include "io/config.h"
#include "text/pretokenize.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

#define MERGES_LIMIT ((size_t)64 << 20) /* bytes; Qwen2's merges.txt has 1.7 MB */

static sav_status no_memory(sav_error *err, const char *name) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: out of memory", name);
}

/* Puts a node's place in front of an error. */
static sav_status at_node(sav_status status, const sav_json *node, const char *name, sav_error *err) {
    if (status) sav_error_prefix(err, "%s:%u:%u", name, node->line, node->column);
    return status;
}

static sav_status refuse(const char *what, const char *found, const char *expected, const sav_json *node,
                         const char *name, sav_error *err) {
    return sav_fail(err, SAV_UNSUPPORTED, "%s:%u:%u: %s \"%s\"; expected %s", name, node->line, node->column,
                    what, found, expected);
}

static bool is_null(const sav_json *node) {
    return !node || node->kind == SAV_JSON_NULL;
}

static const char *type_of(const sav_json *node) {
    const sav_json *type = sav_json_get(node, "type");
    return type && type->kind == SAV_JSON_STRING ? type->text : "(no type)";
}

/* ---- the stages of tokenizer.json ---------------------------------------------------------------------- */

static sav_status check_normalizer(bool *nfc, const sav_json *node, const char *name, sav_error *err) {
    *nfc = false;
    if (is_null(node)) return SAV_OK;
    if (strcmp(type_of(node), "NFC") != 0) return refuse("normalizer", type_of(node), "NFC", node, name, err);
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
        return refuse("pre-tokenizer Split without", "Regex", "Qwen2's pattern", split, name, err);
    if (!sav_json_is(regex, sav_pretokenize_pattern))
        return refuse("pre-tokenizer pattern", regex->text, "Qwen2's pattern", regex, name, err);
    if (!sav_json_is(behavior, "Isolated") || invert)
        return refuse("pre-tokenizer Split", "behavior or invert", "\"Isolated\", not inverted", split, name,
                      err);
    return SAV_OK;
}

static sav_status check_bytes(const sav_json *bytes, const char *name, sav_error *err) {
    sav_config in = {.object = bytes, .name = name, .err = err};
    const bool prefix_space = sav_config_bool(&in, "add_prefix_space", true);
    const bool use_regex = sav_config_bool(&in, "use_regex", true);
    if (in.status) return in.status;
    if (prefix_space) return refuse("ByteLevel with", "add_prefix_space", "it to be false", bytes, name, err);
    if (use_regex) return refuse("ByteLevel with", "use_regex", "it to be false", bytes, name, err);
    return SAV_OK;
}

static sav_status check_pre_tokenizer(const sav_json *node, const char *name, sav_error *err) {
    static const char expected[] = "Sequence of Split (Qwen2's pattern) and ByteLevel";
    if (is_null(node))
        return sav_fail(err, SAV_UNSUPPORTED, "%s: no pre-tokenizer; expected %s", name, expected);
    const sav_json *list = sav_json_get(node, "pretokenizers");
    if (strcmp(type_of(node), "Sequence") != 0 || !list || list->kind != SAV_JSON_ARRAY)
        return refuse("pre-tokenizer", type_of(node), expected, node, name, err);
    const sav_json *split = list->child, *bytes = split ? split->next : NULL;
    if (!split || strcmp(type_of(split), "Split") != 0)
        return refuse("first pre-tokenizer", split ? type_of(split) : "(none)", expected,
                      split ? split : node, name, err);
    if (!bytes || strcmp(type_of(bytes), "ByteLevel") != 0)
        return refuse("second pre-tokenizer", bytes ? type_of(bytes) : "(none)", expected,
                      bytes ? bytes : node, name, err);
    if (bytes->next)
        return refuse("third pre-tokenizer", type_of(bytes->next), expected, bytes->next, name, err);
    sav_status status = check_split(split, name, err);
    return status ? status : check_bytes(bytes, name, err);
}

static sav_status check_byte_level(const sav_json *node, const char *what, const char *name, sav_error *err) {
    if (is_null(node)) return sav_fail(err, SAV_UNSUPPORTED, "%s: no %s; expected ByteLevel", name, what);
    if (strcmp(type_of(node), "ByteLevel") != 0)
        return refuse(what, type_of(node), "ByteLevel", node, name, err);
    return SAV_OK;
}

/* ---- vocabulary and merges ----------------------------------------------------------------------------- */

static sav_status read_vocab(sav_bpe *bpe, const sav_json *vocab, const char *name, sav_error *err) {
    if (!vocab || vocab->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: no vocabulary; expected an object of token to id", name);
    for (const sav_json *token = vocab->child; token; token = token->next) {
        int64_t id;
        if (!sav_json_integer(&id, token) || id < 0 || id >= SAV_BPE_MOST_IDS)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s:%u:%u: id of token \"%s\"; expected a whole number from 0 to %u", name,
                            token->line, token->column, token->key, SAV_BPE_MOST_IDS - 1);
        sav_status status = sav_bpe_add_token(bpe, token->key, token->key_length, (uint32_t)id, err);
        if (status) return at_node(status, token, name, err);
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
        if (status) return at_node(status, merge, name, err);
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
    return is_null(node) || sav_json_is(node, "");
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
    if (!is_null(type) && !sav_json_is(type, "BPE"))
        return refuse("model", type_of(model), "BPE", type, name, err);
    sav_config in = {.object = model, .name = name, .err = err};
    bpe->ignore_merges = sav_config_bool(&in, "ignore_merges", false);
    const bool fallback = sav_config_bool(&in, "byte_fallback", false);
    if (in.status) return in.status;
    if (fallback) return refuse("model with", "byte_fallback", "it to be false", model, name, err);
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        const sav_json *node = sav_json_get(model, unused[i]);
        const bool needless = i == 2 && spells_every_byte(bpe); /* then nothing is ever unknown */
        if (!blank(node) && !needless) return refuse("model with", unused[i], "none", node, name, err);
    }
    if (sav_config_double(&in, "dropout", 0) != 0)
        return refuse("model with", "dropout", "none", sav_json_get(model, "dropout"), name, err);
    return in.status;
}

/* ---- added tokens -------------------------------------------------------------------------------------- */

/* The id that the library gives a new added token: that of its content in the vocabulary, or the next free
 * one. */
static uint32_t next_id(const sav_tokenizer *t, const char *content, size_t length) {
    uint32_t id = sav_bpe_find(&t->bpe, content, length);
    if (id != SAV_BPE_NONE) return id;
    uint32_t next = t->bpe.count;
    for (uint32_t i = 0; i < t->added.count; i++)
        if (t->added.tokens[i].id >= next) next = t->added.tokens[i].id + 1;
    return next;
}

/* PARITY: a token that is there already keeps its id and takes the newer flags. Guarded by
 * test_tokenizer_files. */
static sav_status put_added(sav_tokenizer *t, sav_added_token *token, int64_t declared, sav_error *err) {
    if (token->length == 0) return SAV_OK; /* the library ignores it too */
    const sav_added_token *there = sav_added_by_content(&t->added, token->content, token->length);
    token->id = there ? there->id : next_id(t, token->content, token->length);
    if (declared >= 0 && declared != (int64_t)token->id)
        return sav_fail(err, SAV_BAD_INPUT,
                        "added token \"%s\" has id %lld; expected %u, the id the vocabulary leaves it",
                        token->content, (long long)declared, token->id);
    if (token->id >= SAV_BPE_MOST_IDS)
        return sav_fail(err, SAV_BAD_INPUT, "added token \"%s\" has id %u; expected less than %u",
                        token->content, token->id, SAV_BPE_MOST_IDS);
    return sav_added_put(&t->added, token, t->nfc, err);
}

/* {"content": …, "special": …, "normalized": …, "lstrip": …, "rstrip": …, "single_word": …} */
static sav_status read_added(sav_added_token *out, const sav_json *node, const char *name, sav_error *err) {
    const sav_json *content = sav_json_get(node, "content");
    memset(out, 0, sizeof *out);
    if (!content || content->kind != SAV_JSON_STRING)
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u:%u: an added token without a string \"content\"", name,
                        node->line, node->column);
    out->content = (char *)(uintptr_t)content->text; /* read only: sav_added_put copies it */
    out->length = content->length;
    sav_config in = {.object = node, .name = name, .err = err};
    out->special = sav_config_bool(&in, "special", false);
    out->normalized = sav_config_bool(&in, "normalized", !out->special);
    out->lstrip = sav_config_bool(&in, "lstrip", false);
    out->rstrip = sav_config_bool(&in, "rstrip", false);
    out->single_word = sav_config_bool(&in, "single_word", false);
    return in.status;
}

static sav_status read_added_list(sav_tokenizer *t, const sav_json *list, const char *name, sav_error *err) {
    if (is_null(list)) return SAV_OK;
    if (list->kind != SAV_JSON_ARRAY)
        return refuse("added_tokens", "of another kind", "a list", list, name, err);
    for (const sav_json *node = list->child; node; node = node->next) {
        sav_added_token token;
        int64_t id;
        sav_status status = read_added(&token, node, name, err);
        if (status) return status;
        if (!sav_json_integer(&id, sav_json_get(node, "id")) || id < 0 || id >= SAV_BPE_MOST_IDS)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s:%u:%u: added token \"%s\" without a whole number \"id\" below %u", name,
                            node->line, node->column, token.content, SAV_BPE_MOST_IDS);
        status = put_added(t, &token, id, err);
        if (status) return at_node(status, node, name, err);
    }
    return SAV_OK;
}

/* A member's key as a whole number, -1 if it is none that an id could be. */
static int64_t key_id(const sav_json *member) {
    int64_t id = 0;
    if (member->key_length == 0 || member->key_length > 9) return -1;
    for (uint32_t i = 0; i < member->key_length; i++) {
        if (member->key[i] < '0' || member->key[i] > '9') return -1;
        id = id * 10 + (member->key[i] - '0');
    }
    return id;
}

/* The members of an object by increasing id (which `id_of` reads off), one after the other. NULL behind the
 * last. */
static const sav_json *next_by_id(const sav_json *object, int64_t above, int64_t (*id_of)(const sav_json *)) {
    const sav_json *best = NULL;
    for (const sav_json *node = object->child; node; node = node->next) /* of equal keys the last */
        if (id_of(node) > above && (!best || id_of(node) <= id_of(best))) best = node;
    return best;
}

static int64_t value_id(const sav_json *member) {
    int64_t id;
    return sav_json_integer(&id, member) && id >= 0 ? id : -1;
}

static sav_status check_ids(const sav_json *object, int64_t (*id_of)(const sav_json *), const char *name,
                            sav_error *err) {
    if (object->kind != SAV_JSON_OBJECT)
        return refuse("added tokens", "of another kind", "an object", object, name, err);
    if (object->count > SAV_ADDED_MOST)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: %u added tokens; expected at most %d", name, object->count,
                        SAV_ADDED_MOST);
    for (const sav_json *node = object->child; node; node = node->next)
        if (id_of(node) < 0 || id_of(node) >= SAV_BPE_MOST_IDS)
            return sav_fail(err, SAV_BAD_INPUT, "%s:%u:%u: added token \"%s\" without an id from 0 to %u",
                            name, node->line, node->column, node->key, SAV_BPE_MOST_IDS - 1);
    return SAV_OK;
}

/* tokenizer_config.json: {"151643": {"content": …, …}, …} */
static sav_status read_decoder(sav_tokenizer *t, const sav_json *object, const char *name, sav_error *err) {
    sav_status status = check_ids(object, key_id, name, err);
    if (status) return status;
    for (const sav_json *node = next_by_id(object, -1, key_id); node && !status;
         node = next_by_id(object, key_id(node), key_id)) {
        sav_added_token token;
        status = read_added(&token, node, name, err);
        if (!status) status = at_node(put_added(t, &token, key_id(node), err), node, name, err);
    }
    return status;
}

/* ---- special tokens by name ---------------------------------------------------------------------------- */

static const char *const special_names[] = {
    "bos_token", "eos_token", "unk_token",  "sep_token",
    "pad_token", "cls_token", "mask_token", "additional_special_tokens"};
enum { SPECIAL_NAMES = sizeof special_names / sizeof *special_names };

/* A special token as a config gives it, a string or an object; adds it if no such token is there yet. */
static sav_status put_special(sav_tokenizer *t, const sav_json *node, const char *name, sav_error *err) {
    sav_added_token token = {0};
    if (node->kind == SAV_JSON_OBJECT) {
        sav_status status = read_added(&token, node, name, err);
        if (status) return status;
    } else if (node->kind == SAV_JSON_STRING) {
        token.content = (char *)(uintptr_t)node->text; /* read only */
        token.length = node->length;
    } else {
        return refuse("special token", "of another kind", "a string or an object", node, name, err);
    }
    token.special = true;
    if (sav_added_by_content(&t->added, token.content, token.length)) return SAV_OK;
    return at_node(put_added(t, &token, -1, err), node, name, err);
}

static sav_status put_specials(sav_tokenizer *t, const sav_json *config, const char *name, sav_error *err) {
    sav_status status = SAV_OK;
    for (int i = 0; i < SPECIAL_NAMES && !status; i++) {
        const sav_json *node = sav_json_get(config, special_names[i]);
        if (is_null(node)) continue;
        if (node->kind != SAV_JSON_ARRAY)
            status = put_special(t, node, name, err);
        else
            for (node = node->child; node && !status; node = node->next)
                status = put_special(t, node, name, err);
    }
    return status;
}

/* Qwen2's class has <|endoftext|> as the default of these three. */
static sav_status put_defaults(sav_tokenizer *t, const sav_json *config, sav_error *err) {
    static const char *const names[] = {"eos_token", "unk_token", "pad_token"};
    const sav_json *class_name = sav_json_get(config, "tokenizer_class");
    bool of_qwen2 = !class_name || sav_json_is(class_name, "Qwen2Tokenizer") ||
                    sav_json_is(class_name, "Qwen2TokenizerFast");
    if (!of_qwen2 || (!config && t->added.count))
        return SAV_OK; /* a tokenizer.json alone says all there is */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sav_json_get(config, names[i])) continue;
        char content[] = "<|endoftext|>";
        sav_added_token token = {.content = content, .length = sizeof content - 1, .special = true};
        if (sav_added_by_content(&t->added, content, token.length)) return SAV_OK;
        return put_added(t, &token, -1, err);
    }
    return SAV_OK;
}

/* Whether one of a file's special tokens has this content. */
static bool names_special(const sav_json *file, const char *content) {
    for (int i = 0; i < SPECIAL_NAMES; i++) {
        const sav_json *value = sav_json_get(file, special_names[i]);
        const bool several = value && value->kind == SAV_JSON_ARRAY;
        for (const sav_json *one = several ? value->child : value; one; one = several ? one->next : NULL)
            if (sav_json_is(one->kind == SAV_JSON_OBJECT ? sav_json_get(one, "content") : one, content))
                return true;
    }
    return false;
}

/* added_tokens.json of older folders: {"<|im_end|>": 151645, …}; which are special stands in the config or
 * the map. */
static sav_status read_legacy(sav_tokenizer *t, const sav_json *object, const sav_json *config,
                              const sav_json *map, const char *name, sav_error *err) {
    sav_status status = check_ids(object, value_id, name, err);
    if (status) return status;
    for (const sav_json *node = next_by_id(object, -1, value_id); node && !status;
         node = next_by_id(object, value_id(node), value_id)) {
        sav_added_token token = {.content = (char *)(uintptr_t)node->key, .length = node->key_length};
        token.special = names_special(config, node->key) || names_special(map, node->key);
        token.normalized = !token.special;
        /* tokenizer.json has precedence */
        if (sav_added_by_content(&t->added, token.content, token.length)) continue;
        status = at_node(put_added(t, &token, value_id(node), err), node, name, err);
    }
    return status;
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

/* folder/file, parsed; *out NULL when there is no such file. */
static sav_status read_optional(sav_json_doc **out, const char *folder, const char *file, sav_error *err) {
    char *path = sav_path_join(folder, file);
    sav_status status = SAV_OK;
    *out = NULL;
    if (!path)
        status = no_memory(err, file);
    else if (sav_os_exists(path))
        status = sav_json_read(out, path, err);
    sav_free(path);
    return status;
}

static sav_status open_tokenizer_json(sav_tokenizer *t, const sav_json_doc *doc, sav_error *err) {
    const sav_json *root = sav_json_root(doc), *model = sav_json_get(root, "model");
    const char *name = sav_json_name(doc);
    if (is_null(model)) return sav_fail(err, SAV_BAD_INPUT, "%s: no \"model\"; expected a BPE model", name);
    sav_status status = check_normalizer(&t->nfc, sav_json_get(root, "normalizer"), name, err);
    if (!status) status = check_pre_tokenizer(sav_json_get(root, "pre_tokenizer"), name, err);
    if (!status) status = check_byte_level(sav_json_get(root, "decoder"), "decoder", name, err);
    /* a ByteLevel post-processor adds no ids */
    const sav_json *post = sav_json_get(root, "post_processor");
    if (!status && !is_null(post)) status = check_byte_level(post, "post-processor", name, err);
    if (!status) status = read_vocab(&t->bpe, sav_json_get(model, "vocab"), name, err);
    if (!status) status = check_model(&t->bpe, model, name, err);
    if (!status) status = read_merges(&t->bpe, sav_json_get(model, "merges"), name, err);
    if (!status) status = read_added_list(t, sav_json_get(root, "added_tokens"), name, err);
    return status;
}

static sav_status open_vocab_json(sav_tokenizer *t, const char *folder, sav_error *err) {
    sav_json_doc *doc = NULL;
    char *merges = sav_path_join(folder, "merges.txt");
    sav_status status = merges ? read_optional(&doc, folder, "vocab.json", err) : no_memory(err, folder);
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

static sav_status open_added(sav_tokenizer *t, const char *folder, sav_error *err) {
    sav_json_doc *config = NULL, *map = NULL, *legacy = NULL;
    sav_status status = read_optional(&config, folder, "tokenizer_config.json", err);
    const sav_json *root = config ? sav_json_root(config) : NULL, *map_root = NULL;
    const sav_json *decoder = sav_json_get(root, "added_tokens_decoder");
    if (!status && !is_null(decoder)) {
        status = read_decoder(t, decoder, sav_json_name(config), err);
    } else if (!status) {
        status = read_optional(&map, folder, "special_tokens_map.json", err);
        if (map) map_root = sav_json_root(map);
        if (!status) status = read_optional(&legacy, folder, "added_tokens.json", err);
        if (!status && legacy)
            status = read_legacy(t, sav_json_root(legacy), root, map_root, sav_json_name(legacy), err);
    }
    if (!status && map) status = put_specials(t, map_root, sav_json_name(map), err);
    if (!status && config) status = put_specials(t, root, sav_json_name(config), err);
    if (!status && !map) status = put_defaults(t, root, err);
    if (!status) status = sav_added_finish(&t->added, err);
    sav_json_free(config);
    sav_json_free(map);
    sav_json_free(legacy);
    return status;
}

sav_status sav_tokenizer_parse(sav_tokenizer **out, const sav_json_doc *doc, sav_error *err) {
    *out = NULL;
    sav_tokenizer *t = sav_alloc(1, sizeof *t);
    if (!t) return no_memory(err, sav_json_name(doc));
    sav_status status = open_tokenizer_json(t, doc, err);
    if (!status) status = sav_added_finish(&t->added, err);
    if (!status)
        *out = t;
    else
        sav_tokenizer_free(t);
    return status;
}

sav_status sav_tokenizer_open(sav_tokenizer **out, const char *folder, sav_error *err) {
    sav_json_doc *doc = NULL;
    *out = NULL;
    sav_tokenizer *t = sav_alloc(1, sizeof *t);
    if (!t) return no_memory(err, folder);
    sav_status status = read_optional(&doc, folder, "tokenizer.json", err);
    if (!status) status = doc ? open_tokenizer_json(t, doc, err) : open_vocab_json(t, folder, err);
    sav_json_free(doc);
    if (!status) status = open_added(t, folder, err);
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
