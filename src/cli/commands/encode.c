/* encode.c: `savs encode`: a list's features into a store, one forward a sample; what is there already is
 * kept. */

#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/open_session.h"

static void put_report(sav_text *out, const sav_cli *cli, const sav_list *list, const sav_encode_report *r) {
    const size_t rows = r->forwarded + r->copied + r->present;
    if (cli->json)
        sav_text_printf(out,
                        "{\"rows\":%zu,\"forwarded\":%zu,\"copied\":%zu,\"present\":%zu,\"left_out\":%zu}\n",
                        rows, r->forwarded, r->copied, r->present, list->bad.count);
    else
        sav_text_printf(out, "%s: %zu rows: %zu computed, %zu equal to another sample, %zu there before\n",
                        cli->store, rows, r->forwarded, r->copied, r->present);
}

static sav_status encode(sav_cli *cli, sav_list *list, sav_encode_report *report, sav_error *err) {
    sav_model *model;
    sav_session *session;
    sav_text pixels = {0};
    sav_status status = sav_cli_open_session(&model, &session, cli, err);
    if (status) return status;
    sav_text_printf(&pixels, "pillow %d%s", sav_session_describe(session)->pillow,
                    cli->exif_rotate ? ", turned by EXIF" : "");
    if (cli->min_pixels) sav_text_printf(&pixels, ", at least %zu", cli->min_pixels);
    if (cli->max_pixels) sav_text_printf(&pixels, ", at most %zu", cli->max_pixels);
    const sav_encoder encoder = sav_cli_encoder(cli, model, session, cli->command->name);
    status = pixels.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for the options")
                           : sav_encode_store(report, cli->store, list, pixels.bytes, &encoder, err);
    sav_text_free(&pixels);
    if (!status) sav_cli_warn_turned(cli, session);
    sav_cli_close_session(model, session);
    return status;
}

static sav_status encode_command(sav_cli *cli, sav_error *err) {
    sav_list *list;
    sav_text out = {0};
    sav_encode_report report = {0};
    sav_status status = sav_cli_read_list(&list, cli, cli->input, LABELS_IN_FOLDERS, err);
    if (status) return status;
    const size_t bad = list->bad.count;
    status = encode(cli, list, &report, err);
    if (status == SAV_STOPPED)
        sav_hint(err, "%zu rows are in %s; the same command goes on",
                 report.present + report.copied + report.forwarded + report.ahead, cli->store);
    if (!status) {
        sav_cli_warn_left_out(cli, list, bad);
        if (report.damaged)
            sav_console_warn(cli->console, "%s: %zu rows at its end were damaged: they are computed again",
                             cli->store, report.damaged);
        if (report.unlisted)
            sav_console_warn(cli->console, "%s: %zu rows are of samples that this list does not have",
                             cli->store, report.unlisted);
        put_report(&out, cli, list, &report);
        status = sav_console_print(&out, err);
    }
    sav_text_free(&out);
    sav_list_free(list);
    return status;
}

const sav_command sav_command_encode = {
    .name = "encode",
    .usage = "--model DIR --input LIST --store DIR [options]",
    .summary = "one forward a sample, appended to a feature store; resumes",
    .example = "savs encode --model llava --input train.jsonl --store train.store",
    .options = {NEEDS(MODEL), NEEDS(INPUT), NEEDS(STORE), TAKES_FORWARD_OPTIONS, TAKES_LIST_OPTIONS},
    .run = encode_command,
};
