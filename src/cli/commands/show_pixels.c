/* show_pixels.c: `savs show pixels`: pictures -> the sizes, grids and tokens that a model makes of them. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"
#include "instruments/inspect.h"
#include "io/json.h"

static void put_picture_json(sav_text *out, const char *path, const sav_picture_report *r) {
    sav_text_string(out, "{\"image\":");
    sav_json_put_string(out, path, strlen(path));
    sav_text_printf(out, ",\"height\":%zu,\"width\":%zu,\"turned\":%s,\"damaged\":%s,\"unrefined\":%s",
                    r->height, r->width, r->turned ? "true" : "false", r->damaged ? "true" : "false",
                    r->unrefined ? "true" : "false");
    sav_text_printf(out, ",\"pinpoint\":[%zu,%zu],\"fit\":[%zu,%zu],\"tile\":%zu", r->best_height,
                    r->best_width, r->fit_height, r->fit_width, r->tile);
    sav_text_printf(out, ",\"grid\":[%zu,%zu],\"tiles\":%zu,\"map\":[%zu,%zu],\"shrunk\":%s,\"tokens\":%zu}",
                    r->rows, r->columns, r->tiles, r->map_height, r->map_width, r->shrunk ? "true" : "false",
                    r->tokens);
}

static void put_picture(sav_text *out, const char *path, const sav_picture_report *r) {
    sav_text_shown(out, path);
    sav_text_printf(out, ": %zu x %zu (width x height)%s%s%s\n  fitted to %zu x %zu", r->width, r->height,
                    r->turned ? ", with an orientation" : "", r->damaged ? ", damaged" : "",
                    r->unrefined ? ", without its last refinements" : "", r->fit_width, r->fit_height);
    if (!r->tile) sav_text_printf(out, ": %zu x %zu patches", r->columns, r->rows);
    if (r->tile)
        sav_text_printf(out,
                        " inside %zu x %zu: %zu tile%s of %zu, the whole picture and %zu column%s of %zu",
                        r->best_width, r->best_height, r->tiles, sav_plural(r->tiles), r->tile, r->columns,
                        sav_plural(r->columns), r->rows);
    sav_text_printf(out, "\n  %zu token%s: ", r->tokens, sav_plural(r->tokens));
    if (r->tile) sav_text_string(out, "the whole picture's, then ");
    sav_text_printf(out, "%zu row%s of %zu%s%s\n", r->map_height, sav_plural(r->map_height), r->map_width,
                    r->shrunk ? " (shrunk)" : "", r->tile ? " with a line end each" : "");
}

typedef struct job {
    sav_cli *cli;
    sav_model *model;
    sav_options options;
    size_t shown; /* pictures so far */
    sav_text out;
} job;

/* "picture0-3.png" in the folder that gets such names could be replaced before it is read. */
static sav_status check_name(const char *out, const char *path, sav_error *err) {
    static const char begins[] = "picture";
    const char *name = sav_os_path_name(path);
    char *there = sav_path_join(out, name);
    sav_status status = there ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    if (there && strncmp(name, begins, sizeof begins - 1) == 0)
        status = sav_cli_try_picture(there, path, err);
    sav_free(there);
    return status;
}

static sav_status show_picture(job *j, const sav_part *picture, sav_error *err) {
    sav_picture_report report;
    const char *path = picture->text;
    char name[40];
    snprintf(name, sizeof name, "picture%zu", j->shown);
    sav_status status = j->cli->out ? check_name(j->cli->out, path, err) : SAV_OK;
    if (status) return status;
    status = sav_inspect_picture(&report, j->model, picture, &j->options, j->cli->out, name, err);
    if (status) return status;
    if (j->cli->json) {
        if (j->shown) sav_text_string(&j->out, ",\n");
        put_picture_json(&j->out, path, &report);
    } else {
        put_picture(&j->out, path, &report);
    }
    j->shown++;
    return SAV_OK;
}

/* The pictures of a message in their order. */
static sav_status show_message(job *j, const sav_message *message, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t p = 0; p < message->count && !status; p++)
        if (message->parts[p].kind != SAV_TEXT) status = show_picture(j, &message->parts[p], err);
    return status;
}

static sav_status show_pixels_command(sav_cli *cli, sav_error *err) {
    job j = {.cli = cli};
    sav_cli_prompt prompt = {.chat = NULL};
    if (!cli->image_count == !cli->messages)
        return sav_cli_misuse(cli, err, "expected either --image F… or --messages F");
    sav_status status = cli->out ? sav_os_make_folder(cli->out, err) : SAV_OK;
    if (!status) status = sav_cli_read_prompt(&prompt, cli, err);
    if (!status) status = sav_model_open(&j.model, cli->model, err);
    if (!status) status = sav_cli_picture_options(&j.options, cli, err);
    if (cli->json) sav_text_string(&j.out, "[");
    for (size_t i = 0; i < cli->image_count && !status; i++) {
        const sav_part picture = {.kind = SAV_IMAGE, .text = cli->images[i]};
        status = show_picture(&j, &picture, err);
    }
    for (size_t m = 0; m < prompt.prompt.count && !status; m++)
        status = show_message(&j, &prompt.prompt.messages[m], err);
    if (cli->json) sav_text_string(&j.out, "]\n");
    if (!status) status = sav_console_print(&j.out, err);
    sav_text_free(&j.out);
    sav_cli_free_prompt(&prompt);
    sav_model_close(j.model);
    return status;
}

const sav_command sav_command_show_pixels = {
    .name = "show pixels",
    .usage = "--model DIR (--image F… | --messages F) [--out DIR] [options]",
    .summary = "sizes, grids, token counts; with --out the tiles or the resized picture as PNG",
    .example = "savs show pixels --model llava --image cat.jpg --out tiles/",
    .options = {NEEDS(MODEL), TAKES(IMAGE), TAKES(MESSAGES), TAKES(OUT), TAKES(PILLOW), TAKES(MIN_PIXELS),
                TAKES(MAX_PIXELS), TAKES(MAX_PICTURE_PIXELS), TAKES(EXIF_ROTATE)},
    .run = show_pixels_command,
};
