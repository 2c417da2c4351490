/* show_pixels.c: `savs show pixels`: pictures -> the sizes, grids and tokens that a model makes of them. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "instruments/inspect.h"
#include "io/json.h"

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

static sav_status show_pixels_command(sav_cli *cli, sav_error *err) {
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

const sav_command sav_command_show_pixels = {
    .name = "show pixels",
    .usage = "--model DIR (--image F… | --messages F) [--out DIR] [options]",
    .summary = "sizes, grids, token counts; with --out the tiles or the resized picture as PNG",
    .example = "savs show pixels --model llava --image cat.jpg --out tiles/",
    .options = {NEEDS(MODEL), TAKES(IMAGE), TAKES(MESSAGES), TAKES(OUT), TAKES(PILLOW), TAKES(MIN_PIXELS),
                TAKES(MAX_PIXELS), TAKES(EXIF_ROTATE)},
    .run = show_pixels_command,
};
