/* outputs.c: files that the command line names. See outputs.h. */
#include "cli/outputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"

/* ---- an output that would replace an input ------------------------------------------------------------- */

static sav_status check_input(const char *path, const char *input, sav_error *err) {
    if (!input || !sav_os_same_file(path, input)) return SAV_OK;
    sav_fail(err, SAV_BAD_INPUT, "%s: found a file that this command reads; it would be replaced", path);
    sav_hint(err, "choose another name");
    return SAV_BAD_INPUT;
}

/* What options name, as files. */
static sav_status check_named(const sav_cli *cli, const char *path, sav_error *err) {
    const char *const inputs[] = {cli->input,    cli->train,  cli->test, cli->sav,
                                  cli->messages, cli->prompt, cli->text, cli->truth};
    sav_status status = SAV_OK;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs && !status; i++)
        status = check_input(path, inputs[i], err);
    for (size_t i = 0; i < cli->image_count && !status; i++) status = check_input(path, cli->images[i], err);
    return status;
}

/* Files of a folder that is read: the model, and a list's links to it. */
static sav_status check_model(const sav_cli *cli, const char *path, sav_error *err) {
    char **names;
    size_t count;
    sav_status status = SAV_OK;
    if (!cli->model || sav_os_list(&names, &count, cli->model, NULL)) return SAV_OK;
    for (size_t i = 0; i < count && !status; i++) {
        char *name = sav_path_join(cli->model, names[i]);
        status = name ? check_input(path, name, err) : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
        sav_free(name);
    }
    sav_os_names_free(names, count);
    return status;
}

/* Another file in a store's folder is one of the store's, or is taken for one. */
static sav_status check_folder(const sav_cli *cli, const char *path, sav_error *err) {
    char *folder = sav_strndup(path, (size_t)(sav_os_path_name(path) - path));
    char *header = folder ? sav_path_join(*folder ? folder : ".", "store.json") : NULL;
    sav_status status = header ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    if (header && cli->model && sav_os_same_file(*folder ? folder : ".", cli->model)) {
        status = sav_fail(err, SAV_BAD_INPUT, "%s: a file in the model's folder would make it another model",
                          path);
        sav_hint(err, "Choose another place.");
    } else if (header && sav_os_exists(header)) {
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found a feature store in its folder", path);
        sav_hint(err, "choose another place");
    }
    sav_free(folder);
    sav_free(header);
    return status;
}

sav_status sav_cli_try_file(const sav_cli *cli, const char *path, sav_error *err) {
    sav_os_file *file;
    sav_status status = sav_os_exists(path) ? check_named(cli, path, err) : SAV_OK;
    if (!status && sav_os_exists(path)) status = check_model(cli, path, err);
    if (!status) status = check_folder(cli, path, err);
    if (!status) status = sav_os_create(&file, path, err);
    if (!status) sav_os_abandon(file);
    return status;
}

sav_status sav_cli_try_store(const sav_cli *cli, const char *folder, sav_error *err) {
    static const char *const files[] = {"store.json", "features.f32", "index.jsonl"};
    char *config = sav_path_join(folder, "config.json");
    sav_status status = config ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    if (config && sav_os_exists(config)) {
        status = sav_fail(err, SAV_BAD_INPUT,
                          "%s: found a model folder; expected a feature store, or a new folder", folder);
        sav_hint(err, "choose another place");
    }
    sav_free(config);
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++) {
        char *path = sav_path_join(folder, files[i]);
        status = path ? check_named(cli, path, err) : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
        sav_free(path);
    }
    return status;
}

sav_status sav_cli_try_picture(const char *path, const char *picture, sav_error *err) {
    return check_input(path, picture, err);
}

sav_status sav_cli_try_beside(const char *path, const sav_list *list, sav_error *err) {
    sav_status status = SAV_OK;
    if (!path || !sav_os_exists(path)) return SAV_OK;
    for (size_t i = 0; i < list->count && !status; i++)
        for (size_t m = 0; m < list->samples[i].media_count && !status; m++)
            status = check_input(path, list->samples[i].media[m], err);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

sav_status sav_cli_write_file(const char *path, const sav_text *text, sav_error *err) {
    if (text->failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to write it", path);
    return sav_os_save(path, text->bytes ? text->bytes : "", text->length, err);
}

void sav_cli_add_hint(sav_error *err, const char *format, ...) {
    char more[sizeof err->hint];
    const sav_error before = *err;
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(more, sizeof more, format, args);
    va_end(args);
    const size_t there = strlen(before.hint);
    if (length < 0 || there + 2 + (size_t)length >= sizeof more) return;
    sav_hint(err, "%s%s%s", before.hint, !there ? "" : before.hint[there - 1] == '.' ? " " : ". ", more);
}

/* ---- after a failure ----------------------------------------------------------------------------------- */

void sav_cli_explain_kept(const sav_cli *cli, const sav_encode_report *report, const char *store,
                          sav_error *err) {
    if ((err->status == SAV_BAD_INPUT || err->status == SAV_UNSUPPORTED) && !cli->skip_bad && report->begun)
        sav_cli_add_hint(err, "Mend the list, or leave out what is bad with --skip-bad.");
    if (!report->kept && err->status == SAV_STOPPED)
        sav_cli_add_hint(err, "The first batch was not through: the same command begins again.");
    if (report->kept)
        sav_cli_add_hint(err, "%zu row%s in %s: the same command goes on.", report->kept,
                         report->kept == 1 ? " is" : "s are", store);
}

static sav_status print_finished(const sav_predictions *p, const sav_text *words, bool json) {
    sav_text array = {0};
    if (!json) return sav_console_print(words->length ? words : &p->lines, NULL);
    sav_predictions_put_array(&array, p);
    sav_status status = sav_console_print(&array, NULL);
    sav_text_free(&array);
    return status;
}

void sav_cli_save_finished(const sav_cli *cli, const sav_predictions *p, const sav_text *words, size_t total,
                           sav_error *err) {
    sav_text path = {0}; /* no final name: what is there of an earlier run stays */
    if (!p->count || p->lines.failed) return;
    const sav_status status = err->status;
    if (cli->out) sav_text_printf(&path, "%s.partial", cli->out);
    const bool written = cli->out ? !path.failed && !sav_cli_write_file(path.bytes, &p->lines, NULL)
                                  : !print_finished(p, words, cli->json);
    if (!written) {
        sav_text_free(&path);
        return;
    }
    /* a failure that may be the sample's own: the others can do without it */
    const bool own = status != SAV_STOPPED && status != SAV_NO_MEMORY && !cli->skip_bad;
    sav_cli_add_hint(err, "%zu of %zu predictions are %s%s.", p->count, total,
                     path.bytes ? "in " : "on standard output", path.bytes ? path.bytes : "");
    if (own) sav_cli_add_hint(err, "Mend it, or leave it out with --skip-bad.");
    sav_text_free(&path);
}
