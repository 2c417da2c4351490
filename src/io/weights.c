/* weights.c: a model folder's tensors by name: model.safetensors, or shards listed in
 * model.safetensors.index.json.
 *
 * folder -> [shards] mapped -> one sorted list of views. Weights are mapped, never copied whole.
 */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "io/json.h"
#include "io/safetensors.h"

struct sav_weights {
    sav_safetensors **shards; /* [shard_count], in order of file name */
    sav_os_stamp *stamps;     /* [shard_count] of the files that were opened */
    size_t shard_count;
    const sav_tensor **tensors; /* [count], sorted by name */
    size_t count;
};

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The shard names of the index, sorted, each once; names are the JSON's. */
static sav_status shard_names(const char ***out, size_t *count, const sav_json_doc *index, sav_error *err) {
    const sav_json *map = sav_json_get(sav_json_root(index), "weight_map");
    const char *name = sav_json_name(index);
    if (!map || map->kind != SAV_JSON_OBJECT || map->count == 0)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found no \"weight_map\"; expected tensor names with their files", name);
    const char **names = sav_alloc(map->count, sizeof *names);
    if (!names) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", name);
    size_t n = 0;
    for (const sav_json *node = map->child; node; node = node->next) {
        bool plain = node->kind == SAV_JSON_STRING && node->length && strlen(node->text) == node->length &&
                     !strpbrk(node->text, "/\\") && node->text[0] != '.';
        if (!plain) {
            sav_free(names);
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s:%u: tensor %.200s: found a shard that is no plain file name; expected a file "
                            "in this folder",
                            name, node->line, node->key);
        }
        names[n++] = node->text;
    }
    qsort(names, n, sizeof *names, by_text);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i], names[kept - 1]) != 0) names[kept++] = names[i];
    *out = names;
    *count = kept;
    return SAV_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const sav_tensor *const *)a)->name, (*(const sav_tensor *const *)b)->name);
}

static sav_status collect(sav_weights *w, const char *folder, sav_error *err) {
    size_t n = 0;
    w->tensors = sav_alloc(w->count, sizeof *w->tensors);
    if (!w->tensors) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    for (size_t s = 0; s < w->shard_count; s++)
        for (size_t i = 0; i < sav_safetensors_count(w->shards[s]); i++)
            w->tensors[n++] = sav_safetensors_at(w->shards[s], i);
    if (n) qsort(w->tensors, n, sizeof *w->tensors, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(w->tensors[i]->name, w->tensors[i - 1]->name) == 0)
            return sav_fail(err, SAV_BAD_INPUT, "%s: tensor %.200s stands in two shards", folder,
                            w->tensors[i]->name);
    return SAV_OK;
}

static sav_status open_shards(sav_weights *w, const char *folder, const char **names, size_t count,
                              sav_error *err) {
    w->shards = sav_alloc(count, sizeof *w->shards);
    w->stamps = sav_alloc(count, sizeof *w->stamps);
    if (!w->shards || !w->stamps) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    for (size_t i = 0; i < count; i++) {
        char *path = sav_path_join(folder, names[i]);
        if (!path) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
        sav_status status = sav_safetensors_open(&w->shards[i], path, err);
        if (!status) w->shard_count++; /* counted, so that sav_weights_close closes it */
        if (!status) status = sav_os_stat(&w->stamps[i], path, err);
        if (status == SAV_BAD_INPUT && !sav_os_exists(path))
            sav_hint(err, "the download may not be complete: every shard of the index must be in the folder");
        sav_free(path);
        if (status) return status;
        w->count += sav_safetensors_count(w->shards[i]);
    }
    return collect(w, folder, err);
}

/* PARITY: all shards that the index names are read whole, so it may list a name that no shard holds (a tied
 * head) or name the wrong shard. A tensor that it does not list stays unread in the library, and what it was
 * for at random: refused here (test: test_weights.c). */
static sav_status check_index(const sav_weights *w, const sav_json_doc *index, sav_error *err) {
    const sav_json *map = sav_json_get(sav_json_root(index), "weight_map");
    sav_status status = SAV_OK;
    bool *listed = sav_alloc(w->count, sizeof *listed);
    if (!listed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", sav_json_name(index));
    for (const sav_json *node = map->child; node; node = node->next) {
        const size_t at = sav_weights_index(w, node->key);
        if (at < w->count) listed[at] = true;
    }
    for (size_t i = 0; i < w->count && !status; i++)
        if (!listed[i])
            status = sav_fail(err, SAV_BAD_INPUT, "%s: tensor %.200s of %s is not listed",
                              sav_json_name(index), w->tensors[i]->name,
                              sav_os_path_name(sav_weights_file_of(w, w->tensors[i])));
    sav_free(listed);
    return status;
}

static sav_status open_index(sav_weights *w, const char *folder, const char *path, sav_error *err) {
    const char **names = NULL;
    size_t count = 0;
    sav_json_doc *index;
    sav_status status = sav_json_read(&index, path, err);
    if (!status) status = shard_names(&names, &count, index, err);
    if (!status) status = open_shards(w, folder, names, count, err);
    if (!status) status = check_index(w, index, err);
    sav_free(names);
    sav_json_free(index);
    return status;
}

/* What a folder may hold in the place of model.safetensors: names by their beginning and end. */
static const struct {
    const char *begin, *end, *what, *hint;
} INSTEAD[] = {
    {"adapter_", "", "an adapter (PEFT)",
     "merge it into its base model: merge_and_unload(), then save_pretrained(DIR)"},
    {"model-", ".safetensors", "a shard without model.safetensors.index.json",
     "the download may not be complete: copy the index into the folder"},
    {"", ".bin", "weights of torch.save",
     "write safetensors: load the folder with transformers, then save_pretrained(DIR)"},
    {"", ".pth", "weights of torch.save",
     "write safetensors: load them with torch, then safetensors.torch.save_file"},
    {"", ".gguf", "GGUF weights", "use the Hugging Face folder that they were made from"},
    {"", ".safetensors", "weights of another name",
     "a model folder has model.safetensors, or shards with an index"},
};

static bool is_between(const char *name, const char *begin, const char *end) {
    const size_t n = strlen(name), b = strlen(begin), e = strlen(end);
    return n >= b + e && strncmp(name, begin, b) == 0 && strcmp(name + n - e, end) == 0;
}

/* A folder without model.safetensors or its index: says what it has instead. */
static sav_status name_instead(const char *folder, sav_error *err) {
    char **names;
    size_t count;
    sav_status status = sav_os_list(&names, &count, folder, err);
    if (status) return status;
    status = sav_fail(err, SAV_BAD_INPUT, "%s: found no model.safetensors", folder);
    sav_hint(err, "the download may not be complete");
    bool said = false;
    for (size_t i = 0; i < sizeof INSTEAD / sizeof INSTEAD[0] && !said; i++)
        for (size_t n = 0; n < count && !said; n++) {
            said = is_between(names[n], INSTEAD[i].begin, INSTEAD[i].end);
            if (!said) continue;
            sav_fail(err, SAV_BAD_INPUT, "%s: found %s, %.60s; expected model.safetensors", folder,
                     INSTEAD[i].what, names[n]);
            sav_hint(err, "%s", INSTEAD[i].hint);
        }
    sav_os_names_free(names, count);
    return status;
}

sav_status sav_weights_open(sav_weights **out, const char *folder, sav_error *err) {
    const char *one = "model.safetensors";
    sav_weights *w = sav_alloc(1, sizeof *w);
    char *single = sav_path_join(folder, one), *index = sav_path_join(folder, "model.safetensors.index.json");
    sav_status status = SAV_OK;
    if (!w || !single || !index)
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    else if (sav_os_exists(single))
        status = open_shards(w, folder, &one, 1, err);
    else
        status = sav_os_exists(index) ? open_index(w, folder, index, err) : name_instead(folder, err);
    sav_free(single);
    sav_free(index);
    if (status) sav_weights_close(w);
    *out = status ? NULL : w;
    return status;
}

void sav_weights_close(sav_weights *w) {
    if (!w) return;
    for (size_t i = 0; i < w->shard_count; i++) sav_safetensors_close(w->shards[i]);
    sav_free(w->shards);
    sav_free(w->stamps);
    sav_free(w->tensors);
    sav_free(w);
}

size_t sav_weights_count(const sav_weights *w) {
    return w->count;
}

const sav_tensor *sav_weights_at(const sav_weights *w, size_t i) {
    return w->tensors[i];
}

size_t sav_weights_index(const sav_weights *w, const char *name) {
    sav_tensor key = {.name = name};
    const sav_tensor *k = &key, **found = NULL;
    if (w->count) found = bsearch(&k, w->tensors, w->count, sizeof *w->tensors, by_name);
    return found ? (size_t)(found - w->tensors) : w->count;
}

const sav_tensor *sav_weights_find(const sav_weights *w, const char *name) {
    size_t i = sav_weights_index(w, name);
    return i < w->count ? w->tensors[i] : NULL;
}

const char *sav_weights_file_of(const sav_weights *w, const sav_tensor *tensor) {
    for (size_t s = 0; s < w->shard_count; s++)
        if (sav_safetensors_find(w->shards[s], tensor->name) == tensor)
            return sav_safetensors_path(w->shards[s]);
    return "";
}

size_t sav_weights_shards(const sav_weights *w) {
    return w->shard_count;
}

const sav_safetensors *sav_weights_shard(const sav_weights *w, size_t i) {
    return w->shards[i];
}

/* The shard that holds these bytes, and where; NULL: none. */
static const sav_safetensors *shard_of(size_t *offset, const sav_weights *w, const void *data) {
    for (size_t s = 0; s < w->shard_count; s++) {
        size_t header, size;
        const uintptr_t begin = (uintptr_t)sav_safetensors_header(w->shards[s], &header, &size);
        if ((uintptr_t)data < begin || (uintptr_t)data - begin >= size) continue;
        *offset = (size_t)((uintptr_t)data - begin);
        return w->shards[s];
    }
    return NULL;
}

void sav_weights_announce(const sav_weights *w, const void *data, size_t bytes) {
    size_t offset;
    if (data && shard_of(&offset, w, data)) sav_os_announce(data, bytes);
}

void sav_weights_drop(const sav_weights *w, const void *data, size_t bytes) {
    size_t offset;
    const sav_safetensors *shard = data ? shard_of(&offset, w, data) : NULL;
    if (shard) sav_os_drop(data, bytes, sav_safetensors_path(shard), offset);
}

sav_status sav_weights_check(const sav_weights *w, sav_error *err) {
    for (size_t s = 0; s < w->shard_count; s++) {
        const sav_os_stamp *then = &w->stamps[s];
        const char *path = sav_safetensors_path(w->shards[s]);
        sav_os_stamp now;
        sav_status status = sav_os_stat(&now, path, err);
        if (status) return SAV_IO_ERROR;
        if (now.size != then->size || now.seconds != then->seconds || now.nanoseconds != then->nanoseconds)
            return sav_fail(err, SAV_IO_ERROR,
                            "%s: has been written since it was opened (%llu bytes then, %llu now); expected "
                            "weights that stay as they are",
                            path, (unsigned long long)then->size, (unsigned long long)now.size);
    }
    return SAV_OK;
}
