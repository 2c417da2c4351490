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

/* All tables of one file, from the first that names it. */
static sav_status check_file(sav_model *model, const sav_keys *const *tables, const sav_json *config,
                             const char *path, sav_error *err) {
    const sav_json *architecture = sav_json_get(config, "architectures");
    const char *file = (*tables)->file;
    sav_unknown_keys unknown = {0};
    sav_json_doc *doc;
    sav_status status = sav_json_read(&doc, path, err);
    if (status) return status;
    for (; *tables && !status; tables++) {
        const sav_keys *table = *tables;
        if (strcmp(table->file, file) != 0) continue;
        if (table->architecture && !(architecture && sav_json_is(architecture->child, table->architecture)))
            continue;
        status = sav_keys_check(&unknown, object_at(sav_json_root(doc), table->level), table, path, err);
    }
    sav_keys_warn(&model->notes, &unknown, path);
    sav_json_free(doc);
    return status;
}

/* Whether a table before this one names its file: then that file has been looked at. */
static bool seen(const sav_keys *const *tables, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (strcmp(tables[i]->file, tables[at]->file) == 0) return true;
    return false;
}

sav_status sav_model_check_keys(sav_model *model, const sav_json *config, sav_error *err) {
    const sav_keys *const *tables = model->family->keys;
    sav_status status = SAV_OK;
    for (size_t i = 0; tables && tables[i] && !status; i++) {
        if (seen(tables, i)) continue;
        char *path = sav_path_join(model->folder, tables[i]->file);
        if (!path)
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
        else if (sav_os_exists(path))
            status = check_file(model, tables + i, config, path, err);
        sav_free(path);
    }
    return status;
}
