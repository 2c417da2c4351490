#include "golden_case.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "check.h"
#include "forward/session.h"
#include "picture.h"

const char *golden_path(const char *name, const char *end) {
    static char path[4][400];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, 400, "golden/%s%s", name, end);
    return p;
}

void golden_cases(const char *only, void (*run)(const sav_json *node)) {
    static const char *const lists[] = {"golden/cases.json", "golden/qwen_vl/cases.json"};
    sav_json_doc *cases;
    sav_error err;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (!CHECK_OK(sav_json_read(&cases, lists[i], &err), &err)) continue;
        for (const sav_json *node = sav_json_root(cases)->child; node; node = node->next)
            if (!only || sav_json_is(sav_json_get(node, "name"), only)) run(node);
        sav_json_free(cases);
    }
}

static bool pictures_read(const sav_chat *chat) {
    for (size_t m = 0; m < chat->prompt.count; m++)
        for (size_t i = 0; i < chat->prompt.messages[m].count; i++) {
            const sav_part *part = &chat->prompt.messages[m].parts[i];
            if (part->kind != SAV_TEXT && !picture_reads(part->text)) return false;
        }
    return true;
}

bool golden_case_open(golden_case *c, const sav_json *node, sav_options options) {
    const sav_json *literal = sav_json_get(node, "prompt"), *dtype = sav_json_get(node, "dtype");
    size_t length;
    sav_error err;
    *c =
        (golden_case){.name = sav_json_get(node, "name")->text, .stored = sav_json_get(node, "stored")->text};
    c->dtype = options.dtype = sav_json_is(dtype, "bf16")  ? SAV_BF16
                               : sav_json_is(dtype, "f16") ? SAV_F16
                                                           : SAV_F32;
    CHECK_OK(sav_json_size(&options.min_pixels, node, "min_pixels", 0, c->name, &err), &err);
    CHECK_OK(sav_json_size(&options.max_pixels, node, "max_pixels", 0, c->name, &err), &err);
    if (!CHECK_OK(sav_model_open(&c->model, golden_path(sav_json_get(node, "model")->text, ""), &err),
                  &err) ||
        !CHECK_OK(sav_session_open(&c->session, c->model, &options, &err), &err) ||
        !CHECK_OK(sav_messages_read(&c->chat, golden_path(sav_json_get(node, "messages")->text, ""), &err),
                  &err) ||
        !pictures_read(c->chat))
        return false;
    /* Small as the fixtures are, threads must show if they ever do; costly where other processes run beside,
     * so not for all. */
    if (strcmp(c->stored, "all") == 0 || sav_json_get(node, "truth")) sav_session_team_work(c->session, 0);
    if (literal->kind == SAV_JSON_STRING &&
        !CHECK_OK(sav_os_read_file(&c->literal, &length, golden_path(literal->text, ""), 1 << 20, &err),
                  &err))
        return false;
    c->prompt = c->chat->prompt;
    c->prompt.literal = c->literal;
    return true;
}

void golden_case_close(golden_case *c) {
    sav_session_close(c->session);
    sav_model_close(c->model);
    sav_chat_free(c->chat);
    sav_free(c->literal);
}
