/* test_list.c: lists of every form, their samples, prompts and complaints. */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "lists/list.h"

static sav_status parse(sav_list **out, const char *text, const sav_list_options *options, sav_error *err) {
    return sav_list_parse(out, text, strlen(text), "l.jsonl", "dir/", options, err);
}

/* Parses text and compares "label|media,media|question|id" of each sample, one a line. */
static void check_samples(const char *text, const sav_list_options *options, const char *want) {
    sav_list *list;
    sav_error err;
    sav_text got = {0};
    if (!CHECK_OK(parse(&list, text, options, &err), &err)) return;
    for (size_t i = 0; i < list->count; i++) {
        const sav_sample *s = &list->samples[i];
        sav_text_printf(&got, "%zu:%zu %s|", s->index, s->line, s->label ? s->label : "(none)");
        for (size_t m = 0; m < s->media_count; m++) sav_text_printf(&got, "%s%s", m ? "," : "", s->media[m]);
        sav_text_printf(&got, "|%s|%s\n", s->question, s->question_id);
    }
    CHECK_STR(got.bytes, want);
    sav_text_free(&got);
    sav_list_free(list);
}

static void check_refused(const char *text, const sav_list_options *options, const char *part) {
    sav_list *list;
    sav_error err = {0};
    sav_status status = parse(&list, text, options, &err);
    CHECK(status == SAV_BAD_INPUT || status == SAV_UNSUPPORTED);
    if (!strstr(err.message, part)) printf("got \"%s\", want \"%s\"\n", err.message, part);
    CHECK(status && strstr(err.message, part) != NULL);
    if (!status) sav_list_free(list);
}

static void test_forms(void) {
    check_samples("{\"image\":\"a.png\",\"question\":\"q\",\"label\":\"x\",\"question_id\":7}\n\n \t\r\n"
                  "{\"question\":\"r\",\"label\":\"y\"}",
                  NULL, "0:1 x|dir/a.png|q|7\n1:4 y||r|null\n");
    check_samples(
        "\xEF\xBB\xBF\n [\n{\"question\":\"a\",\"image\":null},\n{\"question\":\"b\",\"image\":\"\"}]\n",
        NULL, "0:3 (none)||a|null\n1:4 (none)||b|null\n");
    check_samples("{\"question\":\"q\",\"image\":[\"a.png\",\"/b.png\"],\"extra\":[{}]}\r\n", NULL,
                  "0:1 (none)|dir/a.png,/b.png|q|null\n");
    check_samples("{\"question\":\"q\",\"image\":[]}", NULL, "0:1 (none)||q|null\n");
}

/* The format `general`, and where paths lead (docs/CLI.md §5). */
static void test_paths(void) {
    sav_list_options rooted = {.image_root = "R"}, slashed = {.image_root = "R/"};
    check_samples(
        "{\"image\": \"a/cat.jpg\", \"question\": \"Is it a \\\"cat\\\"?\\n\xC3\x9C \xE7\x8C\xAB\", "
        "\"question_id\": 7, \"label\": \"cat\"}",
        &rooted, "0:1 cat|R/a/cat.jpg|Is it a \"cat\"?\n\xC3\x9C \xE7\x8C\xAB|7\n");
    check_samples("{\"image\":\"/a.jpg\",\"question\":\"q\"}", &slashed, "0:1 (none)|R/a.jpg|q|null\n");
    check_samples("{\"image\":\"../a.jpg\",\"question\":\"q\"}", NULL, "0:1 (none)|dir/../a.jpg|q|null\n");
}

static void test_labels(void) {
    check_samples("[{\"question\":\"q\",\"label\":1},{\"question\":\"q\",\"label\":1.0},{\"question\":\"q\","
                  "\"label\":true},"
                  "{\"question\":\"q\",\"label\":\"1\"},{\"question\":\"q\",\"label\":null},{\"question\":"
                  "\"q\",\"label\":\"\"}]",
                  NULL,
                  "0:1 1||q|null\n1:1 1.0||q|null\n2:1 true||q|null\n3:1 1||q|null\n4:1 (none)||q|null\n5:1 "
                  "||q|null\n");
    check_samples("[{\"question\":\"\",\"question_id\":\"0\"},{\"question\":\"\",\"question_id\":1.50},"
                  "{\"question\":\"\",\"question_id\":false},{\"question\":\"\",\"question_id\":null}]",
                  NULL, "0:1 (none)|||\"0\"\n1:1 (none)|||1.50\n2:1 (none)|||false\n3:1 (none)|||null\n");
}

static void test_refused(void) {
    sav_list_options training = {.training = true}, other = {.format = "imagenet"};
    check_refused("", NULL, "l.jsonl: found no samples");
    check_refused("\n  \n", &training, "no samples");
    check_refused("[]", NULL, "no samples");
    check_refused("{\"question\":\"q\",\"label\":\"a\"}\n{\"question\":\"q\"}\n", &training,
                  "l.jsonl:2: found no label");
    check_refused("{\"question\":\"q\",\"label\":null}", &training, "l.jsonl:1: found no label");
    check_refused("{\"question\":\"q\",\"label\":[1]}", NULL, "\"label\" is a list");
    check_refused("{\"question\":\"q\",\"label\":{}}", NULL, "\"label\" is an object");
    check_refused("\n{\"question\":3}", NULL, "l.jsonl:2: \"question\" is a number; expected a string");
    check_refused("{\"question\":null}", NULL, "\"question\" is null");
    check_refused("{\"image\":\"a.png\"}", NULL, "found no \"question\"");
    check_refused("{\"question\":\"a\\u0000b\"}", NULL, "NUL");
    check_refused("{\"question\":\"q\",\"image\":\"a\\u0000b\"}", NULL, "NUL");
    check_refused("{\"question\":\"q\",\"image\":5}", NULL, "\"image\" holds a number");
    check_refused("{\"question\":\"q\",\"image\":[\"a\",null]}", NULL, "\"image\" holds null");
    check_refused("{\"question\":\"q\",\"image\":[\"\"]}", NULL, "empty path");
    check_refused("{\"question\":\"q\",\"image\":\"a.MP4\"}", NULL, "video");
    check_refused("{\"question\":\"q\",\"question_id\":[]}", NULL, "\"question_id\" is a list");
    check_refused("{\"question\":\"<image> <image>\",\"image\":\"a\"}", NULL,
                  "l.jsonl:1: found 2 <image> placeholders for 1 picture");
    check_refused("{\"question\":\"<image>\"}", NULL, "found 1 <image> placeholder for 0 pictures");
    check_refused("{\"question\":\"<video>\"}", NULL, "<video>");
    check_refused("{\"question\":\"q\"}\n3\n", NULL, "l.jsonl:2: found something else; expected an object");
    check_refused("[{\"question\":\"q\"},\n 3]", NULL, "l.jsonl:2: ");
    check_refused("{\"question\":\"q\"}\n{\"question\":NaN}", NULL, "l.jsonl:2:");
    check_refused("{\"question\":\"q\"} {\"question\":\"q\"}", NULL, "l.jsonl:1:");
    check_refused("{\"question\":\"\\ud800\"}", NULL, "l.jsonl:1:");
    check_refused("{\"question\":\"q\"}", &other, "unknown list format \"imagenet\"; known: general");
}

static void test_skip_bad(void) {
    sav_list_options skip = {.skip_bad = true, .training = true};
    sav_list *list;
    sav_error err;
    const char *text = "{\"question\":\"q\",\"label\":\"a\"}\n{oops}\n\n{\"question\":1,\"label\":\"a\"}\n"
                       "{\"question\":\"q\"}\n{\"question\":\"q\",\"label\":\"b\"}\n";
    if (!CHECK_OK(parse(&list, text, &skip, &err), &err)) return;
    CHECK(list->count == 2 && list->samples[1].index == 4 && list->samples[1].line == 6);
    CHECK_SIZE(list->bad.count, 3);
    CHECK(list->bad.items[0].line == 2 && list->bad.items[1].line == 4 && list->bad.items[2].line == 5);
    CHECK(strstr(list->bad.items[1].message, "l.jsonl:4: \"question\" is a number") != NULL);
    sav_list_free(list);
    check_refused("{oops}\n", &skip, "none of its 1 records can be used; the first: l.jsonl:1:");
    check_refused("[{\"question\":\"q\"", &skip, "l.jsonl:1:"); /* a broken array has no records to skip to */
}

static void test_warnings(void) {
    sav_list *list;
    sav_error err;
    const char *text = "{\"question\":\"old\",\"label\":\"Cat\",\"question\":\"new\"}\n{\"question\":\"q\","
                       "\"label\":\" cat\"}\n"
                       "{\"question\":\"q\",\"label\":\"cat\"}\n{\"question\":\"q\",\"label\":\"dog\"}";
    if (!CHECK_OK(parse(&list, text, NULL, &err), &err)) return;
    CHECK_STR(list->samples[0].question, "new");
    CHECK_SIZE(list->warnings.count, 3);
    CHECK_STR(list->warnings.items[0].message,
              "l.jsonl:1: the key \"question\" occurs twice in one object; the last one counts");
    CHECK(strstr(list->warnings.items[1].message, "\"Cat\" and \" cat\" differ only") != NULL);
    CHECK(strstr(list->warnings.items[2].message, "\"Cat\" and \"cat\" differ only") != NULL);
    sav_list_free(list);
}

static void test_prompts(void) {
    static const struct {
        const char *record, *want;
    } cases[] = {
        {"{\"question\":\"q\",\"image\":[\"/a\",\"/b\"]}", "I/a I/b Tq "},
        {"{\"question\":\"<image>x<image>\",\"image\":[\"/a\",\"/b\"]}", "P/a Tx P/b "},
        {"{\"question\":\"x <image>y\",\"image\":[\"/a\",\"/b\",\"/c\"]}", "I/a I/b Tx  P/c Ty "},
        {"{\"question\":\"\",\"image\":\"/a\"}", "I/a "},
        {"{\"question\":\"q\"}", "Tq "},
        {"{\"question\":\"\"}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sav_list *list;
        sav_chat *chat;
        sav_error err;
        sav_text got = {0};
        if (!CHECK_OK(parse(&list, cases[i].record, NULL, &err), &err)) continue;
        if (CHECK_OK(sav_sample_chat(&chat, &list->samples[0], &err), &err)) {
            CHECK(chat->prompt.count == 1 && !chat->prompt.literal &&
                  strcmp(chat->prompt.messages->role, "user") == 0);
            sav_text_string(&got, "");
            for (size_t p = 0; p < chat->prompt.messages->count; p++) {
                const sav_part *part = &chat->prompt.messages->parts[p];
                sav_text_printf(&got, "%c%s ",
                                part->kind == SAV_TEXT    ? 'T'
                                : part->kind == SAV_IMAGE ? 'I'
                                                          : 'P',
                                part->text);
            }
            CHECK_STR(got.bytes ? got.bytes : "", cases[i].want);
            sav_chat_free(chat);
        }
        sav_text_free(&got);
        sav_list_free(list);
    }
}

static void put_file(const char *folder, const char *name, const char *text) {
    char path[600];
    sav_os_file *file;
    sav_error err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (CHECK_OK(sav_os_create(&file, path, &err), &err) &&
        CHECK_OK(sav_os_write(file, text, strlen(text), &err), &err))
        CHECK_OK(sav_os_commit(file, &err), &err);
}

static void test_files(void) {
    char path[600];
    sav_list *list;
    sav_error err;
    put_file(check_folder(), "l.json", "[{\"question\":\"q\",\"image\":\"a.png\"}]");
    snprintf(path, sizeof path, "%s/l.json", check_folder());
    if (CHECK_OK(sav_list_read(&list, path, NULL, &err), &err)) {
        snprintf(path, sizeof path, "%s/a.png", check_folder());
        CHECK_STR(list->samples[0].media[0], path);
        sav_list_free(list);
    }
    CHECK_FAILS(sav_list_read(&list, "no/such/list", NULL, &err), &err, SAV_BAD_INPUT, "no/such/list");
    CHECK_FAILS(sav_list_read(&list, "", NULL, &err), &err, SAV_BAD_INPUT, "cannot open");
}

int main(void) {
    test_forms();
    test_paths();
    test_labels();
    test_refused();
    test_skip_bad();
    test_warnings();
    test_prompts();
    test_files();
    return check_report("list");
}
