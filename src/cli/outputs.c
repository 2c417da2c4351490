/* outputs.c: files that the command line names. See outputs.h. */
#include "cli/outputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"

sav_status sav_cli_try_file(const char *path, sav_error *err) {
    sav_os_file *file;
    sav_status status = sav_os_create(&file, path, err);
    if (!status) sav_os_abandon(file);
    return status;
}

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
    if (report->kept)
        sav_cli_add_hint(err, "%zu rows are in %s: the same command goes on.", report->kept, store);
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
    const char *path = cli->out;
    if (!p->count || p->lines.failed) return;
    const sav_status status = err->status;
    if (path ? sav_cli_write_file(path, &p->lines, NULL) : print_finished(p, words, cli->json)) return;
    /* a failure that may be the sample's own: the others can do without it */
    const bool own = status != SAV_STOPPED && status != SAV_NO_MEMORY && !cli->skip_bad;
    const sav_error before = *err;
    sav_hint(err, "%s%s%zu of %zu predictions are %s%s%s", before.hint, before.hint[0] ? "; " : "", p->count,
             total, path ? "in " : "on standard output", path ? path : "",
             own ? "; mend the line or leave it out with --skip-bad" : "");
}
