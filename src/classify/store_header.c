/* store_header.c: store.json <-> what made the features. See store_header.h. */
#include "classify/store_header.h"

#include "base/os.h"
#include "io/json.h"

/* The strings of an info by their JSON keys. */
enum { FAMILY, MODEL, MODEL_SHA256, ENGINE, DTYPE, SOURCE_SHA256, STRINGS };
static const char *const keys[STRINGS] = {"family", "model", "model_sha256",
                                          "engine", "dtype", "source_sha256"};

static void strings_of(const char *out[STRINGS], const sav_store_info *info) {
    out[FAMILY] = info->family;
    out[MODEL] = info->model;
    out[MODEL_SHA256] = info->model_sha256;
    out[ENGINE] = info->engine;
    out[DTYPE] = info->dtype;
    out[SOURCE_SHA256] = info->source_sha256;
}

static sav_status fail_memory(const char *path, sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
}

void sav_store_header_free(sav_store_header *header) {
    for (size_t i = 0; i < STRINGS; i++) sav_free(header->strings[i]);
    *header = (sav_store_header){0};
}

sav_status sav_store_header_make(sav_store_header *out, const sav_store_info *info, const char *path,
                                 sav_error *err) {
    const char *strings[STRINGS];
    char **own = out->strings;
    size_t values;
    strings_of(strings, info);
    for (size_t i = 0; i < STRINGS; i++) {
        own[i] = sav_strdup(strings[i]);
        if (strings[i] && !own[i]) return fail_memory(path, err);
    }
    out->info = (sav_store_info){.L = info->L,
                                 .H = info->H,
                                 .d = info->d,
                                 .family = own[FAMILY],
                                 .model = own[MODEL],
                                 .model_sha256 = own[MODEL_SHA256],
                                 .engine = own[ENGINE],
                                 .dtype = own[DTYPE],
                                 .source_sha256 = own[SOURCE_SHA256]};
    if (info->L && info->H && info->d && sav_mul(&values, info->L, info->H) &&
        sav_mul(&values, values, info->d) && sav_mul(&out->row_bytes, values, sizeof(float)))
        return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT, "%s: found features [%zu, %zu, %zu]; expected [layers, heads, size]",
                    path, info->L, info->H, info->d);
}

sav_status sav_store_header_write(const sav_store_info *info, const char *path, sav_error *err) {
    const char *strings[STRINGS];
    sav_text text = {0};
    strings_of(strings, info);
    sav_text_printf(&text, "{\"format\":1,\"L\":%zu,\"H\":%zu,\"d\":%zu", info->L, info->H, info->d);
    for (size_t i = 0; i < STRINGS; i++) {
        if (i == SOURCE_SHA256 && !strings[i]) continue;
        sav_text_printf(&text, ",\"%s\":", keys[i]);
        if (strings[i])
            sav_json_put_string(&text, strings[i], strlen(strings[i]));
        else
            sav_text_string(&text, "null");
    }
    sav_text_string(&text, "}\n");
    sav_status status = text.failed ? fail_memory(path, err)
                                    : sav_os_save(path, text.bytes, text.length, err);
    sav_text_free(&text);
    return status;
}

sav_status sav_store_header_read(sav_store_header *out, const char *path, sav_error *err) {
    sav_json_doc *doc;
    sav_store_info info = {0};
    const char **const strings[STRINGS] = {&info.family, &info.model, &info.model_sha256,
                                           &info.engine, &info.dtype, &info.source_sha256};
    size_t format = 0;
    sav_status status = sav_json_read(&doc, path, err);
    if (status) return status;
    const sav_json *root = sav_json_root(doc);
    if (root->kind != SAV_JSON_OBJECT) status = sav_fail(err, SAV_BAD_INPUT, "%s: found no object {…}", path);
    if (!status) status = sav_json_size(&format, root, "format", 0, path, err);
    if (!status && format != 1)
        status = sav_fail(err, SAV_UNSUPPORTED, "%s: found store format %zu; expected 1", path, format);
    if (!status) status = sav_json_size(&info.L, root, "L", 0, path, err);
    if (!status) status = sav_json_size(&info.H, root, "H", 0, path, err);
    if (!status) status = sav_json_size(&info.d, root, "d", 0, path, err);
    for (size_t i = 0; i < STRINGS && !status; i++)
        status = sav_json_string(strings[i], root, keys[i], NULL, path, err);
    if (!status) status = sav_store_header_make(out, &info, path, err);
    sav_json_free(doc);
    return status;
}

sav_status sav_store_header_check(const sav_store_info *here, const sav_store_info *wanted, const char *path,
                                  sav_error *err) {
    const char *old[STRINGS], *new[STRINGS];
    strings_of(old, here);
    strings_of(new, wanted);
    if (here->L != wanted->L || here->H != wanted->H || here->d != wanted->d) {
        sav_fail(err, SAV_BAD_INPUT, "%s: holds features [%zu, %zu, %zu]; this model gives [%zu, %zu, %zu]",
                 path, here->L, here->H, here->d, wanted->L, wanted->H, wanted->d);
        sav_hint(err, "Choose another folder, or remove that store.");
        return SAV_BAD_INPUT;
    }
    for (size_t i = 0; i < STRINGS; i++) {
        if (i == MODEL || i == SOURCE_SHA256 || sav_same_text(old[i], new[i])) continue;
        sav_fail(err, SAV_BAD_INPUT, "%s: its features were made with %s %s; now it is %s", path, keys[i],
                 old[i] ? old[i] : "null", new[i] ? new[i] : "null");
        sav_hint(err, "Choose another folder, or remove that store.");
        return SAV_BAD_INPUT;
    }
    return SAV_OK;
}
