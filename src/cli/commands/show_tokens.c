/* show_tokens.c: `savs show tokens`: a text, a chat or a literal prompt -> token ids with their pieces. */
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "instruments/inspect.h"
#include "io/json.h"

static void put_pieces_json(sav_text *out, const sav_token_list *list) {
    sav_text_string(out, "{\"ids\":[");
    for (size_t i = 0; i < list->count; i++)
        sav_text_printf(out, "%s%u", i ? "," : "", (unsigned)list->tokens[i].id);
    sav_text_string(out, "],\"pieces\":[");
    for (size_t i = 0; i < list->count; i++) {
        const sav_token *t = &list->tokens[i];
        if (i) sav_text_string(out, ",");
        if (t->piece)
            sav_json_put_string(out, t->piece, t->length);
        else
            sav_text_string(out, "null");
    }
    sav_text_string(out, "]}\n");
}

static void put_pieces(sav_text *out, const sav_token_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const sav_token *t = &list->tokens[i];
        sav_text_printf(out, "%6u  ", (unsigned)t->id);
        if (t->piece) /* quotes show blanks; control characters are escaped */
            sav_json_put_string(out, t->piece, t->length);
        else
            sav_text_string(out, "(no such token)");
        sav_text_string(out, "\n");
    }
}

/* --text: the folder's tokenizer alone. --messages, --prompt: as the model lays them out. */
static sav_status read_tokens(sav_token_list *list, sav_model **model, sav_cli *cli, sav_error *err) {
    if (cli->text) {
        char *bytes;
        size_t length;
        sav_status status = sav_cli_read_text(&bytes, &length, cli->text, err);
        if (!status) status = sav_inspect_text(list, cli->model, cli->text, bytes, length, err);
        sav_free(bytes);
        return status;
    }
    sav_cli_prompt prompt;
    sav_status status = sav_model_open(model, cli->model, err);
    if (status) return status;
    status = sav_cli_read_prompt(&prompt, cli, err);
    if (!status) status = sav_inspect_prompt(list, *model, &prompt.prompt, err);
    sav_cli_free_prompt(&prompt);
    return status;
}

static sav_status show_tokens_command(sav_cli *cli, sav_error *err) {
    sav_token_list list = {0};
    sav_model *model = NULL;
    sav_text out = {0};
    if (!cli->text + !cli->messages + !cli->prompt != 2)
        return sav_cli_misuse(cli, err, "expected one of --text F, --messages F, --prompt F");
    sav_status status = read_tokens(&list, &model, cli, err);
    if (!status) {
        sav_cli_warn_notes(cli, model ? sav_model_describe(model)->notes : list.notes.bytes);
        if (cli->json)
            put_pieces_json(&out, &list);
        else
            put_pieces(&out, &list);
        status = sav_console_print(&out, err);
    }
    sav_text_free(&out);
    sav_token_list_free(&list);
    sav_model_close(model);
    return status;
}

const sav_command sav_command_show_tokens = {
    .name = "show tokens",
    .usage = "--model DIR (--text F | --messages F | --prompt F) [options]",
    .summary = "ids with their pieces",
    .example = "savs show tokens --model llava --text question.txt",
    .options = {NEEDS(MODEL), TAKES(TEXT), TAKES(MESSAGES), TAKES(PROMPT)},
    .run = show_tokens_command,
};
