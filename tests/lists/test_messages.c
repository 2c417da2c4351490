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

/* Where a picture is: right values from fetch_image of qwen_vl_utils 0.0.11, which opens address[7:] behind
 * "file://" (no host, no percent decoding). */
static void test_addresses(void) {
    static const char *const paths[][2] = {
        {"file:///a b.png", "/a b.png"},     {"file://c/d.png", "dir/c/d.png"},
        {"file:///a%20b.png", "/a%20b.png"}, {"file.png", "dir/file.png"},
        {"x:/y.png", "dir/x:/y.png"},        {"file:/y.png", "dir/file:/y.png"}};
    static const char *const refused[][2] = {
        {"data:image/png;base64,iVBORw0KGgo=",
         "m.json:1:52: found a data: URI (data:image/png;base64, 34 bytes)"},
        {"DATA:,x", "found a data: URI (DATA:, 7 bytes)"},
        {"https://host/a.png", "found the address https://host/a.png; expected a path"},
        {"http://h", "found the address http://h"},
        {"s3://bucket/a.png", "found the address s3://bucket/a.png"},
        {"file://", "found file://; expected a path"},
        {"", "expected a path"}};
    char text[512], want[512];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(text, sizeof text,
                 "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"%s\"}]}]", paths[i][0]);
        snprintf(want, sizeof want, "user:I(%s);", paths[i][1]);
        check_prompt(text, want);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        snprintf(text, sizeof text,
                 "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"%s\"}]}]", refused[i][0]);
        check_refused(text, *refused[i][0] && i < 5 ? SAV_UNSUPPORTED : SAV_BAD_INPUT, refused[i][1]);
    }
}

/* A picture inside a URI is never echoed: a short line, the reason at its end. */
static void test_long_junk(void) {
    static const char head[] = "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"";
    static const char *const starts[] = {"data:image/png;base64,", "data:", "https://", "x-y.z://"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        sav_text text = {0};
        sav_chat *chat;
        sav_error err;
        sav_text_string(&text, head);
        sav_text_string(&text, starts[i]);
        for (int n = 0; n < 5000; n++) sav_text_string(&text, "\xC3\xA9");
        sav_text_string(&text, "\"}]}]");
        CHECK_FAILS(parse(&chat, text.bytes, &err), &err, SAV_UNSUPPORTED, "; expected a path");
        CHECK(strlen(err.message) < 200);
        sav_text_free(&text);
    }
}

int main(void) {
    test_addresses();
    test_long_junk();
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
                  "m.json:1:52: found \"\"; expected a path");
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
