/* notes.h: what a user should know of a list: warnings, records left out. */
#ifndef SAV_NOTES_H
#define SAV_NOTES_H

#include "base/base.h"

/* Something to tell the user about one record. */
typedef struct sav_note {
    size_t line;   /* 0: the whole list */
    char *message; /* a line as in errors, with "FILE:LINE: " in front */
} sav_note;

typedef struct sav_notes {
    sav_note *items; /* [count] */
    size_t count, capacity;
} sav_notes;

bool sav_notes_add(sav_notes *notes, size_t line, const char *message); /* false: no memory */
void sav_notes_free(sav_notes *notes);

#endif
