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

#define USER(parts) "[{\"role\":\"user\",\"content\":[" parts "]}]"
#define PICTURE(keys) USER("{\"type\":\"image\",\"image\":\"a.png\"," keys "}")

static void check_notes(const char *text, const char *want) {
    sav_chat *chat;
    sav_error err;
    if (!CHECK_OK(parse(&chat, text, &err), &err)) return;
    CHECK_STR(chat->notes.bytes ? chat->notes.bytes : "", want);
    sav_chat_free(chat);
}

static void check_bounds(const char *text, sav_picture_bounds want, const char *notes) {
    sav_chat *chat;
    sav_error err;
    if (!CHECK_OK(parse(&chat, text, &err), &err)) return;
    const sav_picture_bounds *got = &chat->prompt.messages->parts->bounds;
    CHECK_SIZE(got->min_pixels, want.min_pixels);
    CHECK_SIZE(got->max_pixels, want.max_pixels);
    CHECK_SIZE(got->resized_height, want.resized_height);
    CHECK_SIZE(got->resized_width, want.resized_width);
    CHECK_STR(chat->notes.bytes ? chat->notes.bytes : "", notes);
    sav_chat_free(chat);
}

/* Values that fetch_image of qwen_vl_utils 0.0.11 takes (ints, floats); what it fails on, and what nobody
 * means, is refused by name. Sizes that follow: tests/forward/test_requests.c. */
static void test_bounds(void) {
    static const char *const keys[] = {"min_pixels", "max_pixels", "resized_height", "resized_width"};
    static const char *const bad[][2] = {
        {"\"6272\"", "found \"6272\"; expected a whole number from 1 on"},
        {"-3136", "found -3136;"},
        {"0", "found 0;"},
        {"0.5", "found 0.5;"},
        {"6272.5", "found 6272.5;"},
        {"9007199254740993e1", "found 9007199254740993e1;"},
        {"1e400", "found 1e400;"},
        {"99999999999999999999999999999999999999999999999999999999999999999999",
         "found 999999999999999999999999999999999999999999999999999999999999…;"},
        {"true", "found true;"},
        {"[56]", "found [56];"},
        {"{\"a\":1}", "found {\"a\":1};"}};
    char text[400], want[400];
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            snprintf(text, sizeof text, PICTURE("\"%s\": %s"), keys[k], bad[i][0]);
            snprintf(
                want, sizeof want, "m.json:1:%zu: \"%s\": %s",
                strlen("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"a.png\",\"\": ") +
                    strlen(keys[k]) + 1,
                keys[k], bad[i][1]);
            check_refused(text, SAV_BAD_INPUT, want);
        }
    check_bounds(PICTURE("\"min_pixels\":1,\"max_pixels\":2"), (sav_picture_bounds){1, 2, 0, 0}, "");
    check_bounds(PICTURE("\"max_pixels\":6272.0,\"min_pixels\":6.272e3"),
                 (sav_picture_bounds){6272, 6272, 0, 0}, "");
    check_bounds(PICTURE("\"resized_height\":56,\"resized_width\":9007199254740992"),
                 (sav_picture_bounds){0, 0, 56, 9007199254740992u}, "");
    check_bounds(PICTURE("\"min_pixels\":null,\"resized_width\":null"), (sav_picture_bounds){0, 0, 0, 0}, "");
    check_bounds(PICTURE("\"resized_height\":56"), (sav_picture_bounds){0, 0, 56, 0},
                 "m.json:1:28: resized_height and resized_width are used only together\n");
    check_bounds(PICTURE("\"resized_width\":56,\"max_pixels\":9"), (sav_picture_bounds){0, 9, 0, 56},
                 "m.json:1:28: resized_height and resized_width are used only together\n");
    check_bounds(
        PICTURE("\"resized_width\":56,\"resized_height\":56,\"max_pixels\":9"),
        (sav_picture_bounds){0, 9, 56, 56},
        "m.json:1:28: min_pixels and max_pixels are not used beside resized_height and resized_width\n");
    check_refused(PICTURE("\"min_pixels\":60000,\"max_pixels\":6272"), SAV_BAD_INPUT,
                  "m.json:1:28: found min_pixels 60000 above max_pixels 6272");
    check_refused(PICTURE("\"min_pixels\":1,\"min_pixels\":2"), SAV_BAD_INPUT, "min_pixels");
}

/* Where a picture may stand: the keys that Qwen's template, fetch_image and apply_chat_template of 4.51.3
 * look at; a form that they fail on, or drop, is named. */
static void test_forms(void) {
    check_prompt(USER("{\"type\":\"image_url\",\"image_url\":\"a.png\"}"), "user:I(dir/a.png);");
    check_prompt(USER("{\"type\":\"image\",\"image_url\":\"file:///a.png\"}"), "user:I(/a.png);");
    check_prompt(USER("{\"type\":\"image\",\"path\":\"a.png\"}"), "user:I(dir/a.png);");
    check_prompt(USER("{\"type\":\"image\",\"url\":\"a.png\",\"image\":null,\"text\":null}"),
                 "user:I(dir/a.png);");
    check_prompt(USER("{\"type\":\"text\",\"text\":\"x\",\"image\":null,\"image_url\":null,\"video\":null,"
                      "\"images\":[]}"),
                 "user:T(x);");
    static const struct {
        const char *text;
        sav_status status;
        const char *part;
    } refused[] = {
        {USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"a.png\"}}"), SAV_BAD_INPUT,
         "m.json:1:60: expected a string in \"image_url\""},
        {USER("{\"type\":\"image\",\"url\":\"https://h/a.png\"}"), SAV_UNSUPPORTED,
         "m.json:1:50: found the address https://h/a.png"},
        {USER("{\"type\":\"image\",\"url\":\"a\",\"path\":\"b\"}"), SAV_BAD_INPUT,
         "found \"path\" and \"url\" for one picture"},
        {USER("{\"type\":\"image\",\"image\":\"a\",\"image_url\":\"a\"}"), SAV_BAD_INPUT,
         "found \"image\" and \"image_url\" for one picture"},
        {USER("{\"type\":\"image\"}"), SAV_BAD_INPUT, "found a picture without a path"},
        {USER("{\"type\":\"image\",\"images\":[\"a\"]}"), SAV_UNSUPPORTED,
         "\"image.images\": found [\"a\"]; expected null|[]: Each picture"},
        {USER("{\"type\":\"image\",\"base64\":\"iVBORw0\"}"), SAV_UNSUPPORTED, "\"image.base64\": found"},
        {USER("{\"type\":\"image\",\"image\":\"a\",\"text\":\"b\"}"), SAV_UNSUPPORTED,
         "\"image.text\": found \"b\""},
        {USER("{\"type\":\"text\",\"text\":\"a\",\"image\":\"b\"}"), SAV_UNSUPPORTED,
         "\"text.image\": found \"b\"; expected null: A picture is a part of its own."},
        {USER("{\"type\":\"text\",\"text\":\"a\",\"image_url\":\"b\"}"), SAV_UNSUPPORTED,
         "\"text.image_url\""},
        {USER("{\"type\":\"images\",\"images\":[\"b\"]}"), SAV_UNSUPPORTED,
         "found a part of type \"images\""},
        {USER("{\"type\":\"input_image\",\"image\":\"b\"}"), SAV_UNSUPPORTED,
         "found a part of type \"input_image\"; expected \"text\" or \"image\""},
        {"[{\"role\":\"user\",\"content\":\"a\",\"images\":[\"b\"]}]", SAV_UNSUPPORTED,
         "\"messages.images\": found [\"b\"]; expected null|[]: Pictures stand in"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"images\":[\"b\"]}", SAV_UNSUPPORTED,
         "\"images\": found"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"image\":\"b\"}", SAV_UNSUPPORTED,
         "\"image\": found"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"videos\":[\"b\"]}", SAV_UNSUPPORTED,
         "\"videos\": found"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[{}]}", SAV_UNSUPPORTED,
         "\"tools\": found"},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"The\"}]",
         SAV_BAD_INPUT, "m.json:1:40: found the assistant's message at the end"},
        {"[{\"role\":\"developer\",\"content\":\"a\"}]", SAV_BAD_INPUT, "found the role \"developer\""},
        {"[{\"role\":\"USER\",\"content\":\"a\"}]", SAV_BAD_INPUT, "found the role \"USER\""},
        {"[{\"role\":\"function\",\"content\":\"a\"}]", SAV_BAD_INPUT, "found the role \"function\""},
        {"[[{\"role\":\"user\",\"content\":\"a\"}]]", SAV_BAD_INPUT, "m.json:1:2: expected a message"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused(refused[i].text, refused[i].status, refused[i].part);
}

#define L5 "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
#define L20 L5 L5 L5 L5
#define L35 L20 L5 L5 L5

/* Unknown keys, wherever they stand: one line, each name once. */
static void test_unknown(void) {
    check_notes("[{\"role\":\"user\",\"content\":\"a\"}]", "");
    check_notes(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"images\":[]}],\"images\":null,\"tools\":[]}",
        "");
    check_notes("{\"id\":7,\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"name\":\"n\"},{\"role\":"
                "\"user\",\"content\":"
                "[{\"type\":\"text\",\"text\":\"a\",\"cache\":1},{\"type\":\"image\",\"image\":\"a\","
                "\"detail\":\"low\"},"
                "{\"type\":\"image\",\"image\":\"a\",\"detail\":\"low\"}],\"name\":\"n\"}]}",
                "m.json: keys are not read: \"id\", \"messages.name\", \"text.cache\", \"image.detail\"\n");
    /* 70 characters of two bytes: 60 are shown */
    check_notes(PICTURE("\"" L35 L35 "\":1"), "m.json: a key is not read: \"image." L35 L20 L5 "…\"\n");
    check_refused(USER("{\"type\":\"text\",\"text\":\"a\",\"image\":\"" L35 L35 "\"}"), SAV_UNSUPPORTED,
                  "\"text.image\": found \"" L35 L20 "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9…; expected null");
    check_notes(PICTURE("\"max_pixel\":1"), "m.json: a key is not read: \"image.max_pixel\"\n");
    check_notes(PICTURE("\"min_pixls\":1,\"resized_height\":2"),
                "m.json:1:28: resized_height and resized_width are used only together\nm.json: a key is not "
                "read: \"image.min_pixls\"\n");
}

int main(void) {
    test_bounds();
    test_forms();
    test_unknown();
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
    check_refused("[{\"role\":\"tool\",\"content\":\"\"}]", SAV_BAD_INPUT,
                  "m.json:1:10: found the role \"tool\"; expected system, user or assistant");
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
