/* messages.h: Hugging Face chat JSON -> prompt (docs/CLI.md §5).
 *
 *   [{"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "…"}]}]
 *   or {"messages": [...]}; "content" may be a plain string. Relative paths start from the file's folder.
 */
#ifndef SAV_MESSAGES_H
#define SAV_MESSAGES_H

#include "lists/chat.h"

sav_status sav_messages_read(sav_chat **out, const char *path, sav_error *err); /* "-" = standard input */
sav_status sav_messages_parse(sav_chat **out, const char *bytes, size_t length, const char *name,
                              const char *folder, sav_error *err);

#endif
