/* notes.c: what a user should know of a list. See notes.h. */
#include "lists/notes.h"

bool sav_notes_add(sav_notes *notes, size_t line, const char *message) {
    char *copy = sav_strdup(message);
    if (!copy || !sav_grow(&notes->items, &notes->capacity, notes->count + 1, sizeof *notes->items)) {
        sav_free(copy);
        return false;
    }
    notes->items[notes->count++] = (sav_note){line, copy};
    return true;
}

void sav_notes_free(sav_notes *notes) {
    for (size_t i = 0; i < notes->count; i++) sav_free(notes->items[i].message);
    sav_free(notes->items);
    *notes = (sav_notes){0};
}
