/* chat.c: a prompt that owns its messages, parts and strings. See chat.h. */
#include "lists/chat.h"

#include <string.h>

sav_chat *sav_chat_new(void) {
    return sav_alloc(1, sizeof(sav_chat));
}

void sav_chat_message(sav_chat *chat, const char *role) {
    if (!chat || chat->failed) return;
    char *copy = sav_strdup(role);
    if (!copy || !sav_grow(&chat->messages, &chat->message_capacity, chat->message_count + 1,
                           sizeof *chat->messages)) {
        sav_free(copy);
        chat->failed = true;
        return;
    }
    chat->messages[chat->message_count++] = (sav_message){copy, NULL, 0};
}

void sav_chat_part(sav_chat *chat, sav_part_kind kind, const char *text, size_t length) {
    if (!chat || chat->failed) return;
    char *copy = sav_strndup(text, length);
    if (!copy || !chat->message_count ||
        !sav_grow(&chat->parts, &chat->part_capacity, chat->part_count + 1, sizeof *chat->parts)) {
        sav_free(copy);
        chat->failed = true;
        return;
    }
    chat->parts[chat->part_count++] = (sav_part){.kind = kind, .text = copy};
    chat->messages[chat->message_count - 1].count++;
}

void sav_chat_bounds(sav_chat *chat, const sav_picture_bounds *bounds) {
    if (chat && !chat->failed && chat->part_count) chat->parts[chat->part_count - 1].bounds = *bounds;
}

sav_status sav_chat_seal(sav_chat *chat, sav_error *err) {
    if (!chat || chat->failed || chat->notes.failed)
        return sav_fail(err, SAV_NO_MEMORY, "no memory for a prompt");
    size_t at = 0; /* parts may have moved while they grew: only now do the messages point to them */
    for (size_t i = 0; i < chat->message_count; i++) {
        if (chat->messages[i].count) chat->messages[i].parts = chat->parts + at;
        at += chat->messages[i].count;
    }
    chat->prompt = (sav_prompt){chat->messages, chat->message_count, NULL};
    return SAV_OK;
}

void sav_chat_free(sav_chat *chat) {
    if (!chat) return;
    for (size_t i = 0; i < chat->part_count; i++) sav_free((void *)(uintptr_t)chat->parts[i].text);
    for (size_t i = 0; i < chat->message_count; i++) sav_free((void *)(uintptr_t)chat->messages[i].role);
    sav_free(chat->parts);
    sav_free(chat->messages);
    sav_text_free(&chat->notes);
    sav_free(chat);
}

/* ---- a sample ------------------------------------------------------------------------------------------ */

sav_status sav_sample_chat(sav_chat **out, const sav_sample *sample, sav_error *err) {
    static const char placeholder[] = "<image>";
    const size_t inlined = sav_sample_placeholders(sample, placeholder);
    size_t next = 0;
    sav_chat *chat = sav_chat_new();
    sav_chat_message(chat, "user");
    for (; next + inlined < sample->media_count; next++)
        sav_chat_part(chat, SAV_IMAGE, sample->media[next], strlen(sample->media[next]));
    const char *text = sample->question;
    for (; next < sample->media_count; next++) {
        const char *hit = strstr(text, placeholder);
        if (!hit) break;
        if (hit > text) sav_chat_part(chat, SAV_TEXT, text, (size_t)(hit - text));
        sav_chat_part(chat, SAV_IMAGE_INLINE, sample->media[next], strlen(sample->media[next]));
        text = hit + strlen(placeholder);
    }
    if (*text) sav_chat_part(chat, SAV_TEXT, text, strlen(text));
    sav_status status = sav_chat_seal(chat, err);
    if (status)
        sav_chat_free(chat);
    else
        *out = chat;
    return status;
}
