/* messages.h: Hugging Face chat JSON -> prompt (docs/CLI.md §5).
 *
 *   [{"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "…"}]}]
 *   or {"messages": [...]}; "content" may be a plain string. Relative paths start from the file's folder.
 *   Beside a picture: min_pixels, max_pixels, resized_height, resized_width (sav.h). Keys that are not known
 *   are named in chat->notes.
 */
#ifndef SAV_MESSAGES_H
#define SAV_MESSAGES_H

#include "io/keys.h"
#include "lists/chat.h"

/* What each key of a file, a message, a part with text, a part with a picture is; NULL at the end. */
extern const sav_keys *const sav_message_keys[];

sav_status sav_messages_read(sav_chat **out, const char *path, sav_error *err); /* "-" = standard input */
sav_status sav_messages_parse(sav_chat **out, const char *bytes, size_t length, const char *name,
                              const char *folder, sav_error *err);

#endif
