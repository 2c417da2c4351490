/* list_reader.h: what the forms of a list share while they are read: samples added, bad ones left out. */
#ifndef SAV_LIST_READER_H
#define SAV_LIST_READER_H

#include "lists/formats.h"
#include "lists/list.h"

/* Keys of records that the format's table does not have, each once. */
enum { SAV_LIST_KEYS = 16 };
typedef struct sav_list_keys {
    char *names[SAV_LIST_KEYS]; /* as messages quote them */
    size_t count;
    bool more; /* than these */
} sav_list_keys;

typedef struct sav_list_reader {
    sav_list *list;
    const sav_list_options *options;
    const sav_format *format;
    sav_record_source source;
    size_t records;    /* seen so far, bad ones too */
    size_t duplicates; /* of them with a key twice */
    sav_list_keys unknown;
    const char *mapped; /* the file, where it is mapped: bytes before `passed` have left the memory */
    size_t passed;
    sav_error *err;
} sav_list_reader;

sav_status sav_list_no_memory(const sav_list_reader *in);
/* The list takes over what the sample owns, in any case: a bad one (status, in->err) is the error itself, or
 * with skip_bad a note, and on it goes. */
sav_status sav_list_add(sav_list_reader *in, sav_sample *sample, sav_status status);
sav_status sav_list_warn(sav_list_reader *in, size_t line, const char *message);

/* class_folders.c: the pictures of a folder of class folders. */
sav_status sav_list_read_folders(sav_list_reader *in, const char *folder);

/* list_keys.c: a record's keys against the table of its format; what is unknown, at the end: the list's
 * warning, or a hint where the list failed. */
sav_status sav_list_keys_check(sav_list_reader *in, const sav_json *record);
void sav_list_keys_hint(const sav_list_reader *in);
sav_status sav_list_keys_warn(sav_list_reader *in);
void sav_list_keys_free(sav_list_keys *unknown);

#endif
