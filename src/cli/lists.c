/* lists.c: a LIST argument read with the options of the command line, and what is to be told about it. */
#include "cli/cli.h"

enum { TOLD_NOTES = 10 };

/* Notes beyond the first few are counted. */
static void tell_notes(sav_cli *cli, const sav_notes *notes, const char *what) {
    for (size_t i = 0; i < notes->count && i < TOLD_NOTES; i++)
        sav_console_warn(cli->console, "%s%s", what, notes->items[i].message);
    if (notes->count > TOLD_NOTES)
        sav_console_warn(cli->console, "%sand %zu more", what, notes->count - TOLD_NOTES);
}

sav_status sav_cli_read_list(sav_list **out, sav_cli *cli, const char *path, bool training, sav_error *err) {
    const sav_list_options options = {.format = cli->data,
                                      .image_root = cli->image_root,
                                      .question = cli->question,
                                      .training = training,
                                      .skip_bad = cli->skip_bad};
    sav_status status = sav_list_read(out, path, &options, err);
    if (status) return status;
    tell_notes(cli, &(*out)->warnings, "");
    if ((*out)->bad.count)
        sav_console_warn(cli->console, "%s: %zu bad records left out", (*out)->name, (*out)->bad.count);
    tell_notes(cli, &(*out)->bad, "left out: ");
    return SAV_OK;
}
