/* tokenizer_added.c: a folder's added and special tokens -> sav_added of a tokenizer (see tokenizer.h).
 *
 *     tokenizer.json: added_tokens                     read by tokenizer_files.c, first
 *     tokenizer_config.json: added_tokens_decoder      on top of it
 *     or added_tokens.json, special_tokens_map.json    the same in older folders
 *     then special tokens by name, and extra_special_tokens, that are not there yet: behind the last id
 *
 * Order and defaults follow transformers 4.51.3: tokenization_utils_base.py, tokenization_utils_fast.py and
 * models/qwen2/tokenization_qwen2_fast.py.
 */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "io/config.h"
#include "text/tokenizer_parts.h"

/* ---- what both readers share --------------------------------------------------------------------------- */

sav_status sav_tokenizer_no_memory(sav_error *err, const char *name) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: out of memory", name);
}

sav_status sav_tokenizer_at(sav_status status, const sav_json *node, const char *name, sav_error *err) {
    if (status) sav_error_prefix(err, "%s:%u:%u", name, node->line, node->column);
    return status;
}

sav_status sav_tokenizer_refuse(const char *what, const char *found, const char *expected,
                                const sav_json *node, const char *name, sav_error *err) {
    return sav_fail(err, SAV_UNSUPPORTED, "%s:%u:%u: %s \"%.60s\"; expected %s", name, node->line,
                    node->column, what, found, expected);
}

sav_status sav_tokenizer_check(sav_text *notes, const sav_json_doc *doc, const sav_keys *table,
                               sav_error *err) {
    sav_unknown_keys unknown = {0};
    sav_text own = {0};
    if (!doc) return SAV_OK;
    sav_status status = sav_keys_check(&unknown, sav_json_root(doc), table, sav_json_name(doc), err);
    sav_keys_warn(notes ? notes : &own, &unknown, sav_json_name(doc));
    sav_text_free(&own);
    return status;
}

sav_status sav_tokenizer_read(sav_json_doc **out, const char *folder, const char *file, sav_error *err) {
    char *path = sav_path_join(folder, file);
    sav_status status = SAV_OK;
    *out = NULL;
    if (!path)
        status = sav_tokenizer_no_memory(err, file);
    else if (sav_os_exists(path))
        status = sav_json_read(out, path, err);
    sav_free(path);
    return status;
}

/* ---- added tokens -------------------------------------------------------------------------------------- */

/* The id that the library gives a new added token: that of its content in the vocabulary, or the next free
 * one. */
static uint32_t next_id(const sav_tokenizer *t, const char *content, size_t length) {
    uint32_t id = sav_bpe_find(&t->bpe, content, length);
    if (id != SAV_BPE_NONE) return id;
    return t->added.next_id > t->bpe.count ? t->added.next_id : t->bpe.count;
}

/* PARITY: a token that is there already keeps its id and takes the newer flags. Guarded by
 * test_tokenizer_files. */
static sav_status put_added(sav_tokenizer *t, sav_added_token *token, int64_t declared, sav_error *err) {
    if (token->length == 0) return SAV_OK; /* the library ignores it too */
    const sav_added_token *there = sav_added_by_content(&t->added, token->content, token->length);
    token->id = there ? there->id : next_id(t, token->content, token->length);
    if (declared >= 0 && declared != (int64_t)token->id)
        return sav_fail(err, SAV_BAD_INPUT,
                        "added token \"%.60s\" has id %lld; expected %u, the id the vocabulary leaves it",
                        token->content, (long long)declared, token->id);
    if (token->id >= SAV_BPE_MOST_IDS)
        return sav_fail(err, SAV_BAD_INPUT, "added token \"%.60s\" has id %u; expected less than %u",
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

sav_status sav_added_read_list(sav_tokenizer *t, const sav_json *list, const char *name, sav_error *err) {
    if (sav_json_is_null(list)) return SAV_OK;
    if (list->kind != SAV_JSON_ARRAY)
        return sav_tokenizer_refuse("added_tokens", "of another kind", "a list", list, name, err);
    for (const sav_json *node = list->child; node; node = node->next) {
        sav_added_token token;
        int64_t id;
        sav_status status = read_added(&token, node, name, err);
        if (status) return status;
        if (!sav_json_integer(&id, sav_json_get(node, "id")) || id < 0 || id >= SAV_BPE_MOST_IDS)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s:%u:%u: added token \"%.60s\" without a whole number \"id\" below %u", name,
                            node->line, node->column, token.content, SAV_BPE_MOST_IDS);
        status = put_added(t, &token, id, err);
        if (status) return sav_tokenizer_at(status, node, name, err);
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

static int64_t value_id(const sav_json *member) {
    int64_t id;
    return sav_json_integer(&id, member) && id >= 0 ? id : -1;
}

static sav_status check_ids(const sav_json *object, int64_t (*id_of)(const sav_json *), const char *name,
                            sav_error *err) {
    if (object->kind != SAV_JSON_OBJECT)
        return sav_tokenizer_refuse("added tokens", "of another kind", "an object", object, name, err);
    if (object->count > SAV_ADDED_MOST)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: %u added tokens; expected at most %d", name, object->count,
                        SAV_ADDED_MOST);
    for (const sav_json *node = object->child; node; node = node->next)
        if (id_of(node) < 0 || id_of(node) >= SAV_BPE_MOST_IDS)
            return sav_fail(err, SAV_BAD_INPUT, "%s:%u:%u: added token \"%.60s\" without an id from 0 to %u",
                            name, node->line, node->column, node->key, SAV_BPE_MOST_IDS - 1);
    return SAV_OK;
}

typedef struct member {
    const sav_json *node;
    int64_t id;
    size_t place;
} member;

static int by_id(const void *a, const void *b) {
    const member *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* The members of an object by increasing id, of equal ids the last; *count of them. */
static sav_status sort_members(member **out, size_t *count, const sav_json *object,
                               int64_t (*id_of)(const sav_json *), const char *name, sav_error *err) {
    sav_status status = check_ids(object, id_of, name, err);
    *count = 0;
    *out = status ? NULL : sav_alloc(object->count, sizeof **out);
    if (status) return status;
    if (!*out) return sav_tokenizer_no_memory(err, name);
    size_t n = 0, kept = 0;
    for (const sav_json *node = object->child; node; node = node->next, n++)
        (*out)[n] = (member){node, id_of(node), n};
    if (n) qsort(*out, n, sizeof **out, by_id);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || (*out)[i + 1].id != (*out)[i].id) (*out)[kept++] = (*out)[i];
    *count = kept;
    return SAV_OK;
}

/* tokenizer_config.json: {"151643": {"content": …, …}, …} */
static sav_status read_decoder(sav_tokenizer *t, const sav_json *object, const char *name, sav_error *err) {
    member *members;
    size_t count;
    sav_status status = sort_members(&members, &count, object, key_id, name, err);
    for (size_t i = 0; i < count && !status; i++) {
        const sav_json *node = members[i].node;
        sav_added_token token;
        status = read_added(&token, node, name, err);
        if (!status) status = sav_tokenizer_at(put_added(t, &token, members[i].id, err), node, name, err);
    }
    sav_free(members);
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
        return sav_tokenizer_refuse("special token", "of another kind", "a string or an object", node, name,
                                    err);
    }
    token.special = true;
    if (sav_added_by_content(&t->added, token.content, token.length)) return SAV_OK;
    return sav_tokenizer_at(put_added(t, &token, -1, err), node, name, err);
}

static sav_status put_specials(sav_tokenizer *t, const sav_json *config, const char *name, sav_error *err) {
    sav_status status = SAV_OK;
    for (int i = 0; i < SPECIAL_NAMES && !status; i++) {
        const sav_json *node = sav_json_get(config, special_names[i]);
        if (sav_json_is_null(node)) continue;
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

/* A name that the processor takes its placeholder from: another one would stand in prompts. */
static bool other_placeholder(const sav_json *node) {
    const sav_json *text = node->kind == SAV_JSON_OBJECT ? sav_json_get(node, "content") : node;
    if (strcmp(node->key, "image_token") == 0)
        return !sav_json_is(text, "<image>") && !sav_json_is(text, "<|image_pad|>");
    if (strcmp(node->key, "video_token") == 0)
        return !sav_json_is(text, "<video>") && !sav_json_is(text, "<|video_pad|>");
    return false;
}

/* tokenizer_config.json: "extra_special_tokens" {"point_token": "<point>", …}: behind all others. Newer
 * versions write a list, which the library refuses. */
static sav_status put_extra(sav_tokenizer *t, const sav_json *config, const char *name, sav_error *err) {
    const sav_json *extra = sav_json_get(config, "extra_special_tokens");
    sav_status status = SAV_OK;
    if (sav_json_is_null(extra) || !extra->count) return SAV_OK;
    if (extra->kind != SAV_JSON_OBJECT)
        return sav_tokenizer_refuse(
            "extra_special_tokens", "of another kind",
            "an object of names and tokens (newer forms: write additional_special_tokens)", extra, name, err);
    for (const sav_json *node = extra->child; node && !status; node = node->next)
        status = other_placeholder(node)
                     ? sav_tokenizer_refuse("extra_special_tokens: another", node->key,
                                            "the family's own placeholder", node, name, err)
                     : put_special(t, node, name, err);
    return status;
}

/* ---- added_tokens.json --------------------------------------------------------------------------------- */

/* Contents of special tokens, to be looked up: pointers into the files' trees. */
typedef struct contents {
    const char **items;
    size_t count, capacity;
} contents;

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_content(contents *to, const sav_json *value) {
    const sav_json *text = value->kind == SAV_JSON_OBJECT ? sav_json_get(value, "content") : value;
    if (!text || text->kind != SAV_JSON_STRING) return true;
    if (!sav_grow(&to->items, &to->capacity, to->count + 1, sizeof *to->items)) return false;
    to->items[to->count++] = text->text;
    return true;
}

static bool add_contents(contents *to, const sav_json *file) {
    bool enough = true;
    for (int i = 0; i < SPECIAL_NAMES; i++) {
        const sav_json *value = sav_json_get(file, special_names[i]);
        if (value && value->kind == SAV_JSON_ARRAY)
            for (value = value->child; value; value = value->next) enough = enough && add_content(to, value);
        else if (value)
            enough = enough && add_content(to, value);
    }
    return enough;
}

/* {"<|im_end|>": 151645, …}; which are special stands in the config or the map. tokenizer.json has
 * precedence. */
static sav_status read_legacy(sav_tokenizer *t, const sav_json_doc *doc, const sav_json *config,
                              const sav_json *map, sav_error *err) {
    const char *name = sav_json_name(doc);
    contents special = {0};
    member *members;
    size_t count;
    sav_status status = sort_members(&members, &count, sav_json_root(doc), value_id, name, err);
    if (!status && !(add_contents(&special, config) && add_contents(&special, map)))
        status = sav_tokenizer_no_memory(err, name);
    if (special.count) qsort(special.items, special.count, sizeof *special.items, by_text);
    for (size_t i = 0; i < count && !status; i++) {
        const sav_json *node = members[i].node;
        sav_added_token token = {.content = (char *)(uintptr_t)node->key, .length = node->key_length};
        token.special = special.count &&
                        bsearch(&node->key, special.items, special.count, sizeof *special.items, by_text);
        token.normalized = !token.special;
        if (sav_added_by_content(&t->added, token.content, token.length)) continue;
        status = sav_tokenizer_at(put_added(t, &token, members[i].id, err), node, name, err);
    }
    sav_free(special.items);
    sav_free(members);
    return status;
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

/* Where tokenizer_config.json has no added_tokens_decoder: two older files. */
static sav_status read_older(sav_tokenizer *t, sav_text *notes, const sav_json_doc *map,
                             const sav_json *config, const char *folder, sav_error *err) {
    sav_json_doc *legacy = NULL;
    sav_status status = sav_tokenizer_check(notes, map, &sav_special_map_keys, err);
    if (!status) status = sav_tokenizer_read(&legacy, folder, "added_tokens.json", err);
    if (!status && legacy) status = read_legacy(t, legacy, config, map ? sav_json_root(map) : NULL, err);
    sav_json_free(legacy);
    return status;
}

sav_status sav_added_read_folder(sav_tokenizer *t, sav_text *notes, const char *folder, sav_error *err) {
    sav_json_doc *config = NULL, *map = NULL;
    sav_status status = sav_tokenizer_read(&config, folder, "tokenizer_config.json", err);
    if (!status) status = sav_tokenizer_check(notes, config, &sav_tokenizer_config_keys, err);
    const sav_json *root = config ? sav_json_root(config) : NULL;
    const sav_json *decoder = sav_json_get(root, "added_tokens_decoder");
    if (!status && sav_json_is_null(decoder)) {
        status = sav_tokenizer_read(&map, folder, "special_tokens_map.json", err);
        if (!status) status = read_older(t, notes, map, root, folder, err);
    } else if (!status) {
        status = read_decoder(t, decoder, sav_json_name(config), err);
    }
    if (!status && map) status = put_specials(t, sav_json_root(map), sav_json_name(map), err);
    if (!status && config) status = put_specials(t, root, sav_json_name(config), err);
    if (!status && config) status = put_extra(t, root, sav_json_name(config), err);
    if (!status && !map) status = put_defaults(t, root, err);
    if (!status) status = sav_added_finish(&t->added, err);
    sav_json_free(config);
    sav_json_free(map);
    return status;
}
