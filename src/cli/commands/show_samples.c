/* show_samples.c: `savs show samples`: what the program understands of a list. */
#include "cli/cli.h"
#include "cli/inputs.h"
#include "tasks/results.h"

enum { PIECE = 1 << 20 }; /* bytes that are written at once: a list may have a million samples */

static sav_status print_piece(sav_text *out, sav_error *err) {
    const sav_status status = sav_console_print(out, err);
    sav_text_free(out);
    return status;
}

static sav_status show_samples_command(sav_cli *cli, sav_error *err) {
    sav_list *list;
    sav_text out = {0};
    sav_status status = sav_cli_read_list(&list, cli, cli->input, LABELS_OPTIONAL, err);
    if (status) return status;
    if (cli->json) sav_text_string(&out, "[");
    for (size_t i = 0; i < list->count && !status; i++) {
        if (cli->json && i) sav_text_string(&out, ",");
        sav_sample_put(&out, &list->samples[i]);
        if (out.length >= PIECE || out.failed) status = print_piece(&out, err);
    }
    if (cli->json) sav_text_string(&out, "]\n");
    if (!status) status = print_piece(&out, err);
    sav_text_free(&out);
    sav_list_free(list);
    return status;
}

const sav_command sav_command_show_samples = {
    .name = "show samples",
    .usage = "--input LIST [options]",
    .summary = "what a list says, one JSON line a sample",
    .example = "savs show samples --input test.jsonl",
    .options = {NEEDS(INPUT), TAKES_LIST_OPTIONS},
    .run = show_samples_command,
};
