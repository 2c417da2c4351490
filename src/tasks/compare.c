/* compare.c: two dumps stage by stage: which tensors belong together, and in which order. See compare.h. */
#include "tasks/compare.h"

#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/safetensors.h"
#include "tasks/compare_names.h"
#include "tasks/compare_stage.h"

typedef struct entry {
    const sav_tensor *tensor;
    char *key; /* what it is compared under */
    uint32_t changes;
} entry;

/* One file. */
typedef struct side {
    sav_safetensors *file;
    sav_json_doc *metadata;
    const sav_json *list; /* its `stages`; NULL: none */
    entry *entries;       /* [count], as they lie in the file */
    entry **by_key;       /* [count], sorted */
    size_t count;
} side;

struct sav_comparison {
    side a, b, truth;
    sav_compare_stage *stages; /* [count] */
    size_t count;
    size_t renamed;
    uint32_t changes_a, changes_b; /* of those renamed */
};

static sav_status no_memory(const side *s, sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for the names of %zu stages",
                    sav_safetensors_path(s->file), s->count);
}

/* ---- one file ------------------------------------------------------------------------------------------ */

static bool is_own_key(const entry *e) {
    return strcmp(e->key, e->tensor->name) == 0;
}

/* Of equal keys the one that is its own name comes first, then the one that lies first. */
static int by_key(const void *a, const void *b) {
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    const int order = strcmp(x->key, y->key);
    if (order) return order;
    if (is_own_key(x) != is_own_key(y)) return is_own_key(x) ? -1 : 1;
    return (x > y) - (x < y);
}

static entry *find(const side *s, const char *key) {
    for (size_t low = 0, high = s->count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(key, s->by_key[middle]->key);
        if (order == 0) return s->by_key[middle];
        if (order < 0) high = middle;
        if (order > 0) low = middle + 1;
    }
    return NULL;
}

/* Of tensors with the same key in one file the first is the stage; the others stay under their own names. */
static sav_status part_equal_keys(side *s, sav_error *err) {
    bool parted = false;
    if (s->count) qsort(s->by_key, s->count, sizeof *s->by_key, by_key);
    for (size_t i = 1, kept = 0; i < s->count; i++) {
        entry *e = s->by_key[i];
        if (strcmp(s->by_key[kept]->key, e->key) != 0) {
            kept = i;
            continue;
        }
        char *name = sav_strdup(e->tensor->name);
        if (!name) return no_memory(s, err);
        sav_free(e->key);
        e->key = name;
        e->changes = 0;
        parted = true;
    }
    if (parted) qsort(s->by_key, s->count, sizeof *s->by_key, by_key);
    return SAV_OK;
}

/* The list `stages` of the metadata; NULL where there is none, or none that can be read. */
static sav_status read_list(side *s, sav_error *err) {
    const char *text = sav_safetensors_metadata(s->file, "savs"), *twice;
    if (!text) return SAV_OK;
    sav_status status = sav_json_parse(&s->metadata, text, strlen(text), "metadata", 1, &twice, err);
    if (status) return status == SAV_NO_MEMORY ? status : SAV_OK; /* somebody else's `savs` */
    s->list = sav_json_get(sav_json_root(s->metadata), "stages");
    if (s->list && s->list->kind != SAV_JSON_ARRAY) s->list = NULL;
    return SAV_OK;
}

static sav_status read_side(side *s, sav_error *err) {
    s->count = sav_safetensors_count(s->file);
    s->entries = sav_alloc(s->count + 1, sizeof *s->entries); /* a file may be empty */
    s->by_key = sav_alloc(s->count + 1, sizeof *s->by_key);
    if (!s->entries || !s->by_key) return no_memory(s, err);
    for (size_t i = 0; i < s->count; i++) {
        entry *e = s->by_key[i] = &s->entries[i];
        sav_text key = {0};
        e->tensor = sav_safetensors_at(s->file, i);
        sav_stage_key(&key, &e->changes, e->tensor->name);
        e->key = key.bytes; /* its memory is ours now */
        if (key.failed) return no_memory(s, err);
    }
    sav_status status = part_equal_keys(s, err);
    return status ? status : read_list(s, err);
}

static void close_side(side *s) {
    for (size_t i = 0; s->entries && i < s->count; i++) sav_free(s->entries[i].key);
    sav_free(s->entries);
    sav_free(s->by_key);
    sav_json_free(s->metadata);
    sav_safetensors_close(s->file);
}

/* ---- the order of the stages --------------------------------------------------------------------------- */

/* A stage with its position: `major` counts in the leading file's list; stages that only the other file has
 * stand behind their predecessor there, in `minor` order. */
typedef struct position {
    const entry *entry;
    size_t major, minor;
} position;

static int by_name(const void *a, const void *b) {
    const position *x = a, *y = b;
    int order = strcmp(x->entry->key, y->entry->key);
    if (order) return order;
    if (x->major != y->major) return x->major < y->major ? -1 : 1;
    return (x->minor > y->minor) - (x->minor < y->minor);
}

static int by_position(const void *a, const void *b) {
    const position *x = a, *y = b;
    if (x->major != y->major) return x->major < y->major ? -1 : 1;
    return (x->minor > y->minor) - (x->minor < y->minor);
}

/* Sorted by name, of each name the earliest position stays. */
static size_t unique_names(position *positions, size_t count) {
    size_t kept = 0;
    if (count) qsort(positions, count, sizeof *positions, by_name);
    for (size_t i = 0; i < count; i++)
        if (!kept || strcmp(positions[kept - 1].entry->key, positions[i].entry->key) != 0)
            positions[kept++] = positions[i];
    return kept;
}

/* Stages of one file in its order: what its metadata list, as far as the file has it, then the rest as it
 * lies there. */
static size_t file_order(const entry **out, const side *s) {
    size_t n = 0;
    for (const sav_json *node = s->list ? s->list->child : NULL; node; node = node->next) {
        const sav_tensor *t = node->kind == SAV_JSON_STRING ? sav_safetensors_find(s->file, node->text)
                                                            : NULL;
        if (t) out[n++] = &s->entries[t - sav_safetensors_at(s->file, 0)];
    }
    for (size_t i = 0; i < s->count; i++) out[n++] = &s->entries[i];
    return n;
}

static size_t names_of(const side *s) {
    return s->count + (s->list ? s->list->count : 0);
}

/* entries [lead_count] of the leading file, then [other_count] of the other one -> positions, unique and in
 * execution order. */
static size_t merge_orders(position *positions, const entry *const *entries, size_t lead_count,
                           size_t other_count) {
    for (size_t i = 0; i < lead_count; i++) positions[i] = (position){entries[i], i + 1, 0};
    const size_t unique = unique_names(positions, lead_count);
    size_t count = unique, major = 0;
    for (size_t i = 0; i < other_count; i++) {
        const entry *key = entries[lead_count + i];
        const position *found = NULL;
        for (size_t low = 0, high = unique; low < high && !found;) {
            size_t middle = low + (high - low) / 2;
            int order = strcmp(key->key, positions[middle].entry->key);
            if (order == 0) found = &positions[middle];
            if (order < 0) high = middle;
            if (order > 0) low = middle + 1;
        }
        if (found)
            major = found->major;
        else
            positions[count++] = (position){key, major, i + 1};
    }
    count = unique_names(positions, count);
    if (count) qsort(positions, count, sizeof *positions, by_position);
    return count;
}

/* ---- two files ----------------------------------------------------------------------------------------- */

static void compare_stage(sav_compare_stage *out, sav_comparison *c, const entry *stage) {
    const entry *a = find(&c->a, stage->key), *b = find(&c->b, stage->key);
    const entry *t = c->truth.file ? find(&c->truth, stage->key) : NULL;
    const sav_tensor *const abt[3] = {a ? a->tensor : NULL, b ? b->tensor : NULL, t ? t->tensor : NULL};
    out->name = stage->tensor->name;
    sav_compare_tensors(out, abt, stage->key);
    if (!a || !b || strcmp(a->tensor->name, b->tensor->name) == 0) return;
    c->renamed++;
    c->changes_a |= a->changes;
    c->changes_b |= b->changes;
}

static sav_status compare_stages(sav_comparison *c, sav_error *err) {
    const bool b_leads = !c->a.list && c->b.list;
    const side *lead = b_leads ? &c->b : &c->a, *other = b_leads ? &c->a : &c->b;
    const size_t most = names_of(lead) + names_of(other);
    const entry **entries = sav_alloc(most + 1, sizeof *entries);
    position *positions = sav_alloc(most + 1, sizeof *positions);
    if (entries && positions) {
        const size_t leading = file_order(entries, lead);
        c->count = merge_orders(positions, entries, leading, file_order(entries + leading, other));
        c->stages = sav_alloc(c->count + 1, sizeof *c->stages);
    }
    for (size_t i = 0; c->stages && i < c->count; i++) compare_stage(&c->stages[i], c, positions[i].entry);
    if (c->stages) sav_mark_noise(c->stages, c->count);
    sav_free(entries);
    sav_free(positions);
    if (c->stages) return SAV_OK;
    return sav_fail(err, SAV_NO_MEMORY, "no memory to compare %zu stages", most);
}

sav_status sav_compare_parsed(sav_comparison **out, sav_safetensors *const files[3], sav_error *err) {
    sav_comparison *c = sav_alloc(1, sizeof *c);
    if (!c) {
        for (int i = 0; i < 3; i++) sav_safetensors_close(files[i]);
        return sav_fail(err, SAV_NO_MEMORY, "no memory to compare files");
    }
    c->a.file = files[0];
    c->b.file = files[1];
    c->truth.file = files[2];
    sav_status status = read_side(&c->a, err);
    if (!status) status = read_side(&c->b, err);
    if (!status && c->truth.file) status = read_side(&c->truth, err);
    if (!status) status = compare_stages(c, err);
    if (!status)
        *out = c;
    else
        sav_compare_free(c);
    return status;
}

sav_status sav_compare_open(sav_comparison **out, const char *a, const char *b, const char *truth,
                            sav_error *err) {
    const char *const paths[3] = {a, b, truth};
    sav_safetensors *files[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++) {
        sav_status status = paths[i] ? sav_safetensors_open(&files[i], paths[i], err) : SAV_OK;
        if (!status) continue;
        while (i-- > 0) sav_safetensors_close(files[i]);
        return status;
    }
    return sav_compare_parsed(out, files, err);
}

void sav_compare_free(sav_comparison *c) {
    if (!c) return;
    close_side(&c->a);
    close_side(&c->b);
    close_side(&c->truth);
    sav_free(c->stages);
    sav_free(c);
}

size_t sav_compare_count(const sav_comparison *c) {
    return c->count;
}

const sav_compare_stage *sav_compare_at(const sav_comparison *c, size_t i) {
    return &c->stages[i];
}

size_t sav_compare_renamed(uint32_t *changes_a, uint32_t *changes_b, const sav_comparison *c) {
    *changes_a = c->changes_a;
    *changes_b = c->changes_b;
    return c->renamed;
}

bool sav_compare_differs(const sav_compare_stage *stage, double limit) {
    if (stage->kind == SAV_COMPARE_EQUAL) return false;
    if (limit < 0 || stage->kind != SAV_COMPARE_VALUES) return true;
    if (stage->integers) return stage->differ > 0;
    return !(stage->rel_l2 <= limit); /* a NaN is not within anything */
}

bool sav_compare_is_classifier(const char *path) {
    sav_safetensors *file;
    if (sav_safetensors_open(&file, path, NULL)) return false;
    bool heads = sav_safetensors_find(file, "activations") && sav_safetensors_find(file, "top_heads") &&
                 sav_safetensors_find(file, "head_scores");
    sav_safetensors_close(file);
    return heads;
}
