/* list.c: a LIST argument -> samples. See list.h.
 *
 *   bytes -> skip BOM -> `[`? one JSON array : one JSON object a line -> the format -> checks -> samples
 *       -> warnings
 */
#include "lists/list.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/os.h"
#include "base/utf8.h"
#include "classify/labels.h"
#include "image/image.h"
#include "io/json.h"
#include "lists/list_reader.h"

/* The largest list that is read: a mistyped name of a weight file should not fill the memory. */
#define LARGEST_LIST ((size_t)1 << 30)
enum {
    MOST_BAD = 100000, /* records that --skip-bad leaves out: beyond, the file is no list */
    PIECE = 16 << 20   /* bytes of a mapped list that stay in memory behind the record that is read */
};

/* ---- the table of formats ----------------------------------------------------------------------------- */

static const sav_format formats[] = {
#define FORMAT(name, protocol) {#name, sav_read_##name, &sav_keys_##name, #protocol},
#include "lists/formats.inc"
#undef FORMAT
};

const sav_format *sav_format_at(size_t i) {
    return i < sizeof formats / sizeof formats[0] ? &formats[i] : NULL;
}

const sav_format *sav_format_find(const char *name) {
    for (size_t i = 0; sav_format_at(i); i++)
        if (!name || strcmp(sav_format_at(i)->name, name) == 0) return sav_format_at(i);
    return NULL;
}

void sav_format_names(sav_text *out) {
    for (size_t i = 0; sav_format_at(i); i++)
        sav_text_printf(out, "%s%s", i ? ", " : "", sav_format_at(i)->name);
}

/* ---- a list's samples ---------------------------------------------------------------------------------- */

void sav_list_free(sav_list *list) {
    if (!list) return;
    for (size_t i = 0; i < list->count; i++) sav_sample_free(&list->samples[i]);
    sav_free(list->samples);
    sav_notes_free(&list->bad);
    sav_notes_free(&list->warnings);
    sav_free(list->name);
    sav_free(list->unknown);
    sav_free(list);
}

void sav_list_keep(sav_list *list, const bool *keep) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (keep[i])
            list->samples[kept++] = list->samples[i];
        else
            sav_sample_free(&list->samples[i]);
    }
    list->count = kept;
}

void sav_sample_location(char *out, size_t size, const sav_list *list, const sav_sample *sample) {
    if (sample->line)
        snprintf(out, size, "%s:%zu", list->name, sample->line);
    else
        snprintf(out, size, "%s", sample->media_count ? sample->media[0] : list->name);
}

void sav_sample_place(sav_error *err, const sav_list *list, const sav_sample *sample) {
    char place[512];
    sav_sample_location(place, sizeof place, list, sample);
    sav_error_prefix(err, "%s", place);
}

/* ---- while it is read ---------------------------------------------------------------------------------- */

static sav_status fail_memory(sav_error *err, const char *name) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to read it", name);
}

sav_status sav_list_no_memory(const sav_list_reader *in) {
    return fail_memory(in->err, in->list->name);
}

sav_status sav_list_warn(sav_list_reader *in, size_t line, const char *message) {
    return sav_notes_add(&in->list->warnings, line, message) ? SAV_OK : sav_list_no_memory(in);
}

static sav_status skip_or_fail(sav_list_reader *in, sav_status status, size_t line) {
    const sav_notes *bad = &in->list->bad;
    if (!in->options->skip_bad || (status != SAV_BAD_INPUT && status != SAV_UNSUPPORTED)) return status;
    if (bad->count == MOST_BAD)
        return sav_fail(in->err, SAV_BAD_INPUT,
                        "%s: more than %d of its records cannot be used; expected a list; the first: %s",
                        in->list->name, MOST_BAD, bad->items[0].message);
    return sav_notes_add(&in->list->bad, line, in->err->message) ? SAV_OK : sav_list_no_memory(in);
}

sav_status sav_list_add(sav_list_reader *in, sav_sample *sample, sav_status status) {
    sav_list *list = in->list;
    if (status) {
        const size_t line = sample->line;
        sav_sample_free(sample);
        return skip_or_fail(in, status, line);
    }
    if (!sample->image) sample->image = sav_strdup("null");
    if (!sample->group) sample->group = sav_strdup("null");
    if (!sample->question_id) sample->question_id = sav_strdup("null");
    if (!sample->image || !sample->group || !sample->question_id || !sav_sample_pack(sample) ||
        !sav_grow(&list->samples, &list->capacity, list->count + 1, sizeof *list->samples)) {
        sav_sample_free(sample);
        return sav_list_no_memory(in);
    }
    list->samples[list->count++] = *sample;
    return SAV_OK;
}

/* ---- records ------------------------------------------------------------------------------------------- */

static sav_status read_record(sav_sample *out, sav_list_reader *in, const sav_json *object) {
    if (object->kind != SAV_JSON_OBJECT)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: found something else; expected an object {…}",
                        in->list->name, object->line);
    sav_record record = {.object = object, .source = &in->source, .err = in->err};
    record.status = sav_list_keys_check(in, object);
    in->format->read(out, &record);
    if (!record.status && in->options->training && !out->label)
        return sav_fail(in->err, SAV_BAD_INPUT,
                        "%s:%u: found no label; a training list needs one in every record", in->list->name,
                        object->line);
    return record.status;
}

/* The first one is named, the others are counted at the end. */
static sav_status warn_duplicate(sav_list_reader *in, size_t line, const char *key) {
    char message[sizeof in->err->message], quoted[SAV_QUOTED];
    if (!key || in->duplicates++) return SAV_OK;
    snprintf(message, sizeof message,
             "%s:%zu: the key \"%s\" occurs twice in one object; the last one counts", in->list->name, line,
             sav_quote(quoted, key, strlen(key)));
    return sav_list_warn(in, line, message);
}

static sav_status count_duplicates(sav_list_reader *in) {
    char message[sizeof in->err->message];
    if (in->duplicates < 2) return SAV_OK;
    snprintf(message, sizeof message, "%s: %zu records have a key twice; the last one counts", in->list->name,
             in->duplicates);
    return sav_list_warn(in, 0, message);
}

/* The part of a mapped list that has been read need not stay in memory. */
static void pass(sav_list_reader *in, const char *at) {
    if (!in->mapped || (size_t)(at - in->mapped) < in->passed + PIECE) return;
    sav_os_drop(in->mapped + in->passed, PIECE, in->list->name, in->passed);
    in->passed += PIECE;
}

static sav_status add_record(sav_list_reader *in, const sav_json *object, const char *duplicate) {
    sav_sample sample = {.index = in->records++, .line = object->line};
    sav_status status = warn_duplicate(in, object->line, duplicate);
    if (!status) status = read_record(&sample, in, object);
    return sav_list_add(in, &sample, status);
}

static sav_status read_array(sav_list_reader *in, const char *bytes, size_t length, uint32_t first_line) {
    sav_json_records records;
    sav_status status = SAV_OK;
    sav_json_records_begin(&records, bytes, length, in->list->name, first_line);
    while (!status) {
        sav_json_doc *doc;
        const char *duplicate;
        status = sav_json_records_next(&doc, &records, &duplicate, in->err);
        if (!doc) break;
        status = add_record(in, sav_json_root(doc), duplicate);
        sav_json_free(doc);
        pass(in, records.at);
    }
    return status;
}

static sav_status read_line(sav_list_reader *in, const char *bytes, size_t length, uint32_t line) {
    sav_json_doc *doc;
    const char *duplicate;
    sav_status status = sav_json_record(&doc, bytes, length, in->list->name, line, &duplicate, in->err);
    if (status) {
        sav_sample sample = {.index = in->records++, .line = line};
        return sav_list_add(in, &sample, status);
    }
    status = add_record(in, sav_json_root(doc), duplicate);
    sav_json_free(doc);
    return status;
}

static bool is_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) p++;
    return p == end;
}

/* What a file is that is no list: NULL when it may be one. */
static const char *other_kind(const char *name, const char *bytes, size_t length) {
    static const struct {
        const char *bytes, *name;
        size_t length;
    } kinds[] = {{"PAR1", "a Parquet file", 4},  {"PK\3\4", "a ZIP archive", 4},
                 {"\xFF\xFE", "UTF-16 text", 2}, {"\xFE\xFF", "UTF-16 text", 2},
                 {"\x1F\x8B", "a gzip file", 2}, {"ARROW1", "an Arrow file", 6}};
    const char *dot = strrchr(name, '.');
    size_t blank = 0;
    while (blank < length && bytes[blank] && strchr(" \t\r\n", bytes[blank])) blank++;
    const bool json = blank < length && (bytes[blank] == '{' || bytes[blank] == '[');
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (length >= kinds[i].length && memcmp(bytes, kinds[i].bytes, kinds[i].length) == 0)
            return kinds[i].name;
    if (sav_image_recognised((const unsigned char *)bytes, length)) return "a picture";
    if (json || !dot || blank == length) return NULL;
    return strcasecmp(dot, ".csv") == 0 ? "a CSV file" : strcasecmp(dot, ".tsv") == 0 ? "a TSV file" : NULL;
}

static sav_status check_kind(sav_list_reader *in, const char *bytes, size_t length) {
    const char *kind = other_kind(in->list->name, bytes, length);
    if (!kind) return SAV_OK;
    sav_fail(in->err, SAV_BAD_INPUT, "%s: found %s; expected JSON Lines or one JSON array in UTF-8",
             in->list->name, kind);
    sav_hint(in->err,
             "Write an object a line: {\"image\": \"cat.jpg\", \"question\": \"What animal is this?\", "
             "\"label\": \"cat\"}.");
    return SAV_BAD_INPUT;
}

static sav_status read_bytes(sav_list_reader *in, const char *bytes, size_t length) {
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    const char *const end = bytes + length;
    sav_status status = check_kind(in, bytes, length);
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
        pass(in, bytes);
        line++;
    }
    return status;
}

/* ---- labels that are probably one class ---------------------------------------------------------------- */

/* Equal without the white space around them and the case of ASCII letters. */
typedef struct spellings {
    sav_labels all, plain;
    const char **first; /* [plain.count] the label that a plain one came from */
} spellings;

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

static sav_status check_label(sav_list_reader *in, spellings *seen, const char *label) {
    char message[sizeof in->err->message], quoted[2][SAV_QUOTED];
    const size_t labels = seen->all.count, plains = seen->plain.count;
    size_t id = 0;
    char *plain = plain_label(label);
    if (!plain) return sav_list_no_memory(in);
    sav_status status = sav_labels_add(&id, &seen->all, label, in->err);
    const bool known = id < labels;
    if (!status) status = sav_labels_add(&id, &seen->plain, plain, in->err);
    sav_free(plain);
    if (status || known) return status;
    if (id == plains) {
        seen->first[id] = label;
        return SAV_OK;
    }
    snprintf(message, sizeof message,
             "%s: the labels \"%s\" and \"%s\" differ only in case or white space; two classes",
             in->list->name, sav_quote(quoted[0], seen->first[id], strlen(seen->first[id])),
             sav_quote(quoted[1], label, strlen(label)));
    return sav_list_warn(in, 0, message);
}

static sav_status check_labels(sav_list_reader *in) {
    const sav_list *list = in->list;
    spellings seen = {.first = sav_alloc(list->count + 1, sizeof *seen.first)};
    sav_status status = seen.first ? SAV_OK : sav_list_no_memory(in);
    for (size_t i = 0; i < list->count && !status; i++)
        if (list->samples[i].label) status = check_label(in, &seen, list->samples[i].label);
    sav_free(seen.first);
    sav_labels_free(&seen.plain);
    sav_labels_free(&seen.all);
    return status;
}

/* ---- the whole list ------------------------------------------------------------------------------------ */

/* Makes the empty list and finds the format. */
static sav_status start(sav_list_reader *in, const char *name, const char *folder,
                        const sav_list_options *options, sav_error *err) {
    static const sav_list_options none = {0};
    *in = (sav_list_reader){.options = options ? options : &none, .err = err};
    in->format = sav_format_find(in->options->format);
    if (!in->format) {
        sav_text names = {0};
        sav_format_names(&names);
        sav_fail(err, SAV_BAD_INPUT, "unknown list format \"%s\"; known: %s", in->options->format,
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
    in->source = (sav_record_source){in->list->name, folder, in->options->image_root};
    return SAV_OK;
}

static sav_status check_list(sav_list_reader *in) {
    const sav_list *list = in->list;
    if (!list->count && list->bad.count)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s: none of its %zu records can be used; the first: %s",
                        list->name, list->bad.count, list->bad.items[0].message);
    if (!list->count)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s: found no samples; expected at least one", list->name);
    sav_status status = count_duplicates(in);
    if (!status) status = sav_list_keys_warn(in);
    return status ? status : check_labels(in);
}

static sav_status finish(sav_list **out, sav_list_reader *in, sav_status status) {
    if (!status) status = check_list(in);
    if (status == SAV_BAD_INPUT) sav_list_keys_hint(in);
    sav_list_keys_free(&in->unknown);
    if (status)
        sav_list_free(in->list);
    else
        *out = in->list;
    return status;
}

sav_status sav_list_parse(sav_list **out, const char *bytes, size_t length, const char *name,
                          const char *folder, const sav_list_options *options, sav_error *err) {
    sav_error own;
    sav_list_reader in;
    *out = NULL;
    sav_status status = start(&in, name, folder, options, err ? err : &own);
    return status ? status : finish(out, &in, read_bytes(&in, bytes, length));
}

static sav_status read_piped(sav_list **out, const sav_list_options *options, sav_error *err) {
    char *bytes = NULL;
    size_t length = 0;
    sav_status status = sav_os_read_stdin(&bytes, &length, LARGEST_LIST, err);
    if (!status) status = sav_list_parse(out, bytes, length, "standard input", "", options, err);
    sav_free(bytes);
    return status;
}

static sav_status read_file(sav_list **out, const char *path, const sav_list_options *options,
                            sav_error *err) {
    sav_list_reader in;
    sav_map map = {NULL, 0};
    char *folder = sav_strndup(path, (size_t)(sav_os_path_name(path) - path));
    sav_status status = folder ? sav_os_map(&map, path, err) : fail_memory(err, path);
    if (!status && map.size >= LARGEST_LIST)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found %zu bytes; a list has less than %zu", path, map.size,
                          LARGEST_LIST);
    if (!status) status = start(&in, path, folder, options, err);
    if (!status) {
        in.mapped = (const char *)map.bytes;
        status = finish(out, &in, read_bytes(&in, in.mapped, map.size));
    }
    if (map.size) sav_os_unmap(&map);
    sav_free(folder);
    return status;
}

sav_status sav_list_read(sav_list **out, const char *path, const sav_list_options *options, sav_error *err) {
    sav_error own;
    sav_list_reader in;
    *out = NULL;
    if (!err) err = &own;
    if (*path && sav_os_is_folder(path)) {
        sav_status status = start(&in, path, "", options, err);
        return status ? status : finish(out, &in, sav_list_read_folders(&in, path));
    }
    return strcmp(path, "-") == 0 ? read_piped(out, options, err) : read_file(out, path, options, err);
}
