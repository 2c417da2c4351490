/* sample.c: one sample of a list, and its prompt. See sample.h. */
#include "lists/sample.h"

#include <string.h>

void sav_sample_free(sav_sample *sample) {
    for (size_t i = 0; i < sample->media_count; i++) sav_free(sample->media[i]);
    sav_free(sample->media);
    sav_free(sample->question);
    sav_free(sample->label);
    sav_free(sample->question_id);
    sav_free(sample->group);
    sav_free(sample->split);
    *sample = (sav_sample){0};
}

size_t sav_sample_placeholders(const sav_sample *sample, const char *placeholder) {
    size_t count = 0;
    const char *at = strstr(sample->question, placeholder);
    while (at) {
        count++;
        at = strstr(at + strlen(placeholder), placeholder);
    }
    return count;
}

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
