#include "model_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "check.h"
#include "io/json.h"

enum { MOST = 400 };

/* A helper that fails ends the program: the runner counts that as a failure. */
static void must(bool ok, const char *what, const sav_error *err) {
    if (ok) return;
    printf("model_folder: %s: %s\n", what, err ? err->message : "cannot be");
    exit(1);
}

static char folder[400];
static const double zeros[1 << 17]; /* data of tensors whose values do not matter */

const char *folder_path(const char *name) {
    static char path[4][700];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

void folder_write(const char *name, const void *bytes, size_t length) {
    sav_os_file *file;
    sav_error err;
    must(sav_os_create(&file, folder_path(name), &err) == SAV_OK, name, &err);
    must(sav_os_write(file, bytes, length, &err) == SAV_OK, name, &err);
    must(sav_os_commit(file, &err) == SAV_OK, name, &err);
}

void folder_delete(const char *name) {
    must(check_remove(folder_path(name)), name, NULL);
}

static char *read_text(const char *path, size_t *length) {
    sav_error err;
    char *text;
    must(sav_os_read_file(&text, length, path, (size_t)1 << 28, &err) == SAV_OK, path, &err);
    return text;
}

void folder_cut(const char *name, size_t length) {
    size_t all;
    char *text = read_text(folder_path(name), &all);
    must(length < all, name, NULL);
    folder_write(name, text, length);
    sav_free(text);
}

void folder_replace(const char *name, const char *find, const char *replace) {
    size_t length;
    char *text = read_text(folder_path(name), &length), *at = strstr(text, find);
    sav_text out = {0};
    must(at != NULL, find, NULL);
    sav_text_bytes(&out, text, (size_t)(at - text));
    sav_text_string(&out, replace);
    sav_text_string(&out, at + strlen(find));
    folder_write(name, out.bytes, out.length);
    sav_text_free(&out);
    sav_free(text);
}

/* ---- JSON files ---------------------------------------------------------------------------------------- */

const char *folder_split(char name[100], const char *path) {
    const char *dot = strchr(path, '.');
    snprintf(name, 100, "%.*s", (int)(dot ? dot - path : (long)strlen(path)), path);
    return dot ? dot + 1 : NULL;
}

/* The object with `value` at the path; value NULL: without it. */
static void put_changed(sav_text *out, const sav_json *object, const char *path, const char *value) {
    char name[100];
    const char *rest = folder_split(name, path), *comma = "";
    const sav_json *member = object && object->kind == SAV_JSON_OBJECT ? object->child : NULL;
    bool there = false;
    sav_text_string(out, "{");
    for (; member; member = member->next) {
        const bool here = strcmp(member->key, name) == 0;
        there |= here;
        if (here && !rest && !value) continue;
        sav_text_string(out, comma);
        comma = ",\n";
        sav_json_put_string(out, member->key, member->key_length);
        sav_text_string(out, ":");
        if (!here)
            sav_json_put(out, member);
        else if (rest)
            put_changed(out, member, rest, value);
        else
            sav_text_string(out, value);
    }
    if (!there && value) {
        sav_text_printf(out, "%s\"%s\":", comma, name);
        if (rest)
            put_changed(out, NULL, rest, value);
        else
            sav_text_string(out, value);
    }
    sav_text_string(out, "}");
}

void folder_set(const char *name, const char *path, const char *value) {
    size_t length;
    sav_error err;
    sav_json_doc *doc = NULL;
    sav_text out = {0};
    char *text = sav_os_exists(folder_path(name)) ? read_text(folder_path(name), &length) : sav_strdup("{}");
    must(text && sav_json_parse(&doc, text, strlen(text), name, 1, NULL, &err) == SAV_OK, name, &err);
    put_changed(&out, sav_json_root(doc), path, value);
    folder_write(name, out.bytes, out.length);
    sav_text_free(&out);
    sav_json_free(doc);
    sav_free(text);
}

const char *folder_copy(const char *fixture) {
    static int number;
    char source[300], path[700];
    char **names;
    size_t count, length;
    sav_error err;
    snprintf(source, sizeof source, "golden/models/%s", fixture);
    snprintf(folder, sizeof folder, "%s/%s-%d", check_folder(), fixture, number++);
    must(sav_os_make_folder(folder, &err) == SAV_OK, folder, &err);
    must(sav_os_list(&names, &count, source, &err) == SAV_OK, source, &err);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", source, names[i]);
        char *text = read_text(path, &length);
        folder_write(names[i], text, length);
        sav_free(text);
    }
    sav_os_names_free(names, count);
    return folder;
}

void folder_remove(void) {
    must(check_remove(folder), folder, NULL);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

typedef struct list {
    sav_tensor tensors[MOST];
    char names[MOST][500];
    size_t count;
    float *doubled[4]; /* owned data */
    size_t doubles;
} list;

static void name_tensor(list *l, size_t i, const char *name) {
    if (name != l->names[i]) snprintf(l->names[i], sizeof l->names[i], "%s", name);
    l->tensors[i].name = l->names[i];
}

static void set_type(sav_tensor *t, sav_dtype dtype) {
    t->dtype = dtype;
    t->data = zeros;
    must(t->count * sav_dtype_size(dtype) <= sizeof zeros, t->name, NULL);
}

static void turn(sav_tensor *t, int first) {
    for (int a = first, b = t->rank - 1; a < b; a++, b--) {
        size_t side = t->shape[a];
        t->shape[a] = t->shape[b];
        t->shape[b] = side;
    }
}

static void append(list *l, sav_tensor t, const char *name) {
    must(l->count < MOST, name, NULL);
    l->tensors[l->count] = t;
    name_tensor(l, l->count++, name);
}

static void twice(list *l, sav_tensor t, const char *name) {
    float *values = malloc(t.count * sizeof *values);
    must(values != NULL && t.dtype == SAV_F32 && l->doubles < 4, name, NULL);
    for (size_t i = 0; i < t.count; i++) values[i] = 2 * sav_tensor_float(&t, i);
    l->doubled[l->doubles++] = values;
    t.data = values;
    append(l, t, name);
}

static void change(list *l, size_t i, const folder_edit *e) {
    sav_tensor *t = &l->tensors[i];
    switch (e->change) {
    case TENSOR_TURN:
        turn(t, 0);
        break;
    case TENSOR_TAIL:
        turn(t, 1);
        break;
    case TENSOR_FLAT:
        t->rank = 1, t->shape[0] = t->count;
        break;
    case TENSOR_DEEP:
        t->shape[t->rank++] = 1;
        break;
    case TENSOR_TRIM:
        t->count = t->count / t->shape[0] * 350, t->shape[0] = 350;
        break;
    case TENSOR_F64:
        set_type(t, SAV_F64);
        break;
    case TENSOR_I64:
        set_type(t, SAV_I64);
        break;
    case TENSOR_COPY:
        append(l, *t, e->to);
        break;
    case TENSOR_DOUBLED:
        twice(l, *t, e->to);
        break;
    default:
        break;
    }
}

/* Renames and drops of whole prefixes, each tensor by the first edit that fits. */
static void rename_all(list *l, const folder_edit *edits, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        const folder_edit *fits = NULL;
        char name[500], now[500];
        snprintf(name, sizeof name, "%s", l->names[i]);
        snprintf(now, sizeof now, "%s", name);
        for (const folder_edit *e = edits; e < edits + count && !fits; e++) {
            size_t n = strlen(e->tensor);
            bool begins = n && e->tensor[n - 1] == '*' && strncmp(name, e->tensor, n - 1) == 0;
            if ((e->change != TENSOR_RENAME && e->change != TENSOR_DROP) ||
                (!begins && strcmp(name, e->tensor) != 0))
                continue;
            fits = e;
            if (e->change == TENSOR_RENAME)
                snprintf(now, sizeof now, "%.200s%.250s", e->to, begins ? name + n - 1 : "");
        }
        if (fits && fits->change == TENSOR_DROP) continue;
        l->tensors[kept] = l->tensors[i];
        name_tensor(l, kept++, now);
    }
    l->count = kept;
}

static sav_safetensors *read_list(list *l) {
    sav_safetensors *file;
    sav_error err;
    *l = (list){.count = 0};
    must(sav_safetensors_open(&file, folder_path("model.safetensors"), &err) == SAV_OK, folder, &err);
    for (size_t i = 0; i < sav_safetensors_count(file); i++)
        append(l, *sav_safetensors_at(file, i), sav_safetensors_at(file, i)->name);
    return file;
}

void folder_tensors(const folder_edit *edits, size_t count) {
    static list l;
    sav_safetensors *file = read_list(&l);
    sav_error err;
    for (const folder_edit *e = edits; e < edits + count; e++) {
        bool found = e->change == TENSOR_ADD || e->change == TENSOR_NONE || strchr(e->tensor, '*');
        if (e->change == TENSOR_ADD)
            append(&l, (sav_tensor){.dtype = SAV_I64, .rank = 2, .shape = {1, 3}, .count = 3, .data = zeros},
                   e->to);
        for (size_t i = 0, all = l.count; i < all && !found; i++)
            if (strcmp(l.names[i], e->tensor) == 0) {
                change(&l, i, e);
                found = true;
            }
        must(found, e->tensor, NULL);
    }
    rename_all(&l, edits, count);
    must(sav_safetensors_write(folder_path("new"), l.tensors, l.count, NULL, &err) == SAV_OK, folder, &err);
    while (l.doubles) free(l.doubled[--l.doubles]);
    sav_safetensors_close(file); /* before its file goes: some systems keep what is mapped */
    folder_delete("model.safetensors");
    must(rename(folder_path("new"), folder_path("model.safetensors")) == 0, folder, NULL);
}

void folder_shard(size_t shards) {
    static list l;
    sav_safetensors *file = read_list(&l);
    sav_text index = {0};
    sav_error err;
    char name[100];
    sav_text_string(&index, "{\"weight_map\": {");
    for (size_t s = 0; s < shards; s++) {
        size_t first = l.count * s / shards, end = l.count * (s + 1) / shards;
        snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", s + 1, shards);
        must(sav_safetensors_write(folder_path(name), l.tensors + first, end - first, NULL, &err) == SAV_OK,
             name, &err);
        for (size_t i = first; i < end; i++)
            sav_text_printf(&index, "%s\n\"%s\": \"%s\"", i ? "," : "", l.names[i], name);
    }
    sav_text_string(&index, "}}\n");
    folder_write("model.safetensors.index.json", index.bytes, index.length);
    sav_text_free(&index);
    sav_safetensors_close(file);
    folder_delete("model.safetensors");
}
