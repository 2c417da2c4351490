/* test_messages.c: chat JSON -> prompt, and what is refused. */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "lists/messages.h"

static sav_status parse(sav_chat **out, const char *text, sav_error *err) {
    return sav_messages_parse(out, text, strlen(text), "m.json", "dir/", err);
}

static void check_prompt(const char *text, const char *want) {
    sav_chat *chat;
    sav_error err;
    sav_text got = {0};
    if (!CHECK_OK(parse(&chat, text, &err), &err)) return;
    for (size_t m = 0; m < chat->prompt.count; m++) {
        const sav_message *message = &chat->prompt.messages[m];
        sav_text_printf(&got, "%s:", message->role);
        for (size_t p = 0; p < message->count; p++)
            sav_text_printf(&got, "%c(%s)", message->parts[p].kind == SAV_IMAGE ? 'I' : 'T',
                            message->parts[p].text);
        sav_text_string(&got, ";");
    }
    CHECK_STR(got.bytes, want);
    CHECK(chat->prompt.literal == NULL);
    sav_text_free(&got);
    sav_chat_free(chat);
}

static void check_refused(const char *text, sav_status status, const char *part) {
    sav_chat *chat;
    sav_error err;
    CHECK_FAILS(parse(&chat, text, &err), &err, status, part);
}

int main(void) {
    sav_chat *chat;
    sav_error err;
    check_prompt("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"a.png\"},{\"type\":"
                 "\"text\",\"text\":\"q <image>\"},"
                 "{\"type\":\"image\",\"image\":\"/b.png\"}]}]",
                 "user:I(dir/a.png)T(q <image>)I(/b.png);");
    check_prompt("\xEF\xBB\xBF{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"content\":\"\","
                 "\"role\":\"user\"},"
                 "{\"role\":\"assistant\",\"content\":[]},{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                 "\"text\":\"\"}]}]}",
                 "system:T(s);user:;assistant:;user:T();");
    check_refused("[]", SAV_BAD_INPUT, "m.json:1:1: expected a list of messages");
    check_refused("{\"messages\":3}", SAV_BAD_INPUT, "m.json:1:13: expected a list");
    check_refused("{}", SAV_BAD_INPUT, "expected a list");
    check_refused("[3]", SAV_BAD_INPUT, "m.json:1:2: expected a message");
    check_refused("[{\"content\":\"\"}]", SAV_BAD_INPUT, "expected a string in \"role\"");
    check_refused("[{\"role\":\"tool\",\"content\":\"\"}]", SAV_BAD_INPUT, "unknown role");
    check_refused("[{\"role\":\"user\"}]", SAV_BAD_INPUT, "expected \"content\"");
    check_refused("[{\"role\":\"user\",\"content\":5}]", SAV_BAD_INPUT, "expected \"content\"");
    check_refused("[{\"role\":\"user\",\"content\":[\"x\"]}]", SAV_BAD_INPUT, "expected a part");
    check_refused("[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]", SAV_BAD_INPUT,
                  "expected a string in \"type\"");
    check_refused("[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", SAV_BAD_INPUT,
                  "expected a string in \"text\"");
    check_refused("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"\"}]}]", SAV_BAD_INPUT,
                  "empty path");
    check_refused("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":[\"a\"]}]}]", SAV_BAD_INPUT,
                  "in \"image\"");
    check_refused("[{\"role\":\"user\",\"content\":[{\"type\":\"video\",\"video\":[\"a\"]}]}]",
                  SAV_UNSUPPORTED, "type \"video\"");
    check_refused("[{\"role\":\"user\",\"content\":[{\"type\":\"audio\"}]}]", SAV_UNSUPPORTED,
                  "expected \"text\" or \"image\"");
    check_refused("[{\"role\":\"user\",\"content\":\"a\\u0000b\"}]", SAV_BAD_INPUT, "in \"content\"");
    check_refused("[{\"role\":\"user\",\n\"content\":}]", SAV_BAD_INPUT, "m.json:2:");
    CHECK_FAILS(sav_messages_read(&chat, "no/such.json", &err), &err, SAV_BAD_INPUT, "no/such.json");
    return check_report("messages");
}
