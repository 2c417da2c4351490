/* dump.c: `savs dump`: every stage of one forward, under the goldens' names, into a safetensors file. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"
#include "instruments/dump_file.h"

/* Hands stages on to the file, unless a signal asked to stop. */
static sav_status pass_on(void *context, const sav_snapshot *stage, sav_error *err) {
    const sav_sink *file = context;
    sav_status status = sav_console_check(NULL, err);
    return status ? status : file->receive(file->context, stage, err);
}

static sav_status dump(sav_cli *cli, const sav_prompt *prompt, sav_dump_file *file, sav_error *err) {
    sav_model *model;
    sav_session *session;
    sav_status status = sav_cli_open_session(&model, &session, cli, err);
    if (status) return status;
    sav_sink inner = sav_dump_file_sink(file);
    const sav_sink sink = {pass_on, &inner};
    status = sav_dump(session, prompt, &sink, err);
    if (!status && sav_dump_file_count(file) == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "--stages %s: no stage of this forward has such a name",
                          cli->stages);
    const sav_session_info *info = sav_session_describe(session);
    char pillow[16];
    snprintf(pillow, sizeof pillow, "%d", info->pillow);
    const sav_dump_origin origin = {info->engine, sav_storage_name(info->dtype), pillow,
                                    sav_model_describe(model)->sha256};
    if (!status) status = sav_dump_file_write(file, cli->out, &origin, err);
    if (!status) sav_cli_warn_pictures(cli, session);
    if (!status)
        sav_console_say(cli->console, "%s: %zu stage%s of %zu token%s", cli->out, sav_dump_file_count(file),
                        sav_plural(sav_dump_file_count(file)), info->tokens, sav_plural(info->tokens));
    sav_cli_close_session(model, session);
    return status;
}

static sav_status check_pictures(const sav_cli *cli, const sav_prompt *prompt, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t m = 0; m < prompt->count; m++)
        for (size_t i = 0; i < prompt->messages[m].count && !status; i++)
            if (prompt->messages[m].parts[i].kind != SAV_TEXT)
                status = sav_cli_try_picture(cli->out, prompt->messages[m].parts[i].text, err);
    return status;
}

static sav_status dump_command(sav_cli *cli, sav_error *err) {
    sav_cli_prompt prompt;
    sav_dump_file *file = NULL;
    sav_status status = sav_cli_try_file(cli, cli->out, err);
    if (status) return status;
    status = sav_cli_read_prompt(&prompt, cli, err);
    if (!status) status = check_pictures(cli, &prompt.prompt, err);
    if (!status) status = sav_dump_file_new(&file, cli->stages, err);
    if (!status) status = dump(cli, &prompt.prompt, file, err);
    sav_dump_file_free(file);
    sav_cli_free_prompt(&prompt);
    return status;
}

const sav_command sav_command_dump = {
    .name = "dump",
    .usage = "--model DIR --messages F --out F [options]",
    .summary = "every stage of one forward, under the names of PyTorch's modules",
    .example = "savs dump --model llava --messages chat.json --out mine.safetensors --engine exact",
    .options = {NEEDS(MODEL), NEEDS(MESSAGES), NEEDS(OUT), TAKES_FORWARD_OPTIONS, TAKES(PROMPT),
                TAKES(STAGES)},
    .run = dump_command,
};
