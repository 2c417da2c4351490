/* Long lists: read record by record, so that memory grows with the samples and not with the file; what bad
 * records and repeated faults may cost is bounded.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "lists/list.h"

static sav_error err;

static const char *write_list(const char *name, const sav_text *text) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    CHECK(!text->failed);
    CHECK_OK(sav_os_save(path, text->bytes, text->length, &err), &err);
    return path;
}

/* Reading may add `most` bytes to what this process had resident at any time so far. The text is freed. */
static sav_status read_within(sav_list **list, sav_text *text, const char *name, bool skip, uint64_t most) {
    const sav_list_options options = {.skip_bad = skip};
    const char *path = write_list(name, text);
    const uint64_t before = sav_os_peak_bytes();
    const sav_status status = sav_list_read(list, path, &options, &err);
    const uint64_t after = sav_os_peak_bytes();
    if (!SANITIZED && before && !CHECK(after - before <= most))
        printf("%s: %.1f MiB more, at most %.1f wanted\n", name, sav_mib(after - before), sav_mib(most));
    sav_text_free(text);
    return status;
}

enum { MIB = 1 << 20 };

/* 24 MiB; each zero was a node of 56 bytes. */
static void test_zeros(void) {
    sav_list *list;
    sav_text text = {0};
    sav_text_string(&text, "[0");
    while (text.length < 24 * MIB) sav_text_string(&text, ",0,0,0,0,0,0,0,0");
    sav_text_string(&text, "]");
    CHECK_FAILS(read_within(&list, &text, "zeros.json", true, 45 * MIB), &err, SAV_BAD_INPUT,
                "more than 100000 of its records cannot be used");
    sav_text_string(&text, "{\"question\":\"q\",\"zeros\":[0");
    while (text.length < 24 * MIB) sav_text_string(&text, ",0,0,0,0,0,0,0,0");
    sav_text_string(&text, "]}");
    CHECK_FAILS(read_within(&list, &text, "record.jsonl", false, 60 * MIB), &err, SAV_BAD_INPUT,
                "record.jsonl:1:1000020: found more values than a record may hold");
}

/* 120,000 samples: 300 bytes each at most. */
static void test_samples(bool array) {
    enum { COUNT = 120000 };
    sav_list *list;
    sav_text text = {0};
    for (int i = 0; i < COUNT; i++)
        sav_text_printf(
            &text,
            "%s{\"image\":\"pictures/%07d.jpg\",\"question\":\"What animal is this?\",\"label\":\"%s\"}",
            i       ? array ? ",\n" : "\n"
            : array ? "["
                    : "",
            i, i % 2 ? "cat" : "dog");
    if (array) sav_text_string(&text, "]");
    const uint64_t most = COUNT * UINT64_C(300) + 2 * 16 * MIB;
    if (!CHECK_OK(read_within(&list, &text, array ? "a.json" : "l.jsonl", false, most), &err)) return;
    CHECK_SIZE(list->count, COUNT);
    CHECK_SIZE(list->samples[COUNT - 1].line, COUNT);
    CHECK_STR(list->samples[COUNT - 1].label, "cat");
    CHECK_STR(list->samples[77].image, "\"pictures/0000077.jpg\"");
    sav_list_free(list);
}

/* One warning names the first key that stands twice, one counts the records. */
static void test_duplicates(void) {
    static const char text[] =
        "[{\"question\":\"a\"},{\"question\":\"a\",\"question\":\"b\"},\n{\"question\":\"\",\"comment\":"
        "{\"y\":1,\"y\":2}}]";
    sav_list *list;
    if (!CHECK_OK(sav_list_parse(&list, text, strlen(text), "l", "", NULL, &err), &err)) return;
    CHECK_SIZE(list->warnings.count, 2);
    CHECK_STR(list->warnings.items[0].message,
              "l:1: the key \"question\" occurs twice in one object; the last one counts");
    CHECK_STR(list->warnings.items[1].message, "l: 2 records have a key twice; the last one counts");
    CHECK_STR(list->samples[1].question, "b");
    sav_list_free(list);
}

int main(void) {
    test_zeros();
    test_samples(false);
    test_samples(true);
    test_duplicates();
    return check_report("long lists");
}
