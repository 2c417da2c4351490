/* inputs.c: lists, messages, prompts, texts that the command line names. See inputs.h. */
#include "cli/inputs.h"

#include <string.h>

#include "base/os.h"

enum { NOTES_SHOWN = 10, TEXT_LIMIT = 1 << 28 /* bytes of a text */ };

/* ---- lists --------------------------------------------------------------------------------------------- */

/* Notes from the one numbered `from`; beyond the first few they are counted. */
static void warn_notes(sav_cli *cli, const sav_notes *notes, size_t from, const char *what) {
    const size_t count = notes->count - from;
    for (size_t i = 0; i < count && i < NOTES_SHOWN; i++)
        sav_console_warn(cli->console, "%s%s", what, notes->items[from + i].message);
    if (count > NOTES_SHOWN) sav_console_warn(cli->console, "%sand %zu more", what, count - NOTES_SHOWN);
}

sav_status sav_cli_read_list(sav_list **out, sav_cli *cli, const char *path, sav_cli_labels labels,
                             sav_error *err) {
    const sav_list_options options = {.format = cli->data,
                                      .image_root = cli->image_root,
                                      .question = cli->question,
                                      .training = labels == LABELS_REQUIRED,
                                      .classes = labels != LABELS_OPTIONAL,
                                      .skip_bad = cli->skip_bad};
    sav_status status = sav_list_read(out, path, &options, err);
    if (status) return status;
    const sav_list *list = *out;
    warn_notes(cli, &list->warnings, 0, "");
    if (list->bad.count)
        sav_console_warn(cli->console, "%s: %zu bad records left out", list->name, list->bad.count);
    warn_notes(cli, &list->bad, 0, "left out: ");
    return SAV_OK;
}

void sav_cli_warn_left_out(sav_cli *cli, const sav_list *list, size_t from) {
    const size_t count = list->bad.count - from;
    if (!count) return;
    sav_console_warn(cli->console, "%s: %zu samples left out", list->name, count);
    warn_notes(cli, &list->bad, from, "left out: ");
}

/* ---- prompts ------------------------------------------------------------------------------------------- */

sav_status sav_cli_read_text(char **out, size_t *length, const char *path, sav_error *err) {
    *out = NULL;
    return sav_os_read_file(out, length, path, TEXT_LIMIT, err);
}

sav_status sav_cli_read_prompt(sav_cli_prompt *out, const sav_cli *cli, sav_error *err) {
    size_t length;
    *out = (sav_cli_prompt){0};
    sav_status status = cli->messages ? sav_messages_read(&out->chat, cli->messages, err) : SAV_OK;
    if (status) return status;
    if (out->chat) out->prompt = out->chat->prompt;
    if (!cli->prompt) return SAV_OK;
    status = sav_cli_read_text(&out->literal, &length, cli->prompt, err);
    if (!status && strlen(out->literal) != length)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found a NUL byte; expected text", cli->prompt);
    if (!status) out->prompt.literal = out->literal;
    return status;
}

void sav_cli_free_prompt(sav_cli_prompt *prompt) {
    sav_chat_free(prompt->chat);
    sav_free(prompt->literal);
    *prompt = (sav_cli_prompt){0};
}
