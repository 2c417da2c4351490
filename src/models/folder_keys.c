/* folder_keys.c: the keys of a model folder's files against the family's tables.
 *
 *   folder, family->keys -> a key that is refused: the error; unknown ones: a note a file
 */
#include <string.h>

#include "base/os.h"
#include "models/family.h"

static const sav_json *object_at(const sav_json *root, const char *level) {
    while (level && *level && root) {
        char key[64];
        const size_t length = strcspn(level, ".");
        if (length >= sizeof key) return NULL;
        memcpy(key, level, length);
        key[length] = '\0';
        root = sav_json_get(root, key);
        level += length + (level[length] == '.');
    }
    return root;
}

sav_status sav_model_file(sav_json_doc **out, const char *folder, const char *file, sav_error *err) {
    char *path = sav_path_join(folder, file);
    sav_status status = path ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    *out = NULL;
    if (!status && sav_os_exists(path)) status = sav_json_read(out, path, err);
    sav_free(path);
    return status;
}

/* All tables of one file, from the first that names it. */
static sav_status check_file(sav_model *model, const sav_keys *const *tables, const sav_json *config,
                             sav_error *err) {
    const sav_json *architecture = sav_json_get(config, "architectures");
    const char *file = (*tables)->file;
    sav_unknown_keys unknown = {0};
    sav_json_doc *doc;
    sav_status status = sav_model_file(&doc, model->folder, file, err);
    if (!doc) return status;
    for (; *tables && !status; tables++) {
        const sav_keys *table = *tables;
        if (strcmp(table->file, file) != 0) continue;
        if (table->architecture && !(architecture && sav_json_is(architecture->child, table->architecture)))
            continue;
        status = sav_keys_check(&unknown, object_at(sav_json_root(doc), table->level), table,
                                sav_json_name(doc), err);
    }
    const bool failed = unknown.names.failed;
    sav_keys_warn(&model->notes, &unknown, sav_json_name(doc));
    if (!status && (failed || model->notes.failed))
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    sav_json_free(doc);
    return status;
}

/* Whether a table before this one names its file: then that file has been looked at. */
static bool seen(const sav_keys *const *tables, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (strcmp(tables[i]->file, tables[at]->file) == 0) return true;
    return false;
}

/* An adapter beside the model: the library would add it to the weights. */
static sav_status check_adapter(const char *folder, sav_error *err) {
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors",
                                        "adapter_model.bin"};
    sav_status status = SAV_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++) {
        char *path = sav_path_join(folder, files[i]);
        if (!path) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
        if (sav_os_exists(path)) {
            status = sav_fail(err, SAV_UNSUPPORTED, "%s: found an adapter; expected a model alone", path);
            sav_hint(err,
                     "merge it into the weights with PEFT (merge_and_unload), or move it out of the folder");
        }
        sav_free(path);
    }
    return status;
}

sav_status sav_model_check_keys(sav_model *model, const sav_json *config, sav_error *err) {
    const sav_keys *const *tables = model->family->keys;
    sav_status status = check_adapter(model->folder, err);
    for (size_t i = 0; tables && tables[i] && !status; i++)
        if (!seen(tables, i)) status = check_file(model, tables + i, config, err);
    return status;
}
