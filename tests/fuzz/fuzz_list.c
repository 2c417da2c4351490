/* fuzz_list.c: bytes -> list -> prompts and output lines, and the same bytes as chat JSON. First byte: which
 * options. */
#include "lists/list.h"
#include "lists/messages.h"
#include "lists/shots.h"
#include "tasks/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_list(sav_list *list) {
    sav_error err;
    sav_text out = {0};
    size_t missing;
    (void)sav_list_check_pictures(list, &err);
    sav_list_draw_shots(list, &missing, (sav_shots){2, 1}, &err);
    for (size_t i = 0; i < list->count; i++) {
        sav_chat *chat;
        char place[200];
        sav_sample_location(place, sizeof place, list, &list->samples[i]);
        sav_sample_put(&out, &list->samples[i]);
        if (sav_sample_chat(&chat, &list->samples[i], &err) == SAV_OK) sav_chat_free(chat);
    }
    sav_text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    sav_error err;
    sav_list *list;
    sav_chat *chat;
    const char *bytes = (const char *)data + 1;
    const sav_list_options options = {
        .training = data[0] & 1, .skip_bad = (data[0] & 2) != 0, .image_root = data[0] & 4 ? "root" : NULL};
    if (sav_list_parse(&list, bytes, size - 1, "list", "folder/", &options, &err) == SAV_OK) {
        use_list(list);
        sav_list_free(list);
    }
    if (sav_messages_parse(&chat, bytes, size - 1, "messages", "folder/", &err) == SAV_OK)
        sav_chat_free(chat);
    return 0;
}
