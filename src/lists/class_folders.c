/* class_folders.c: a folder with a sub-folder of pictures for each class -> samples. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"
#include "lists/list_reader.h"

/* The picture as a list in the folder would have it, "cats/1.jpg"; NULL: no memory. */
static char *image_of(const char *label, const char *name) {
    char *path = sav_path_join(label, name);
    char *image = path ? sav_sample_image((const char *const *)&path, 1) : NULL;
    sav_free(path);
    return image;
}

static sav_status fill_sample(sav_sample *out, sav_list_reader *in, const char *label, const char *path) {
    /* The path is complete as it is: neither image_root nor the list's folder goes in front. */
    const sav_record_source here = {path, "", NULL};
    out->question = sav_strdup(in->options->question ? in->options->question : "");
    out->label = sav_strdup(label);
    out->image = image_of(label, sav_os_path_name(path));
    if (!out->question || !out->label || !out->image)
        return sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory to read it", path);
    if (sav_utf8_check(label, strlen(label), "", NULL)) { /* files could not hold it */
        sav_fail(in->err, SAV_BAD_INPUT, "%s: found a class whose name is no UTF-8", path);
        sav_hint(in->err, "rename its folder");
        return SAV_BAD_INPUT;
    }
    if (sav_os_is_folder(path))
        return sav_fail(in->err, SAV_BAD_INPUT, "%s: found a folder; expected a picture", path);
    sav_status status = sav_sample_add_media(out, path, &here, 0, in->err);
    if (!status && sav_sample_placeholders(out, "<image>") > 1)
        status = sav_fail(in->err, SAV_BAD_INPUT,
                          "%s: the question has more <image> placeholders than the one picture", path);
    return status;
}

static sav_status add_picture(sav_list_reader *in, const char *label, const char *folder, const char *name) {
    sav_sample sample = {.index = in->records};
    char *path = sav_path_join(folder, name);
    if (!path) return sav_list_no_memory(in);
    in->records++;
    sav_status status = fill_sample(&sample, in, label, path);
    sav_free(path);
    return sav_list_add(in, &sample, status);
}

static sav_status read_class(sav_list_reader *in, const char *folder, const char *label) {
    char **names = NULL, *path = sav_path_join(folder, label);
    size_t count = 0;
    if (!path) return sav_list_no_memory(in);
    sav_status status = SAV_OK;
    if (sav_os_is_folder(path)) status = sav_os_list(&names, &count, path, in->err);
    for (size_t i = 0; i < count && !status; i++)
        if (names[i][0] != '.') /* .DS_Store and its like */
            status = add_picture(in, label, path, names[i]);
    sav_os_names_free(names, count);
    sav_free(path);
    return status;
}

sav_status sav_list_read_folders(sav_list_reader *in, const char *folder) {
    char **names;
    size_t count;
    sav_status status = sav_os_list(&names, &count, folder, in->err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++)
        if (names[i][0] != '.') status = read_class(in, folder, names[i]);
    sav_os_names_free(names, count);
    if (!status && !in->records)
        status = sav_fail(in->err, SAV_BAD_INPUT,
                          "%s: found no pictures; expected a sub-folder of pictures for each class", folder);
    if (status || in->options->question) return status;
    char message[sizeof in->err->message];
    snprintf(message, sizeof message, "%s: no question given; the model sees the pictures alone", folder);
    return sav_list_warn(in, 0, message);
}
