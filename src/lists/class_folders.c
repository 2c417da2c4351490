/* class_folders.c: a folder with a sub-folder of pictures for each class -> samples; or a folder of pictures
 * alone, or beside those sub-folders -> samples without a label, where none is needed.
 *
 *   every name -> dot files, Thumbs.db, desktop.ini: nothing
 *              -> a picture, by its name's ending or its first bytes: a sample, bad or good
 *              -> anything else: one warning for the folder, which counts and names it
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/os.h"
#include "base/utf8.h"
#include "image/image.h"
#include "lists/list_reader.h"

/* ---- what is passed over ------------------------------------------------------------------------------- */

enum { MOST_NAMED = 3 };

typedef enum kind { NO_PICTURE, BROKEN_LINK, INNER_FOLDER, LOOSE_PICTURE, EMPTY_CLASS, KINDS } kind;

static const char *const SKIPPED[KINDS][2] = {
    [NO_PICTURE] = {"file that is no picture", "files that are no pictures"},
    [BROKEN_LINK] = {"link that leads nowhere", "links that lead nowhere"},
    [INNER_FOLDER] = {"folder inside a class folder", "folders inside class folders"},
    [LOOSE_PICTURE] = {"loose picture", "loose pictures"},
    [EMPTY_CLASS] = {"folder without pictures", "folders without pictures"},
};

typedef struct folders {
    sav_list_reader *in;
    const char *top;
    sav_text names[KINDS]; /* the first few */
    size_t counts[KINDS];
} folders;

/* folder: the class, or NULL at the top. */
static void skip(folders *f, kind what, const char *folder, const char *name) {
    char quoted[2][SAV_QUOTED];
    sav_text *names = &f->names[what];
    if (f->counts[what]++ >= MOST_NAMED) return;
    sav_text_printf(names, "%s%s%s%s", names->length ? ", " : "",
                    folder ? sav_quote(quoted[0], folder, strlen(folder)) : "", folder ? "/" : "",
                    sav_quote(quoted[1], name, strlen(name)));
}

/* "2 files that are no pictures (a, b), 1 …" */
static void put_skipped(sav_text *out, const folders *f) {
    const char *comma = "";
    for (size_t k = 0; k < KINDS; k++) {
        if (!f->counts[k]) continue;
        sav_text_printf(out, "%s%zu %s (%s%s)", comma, f->counts[k], SKIPPED[k][f->counts[k] > 1],
                        f->names[k].bytes ? f->names[k].bytes : "", f->counts[k] > MOST_NAMED ? ", …" : "");
        comma = ", ";
    }
}

/* What systems leave in folders of pictures. */
static bool is_hidden(const char *name) {
    return *name == '.' || strcasecmp(name, "Thumbs.db") == 0 || strcasecmp(name, "desktop.ini") == 0;
}

/* By the ending, which spares opening every file; without one of these by the first bytes. A picture that
 * cannot be read is an error in its turn, and not passed over. */
static bool is_picture(const char *path) {
    static const char *const endings[] = {".png",  ".jpg",  ".jpeg", ".jpe", ".jfif", ".ppm",  ".pgm",
                                          ".pbm",  ".pnm",  ".gif",  ".bmp", ".tif",  ".tiff", ".webp",
                                          ".heic", ".heif", ".avif", ".jxl", ".jp2"};
    const char *dot = strrchr(sav_os_path_name(path), '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    sav_map map;
    if (sav_os_map(&map, path, NULL)) return false;
    const bool picture = sav_image_recognised(map.bytes, map.size);
    sav_os_unmap(&map);
    return picture;
}

/* ---- samples ------------------------------------------------------------------------------------------- */

/* The picture as a list in the folder would have it, "cats/1.jpg"; NULL: no memory. */
static char *image_of(const char *label, const char *name) {
    char *path = label ? sav_path_join(label, name) : sav_strdup(name);
    char *image = path ? sav_sample_image((const char *const *)&path, 1) : NULL;
    sav_free(path);
    return image;
}

/* label NULL: none. */
static sav_status fill_sample(sav_sample *out, sav_list_reader *in, const char *label, const char *path) {
    /* The path is complete as it is: neither image_root nor the list's folder goes in front. */
    const sav_record_source here = {path, "", NULL};
    out->question = sav_strdup(in->options->question ? in->options->question : "");
    out->label = sav_strdup(label);
    out->image = image_of(label, sav_os_path_name(path));
    if (!out->question || (label && !out->label) || !out->image)
        return sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory to read it", path);
    if (label && sav_utf8_check(label, strlen(label), "", NULL)) { /* files could not hold it */
        sav_fail(in->err, SAV_BAD_INPUT, "%s: found a class whose name is no UTF-8", path);
        sav_hint(in->err, "Rename its folder.");
        return SAV_BAD_INPUT;
    }
    sav_status status = sav_sample_add_media(out, path, &here, 0, in->err);
    if (!status && sav_sample_placeholders(out, "<image>") > 1)
        status = sav_fail(in->err, SAV_BAD_INPUT,
                          "%s: the question has more <image> placeholders than the one picture", path);
    return status;
}

static sav_status add_picture(sav_list_reader *in, const char *label, const char *path) {
    sav_sample sample = {.index = in->records++};
    const sav_status status = fill_sample(&sample, in, label, path);
    return sav_list_add(in, &sample, status);
}

/* ---- folders ------------------------------------------------------------------------------------------- */

/* One name of a class folder. */
static sav_status read_entry(folders *f, const char *folder, const char *label, const char *name) {
    char *path = sav_path_join(folder, name);
    sav_status status = SAV_OK;
    if (!path) return sav_list_no_memory(f->in);
    if (sav_os_is_folder(path))
        skip(f, INNER_FOLDER, label, name);
    else if (!sav_os_exists(path))
        skip(f, BROKEN_LINK, label, name);
    else if (!is_picture(path))
        skip(f, NO_PICTURE, label, name);
    else
        status = add_picture(f->in, label, path);
    sav_free(path);
    return status;
}

static sav_status read_class(folders *f, const char *label) {
    char **names = NULL, *path = sav_path_join(f->top, label);
    const size_t before = f->in->records;
    size_t count = 0;
    if (!path) return sav_list_no_memory(f->in);
    sav_status status = sav_os_list(&names, &count, path, f->in->err);
    for (size_t i = 0; i < count && !status; i++)
        if (!is_hidden(names[i])) status = read_entry(f, path, label, names[i]);
    if (f->in->records == before) skip(f, EMPTY_CLASS, NULL, label);
    sav_os_names_free(names, count);
    sav_free(path);
    return status;
}

/* The files at the top: samples, where no label is needed; else loose. */
static sav_status read_top(folders *f, const char *name, bool labels) {
    char *path = sav_path_join(f->top, name);
    sav_status status = SAV_OK;
    if (!path) return sav_list_no_memory(f->in);
    if (sav_os_is_folder(path))
        ; /* a class */
    else if (!sav_os_exists(path))
        skip(f, BROKEN_LINK, NULL, name);
    else if (!is_picture(path))
        skip(f, NO_PICTURE, NULL, name);
    else if (labels)
        skip(f, LOOSE_PICTURE, NULL, name);
    else
        status = add_picture(f->in, NULL, path);
    sav_free(path);
    return status;
}

static sav_status read_names(folders *f, char *const *names, size_t count) {
    const bool labels = f->in->options->training || f->in->options->classes;
    sav_status status = SAV_OK;
    for (size_t i = 0; i < count && !status; i++) {
        char *path = is_hidden(names[i]) ? NULL : sav_path_join(f->top, names[i]);
        if (!path && !is_hidden(names[i])) return sav_list_no_memory(f->in);
        if (path && sav_os_is_folder(path)) status = read_class(f, names[i]);
        sav_free(path);
    }
    for (size_t i = 0; i < count && !status; i++)
        if (!is_hidden(names[i])) status = read_top(f, names[i], labels);
    return status;
}

static sav_status fail_empty(const folders *f, const char *skipped) {
    const char *where = *skipped ? "; found " : "";
    sav_fail(f->in->err, SAV_BAD_INPUT,
             f->counts[LOOSE_PICTURE]
                 ? "%s: found no class folders; expected a sub-folder of pictures for each "
                   "class%s%s"
                 : "%s: found no pictures%s%s",
             f->top, where, skipped);
    if (f->counts[LOOSE_PICTURE])
        sav_hint(f->in->err,
                 "Put the pictures of each class into a sub-folder that is named after it, or give a "
                 "list of pictures with labels.");
    return SAV_BAD_INPUT;
}

static sav_status warn(const folders *f, const char *skipped) {
    char message[sizeof f->in->err->message];
    sav_status status = SAV_OK;
    if (*skipped) {
        snprintf(message, sizeof message, "%s: skipped %s", f->top, skipped);
        status = sav_list_warn(f->in, 0, message);
    }
    if (status || f->in->options->question) return status;
    snprintf(message, sizeof message, "%s: no question given; the model sees the pictures alone", f->top);
    return sav_list_warn(f->in, 0, message);
}

sav_status sav_list_read_folders(sav_list_reader *in, const char *folder) {
    folders f = {.in = in, .top = folder};
    char **names = NULL;
    size_t count = 0;
    sav_text skipped = {0};
    sav_status status = sav_os_list(&names, &count, folder, in->err);
    if (!status) status = read_names(&f, names, count);
    sav_os_names_free(names, count);
    put_skipped(&skipped, &f);
    const char *said = skipped.bytes ? skipped.bytes : "";
    if (!status) status = in->records ? warn(&f, said) : fail_empty(&f, said);
    for (size_t k = 0; k < KINDS; k++) sav_text_free(&f.names[k]);
    sav_text_free(&skipped);
    return status;
}
