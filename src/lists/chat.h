/* chat.h: a prompt that owns its messages, parts and strings: list sample or messages file -> chat ->
 * sav_prompt.
 *
 *     sav_chat *chat = sav_chat_new();
 *     sav_chat_message(chat, "user");  sav_chat_part(chat, SAV_IMAGE, "cat.jpg", 7);  …
 *     sav_chat_seal(chat, err)         -> chat->prompt is ready
 */
#ifndef SAV_CHAT_H
#define SAV_CHAT_H

#include "lists/record.h"

typedef struct sav_chat {
    sav_prompt prompt; /* valid after seal, until free */
    sav_message *messages;
    size_t message_count, message_capacity;
    sav_part *parts; /* of all messages, in order */
    size_t part_count, part_capacity;
    sav_text notes; /* what its writer should know, a line each with '\n' behind; bytes NULL: nothing */
    bool failed;    /* an append found no memory; seal reports it */
} sav_chat;

sav_chat *sav_chat_new(void); /* NULL: no memory; every function here takes NULL for a chat that failed */
void sav_chat_message(sav_chat *chat, const char *role);
/* of the last message */
void sav_chat_part(sav_chat *chat, sav_part_kind kind, const char *text, size_t length);
/* of the last part, a picture */
void sav_chat_bounds(sav_chat *chat, const sav_picture_bounds *bounds);
sav_status sav_chat_seal(sav_chat *chat, sav_error *err);
void sav_chat_free(sav_chat *chat);

/* One user message: pictures without a placeholder first, in order, then the question; where its text holds
 * `<image>` the remaining pictures stand, in order, as SAV_IMAGE_INLINE. */
sav_status sav_sample_chat(sav_chat **out, const sav_sample *sample, sav_error *err);

#endif
