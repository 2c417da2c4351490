/* show.c: `savs show samples|tokens|pixels`: what the program understands of a list, a prompt, a picture. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "instruments/inspect.h"
#include "io/json.h"

enum { TEXT_LIMIT = 1 << 28 }; /* bytes of a --text file */

/* ---- samples ------------------------------------------------------------------------------------------- */

sav_status sav_cli_show_samples(sav_cli *cli, sav_error *err) {
    sav_list *list;
    sav_text out = {0};
    sav_status status = sav_cli_read_list(&list, cli, cli->input, false, err);
    if (status) return status;
    if (cli->json) sav_text_string(&out, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (cli->json && i) sav_text_string(&out, ",");
        sav_sample_put(&out, &list->samples[i]);
    }
    if (cli->json) sav_text_string(&out, "]\n");
    status = sav_console_print(&out, err);
    sav_text_free(&out);
    sav_list_free(list);
    return status;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

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
    char *bytes = NULL;
    size_t length;
    sav_chat *chat = NULL;
    sav_status status;
    if (cli->text) {
        status = sav_os_read_file(&bytes, &length, cli->text, TEXT_LIMIT, err);
        if (!status) status = sav_inspect_text(list, cli->model, cli->text, bytes, length, err);
        sav_free(bytes);
        return status;
    }
    status = sav_model_open(model, cli->model, err);
    if (!status && cli->messages) {
        status = sav_cli_read_prompt(&chat, &bytes, cli->messages, NULL, err);
        if (!status) status = sav_inspect_prompt(list, *model, &chat->prompt, err);
    } else if (!status) {
        sav_prompt prompt = {0};
        status = sav_os_read_file(&bytes, &length, cli->prompt, TEXT_LIMIT, err);
        if (!status && strlen(bytes) != length)
            status = sav_fail(err, SAV_BAD_INPUT, "%s: found a NUL byte; expected text", cli->prompt);
        prompt.literal = bytes;
        if (!status) status = sav_inspect_prompt(list, *model, &prompt, err);
    }
    sav_chat_free(chat);
    sav_free(bytes);
    return status;
}

sav_status sav_cli_show_tokens(sav_cli *cli, sav_error *err) {
    sav_token_list list = {0};
    sav_model *model = NULL;
    sav_text out = {0};
    if (!cli->text + !cli->messages + !cli->prompt != 2)
        return sav_cli_misuse(cli, err, "expected one of --text F, --messages F, --prompt F");
    sav_status status = read_tokens(&list, &model, cli, err);
    if (!status) {
        if (model && sav_model_describe(model)->layout_note)
            sav_console_warn(cli->console, "%s", sav_model_describe(model)->layout_note);
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

/* ---- pixels -------------------------------------------------------------------------------------------- */

static void put_picture_json(sav_text *out, const char *path, const sav_picture_report *r) {
    sav_text_string(out, "{\"image\":");
    sav_json_put_string(out, path, strlen(path));
    sav_text_printf(
        out,
        ",\"height\":%zu,\"width\":%zu,\"turned\":%s,\"pinpoint\":[%zu,%zu],\"fit\":[%zu,%zu],\"tile\":%zu",
        r->height, r->width, r->turned ? "true" : "false", r->best_height, r->best_width, r->fit_height,
        r->fit_width, r->tile);
    sav_text_printf(out, ",\"grid\":[%zu,%zu],\"tiles\":%zu,\"map\":[%zu,%zu],\"shrunk\":%s,\"tokens\":%zu}",
                    r->rows, r->columns, r->tiles, r->map_height, r->map_width, r->shrunk ? "true" : "false",
                    r->tokens);
}

static void put_picture(sav_text *out, const char *path, const sav_picture_report *r) {
    sav_text_printf(out, "%s: %zu x %zu (width x height)%s\n  fitted to %zu x %zu", path, r->width, r->height,
                    r->turned ? ", with an EXIF orientation" : "", r->fit_width, r->fit_height);
    if (!r->tile) sav_text_printf(out, ": %zu x %zu patches", r->columns, r->rows);
    if (r->tile)
        sav_text_printf(out, " inside %zu x %zu: %zu tiles of %zu, the whole picture and %zu columns of %zu",
                        r->best_width, r->best_height, r->tiles, r->tile, r->columns, r->rows);
    sav_text_printf(out, "\n  %zu tokens: ", r->tokens);
    if (r->tile) sav_text_string(out, "the whole picture's, then ");
    sav_text_printf(out, "%zu rows of %zu%s%s\n", r->map_height, r->map_width, r->shrunk ? " (shrunk)" : "",
                    r->tile ? " with a line end each" : "");
}

static sav_status show_picture(sav_text *out, const sav_cli *cli, const sav_model *model,
                               const sav_options *options, const char *path, size_t number, sav_error *err) {
    sav_picture_report report;
    char name[40];
    snprintf(name, sizeof name, "picture%zu", number);
    sav_status status = sav_inspect_picture(&report, model, path, options, cli->out, name, err);
    if (status) return status;
    if (cli->json) {
        if (number) sav_text_string(out, ",\n");
        put_picture_json(out, path, &report);
    } else {
        put_picture(out, path, &report);
    }
    return SAV_OK;
}

/* The pictures of --image, or of the messages in their order. */
static sav_status show_pictures(sav_text *out, sav_cli *cli, const sav_model *model, const sav_chat *chat,
                                sav_error *err) {
    sav_options options = {0};
    sav_status status = sav_cli_picture_options(&options, cli, err);
    size_t number = 0;
    for (size_t i = 0; i < cli->image_count && !status; i++)
        status = show_picture(out, cli, model, &options, cli->images[i], number++, err);
    for (size_t m = 0; chat && m < chat->prompt.count; m++)
        for (size_t p = 0; p < chat->prompt.messages[m].count && !status; p++)
            if (chat->prompt.messages[m].parts[p].kind != SAV_TEXT)
                status = show_picture(out, cli, model, &options, chat->prompt.messages[m].parts[p].text,
                                      number++, err);
    return status;
}

sav_status sav_cli_show_pixels(sav_cli *cli, sav_error *err) {
    sav_model *model = NULL;
    sav_chat *chat = NULL;
    char *literal = NULL;
    sav_text out = {0};
    if (!cli->image_count == !cli->messages)
        return sav_cli_misuse(cli, err, "expected either --image F… or --messages F");
    sav_status status = cli->out ? sav_os_make_folder(cli->out, err) : SAV_OK;
    if (!status && cli->messages) status = sav_cli_read_prompt(&chat, &literal, cli->messages, NULL, err);
    if (!status) status = sav_model_open(&model, cli->model, err);
    if (cli->json) sav_text_string(&out, "[");
    if (!status) status = show_pictures(&out, cli, model, chat, err);
    if (cli->json) sav_text_string(&out, "]\n");
    if (!status) status = sav_console_print(&out, err);
    sav_text_free(&out);
    sav_chat_free(chat);
    sav_free(literal);
    sav_model_close(model);
    return status;
}
