/* fuzz_class_folders.c: paths, a line each -> a folder with these files -> a list of class folders, or of
 * pictures.
 *
 * First byte: which options. A path ending in "!" is a file that is no picture.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "lists/list.h"
#include "memory.h"
#include "tasks/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PATHS = 60, LONGEST = 300 };

static void put_files(const char *bytes, size_t size) {
    static const char png[] = "\x89PNG\r\n\x1a\n1234";
    for (size_t at = 0, n = 0; at < size && n < MOST_PATHS; n++) {
        char path[LONGEST + 16];
        const char *end = memchr(bytes + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - bytes) - at : size - at;
        if (length && length < LONGEST && !memchr(bytes + at, 0, length)) {
            const bool picture = bytes[at + length - 1] != '!';
            snprintf(path, sizeof path, "folder/%.*s", (int)length, bytes + at);
            memory_put(path, picture ? png : "text", picture ? sizeof png - 1 : 4);
        }
        at += length + 1;
    }
}

static void use(const sav_list *list) {
    sav_text out = {0};
    for (size_t i = 0; i < list->count; i++) {
        sav_chat *chat;
        char place[200];
        sav_error err;
        if (!list->samples[i].question || !list->samples[i].media_count) abort();
        if (list->samples[i].label &&
            sav_utf8_check(list->samples[i].label, strlen(list->samples[i].label), "label", NULL))
            abort();
        sav_sample_location(place, sizeof place, list, &list->samples[i]);
        sav_sample_put(&out, &list->samples[i]);
        if (sav_sample_chat(&chat, &list->samples[i], &err) == SAV_OK) sav_chat_free(chat);
    }
    if (out.bytes && sav_utf8_check(out.bytes, out.length, "results", NULL)) abort();
    sav_text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sav_list *list;
    sav_error err;
    memory_mark();
    if (!size) return 0;
    const sav_list_options options = {
        .training = data[0] & 1, .skip_bad = (data[0] & 2) != 0, .question = data[0] & 4 ? "What?" : NULL};
    put_files((const char *)data + 1, size - 1);
    if (sav_list_read(&list, "folder", &options, &err) == SAV_OK) {
        use(list);
        sav_list_free(list);
    } else if (!err.message[0]) {
        abort();
    }
    memory_reset();
    return 0;
}
