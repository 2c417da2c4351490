/* hub.c: names of the Hugging Face cache -> the folder of a snapshot. See hub.h.
 *
 *   CACHE/models--org--name/refs/main        the commit that "main" was when it was downloaded
 *   CACHE/models--org--name/snapshots/COMMIT  the model folder, its files often links into blobs/
 *
 * Source: the cache layout of huggingface_hub; the variables are those that it reads. Nothing is downloaded.
 */
#include "cli/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"

enum { REF_BYTES = 256 };

/* "org/name": one slash, as no path of a folder begins. */
static bool is_name(const char *word) {
    const char *slash = strchr(word, '/');
    return slash && slash != word && slash[1] && !strchr(slash + 1, '/') && word[0] != '.' && word[0] != '~';
}

/* "models--org--name", as the cache spells it. */
static bool is_cache_name(const char *word) {
    return strncmp(word, "models--", strlen("models--")) == 0 && !strchr(word, '/');
}

static char *joined(const char *folder, const char *name) {
    return folder ? sav_path_join(folder, name) : NULL;
}

/* Where downloads are kept; NULL: no home, or no memory. */
static char *cache_folder(void) {
    static const struct {
        const char *variable, *inside;
    } places[] = {{"HF_HUB_CACHE", NULL},
                  {"HUGGINGFACE_HUB_CACHE", NULL},
                  {"HF_HOME", "hub"},
                  {"XDG_CACHE_HOME", "huggingface/hub"},
                  {"HOME", ".cache/huggingface/hub"},
                  {"USERPROFILE", ".cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *folder = getenv(places[i].variable);
        if (folder && *folder)
            return places[i].inside ? sav_path_join(folder, places[i].inside) : sav_strdup(folder);
    }
    return NULL;
}

/* "org/name", "models--org--name" -> CACHE/models--org--name. */
static char *folder_of(const char *cache, const char *word) {
    sav_text name = {0};
    if (is_cache_name(word)) return joined(cache, word);
    const char *slash = strchr(word, '/');
    sav_text_printf(&name, "models--%.*s--%s", (int)(slash - word), word, slash + 1);
    char *folder = name.failed ? NULL : joined(cache, name.bytes);
    sav_text_free(&name);
    return folder;
}

/* The commit in refs/main, without its line end; NULL: there is no such file. */
static char *main_commit(const char *folder) {
    char *refs = joined(folder, "refs"), *path = joined(refs, "main"), *commit = NULL;
    size_t length;
    sav_error err;
    if (path && sav_os_exists(path) && !sav_os_read_file(&commit, &length, path, REF_BYTES, &err))
        commit[strcspn(commit, "\r\n")] = '\0';
    sav_free(refs);
    sav_free(path);
    return commit;
}

static sav_status several(const char *folder, const char *snapshots, char **names, size_t count,
                          sav_error *err) {
    sav_status status =
        sav_fail(err, SAV_BAD_INPUT, "%s: found %zu snapshots; expected the folder of one", folder, count);
    if (count)
        sav_hint(err, "give --model %s/%s", snapshots, names[count - 1]);
    else
        sav_hint(err, "the download may not be complete");
    return status;
}

/* models--org--name -> its snapshot. */
static sav_status snapshot_of(char **out, const char *folder, sav_error *err) {
    char *snapshots = joined(folder, "snapshots"), *commit = main_commit(folder);
    char *path = commit && *commit ? joined(snapshots, commit) : NULL, **names = NULL;
    size_t count = 0;
    sav_status status = snapshots ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    *out = NULL;
    if (path && sav_os_is_folder(path)) {
        *out = path;
        path = NULL;
    } else if (!status) {
        status = sav_os_list(&names, &count, snapshots, err);
        if (!status && count == 1)
            *out = joined(snapshots, names[0]);
        else if (!status)
            status = several(folder, snapshots, names, count, err);
    }
    if (!status && !*out) status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    sav_os_names_free(names, count);
    sav_free(path);
    sav_free(commit);
    sav_free(snapshots);
    return status;
}

static sav_status not_there(const sav_cli *cli, const char *folder, sav_error *err) {
    sav_status status = sav_fail(err, SAV_BAD_INPUT, "%s: found no such folder, nor %s", cli->model,
                                 folder ? folder : "a cache of Hugging Face models");
    sav_hint(err, "savs downloads nothing: hf download %s --local-dir DIR, then --model DIR",
             is_cache_name(cli->model) ? "ORG/NAME" : cli->model);
    return status;
}

sav_status sav_cli_find_model(sav_cli *cli, sav_error *err) {
    char *folder = NULL, *inside = NULL;
    sav_status status = SAV_OK;
    if (sav_os_is_folder(cli->model)) {
        inside = joined(cli->model, "snapshots");
        if (inside && sav_os_is_folder(inside)) status = snapshot_of(&cli->model_found, cli->model, err);
    } else if (is_name(cli->model) || is_cache_name(cli->model)) {
        char *cache = cache_folder();
        folder = cache ? folder_of(cache, cli->model) : NULL;
        status = folder && sav_os_is_folder(folder) ? snapshot_of(&cli->model_found, folder, err)
                                                    : not_there(cli, folder, err);
        sav_free(cache);
    }
    if (cli->model_found) {
        cli->model = cli->model_found;
        sav_console_say(cli->console, "the model is %s", cli->model);
    }
    sav_free(inside);
    sav_free(folder);
    return status;
}
