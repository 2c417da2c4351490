/* Keys of records: what is read, what is named, what is refused; and files that are no lists.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "lists/formats.h"
#include "lists/list.h"

static sav_error err;

static sav_status parse(sav_list **out, const char *text) {
    return sav_list_parse(out, text, strlen(text), "l.jsonl", "dir/", NULL, &err);
}

/* "MEDIA,…|IMAGE|GROUP|SPLIT" of each sample, then the warnings, a line each. */
static void check_list(const char *text, const char *want) {
    sav_list *list;
    sav_text got = {0};
    if (!CHECK_OK(parse(&list, text), &err)) return;
    for (size_t i = 0; i < list->count; i++) {
        const sav_sample *s = &list->samples[i];
        for (size_t m = 0; m < s->media_count; m++) sav_text_printf(&got, "%s%s", m ? "," : "", s->media[m]);
        sav_text_printf(&got, "|%s|%s|%s\n", s->image, s->group, s->split ? s->split : "-");
    }
    for (size_t i = 0; i < list->warnings.count; i++)
        sav_text_printf(&got, "%s\n", list->warnings.items[i].message);
    CHECK_STR(got.bytes, want);
    sav_text_free(&got);
    sav_list_free(list);
}

static void check_refused(const char *text, sav_status status, const char *part) {
    sav_list *list;
    CHECK_FAILS(parse(&list, text), &err, status, part);
}

#define Q "\"question\":\"q\","

/* ---- pictures ------------------------------------------------------------------------------------------ */

static void test_pictures(void) {
    check_list("{" Q "\"images\":[\"a.png\",\"b.png\"]}",
               "dir/a.png,dir/b.png|[\"a.png\",\"b.png\"]|null|-\n");
    check_list("{" Q "\"images\":\"a.png\"}\n{" Q "\"image_path\":\"/b.png\"}\n{" Q "\"image_path\":[\"c\"]}",
               "dir/a.png|\"a.png\"|null|-\n/b.png|\"/b.png\"|null|-\ndir/c|[\"c\"]|null|-\n");
    /* two names for the same; what says nothing does not count */
    check_list("{" Q "\"image\":\"a\",\"images\":[\"a\"],\"image_path\":\"a\"}", "dir/a|\"a\"|null|-\n");
    check_list("{" Q "\"image\":null,\"images\":[],\"image_path\":\"a\"}\n{" Q
               "\"image\":\"\",\"images\":null}",
               "dir/a|\"a\"|null|-\n|null|null|-\n");
    check_refused("{" Q "\"image\":\"a\",\"images\":[\"a\",\"b\"]}", SAV_BAD_INPUT,
                  "l.jsonl:1: \"image\" and \"images\" name different pictures");
    check_refused("{" Q "\"image_path\":\"a\",\"image\":\"b\"}", SAV_BAD_INPUT,
                  "\"image\" and \"image_path\" name different pictures");
    check_refused("{" Q "\"images\":[\"a\"],\"image_path\":\"a.png\"}", SAV_BAD_INPUT,
                  "name different pictures");
    check_refused("{" Q "\"images\":[\"a\",\"b\"],\"image\":[\"b\",\"a\"]}", SAV_BAD_INPUT,
                  "name different pictures");
    check_refused("{" Q "\"images\":{\"a\":1}}", SAV_BAD_INPUT,
                  "\"images\" holds an object; expected a path");
    check_refused("{" Q "\"image\":\"a\",\"image_path\":7}", SAV_BAD_INPUT, "name different pictures");
    check_refused("{\"question\":\"<image><image>\",\"image_path\":\"a\"}", SAV_BAD_INPUT,
                  "found 2 <image> placeholders for 1 picture");
    check_refused("{" Q "\"video\":\"a.mp4\"}", SAV_UNSUPPORTED,
                  "l.jsonl:1: found \"video\"; expected pictures");
    check_refused("{" Q "\"videos\":[\"a\"]}", SAV_UNSUPPORTED, "found \"videos\"");
    check_list("{" Q "\"video\":null}", "|null|null|-\n");
}

static void test_addresses(void) {
    sav_list *list;
    char text[700], data[600];
    check_list(
        "{" Q "\"image\":\"file:///a/b.png\"}\n{" Q "\"images\":[\"file://c.png\",\"d.png\"]}\n"
        "{" Q "\"image_path\":\"file:///a%20b.png\"}",
        "/a/b.png|\"file:///a/b.png\"|null|-\ndir/c.png,dir/d.png|[\"file://c.png\",\"d.png\"]|null|-\n"
        "/a%20b.png|\"file:///a%20b.png\"|null|-\n");
    const sav_list_options rooted = {.image_root = "R"};
    static const char line[] = "{" Q "\"image\":\"file:///a.png\"}";
    if (CHECK_OK(sav_list_parse(&list, line, sizeof line - 1, "l", "", &rooted, &err), &err)) {
        CHECK_STR(list->samples[0].media[0], "R/a.png");
        sav_list_free(list);
    }
    memset(data, 'A', sizeof data - 1);
    data[sizeof data - 1] = '\0';
    snprintf(text, sizeof text, "{" Q "\"image\":\"data:image/png;base64,%s\"}", data);
    check_refused(text, SAV_UNSUPPORTED, "l.jsonl:1: found a data: URI (data:image/png;base64, 621 bytes)");
    CHECK(strlen(err.message) < 120);
    snprintf(text, sizeof text, "{" Q "\"images\":[\"a.png\",\"data:,%s\"]}", data);
    check_refused(text, SAV_UNSUPPORTED, "l.jsonl:1: found a data: URI");
    CHECK(strlen(err.message) < 120);
    snprintf(text, sizeof text, "{" Q "\"image_path\":\"https://host/%s\"}", data);
    check_refused(text, SAV_UNSUPPORTED, "l.jsonl:1: found the address https://host/");
    CHECK(strlen(err.message) < 160);
    snprintf(text, sizeof text, "{" Q "\"image\":\"%s.mp4\"}", data);
    check_refused(text, SAV_UNSUPPORTED, "found the video AAAA");
    CHECK(strlen(err.message) < 160);
}

/* ---- the others ---------------------------------------------------------------------------------------- */

static void test_groups(void) {
    check_list("{" Q "\"group\":\"g1\",\"split\":\"test\"}\n{" Q "\"group\":7,\"split\":null}",
               "|null|\"g1\"|test\n|null|7|-\n");
    check_refused("{" Q "\"group\":[1]}", SAV_BAD_INPUT,
                  "\"group\" is a list; expected a string or a number");
    check_refused("{" Q "\"split\":{}}", SAV_BAD_INPUT, "\"split\" is an object");
}

static void test_unknown(void) {
    check_list("{" Q "\"id\":1,\"idx\":2,\"index\":3,\"source\":\"x\",\"dataset\":\"y\",\"comment\":[]}",
               "|null|null|-\n");
    check_list(
        "{" Q "\"img\":\"a.png\"}\n{" Q "\"img\":\"b.png\",\"image\":\"c\"}\n",
        "|null|null|-\ndir/c|\"c\"|null|-\nl.jsonl: a key is not read: \"img\" (did you mean \"image\"?)\n");
    check_list("[{" Q "\"Label\":\"a\",\"imagepath\":\"x\"},{" Q
               "\"zzzzzz\":{\"image\":1},\"quesiton\":\"\"}]",
               "|null|null|-\n|null|null|-\nl.jsonl: keys are not read: \"Label\" (did you mean \"label\"?), "
               "\"imagepath\" (did you mean \"image_path\"?), \"zzzzzz\", \"quesiton\" (did you mean "
               "\"question\"?)\n");
    sav_text text = {0};
    sav_text_string(&text, "{\"question\":\"q\"");
    for (int i = 0; i < 300; i++) sav_text_printf(&text, ",\"%s%d%0100d\":0", i ? "" : "\\n\\u001b", i, i);
    sav_text_string(&text, "}");
    sav_list *list;
    if (CHECK_OK(sav_list_parse(&list, text.bytes, text.length, "l", "", NULL, &err), &err)) {
        CHECK_SIZE(list->warnings.count, 1);
        const char *message = list->warnings.items[0].message;
        CHECK(strlen(message) < 600 && strstr(message, "0…\", \"1000") && strstr(message, " and others"));
        sav_list_free(list);
    }
    sav_text_free(&text);
}

/* No picture anywhere, and keys that might have meant one. */
static void test_no_pictures(void) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{" Q "\"img\":\"a\"}",
         "l.jsonl: no sample has a picture, and what is not read: \"img\" (did you mean "
         "\"image\"?); expected \"image\""},
        {"{" Q "\"picture\":\"a\",\"image\":\"\"}", "\"picture\""},
        {"[{" Q "\"label\":\"x\"},{" Q "\"file_name\":\"a\"}]", "\"file_name\""},
        {"{" Q "\"img\":\"a\"}\n{" Q "\"image\":\"b\"}", NULL},
        {"{" Q "\"label\":\"a\",\"id\":7}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sav_list *list;
        if (!CHECK_OK(parse(&list, cases[i].text), &err)) continue;
        if (cases[i].part)
            CHECK_FAILS(sav_list_check_pictures(list, &err), &err, SAV_BAD_INPUT, cases[i].part);
        else
            CHECK_OK(sav_list_check_pictures(list, &err), &err);
        sav_list_free(list);
    }
}

/* A list that fails for want of a key says which ones it has. */
static void test_hints(void) {
    const sav_list_options training = {.training = true};
    sav_list *list;
    check_refused("{\"img\":\"a\",\"prompt\":\"q\"}", SAV_BAD_INPUT, "l.jsonl:1: found no \"question\"");
    CHECK_STR(err.hint, "Keys are not read: \"img\" (did you mean \"image\"?), \"prompt\".");
    check_refused("{\"image\":\"a\",\"Question\":\"q\"}", SAV_BAD_INPUT, "found no \"question\"");
    CHECK_STR(err.hint, "A key is not read: \"Question\" (did you mean \"question\"?).");
    static const char answer[] = "{" Q "\"answer\":\"cat\"}";
    CHECK_FAILS(sav_list_parse(&list, answer, sizeof answer - 1, "l", "", &training, &err), &err,
                SAV_BAD_INPUT, "found no label");
    CHECK_STR(err.hint, "A key is not read: \"answer\".");
    check_refused("{\"id\":7}", SAV_BAD_INPUT, "found no \"question\"");
    CHECK_STR(err.hint, "");
}

/* docs/CLI.md names every key of the table. */
static void test_documented(void) {
    char *page, name[80];
    size_t length;
    if (!CHECK_OK(sav_os_read_file(&page, &length, "docs/CLI.md", 1 << 20, &err), &err)) return;
    char *from = strstr(page, "Records of `--data general`"), *end = from ? strstr(from, "\n## ") : NULL;
    if (CHECK(end)) *end = '\0';
    for (const sav_key *row = sav_format_find("general")->keys->rows; row->name; row++) {
        snprintf(name, sizeof name, "`%s`", row->name);
        if (!CHECK(end && strstr(from, name))) printf("docs/CLI.md does not name %s\n", name);
    }
    sav_free(page);
}

/* ---- what is no list ----------------------------------------------------------------------------------- */

static void check_kind(const char *name, const char *bytes, size_t length, const char *part) {
    sav_list *list = NULL;
    sav_status status = sav_list_parse(&list, bytes, length, name, "", NULL, &err);
    if (part)
        CHECK_FAILS(status, &err, SAV_BAD_INPUT, part);
    else
        CHECK_OK(status, &err);
    if (!status) sav_list_free(list);
}

static void test_other_files(void) {
    static const char csv[] = "image,question,label\na.png,What?,cat\n",
                      json[] = "\n {\"question\":\"q\"}\r\n";
    check_kind("t.csv", csv, sizeof csv - 1,
               "t.csv: found a CSV file; expected JSON Lines or one JSON array");
    check_kind("a.b/T.CSV", csv, sizeof csv - 1, "found a CSV file");
    check_kind("t.tsv", "image\tlabel\n", 12, "found a TSV file");
    check_kind("t.csv", json, sizeof json - 1, NULL);
    check_kind("t.txt", csv, sizeof csv - 1, "t.txt:1:1: found no value");
    check_kind("t.parquet", "PAR1\0\0", 6, "found a Parquet file");
    check_kind("t.jsonl", "PK\3\4\0", 5, "found a ZIP archive");
    check_kind("t.jsonl", "\xFF\xFE{\0\"\0", 6, "found UTF-16 text");
    check_kind("t.jsonl", "\x1F\x8B\b\0", 4, "found a gzip file");
    check_kind("cat.jpg", "\xFF\xD8\xFF\xE0", 4, "cat.jpg: found a picture");
    check_kind("t.csv", "\n", 1, "found no samples");
    check_kind("t.jsonl", "   ", 3, "found no samples");
}

int main(void) {
    test_pictures();
    test_addresses();
    test_groups();
    test_unknown();
    test_no_pictures();
    test_hints();
    test_documented();
    test_other_files();
    return check_report("list keys");
}
