/* json.c: JSON text -> tree, strictly. See json.h.
 *
 * One pass, recursive to at most 64 levels. All nodes come from blocks, all decoded strings lie in one
 * buffer: a string takes at most as many bytes decoded as it takes in the file with its quotes, its NUL
 * included, so the buffer is as long as the text.
 */
#include "io/json.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"

enum { MAX_DEPTH = 64, FIRST_NODES = 16, MOST_NODES = 1024 };

/* Nodes stay where they are, so the tree grows by further blocks, each twice the one before: a record of a
 * list is one small block, a tokenizer.json a few hundred large ones. */
typedef struct block {
    struct block *older;
    size_t used, capacity;
    sav_json nodes[];
} block;

struct sav_json_doc {
    block *blocks;
    char *strings;
    char *name;
    const sav_json *root;
};

typedef struct parser {
    const unsigned char *p, *end, *line_start;
    uint32_t line;
    char *strings; /* where the next decoded byte goes */
    const char *name;
    sav_json_doc *doc;
    size_t values; /* that may still come */
    const char **duplicate;
    sav_error *err;
} parser;

static sav_status fail_here(parser *in, const char *what) {
    return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: %s", in->name, in->line,
                    (unsigned)(in->p - in->line_start) + 1, what);
}

static sav_status fail_memory(parser *in) {
    return sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory to read it", in->name);
}

static sav_json *new_node(parser *in) {
    block *b = in->doc->blocks;
    if (!b || b->used == b->capacity) {
        const size_t capacity = b ? sav_min(2 * b->capacity, MOST_NODES) : FIRST_NODES;
        b = sav_alloc(1, sizeof *b + capacity * sizeof *b->nodes);
        if (!b) return NULL;
        b->capacity = capacity;
        b->older = in->doc->blocks;
        in->doc->blocks = b;
    }
    sav_json *node = &b->nodes[b->used++];
    node->line = in->line;
    node->column = (uint32_t)(in->p - in->line_start) + 1;
    return node;
}

static void skip_space(parser *in) {
    for (; in->p < in->end; in->p++) {
        if (*in->p == '\n') {
            in->line++;
            in->line_start = in->p + 1;
        } else if (*in->p != ' ' && *in->p != '\t' && *in->p != '\r') {
            return;
        }
    }
}

/* ---- strings ------------------------------------------------------------------------------------------- */

/* Four hex digits at p; -1 if they are none. */
static int32_t hex4(const unsigned char *p, const unsigned char *end) {
    int32_t v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = p[i] | 0x20;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || (p[i] < 0x40 && digit > 9)) return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* One escape, p on the character behind the backslash. */
static sav_status read_escape(parser *in) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *simple = in->p < in->end && *in->p ? strchr(from, *in->p) : NULL;
    if (simple) {
        *in->strings++ = to[simple - from];
        in->p++;
        return SAV_OK;
    }
    if (in->p >= in->end || *in->p != 'u') return fail_here(in, "found an unknown escape in a string");
    const int32_t high = hex4(in->p + 1, in->end);
    if (high < 0) return fail_here(in, "found \\u without four hex digits");
    uint32_t c = (uint32_t)high;
    size_t length = 5;
    if (c >= 0xD800 && c < 0xE000) {
        const bool second = in->end - in->p >= 11 && in->p[5] == '\\' && in->p[6] == 'u';
        const int32_t low = second ? hex4(in->p + 7, in->end) : -1;
        if (c >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
            return fail_here(in, "found half of a surrogate pair in a string");
        c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
        length = 11;
    }
    in->strings += sav_utf8_encode(in->strings, c);
    in->p += length;
    return SAV_OK;
}

/* Bytes of the character at p; 0: no UTF-8. */
static size_t character_length(const parser *in) {
    uint32_t point;
    size_t n = 0;
    if (*in->p < 0x80) return 1; /* most text, without a call */
    sav_utf8_decode(&point, (const char *)in->p, (size_t)(in->end - in->p), &n);
    return n;
}

/* A string, p on its opening quote. */
static sav_status read_string(parser *in, const char **text, uint32_t *length) {
    char *start = in->strings;
    in->p++;
    for (;;) {
        if (in->p >= in->end) return fail_here(in, "found the end; expected the closing quote of a string");
        unsigned char c = *in->p;
        if (c == '"') break;
        if (c < 0x20) return fail_here(in, "found a control character in a string; expected an escape");
        if (c == '\\') {
            in->p++;
            sav_status status = read_escape(in);
            if (status) return status;
            continue;
        }
        const size_t n = character_length(in);
        if (n == 0) return fail_here(in, "found bytes that are no UTF-8");
        memcpy(in->strings, in->p, n);
        in->strings += n;
        in->p += n;
    }
    in->p++;
    size_t bytes = (size_t)(in->strings - start);
    *in->strings++ = '\0';
    *text = start;
    *length = (uint32_t)bytes;
    return SAV_OK;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static bool digits(parser *in) {
    const unsigned char *start = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9') in->p++;
    return in->p > start;
}

static sav_status read_number(parser *in, sav_json *node) {
    const unsigned char *start = in->p;
    node->kind = SAV_JSON_NUMBER;
    if (*in->p == '-') in->p++;
    bool leading_zero = in->p < in->end && *in->p == '0';
    const unsigned char *whole = in->p;
    if (!digits(in))
        return fail_here(in, "found no value; expected a string, number, object, array, true, false or null");
    if (leading_zero && in->p - whole > 1) return fail_here(in, "found a number with a leading zero");
    if (in->p < in->end && *in->p == '.') {
        in->p++;
        if (!digits(in)) return fail_here(in, "found no digit behind the decimal point");
    }
    if (in->p < in->end && (*in->p | 0x20) == 'e') {
        in->p++;
        if (in->p < in->end && (*in->p == '+' || *in->p == '-')) in->p++;
        if (!digits(in)) return fail_here(in, "found no digit in the exponent");
    }
    node->length = (uint32_t)(in->p - start);
    memcpy(in->strings, start, node->length);
    node->text = in->strings;
    in->strings += node->length;
    *in->strings++ = '\0';
    return SAV_OK;
}

static bool word(parser *in, const char *text) {
    size_t n = strlen(text);
    if ((size_t)(in->end - in->p) < n || memcmp(in->p, text, n) != 0) return false;
    in->p += n;
    return true;
}

static bool same_key(const sav_json *a, const sav_json *b) {
    return a->key_length == b->key_length && memcmp(a->key, b->key, a->key_length) == 0;
}

static sav_status found_twice(parser *in, const sav_json *node) {
    char quoted[SAV_QUOTED];
    if (!in->duplicate)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: found the key \"%s\" a second time in one object",
                        in->name, node->line, node->column, sav_quote(quoted, node->key, node->key_length));
    if (!*in->duplicate) *in->duplicate = node->key;
    return SAV_OK;
}

static sav_status twice_by_pairs(parser *in, const sav_json *object) {
    sav_status status = SAV_OK;
    for (const sav_json *a = object->child; a && !status; a = a->next)
        for (const sav_json *b = object->child; b != a && !status; b = b->next)
            if (same_key(a, b)) status = found_twice(in, a);
    return status;
}

/* A hash table at most half full. Keys that were chosen to collide would make it a square: after MOST_STEPS a
 * key *settled is false, and whatever was found in time is found again by the order. */
static sav_status twice_by_hash(bool *settled, parser *in, const sav_json *object) {
    enum { MOST_STEPS = 8 };
    size_t slots = 16, steps = (size_t)object->count * MOST_STEPS;
    while (slots < (size_t)object->count * 2) slots *= 2;
    const sav_json **table = sav_alloc(slots, sizeof *table);
    if (!table) return fail_memory(in);
    sav_status status = SAV_OK;
    for (const sav_json *node = object->child; node && steps && !status; node = node->next) {
        size_t at = sav_hash(node->key, node->key_length) & (slots - 1);
        for (; table[at] && !same_key(table[at], node) && steps; steps--) at = (at + 1) & (slots - 1);
        if (table[at] && steps) status = found_twice(in, node);
        table[at] = node;
    }
    *settled = steps > 0;
    sav_free(table);
    return status;
}

static bool stands_before(const sav_json *a, const sav_json *b) {
    return a->line < b->line || (a->line == b->line && a->column < b->column);
}

/* By key; equal ones as they stand in the text. */
static int by_key(const void *one, const void *other) {
    const sav_json *a = *(const sav_json *const *)one, *b = *(const sav_json *const *)other;
    if (a->key_length != b->key_length) return a->key_length < b->key_length ? -1 : 1;
    const int order = memcmp(a->key, b->key, a->key_length);
    return order ? order : stands_before(a, b) ? -1 : stands_before(b, a);
}

static sav_status twice_by_order(parser *in, const sav_json *object) {
    const sav_json **order = sav_alloc(object->count, sizeof *order), *first = NULL;
    size_t count = 0;
    if (!order) return fail_memory(in);
    for (const sav_json *node = object->child; node; node = node->next) order[count++] = node;
    qsort(order, count, sizeof *order, by_key);
    for (size_t i = 1; i < count; i++)
        if (same_key(order[i - 1], order[i]) && (!first || stands_before(order[i], first))) first = order[i];
    sav_free(order);
    return first ? found_twice(in, first) : SAV_OK;
}

/* Keys of one object, checked for duplicates, in time that grows as their bytes do. */
static sav_status check_keys(parser *in, const sav_json *object) {
    bool settled = false;
    if (object->count <= 8) return twice_by_pairs(in, object);
    sav_status status = twice_by_hash(&settled, in, object);
    return status || settled ? status : twice_by_order(in, object);
}

static sav_status read_value(parser *in, sav_json **out, int depth);

/* The children of an array or object, p behind the opening bracket. */
static sav_status read_children(parser *in, sav_json *node, unsigned char close, int depth) {
    const sav_json **link = &node->child;
    for (;;) {
        skip_space(in);
        if (in->p < in->end && *in->p == close && node->count == 0) break;
        const char *key = NULL;
        uint32_t key_length = 0;
        sav_status status;
        if (close == '}') {
            if (in->p >= in->end || *in->p != '"') return fail_here(in, "expected a key in quotes");
            status = read_string(in, &key, &key_length);
            if (status) return status;
            skip_space(in);
            if (in->p >= in->end || *in->p != ':') return fail_here(in, "expected ':' behind the key");
            in->p++;
            skip_space(in);
        }
        sav_json *value;
        status = read_value(in, &value, depth);
        if (status) return status;
        value->key = key;
        value->key_length = key_length;
        *link = value;
        link = &value->next;
        node->count++;
        skip_space(in);
        if (in->p < in->end && *in->p == ',') {
            in->p++;
            continue;
        }
        if (in->p < in->end && *in->p == close) break;
        return fail_here(in, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    in->p++;
    return close == '}' ? check_keys(in, node) : SAV_OK;
}

static sav_status read_value(parser *in, sav_json **out, int depth) {
    if (in->values-- == 0) return fail_here(in, "found more values than a record may hold");
    sav_json *node = new_node(in);
    *out = node;
    if (!node) return fail_memory(in);
    if (in->p >= in->end) return fail_here(in, "found the end; expected a value");
    switch (*in->p) {
    case '"':
        node->kind = SAV_JSON_STRING;
        return read_string(in, &node->text, &node->length);
    case '{':
    case '[':
        if (depth == MAX_DEPTH) return fail_here(in, "nested deeper than 64 levels");
        node->kind = *in->p == '{' ? SAV_JSON_OBJECT : SAV_JSON_ARRAY;
        return read_children(in, node, *in->p++ == '{' ? '}' : ']', depth + 1);
    default:
        node->kind = SAV_JSON_NULL;
        if (word(in, "null")) return SAV_OK;
        node->kind = SAV_JSON_TRUE;
        if (word(in, "true")) return SAV_OK;
        node->kind = SAV_JSON_FALSE;
        if (word(in, "false")) return SAV_OK;
        return read_number(in, node);
    }
}

/* The one value that the parser's text is, into a document of its own. */
static sav_status read_document(sav_json_doc **out, parser *in) {
    const size_t length = (size_t)(in->end - in->p);
    sav_json *root = NULL;
    sav_json_doc *doc = in->doc = sav_alloc(1, sizeof *doc);
    if (doc) *doc = (sav_json_doc){.strings = sav_alloc(length + 2, 1), .name = sav_strdup(in->name)};
    if (!doc || !doc->strings || !doc->name) {
        sav_json_free(doc);
        return fail_memory(in);
    }
    in->strings = doc->strings;
    skip_space(in);
    sav_status status = read_value(in, &root, 0);
    if (!status) {
        skip_space(in);
        if (in->p < in->end) status = fail_here(in, "found more behind the end of the value");
    }
    if (status) {
        if (in->duplicate) *in->duplicate = NULL;
        sav_json_free(doc);
        return status;
    }
    doc->root = root;
    *out = doc;
    return SAV_OK;
}

sav_status sav_json_parse(sav_json_doc **out, const char *text, size_t length, const char *name,
                          uint32_t first_line, const char **duplicate, sav_error *err) {
    *out = NULL;
    if (duplicate) *duplicate = NULL;
    if (length >= UINT32_MAX - 2)
        return sav_fail(err, SAV_BAD_INPUT, "%s: JSON of 4 GiB and more is not read", name);
    const unsigned char *p = (const unsigned char *)text;
    parser in = {.p = p,
                 .end = p + length,
                 .line_start = p,
                 .line = first_line,
                 .name = name,
                 .values = SIZE_MAX,
                 .duplicate = duplicate,
                 .err = err};
    if (length >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) in.p += 3;
    return read_document(out, &in);
}

/* ---- records ------------------------------------------------------------------------------------------- */

/* Where the value at p ends, going by quotes and brackets alone: what stands between is for read_value to
 * judge. */
static const unsigned char *value_end(const unsigned char *p, const unsigned char *end) {
    bool quoted = false;
    for (size_t depth = 0; p < end; p++) {
        if (quoted && *p == '\\' && p + 1 < end) {
            p++;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && (*p == '[' || *p == '{')) {
            depth++;
        } else if (!quoted && (*p == ']' || *p == '}')) {
            if (!depth) return p;
            if (!--depth) return p + 1;
        } else if (!quoted && *p == ',' && !depth) {
            return p;
        }
    }
    return end;
}

static parser record_parser(const char *text, const char *end, const char *name, uint32_t line) {
    const unsigned char *p = (const unsigned char *)text;
    return (parser){.p = p,
                    .end = (const unsigned char *)end,
                    .line_start = p,
                    .line = line,
                    .name = name,
                    .values = SAV_JSON_RECORD_VALUES};
}

void sav_json_records_begin(sav_json_records *records, const char *text, size_t length, const char *name,
                            uint32_t first_line) {
    *records = (sav_json_records){text, text + length, text, name, first_line, 0};
}

/* The next element's place, p behind the one before it, or in front of the array. */
static sav_status find_record(bool *found, parser *in, size_t before) {
    *found = false;
    skip_space(in);
    if (in->p < in->end && *in->p == (before ? ',' : '[')) {
        in->p++;
        skip_space(in);
        *found = before || (in->p < in->end && *in->p != ']');
    }
    if (*found) return SAV_OK;
    if (in->p >= in->end || *in->p != ']') return fail_here(in, "expected ',' or ']'");
    in->p++;
    skip_space(in);
    return in->p < in->end ? fail_here(in, "found more behind the end of the value") : SAV_OK;
}

sav_status sav_json_records_next(sav_json_doc **out, sav_json_records *records, const char **duplicate,
                                 sav_error *err) {
    parser in = record_parser(records->at, records->end, records->name, records->line);
    in.line_start = (const unsigned char *)records->line_start;
    in.duplicate = duplicate;
    in.err = err;
    *out = NULL;
    *duplicate = NULL;
    bool found;
    sav_status status = find_record(&found, &in, records->count);
    if (status || !found) return status;
    in.end = value_end(in.p, in.end);
    if ((size_t)(in.end - in.p) > SAV_JSON_RECORD_BYTES)
        return fail_here(&in, "found a record of over 64 MiB");
    if (in.p == in.end) return fail_here(&in, "found no value; expected a record");
    status = read_document(out, &in);
    records->at = (const char *)in.p;
    records->line_start = (const char *)in.line_start;
    records->line = in.line;
    records->count++;
    return status;
}

sav_status sav_json_record(sav_json_doc **out, const char *text, size_t length, const char *name,
                           uint32_t line, const char **duplicate, sav_error *err) {
    parser in = record_parser(text, text + length, name, line);
    in.duplicate = duplicate;
    in.err = err;
    *out = NULL;
    *duplicate = NULL;
    if (length > SAV_JSON_RECORD_BYTES) return fail_here(&in, "found a record of over 64 MiB");
    return read_document(out, &in);
}

sav_status sav_json_read(sav_json_doc **out, const char *path, sav_error *err) {
    char *text;
    size_t length;
    *out = NULL;
    sav_status status = sav_os_read_file(&text, &length, path, (size_t)1 << 30, err);
    if (status) return status;
    /* of a key that stands twice the last one counts, as in Python's reader */
    const char *duplicate;
    status = sav_json_parse(out, text, length, path, 1, &duplicate, err);
    sav_free(text);
    return status;
}

void sav_json_free(sav_json_doc *doc) {
    if (!doc) return;
    while (doc->blocks) {
        block *older = doc->blocks->older;
        sav_free(doc->blocks);
        doc->blocks = older;
    }
    sav_free(doc->strings);
    sav_free(doc->name);
    sav_free(doc);
}

const sav_json *sav_json_root(const sav_json_doc *doc) {
    return doc->root;
}

const char *sav_json_name(const sav_json_doc *doc) {
    return doc->name;
}

/* ---- values by key ------------------------------------------------------------------------------------- */

const sav_json *sav_json_get(const sav_json *object, const char *key) {
    const sav_json *found = NULL;
    size_t length = strlen(key);
    if (!object || object->kind != SAV_JSON_OBJECT) return NULL;
    for (const sav_json *node = object->child; node; node = node->next) /* the last one wins */
        if (node->key_length == length && memcmp(node->key, key, length) == 0) found = node;
    return found;
}

static bool absent_node(const sav_json *node) {
    return !node || node->kind == SAV_JSON_NULL;
}

/* strtod reads the locale's decimal point, and a program that embeds this library may have set one. */
double sav_json_number(const char *text, size_t length) {
    char copy[400];
    const char *point = localeconv()->decimal_point, *dot = memchr(text, '.', length);
    size_t whole = dot ? (size_t)(dot - text) : length, rest = dot ? length - whole - 1 : 0,
           n = strlen(point);
    if (length + n >= sizeof copy) return HUGE_VAL; /* 400 digits are no number of a config */
    memcpy(copy, text, whole);
    if (dot) {
        memcpy(copy + whole, point, n);
        memcpy(copy + whole + n, dot + 1, rest);
    }
    copy[whole + (dot ? n : 0) + rest] = '\0';
    return strtod(copy, NULL);
}

static sav_status wrong(const sav_json *node, const char *key, const char *expected, const char *name,
                        sav_error *err) {
    sav_text found = {0};
    char quoted[SAV_QUOTED] = "something else";
    sav_json_put(&found, node);
    if (found.bytes) sav_quote(quoted, found.bytes, found.length);
    sav_status status = sav_fail(err, SAV_BAD_INPUT, "%s:%u:%u: \"%s\": found %s; expected %s", name,
                                 node->line, node->column, key, quoted, expected);
    sav_text_free(&found);
    return status;
}

bool sav_json_integer(int64_t *out, const sav_json *node) {
    if (!node || node->kind != SAV_JSON_NUMBER || strpbrk(node->text, ".eE")) return false;
    errno = 0;
    long long v = strtoll(node->text, NULL, 10);
    if (errno) return false;
    *out = v;
    return true;
}

sav_status sav_json_size(size_t *out, const sav_json *object, const char *key, size_t absent,
                         const char *name, sav_error *err) {
    const sav_json *node = sav_json_get(object, key);
    int64_t v;
    *out = absent;
    if (absent_node(node)) return SAV_OK;
    if (!sav_json_integer(&v, node) || v < 0 || (uint64_t)v > SIZE_MAX / 2)
        return wrong(node, key, "a whole number from 0", name, err);
    *out = (size_t)v;
    return SAV_OK;
}

sav_status sav_json_double(double *out, const sav_json *object, const char *key, double absent,
                           const char *name, sav_error *err) {
    const sav_json *node = sav_json_get(object, key);
    *out = absent;
    if (absent_node(node)) return SAV_OK;
    double v = node->kind == SAV_JSON_NUMBER ? sav_json_number(node->text, node->length) : HUGE_VAL;
    if (!isfinite(v)) return wrong(node, key, "a number", name, err);
    *out = v;
    return SAV_OK;
}

sav_status sav_json_bool(bool *out, const sav_json *object, const char *key, bool absent, const char *name,
                         sav_error *err) {
    const sav_json *node = sav_json_get(object, key);
    *out = absent;
    if (absent_node(node)) return SAV_OK;
    if (node->kind != SAV_JSON_TRUE && node->kind != SAV_JSON_FALSE)
        return wrong(node, key, "true or false", name, err);
    *out = node->kind == SAV_JSON_TRUE;
    return SAV_OK;
}

sav_status sav_json_string(const char **out, const sav_json *object, const char *key, const char *absent,
                           const char *name, sav_error *err) {
    const sav_json *node = sav_json_get(object, key);
    *out = absent;
    if (absent_node(node)) return SAV_OK;
    if (node->kind != SAV_JSON_STRING) return wrong(node, key, "a string", name, err);
    *out = node->text;
    return SAV_OK;
}

bool sav_json_is(const sav_json *node, const char *string) {
    return node && node->kind == SAV_JSON_STRING && node->length == strlen(string) &&
           memcmp(node->text, string, node->length) == 0;
}
