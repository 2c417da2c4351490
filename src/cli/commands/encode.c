/* encode.c: `savs encode`: a list's features into a store, one forward a sample; what is there already is
 * kept. */

#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"

static void put_report(sav_text *out, const sav_cli *cli, const sav_list *list, const sav_encode_report *r) {
    const size_t rows = r->forwarded + r->copied + r->present;
    if (cli->json)
        sav_text_printf(out,
                        "{\"rows\":%zu,\"forwarded\":%zu,\"copied\":%zu,\"present\":%zu,\"left_out\":%zu}\n",
                        rows, r->forwarded, r->copied, r->present, list->bad.count);
    else
        sav_text_printf(out, "%s: %zu row%s: %zu computed, %zu equal to another sample, %zu there before\n",
                        cli->store, rows, sav_plural(rows), r->forwarded, r->copied, r->present);
}

static sav_status encode(sav_cli *cli, sav_list *list, sav_encode_report *report, sav_error *err) {
    sav_model *model;
    sav_session *session;
    sav_status status = sav_cli_open_session(&model, &session, cli, err);
    if (status) return status;
    const sav_encoder encoder = sav_cli_encoder(cli, model, session, cli->command->name);
    status = sav_cli_check_keys(list, model, err);
    if (!status) status = sav_cli_encode(report, cli->store, list, &encoder, err);
    if (!status) sav_cli_warn_pictures(cli, session);
    sav_cli_close_session(model, session);
    return status;
}

/* Rows that fit takes for examples, though this list does not say them. */
static void warn_ghosts(sav_cli *cli, const sav_encode_report *report) {
    const size_t others = report->unlisted - report->relabelled;
    if (report->relabelled)
        sav_console_warn(cli->console,
                         "%s: %zu %s another label or question_id in this list: fit takes both for "
                         "examples, unless --input LIST tells it which count",
                         cli->store, report->relabelled, report->relabelled == 1 ? "row has" : "rows have");
    if (others)
        sav_console_warn(cli->console,
                         "%s: %zu %s of samples that this list does not have: fit takes them for examples, "
                         "unless --input LIST tells it which count",
                         cli->store, others, others == 1 ? "row is" : "rows are");
}

static sav_status encode_command(sav_cli *cli, sav_error *err) {
    sav_list *list;
    sav_text out = {0};
    sav_encode_report report = {0};
    sav_status status = sav_cli_try_store(cli, cli->store, err);
    if (!status) status = sav_cli_read_list(&list, cli, cli->input, LABELS_IN_FOLDERS, err);
    if (status) return status;
    status = sav_cli_check_pictures(cli, &list, 1, err);
    const size_t bad = list->bad.count;
    if (!status) status = encode(cli, list, &report, err);
    if (status) sav_cli_explain_kept(cli, &report, cli->store, err);
    if (!status) {
        sav_cli_warn_left_out(cli, list, bad);
        warn_ghosts(cli, &report);
        put_report(&out, cli, list, &report);
        status = sav_console_print(&out, err);
    }
    sav_text_free(&out);
    sav_free(report.rows);
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
