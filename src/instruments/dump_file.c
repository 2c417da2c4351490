/* dump_file.c: the stages of one forward -> a safetensors file. See dump_file.h. */
#include "instruments/dump_file.h"

#include <string.h>

#include "base/dtype.h"
#include "io/json.h"
#include "io/safetensors.h"

struct sav_dump_file {
    char *globs;
    sav_tensor *tensors; /* [count] in execution order; names and data are owned */
    size_t count, capacity;
};

bool sav_glob_matches(const char *glob, size_t length, const char *name) {
    const char *end = glob + length, *star = NULL, *resume = NULL;
    while (*name) {
        if (glob < end && *glob == '*') {
            star = ++glob; /* a run of none at first; longer ones when the rest does not fit */
            resume = name;
        } else if (glob < end && (*glob == '?' || *glob == *name)) {
            glob++;
            name++;
        } else if (star) {
            glob = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (glob < end && *glob == '*') glob++;
    return glob == end;
}

static bool wanted(const char *globs, const char *name) {
    if (!globs) return true;
    for (const char *at = globs;; at++) {
        size_t n = strcspn(at, ",");
        if (sav_glob_matches(at, n, name)) return true;
        at += n;
        if (!*at) return false;
    }
}

sav_status sav_dump_file_new(sav_dump_file **out, const char *globs, sav_error *err) {
    sav_dump_file *file = sav_alloc(1, sizeof *file);
    if (file) file->globs = sav_strdup(globs);
    if (!file || (globs && !file->globs)) {
        sav_free(file);
        return sav_fail(err, SAV_NO_MEMORY, "no memory for a dump");
    }
    *out = file;
    return SAV_OK;
}

void sav_dump_file_free(sav_dump_file *file) {
    if (!file) return;
    for (size_t i = 0; i < file->count; i++) {
        sav_free((void *)(uintptr_t)file->tensors[i].name);
        sav_free((void *)(uintptr_t)file->tensors[i].data);
    }
    sav_free(file->tensors);
    sav_free(file->globs);
    sav_free(file);
}

size_t sav_dump_file_count(const sav_dump_file *file) {
    return file->count;
}

static sav_status take_stage(void *context, const sav_snapshot *stage, sav_error *err) {
    sav_dump_file *file = context;
    if (!wanted(file->globs, stage->name)) return SAV_OK;
    if (!sav_grow(&file->tensors, &file->capacity, file->count + 1, sizeof *file->tensors))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu stages", file->count + 1);
    sav_tensor t = {.dtype = stage->dtype, .rank = stage->rank, .count = 1};
    bool fits = true;
    for (int r = 0; r < stage->rank; r++) {
        t.shape[r] = stage->shape[r];
        fits = fits && sav_mul(&t.count, t.count, stage->shape[r]);
    }
    void *data = fits ? sav_alloc(t.count, sav_dtype_size(t.dtype)) : NULL;
    t.name = sav_strdup(stage->name);
    if (!data || !t.name) {
        sav_free(data);
        sav_free((void *)(uintptr_t)t.name);
        sav_fail(err, SAV_NO_MEMORY, "stage %s: no memory for its copy", stage->name);
        sav_hint(err, "name fewer stages with --stages");
        return SAV_NO_MEMORY;
    }
    if (sav_is_storage(t.dtype)) /* half types travel in floats */
        sav_narrow(data, stage->data, t.count, t.dtype);
    else
        memcpy(data, stage->data, t.count * sav_dtype_size(t.dtype));
    t.data = data;
    file->tensors[file->count++] = t;
    return SAV_OK;
}

sav_sink sav_dump_file_sink(sav_dump_file *file) {
    return (sav_sink){take_stage, file};
}

static void put_member(sav_text *out, const char *name, const char *value) {
    if (!value) return;
    sav_text_printf(out, ",\"%s\":", name);
    sav_json_put_string(out, value, strlen(value));
}

sav_status sav_dump_file_write(const sav_dump_file *file, const char *path, const sav_dump_origin *origin,
                               sav_error *err) {
    static const char *const keys[] = {"savs"};
    sav_text json = {0};
    sav_text_string(&json, "{\"format\":1");
    put_member(&json, "engine", origin->engine);
    put_member(&json, "dtype", origin->dtype);
    put_member(&json, "pillow", origin->pillow);
    put_member(&json, "model_sha256", origin->model_sha256);
    sav_text_string(&json, ",\"stages\":[");
    for (size_t i = 0; i < file->count; i++) {
        if (i) sav_text_string(&json, ",");
        sav_json_put_string(&json, file->tensors[i].name, strlen(file->tensors[i].name));
    }
    sav_text_string(&json, "]}");
    const char *const values[] = {json.bytes};
    const sav_metadata metadata = {1, keys, values};
    sav_status status = json.failed ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory to write it", path)
                                    : sav_safetensors_write(path, file->tensors, file->count, &metadata, err);
    sav_text_free(&json);
    return status;
}
