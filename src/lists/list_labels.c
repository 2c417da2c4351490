/* list_labels.c: labels of a list that are probably one class: equal without the white space around them and
 * the case of ASCII letters. */
#include <stdio.h>
#include <string.h>

#include "classify/labels.h"
#include "lists/list_reader.h"

/* What of a label is compared; by sav_free. */
static char *plain_label(const char *label) {
    static const char space[] = " \t\r\n";
    const char *start = label + strspn(label, space);
    size_t length = strlen(start);
    while (length && strchr(space, start[length - 1])) length--;
    char *plain = sav_strndup(start, length);
    for (char *c = plain; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    return plain;
}

static sav_status check_label(sav_list_reader *in, sav_labels *plain, const char **first, const char *label) {
    char message[sizeof in->err->message];
    char *folded = plain_label(label);
    if (!folded) return sav_list_no_memory(in);
    const size_t known = plain->count;
    size_t id = 0;
    sav_status status = sav_labels_add(&id, plain, folded, in->err);
    sav_free(folded);
    if (status) return status;
    if (id == known) {
        first[id] = label;
        return SAV_OK;
    }
    snprintf(message, sizeof message,
             "%s: the labels \"%.200s\" and \"%.200s\" differ only in case or white space; two classes",
             in->list->name, first[id], label);
    return sav_list_warn(in, 0, message);
}

sav_status sav_list_check_labels(sav_list_reader *in) {
    sav_labels labels = {0}, plain = {0};
    const char **first = NULL; /* [labels.count] the label that a plain one came from */
    sav_status status = SAV_OK;
    for (size_t i = 0, id; i < in->list->count && !status; i++)
        if (in->list->samples[i].label)
            status = sav_labels_add(&id, &labels, in->list->samples[i].label, in->err);
    if (!status) {
        first = sav_alloc(labels.count + 1, sizeof *first);
        if (!first) status = sav_list_no_memory(in);
    }
    for (size_t i = 0; i < labels.count && !status; i++)
        status = check_label(in, &plain, first, labels.names[i]);
    sav_free(first);
    sav_labels_free(&plain);
    sav_labels_free(&labels);
    return status;
}
