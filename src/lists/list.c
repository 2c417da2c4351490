/* list.c: a LIST argument -> samples. See list.h.
 *
 *   bytes -> skip BOM -> `[`? one JSON array : one JSON object a line -> add_record (format, checks)
 *       -> finish (warnings)
 */
#include "lists/list.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "classify/labels.h"
#include "io/json.h"
#include "lists/formats.h"

/* The largest list that is read: a mistyped name of a weight file should not fill the memory. */
#define LARGEST_LIST ((size_t)1 << 30)

typedef struct reader {
    sav_list *list;
    const sav_list_options *options;
    const sav_format *format;
    sav_record_place place;
    size_t records; /* seen so far, bad ones too */
    sav_error *err;
} reader;

static sav_status fail_memory(sav_error *err, const char *name) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to read it", name);
}

/* ---- notes and samples --------------------------------------------------------------------------------- */

bool sav_notes_add(sav_notes *notes, size_t line, const char *message) {
    if (notes->count == notes->room) {
        const size_t room = notes->room ? notes->room * 2 : 8;
        sav_note *items = sav_realloc(notes->items, room, sizeof *items);
        if (!items) return false;
        notes->items = items;
        notes->room = room;
    }
    char *copy = sav_strdup(message);
    if (!copy) return false;
    notes->items[notes->count++] = (sav_note){line, copy};
    return true;
}

static void notes_free(sav_notes *notes) {
    for (size_t i = 0; i < notes->count; i++) sav_free(notes->items[i].message);
    sav_free(notes->items);
}

static void sample_free(sav_sample *sample) {
    for (size_t i = 0; i < sample->media_count; i++) sav_free(sample->media[i]);
    sav_free(sample->media);
    sav_free(sample->question);
    sav_free(sample->label);
    sav_free(sample->question_id);
    sav_free(sample->group);
    sav_free(sample->split);
}

void sav_list_free(sav_list *list) {
    if (!list) return;
    for (size_t i = 0; i < list->count; i++) sample_free(&list->samples[i]);
    sav_free(list->samples);
    notes_free(&list->bad);
    notes_free(&list->warnings);
    sav_free(list->name);
    sav_free(list);
}

void sav_list_keep(sav_list *list, const bool *keep) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (keep[i])
            list->samples[kept++] = list->samples[i];
        else
            sample_free(&list->samples[i]);
    }
    list->count = kept;
}

/* The list takes over what the sample owns, also when it fails. */
static sav_status add_sample(reader *in, sav_sample *sample) {
    sav_list *list = in->list;
    if (!sample->group) sample->group = sav_strdup("null");
    if (!sample->question_id) sample->question_id = sav_strdup("null");
    bool ok = sample->group && sample->question_id;
    if (ok && list->count == list->room) {
        const size_t room = list->room ? list->room * 2 : 64;
        sav_sample *samples = sav_realloc(list->samples, room, sizeof *samples);
        if (samples) {
            list->samples = samples;
            list->room = room;
        }
        ok = samples != NULL;
    }
    if (!ok) {
        sample_free(sample);
        return fail_memory(in->err, list->name);
    }
    list->samples[list->count++] = *sample;
    return SAV_OK;
}

/* A bad record: the error itself, or a note and on we go. */
static sav_status skip_or_fail(reader *in, sav_status status, size_t line) {
    if (!in->options->skip_bad || (status != SAV_BAD_INPUT && status != SAV_UNSUPPORTED)) return status;
    return sav_notes_add(&in->list->bad, line, in->err->message) ? SAV_OK
                                                                 : fail_memory(in->err, in->list->name);
}

/* ---- records ------------------------------------------------------------------------------------------- */

static sav_status read_record(reader *in, sav_sample *sample, const sav_json *record) {
    if (record->kind != SAV_JSON_OBJECT)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: found something else; expected an object {…}",
                        in->list->name, record->line);
    sav_status status = in->format->read(sample, record, &in->place, in->err);
    if (!status && in->options->training && !sample->label)
        status = sav_fail(in->err, SAV_BAD_INPUT,
                          "%s:%u: found no label; a training list needs one in every record", in->list->name,
                          record->line);
    return status;
}

static sav_status add_record(reader *in, const sav_json *record) {
    sav_sample sample = {.index = in->records++, .line = record->line};
    sav_status status = read_record(in, &sample, record);
    if (!status) return add_sample(in, &sample);
    sample_free(&sample);
    return skip_or_fail(in, status, record->line);
}

static sav_status warn_duplicate(reader *in, size_t line, const char *key) {
    char message[sizeof in->err->message], place[32] = "";
    if (!key) return SAV_OK;
    if (line) snprintf(place, sizeof place, ":%zu", line);
    snprintf(message, sizeof message, "%s%s: the key \"%s\" occurs twice in one object; the last one counts",
             in->list->name, place, key);
    return sav_notes_add(&in->list->warnings, line, message) ? SAV_OK : fail_memory(in->err, in->list->name);
}

static sav_status read_array(reader *in, const char *bytes, size_t length, uint32_t first_line) {
    sav_json_doc *doc;
    const char *duplicate = NULL;
    sav_status status = sav_json_parse(&doc, bytes, length, in->list->name, first_line, &duplicate, in->err);
    if (status) return status;
    status = warn_duplicate(in, 0, duplicate);
    for (const sav_json *record = sav_json_root(doc)->child; record && !status; record = record->next)
        status = add_record(in, record);
    sav_json_free(doc);
    return status;
}

static sav_status read_line(reader *in, const char *bytes, size_t length, uint32_t line) {
    sav_json_doc *doc;
    const char *duplicate = NULL;
    sav_status status = sav_json_parse(&doc, bytes, length, in->list->name, line, &duplicate, in->err);
    if (status) {
        in->records++;
        return skip_or_fail(in, status, line);
    }
    status = warn_duplicate(in, line, duplicate);
    if (!status) status = add_record(in, sav_json_root(doc));
    sav_json_free(doc);
    return status;
}

static bool is_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) p++;
    return p == end;
}

static sav_status read_bytes(reader *in, const char *bytes, size_t length) {
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    const char *const end = bytes + length;
    sav_status status = SAV_OK;
    uint32_t line = 1;
    while (bytes < end && !status) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *const line_end = stop ? stop : end;
        if (!is_blank(bytes, line_end)) {
            const char *first = bytes + strspn(bytes, " \t\r");
            if (in->records == 0 && *first == '[') return read_array(in, bytes, (size_t)(end - bytes), line);
            status = read_line(in, bytes, (size_t)(line_end - bytes), line);
        }
        bytes = stop ? stop + 1 : end;
        line++;
    }
    return status;
}

/* ---- a folder of class folders ------------------------------------------------------------------------- */

static sav_status add_picture(reader *in, const char *label, const char *path) {
    const char *question = in->options->question ? in->options->question : "";
    sav_sample sample = {.index = in->records++};
    sample.question = sav_strdup(question);
    sample.label = sav_strdup(label);
    sav_status status = SAV_OK;
    if (!sample.question || !sample.label) status = fail_memory(in->err, path);
    /* The path is complete as it is: neither image_root nor the list's folder goes in front. */
    const sav_record_place here = {path, "", NULL};
    if (!status && sav_os_is_folder(path))
        status = sav_fail(in->err, SAV_BAD_INPUT, "%s: found a folder; expected a picture", path);
    if (!status) status = sav_sample_add_media(&sample, path, &here, 0, in->err);
    if (!status && sav_text_placeholders(question, "<image>") > 1)
        status = sav_fail(in->err, SAV_BAD_INPUT,
                          "%s: the question has more <image> placeholders than the one picture", path);
    if (!status) return add_sample(in, &sample);
    sample_free(&sample);
    return skip_or_fail(in, status, 0);
}

static sav_status read_class(reader *in, const char *folder, const char *label) {
    char **names = NULL;
    size_t count = 0;
    sav_text path = {0};
    sav_text_printf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", label);
    if (path.failed) {
        sav_text_free(&path);
        return fail_memory(in->err, folder);
    }
    sav_status status = SAV_OK;
    if (sav_os_is_folder(path.bytes)) status = sav_os_list(&names, &count, path.bytes, in->err);
    const size_t stem = path.length;
    for (size_t i = 0; i < count && !status; i++) {
        if (names[i][0] == '.') continue; /* .DS_Store and its like */
        path.length = stem;
        sav_text_printf(&path, "/%s", names[i]);
        status = path.failed ? fail_memory(in->err, folder) : add_picture(in, label, path.bytes);
    }
    sav_os_names_free(names, count);
    sav_text_free(&path);
    return status;
}

static sav_status read_folder(reader *in, const char *folder) {
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
    return sav_notes_add(&in->list->warnings, 0, message) ? SAV_OK : fail_memory(in->err, folder);
}

/* ---- the whole list ------------------------------------------------------------------------------------ */

/* Labels that become equal without the white space around them and the case of ASCII letters are probably one
 * class. */
static void plain_label(char *out, const char *label) {
    static const char space[] = " \t\r\n";
    size_t length = strlen(label += strspn(label, space));
    while (length && strchr(space, label[length - 1])) length--;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)(label[i] >= 'A' && label[i] <= 'Z' ? label[i] - 'A' + 'a' : label[i]);
    out[length] = '\0';
}

static sav_status warn_one_label(reader *in, sav_labels *plain, const sav_labels *labels, const char **first,
                                 size_t i) {
    char message[sizeof in->err->message];
    char *folded = sav_alloc(strlen(labels->names[i]) + 1, 1);
    if (!folded) return fail_memory(in->err, in->list->name);
    plain_label(folded, labels->names[i]);
    const size_t known = plain->count;
    size_t id = 0;
    sav_status status = sav_labels_add(&id, plain, folded, in->err);
    sav_free(folded);
    if (status) return status;
    if (id == known) {
        first[id] = labels->names[i];
        return SAV_OK;
    }
    snprintf(message, sizeof message,
             "%s: the labels \"%.200s\" and \"%.200s\" differ only in case or white space; two classes",
             in->list->name, first[id], labels->names[i]);
    return sav_notes_add(&in->list->warnings, 0, message) ? SAV_OK : fail_memory(in->err, in->list->name);
}

static sav_status warn_labels(reader *in) {
    sav_labels labels = {0}, plain = {0};
    const char **first = NULL; /* [labels.count] the label that a plain one came from */
    sav_status status = SAV_OK;
    for (size_t i = 0, id; i < in->list->count && !status; i++)
        if (in->list->samples[i].label)
            status = sav_labels_add(&id, &labels, in->list->samples[i].label, in->err);
    if (status) goto done;
    if ((first = sav_alloc(labels.count + 1, sizeof *first)) == NULL) {
        status = fail_memory(in->err, in->list->name);
        goto done;
    }
    for (size_t i = 0; i < labels.count && !status; i++)
        status = warn_one_label(in, &plain, &labels, first, i);
done:
    sav_free(first);
    sav_labels_free(&plain);
    sav_labels_free(&labels);
    return status;
}

static sav_status finish(reader *in) {
    const sav_list *list = in->list;
    if (!list->count && list->bad.count)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s: none of its %zu records can be used; the first: %s",
                        list->name, list->bad.count, list->bad.items[0].message);
    if (!list->count)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s: found no samples; expected at least one", list->name);
    return warn_labels(in);
}

/* Makes the empty list and finds the format. */
static sav_status start(reader *in, const char *name, const char *folder, const sav_list_options *options,
                        sav_error *err) {
    static const sav_list_options none = {0};
    *in = (reader){.options = options ? options : &none, .err = err};
    const char *format = in->options->format ? in->options->format : "general";
    in->format = sav_format_find(format);
    if (!in->format) {
        sav_text names = {0};
        sav_format_names(&names);
        sav_fail(err, SAV_BAD_INPUT, "unknown list format \"%s\"; known: %s", format,
                 names.bytes ? names.bytes : "");
        sav_text_free(&names);
        return SAV_BAD_INPUT;
    }
    in->list = sav_alloc(1, sizeof *in->list);
    if (in->list) in->list->name = sav_strdup(name);
    if (!in->list || !in->list->name) {
        sav_free(in->list);
        in->list = NULL;
        return fail_memory(err, name);
    }
    in->list->protocol = in->format->protocol;
    in->place = (sav_record_place){in->list->name, folder, in->options->image_root};
    return SAV_OK;
}

static sav_status end(sav_list **out, reader *in, sav_status status) {
    if (!status) status = finish(in);
    if (status)
        sav_list_free(in->list);
    else
        *out = in->list;
    return status;
}

sav_status sav_list_parse(sav_list **out, const char *bytes, size_t length, const char *name,
                          const char *folder, const sav_list_options *options, sav_error *err) {
    sav_error own;
    reader in;
    *out = NULL;
    sav_status status = start(&in, name, folder, options, err ? err : &own);
    return status ? status : end(out, &in, read_bytes(&in, bytes, length));
}

sav_status sav_list_read(sav_list **out, const char *path, const sav_list_options *options, sav_error *err) {
    sav_error own;
    reader in;
    *out = NULL;
    if (!err) err = &own;
    if (*path && sav_os_is_folder(path)) {
        sav_status status = start(&in, path, "", options, err);
        return status ? status : end(out, &in, read_folder(&in, path));
    }
    const bool piped = strcmp(path, "-") == 0;
    char *bytes = NULL, *folder = sav_strndup(path, piped ? 0 : (size_t)(sav_os_path_name(path) - path));
    size_t length = 0;
    if (!folder) return fail_memory(err, path);
    sav_status status = piped ? sav_os_read_stdin(&bytes, &length, LARGEST_LIST, err)
                              : sav_os_read_file(&bytes, &length, path, LARGEST_LIST, err);
    if (!status)
        status = sav_list_parse(out, bytes, length, piped ? "standard input" : path, folder, options, err);
    sav_free(bytes);
    sav_free(folder);
    return status;
}

/* ---- a sample as a prompt ------------------------------------------------------------------------------ */

sav_status sav_sample_chat(sav_chat **out, const sav_sample *sample, sav_error *err) {
    static const char placeholder[] = "<image>";
    const size_t inlined = sav_text_placeholders(sample->question, placeholder);
    size_t next = 0;
    sav_chat *chat = sav_chat_new();
    sav_chat_message(chat, "user");
    for (; next + inlined < sample->media_count; next++)
        sav_chat_part(chat, SAV_IMAGE, sample->media[next], strlen(sample->media[next]));
    const char *text = sample->question;
    for (const char *hit; next < sample->media_count && (hit = strstr(text, placeholder)) != NULL; next++) {
        if (hit > text) sav_chat_part(chat, SAV_TEXT, text, (size_t)(hit - text));
        sav_chat_part(chat, SAV_IMAGE_INLINE, sample->media[next], strlen(sample->media[next]));
        text = hit + strlen(placeholder);
    }
    if (*text) sav_chat_part(chat, SAV_TEXT, text, strlen(text));
    sav_status status = sav_chat_seal(chat, err);
    if (status)
        sav_chat_free(chat);
    else
        *out = chat;
    return status;
}

void sav_sample_place(char *out, size_t size, const sav_list *list, const sav_sample *sample) {
    if (sample->line)
        snprintf(out, size, "%s:%zu", list->name, sample->line);
    else
        snprintf(out, size, "%s", sample->media_count ? sample->media[0] : list->name);
}
