/* list.h: lists of samples: a LIST argument -> [N] samples -> prompts.
 *
 *   JSON Lines | JSON array | "-" (standard input) | folder of class folders  ->  records  ->  format
 *       ->  samples
 *
 * Which of the first two a file is, its content says: first non-blank byte `[` = one array, else one object a
 * line. What a record's fields mean is the format's business (formats.h). Rules: reference/tasks.md §2,
 * CLI.md "Input".
 */
#ifndef SAV_LIST_H
#define SAV_LIST_H

#include "lists/chat.h"

typedef struct sav_sample {
    size_t index; /* ordinal of the record in the list: bad records count, blank lines do not */
    size_t line;  /* where the record starts; 0 in a folder list */
    char **media; /* [media_count] pictures, as they will be opened */
    size_t media_count;
    char *question;    /* what the format asks; `<image>` where a picture belongs */
    char *label;       /* NULL: not scored */
    char *question_id; /* JSON text as written, "null" when absent */
    char *group;       /* JSON text; "null" where the format has none */
    char *split;       /* NULL where the format has none */
} sav_sample;

/* Something to tell the user about one record. */
typedef struct sav_note {
    size_t line;   /* 0: the whole list */
    char *message; /* a line as in errors, with "FILE:LINE: " in front */
} sav_note;

typedef struct sav_notes {
    sav_note *items; /* [count] */
    size_t count, room;
} sav_notes;

bool sav_notes_add(sav_notes *notes, size_t line, const char *message); /* false: no memory */

typedef struct sav_list_options {
    const char *format;     /* NULL = "general" */
    const char *image_root; /* NULL = paths as written, relative ones beside the list */
    const char *question;   /* asked of every picture of a folder list; NULL = pictures alone */
    bool training;          /* every record needs a label */
    bool skip_bad;          /* a bad record becomes a note in `bad` instead of an error */
} sav_list_options;

typedef struct sav_list {
    char *name;          /* as it stands in messages */
    sav_sample *samples; /* [count], in the order of the list */
    size_t count, room;
    /* the format's: how predictions are scored (tasks/protocols.h); NULL: in a list that no format made */
    const char *protocol;
    sav_notes bad;      /* records left out by skip_bad */
    sav_notes warnings; /* duplicate keys, labels that differ only in case or white space, … */
} sav_list;

/* options may be NULL. A list without a sample is an error. */
sav_status sav_list_read(sav_list **out, const char *path, const sav_list_options *options, sav_error *err);
/* The same from bytes: name stands in messages, folder is what relative paths start from. */
sav_status sav_list_parse(sav_list **out, const char *bytes, size_t length, const char *name,
                          const char *folder, const sav_list_options *options, sav_error *err);
void sav_list_free(sav_list *list);                   /* NULL is fine */
void sav_list_keep(sav_list *list, const bool *keep); /* only samples i with keep[i] stay, in their order */

/* One user message: pictures without a placeholder first, in order, then the question; where its text holds
 * `<image>` the remaining pictures stand, in order, as SAV_IMAGE_INLINE. */
sav_status sav_sample_chat(sav_chat **out, const sav_sample *sample, sav_error *err);

/* "NAME:LINE", or the picture's path in a folder list: what a complaint about this sample starts with. */
void sav_sample_place(char *out, size_t size, const sav_list *list, const sav_sample *sample);

#endif
