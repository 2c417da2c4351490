/* list.h: lists of samples: a LIST argument -> [N] samples -> prompts.
 *
 *   JSON Lines | JSON array | "-" (standard input) | folder of class folders or pictures
 *       ->  records  ->  format  ->  samples
 *
 * Which of the first two a file is, its content says: first non-blank byte `[` = one array, else one object a
 * line. What a record's fields mean is the format's business (formats.h). Rules: docs/CLI.md §5.
 */
#ifndef SAV_LIST_H
#define SAV_LIST_H

#include "lists/chat.h"
#include "lists/notes.h"

typedef struct sav_list_options {
    const char *format;     /* NULL = the first of formats.inc */
    const char *image_root; /* NULL = paths as written, relative ones beside the list */
    const char *question;   /* asked of every picture of a folder list; NULL = pictures alone */
    bool training;          /* every record needs a label */
    bool classes;           /* a folder needs class folders; in a file records without a label are fine */
    bool skip_bad;          /* a bad record becomes a note in `bad` instead of an error */
} sav_list_options;

typedef struct sav_list {
    char *name;          /* as it stands in messages */
    sav_sample *samples; /* [count], in the order of the list */
    size_t count, capacity;
    /* the format's: how predictions are scored (tasks/protocols.h); NULL: in a list that no format made */
    const char *protocol;
    char *unknown;      /* keys of records that are not read, for people; NULL: there are none */
    sav_notes bad;      /* records left out by skip_bad */
    sav_notes warnings; /* duplicate keys, labels that differ only in case or white space, … */
} sav_list;

/* options may be NULL. A list without a sample is an error. */
sav_status sav_list_read(sav_list **out, const char *path, const sav_list_options *options, sav_error *err);
/* The same from bytes: name stands in messages, folder is what relative paths start from. */
sav_status sav_list_parse(sav_list **out, const char *bytes, size_t length, const char *name,
                          const char *folder, const sav_list_options *options, sav_error *err);
/* A sample a picture, paths [count] and what is asked of each; together: one sample of all of them. */
sav_status sav_list_of_pictures(sav_list **out, const char *const *paths, size_t count, const char *question,
                                bool together, sav_error *err);
void sav_list_free(sav_list *list);                   /* NULL is fine */
void sav_list_keep(sav_list *list, const bool *keep); /* only samples i with keep[i] stay, in their order */

/* For a model that sees: a list without any picture whose records have keys that are not read is a
 * mistake. */
sav_status sav_list_check_pictures(const sav_list *list, sav_error *err);

/* "NAME:LINE", or the picture's path in a folder list: what a complaint about this sample starts with. */
void sav_sample_location(char *out, size_t size, const sav_list *list, const sav_sample *sample);
/* Puts it in front of a message, unless it stands there. */
void sav_sample_place(sav_error *err, const sav_list *list, const sav_sample *sample);

#endif
