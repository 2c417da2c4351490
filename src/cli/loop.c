/* loop.c: the settings of the loop over a list, and what is kept or told when it ends. */
#include "base/os.h"
#include "cli/cli.h"

/* ---- after a failure ----------------------------------------------------------------------------------- */

static sav_status print_finished(const sav_predictions *p, bool json) {
    sav_text array = {0};
    if (!json) return sav_console_print(&p->lines, NULL);
    sav_predictions_put_array(&array, p);
    sav_status status = sav_console_print(&array, NULL);
    sav_text_free(&array);
    return status;
}

void sav_cli_keep_predictions(const sav_cli *cli, const sav_predictions *p, const char *path, size_t total,
                              sav_error *err) {
    if (!p->count || p->lines.failed) return;
    const sav_status status = err->status;
    if (path ? sav_cli_write_file(path, &p->lines, NULL) : print_finished(p, cli->json)) return;
    /* a failure that may be the sample's own: the others can do without it */
    const bool own = status != SAV_STOPPED && status != SAV_NO_MEMORY && !cli->skip_bad;
    const sav_error before = *err;
    sav_hint(err, "%s%s%zu of %zu predictions are %s%s%s", before.hint, before.hint[0] ? "; " : "", p->count,
             total, path ? "in " : "on standard output", path ? path : "",
             own ? "; mend the line or leave it out with --skip-bad" : "");
}

/* ---- the loop's settings ------------------------------------------------------------------------------- */

static void progress(void *context, double done, size_t total, uint64_t rows) {
    const sav_cli *cli = context;
    sav_console_progress(cli->console, cli->work, done, total, rows);
}

sav_encoder sav_cli_encoder(sav_cli *cli, const sav_model *model, sav_session *session, const char *what) {
    cli->work = what;
    sav_console_begin(cli->console);
    return (sav_encoder){.model = model,
                         .session = session,
                         .skip_bad = cli->skip_bad,
                         .context = cli,
                         .check = sav_console_check,
                         .progress = progress};
}

void sav_cli_tell_left_out(sav_cli *cli, const sav_list *list, size_t from) {
    enum { TOLD = 10 };
    const size_t count = list->bad.count - from;
    if (!count) return;
    sav_console_warn(cli->console, "%s: %zu samples left out", list->name, count);
    for (size_t i = 0; i < count && i < TOLD; i++)
        sav_console_warn(cli->console, "left out: %s", list->bad.items[from + i].message);
    if (count > TOLD) sav_console_warn(cli->console, "left out: and %zu more", count - TOLD);
}

sav_status sav_cli_write_file(const char *path, const sav_text *text, sav_error *err) {
    if (text->failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to write it", path);
    return sav_os_save(path, text->bytes ? text->bytes : "", text->length, err);
}
