/* show.c: `savs show samples|…`: what the program understands of a list, a prompt, a picture. */
#include <string.h>

#include "cli/cli.h"
#include "io/json.h"
#include "tasks/list.h"

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void put_string(sav_text *out, const char *text) {
    if (text)
        sav_json_put_string(out, text, strlen(text));
    else
        sav_text_string(out, "null");
}

static void put_sample(sav_text *out, const sav_sample *sample) {
    sav_text_printf(out, "{\"index\":%zu,\"images\":[", sample->index);
    for (size_t m = 0; m < sample->media_count; m++) {
        if (m) sav_text_string(out, ",");
        put_string(out, sample->media[m]);
    }
    sav_text_string(out, "],\"prompt\":");
    put_string(out, sample->question);
    sav_text_string(out, ",\"label\":");
    put_string(out, sample->label);
    sav_text_printf(out, ",\"question_id\":%s,\"group\":%s}", sample->question_id, sample->group);
}

sav_status sav_cli_show_samples(sav_cli *cli, sav_error *err) {
    sav_list *list;
    sav_text out = {0};
    sav_status status = sav_cli_read_list(&list, cli, cli->input, false, err);
    if (status) return status;
    if (cli->json) sav_text_string(&out, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (cli->json && i) sav_text_string(&out, ",\n");
        put_sample(&out, &list->samples[i]);
        if (!cli->json) sav_text_string(&out, "\n");
    }
    if (cli->json) sav_text_string(&out, "]\n");
    status = sav_console_print(&out, err);
    sav_text_free(&out);
    sav_list_free(list);
    return status;
}
