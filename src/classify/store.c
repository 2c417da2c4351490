/* store.c: the feature store, opened, appended to, read. See store.h.
 *
 *   append: features.f32 += rows -> sync -> index.jsonl += lines  open: index lines
 *       -> rows; cut what has no line
 */
#include "classify/store.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"
#include "classify/store_header.h"
#include "io/json.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "features.f32 is little-endian and mapped as it is: this machine's byte order is not supported"
#endif

#define LARGEST_INDEX (SIZE_MAX / 4)

typedef struct entry {
    sav_store_row row;
    size_t next;   /* row + 1 of another sample in the same bucket, 0 = none */
    uint64_t line; /* of a row that was there before: where its line begins */
    /* row + 1 of the next one that is not claimed: of the same sample; equal in id and label too */
    size_t next_same, next_equal;
    bool claimed;
} entry;

struct sav_store {
    char *folder, *json_path, *index_path, *features_path;
    sav_store_header header;
    entry *entries;                      /* [count] */
    size_t count, capacity, opened_with; /* opened_with: rows that were there before */
    size_t damaged;                      /* at the end of the file before, and cut off */
    size_t *buckets;                     /* [capacity] row + 1, by the first digits of `sample` */
    size_t *same, *equal;                /* [opened_with] row + 1: index_claims */
    uint64_t index_bytes;                /* whole lines of index.jsonl */
    sav_map map;                         /* of features.f32, when open for reading */
    sav_os_log *features, *index;        /* when open for appending */
    sav_text waiting;                    /* lines whose rows are written but not yet synced */
    double synced;                       /* seconds: when that was done last */
    bool broken;                         /* a failed append could not be taken back */
};

/* Seconds of appends that share one sync: a sync may take longer than a small model's forward. */
static const double SYNC_SECONDS = 0.25;

static sav_status fail_memory(const char *what, sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", what);
}

/* ---- rows in memory ------------------------------------------------------------------------------------ */

static size_t digits_of(const char *sample) {
    size_t value = 0;
    for (int i = 0; i < 12; i++) value = value * 31 + (unsigned char)sample[i];
    return value;
}

static size_t bucket_of(const sav_store *store, const char *sample) {
    return digits_of(sample) % store->capacity;
}

static bool grow(sav_store *store) {
    size_t capacity = store->capacity;
    if (!sav_grow(&store->entries, &capacity, store->count + 1, sizeof *store->entries)) return false;
    size_t *buckets = sav_alloc(capacity, sizeof *buckets);
    if (!buckets) return false;
    sav_free(store->buckets);
    store->buckets = buckets;
    store->capacity = capacity;
    for (size_t i = 0; i < store->count; i++) {
        size_t *bucket = &buckets[bucket_of(store, store->entries[i].row.sample)];
        store->entries[i].next = *bucket;
        *bucket = i + 1;
    }
    return true;
}

static void free_line(sav_store_line *line) {
    const char *const strings[] = {line->question_id, line->label, line->image, line->question};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) sav_free((void *)(uintptr_t)strings[i]);
}

/* false: no memory; free_line in any case. */
static bool copy_line(sav_store_line *out, const sav_store_line *line) {
    *out = (sav_store_line){.question_id = sav_strdup(line->question_id ? line->question_id : "null"),
                            .label = sav_strdup(line->label),
                            .image = sav_strdup(line->image),
                            .question = sav_strdup(line->question)};
    return out->question_id && (out->label || !line->label) && (out->image || !line->image) &&
           (out->question || !line->question);
}

/* The row's strings are copied. */
static sav_status add_row(sav_store *store, const sav_store_row *row, sav_error *err) {
    if (store->count == store->capacity && !grow(store)) return fail_memory(store->index_path, err);
    entry *e = &store->entries[store->count];
    *e = (entry){.row = *row};
    if (!copy_line(&e->row.line, &row->line)) {
        free_line(&e->row.line);
        return fail_memory(store->index_path, err);
    }
    size_t *bucket = &store->buckets[bucket_of(store, row->sample)];
    e->next = *bucket;
    store->count++;
    *bucket = store->count; /* row + 1 */
    return SAV_OK;
}

static void drop_last_row(sav_store *store) {
    store->count--;
    entry *e = &store->entries[store->count];
    store->buckets[bucket_of(store, e->row.sample)] = e->next;
    free_line(&e->row.line);
}

bool sav_store_find(size_t *row, const sav_store *store, const char *sample) {
    if (!store->capacity) return false;
    for (size_t at = store->buckets[bucket_of(store, sample)]; at; at = store->entries[at - 1].next) {
        if (strcmp(store->entries[at - 1].row.sample, sample) != 0) continue;
        *row = at - 1;
        return true;
    }
    return false;
}

/* ---- rows that were there before ----------------------------------------------------------------------- */

/* By sample, question_id and label. */
static size_t place_of(const sav_store *store, const char *sample, const sav_store_line *line) {
    const char *const parts[] = {sample, line->question_id ? line->question_id : "null",
                                 line->label ? line->label : ""};
    size_t value = 0;
    for (size_t i = 0; i < 3; i++) value = value * 31 + sav_hash(parts[i], strlen(parts[i]));
    return value % store->opened_with;
}

/* Each in two chains, the oldest first; whoever is claimed leaves them, so that equal rows cost no more than
 * others. */
static sav_status index_claims(sav_store *store, sav_error *err) {
    const size_t count = store->opened_with;
    store->same = sav_alloc(count, sizeof *store->same);
    store->equal = sav_alloc(count, sizeof *store->equal);
    if (!store->same || !store->equal) return fail_memory(store->index_path, err);
    for (size_t i = count; i-- > 0;) {
        entry *e = &store->entries[i];
        size_t *same = &store->same[digits_of(e->row.sample) % count];
        size_t *equal = &store->equal[place_of(store, e->row.sample, &e->row.line)];
        e->next_same = *same;
        e->next_equal = *equal;
        *same = *equal = i + 1;
    }
    return SAV_OK;
}

bool sav_store_claim(size_t *row, sav_store *store, const char *sample, const sav_store_line *line) {
    if (!store->opened_with || !store->equal) return false;
    size_t *at = &store->equal[place_of(store, sample, line)];
    while (*at) {
        entry *e = &store->entries[*at - 1];
        const bool wanted =
            !e->claimed && strcmp(e->row.sample, sample) == 0 &&
            sav_same_text(e->row.line.question_id, line->question_id ? line->question_id : "null") &&
            sav_same_text(e->row.line.label, line->label);
        if (wanted) *row = *at - 1;
        if (wanted || e->claimed)
            *at = e->next_equal;
        else
            at = &e->next_equal;
        if (!wanted) continue;
        e->claimed = true;
        return true;
    }
    return false;
}

size_t sav_store_claim_rest(sav_store *store, const char *sample) {
    size_t count = 0;
    if (!store->opened_with || !store->same) return 0;
    size_t *at = &store->same[digits_of(sample) % store->opened_with];
    while (*at) {
        entry *e = &store->entries[*at - 1];
        const bool wanted = !e->claimed && strcmp(e->row.sample, sample) == 0;
        if (wanted || e->claimed)
            *at = e->next_same;
        else
            at = &e->next_same;
        if (wanted) e->claimed = true;
        count += wanted;
    }
    return count;
}

size_t sav_store_unclaimed(const sav_store *store) {
    size_t count = 0;
    for (size_t i = 0; i < store->opened_with; i++) count += !store->entries[i].claimed;
    return count;
}

/* ---- index.jsonl --------------------------------------------------------------------------------------- */

/* Digits of exactly `count` places in base 16, lower case. */
static bool is_hex(const sav_json *node, size_t count) {
    if (!node || node->kind != SAV_JSON_STRING || node->length != count) return false;
    return strspn(node->text, "0123456789abcdef") == count;
}

static uint32_t hex_value(const char *digits) {
    uint32_t value = 0;
    for (; *digits; digits++)
        value = value << 4 | (uint32_t)(*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
    return value;
}

/* A string without a NUL, null, or not there: NULL. */
static bool is_text(const char **out, const sav_json *node) {
    *out = NULL;
    if (!node || node->kind == SAV_JSON_NULL) return true;
    if (node->kind != SAV_JSON_STRING || strlen(node->text) != node->length) return false;
    *out = node->text;
    return true;
}

static sav_status read_row(sav_store *store, const sav_json *line, sav_error *err) {
    const sav_json *sample = sav_json_get(line, "sample"), *image = sav_json_get(line, "image");
    const sav_json *id = sav_json_get(line, "question_id"), *crc = sav_json_get(line, "crc32");
    const sav_json *number = sav_json_get(line, "row");
    sav_store_row out = {.crc32 = 0};
    int64_t row = -1;
    if (number) sav_json_integer(&row, number);
    if (row < 0 || (uint64_t)row != store->count || !is_hex(sample, 64) || !is_hex(crc, 8) ||
        (id && id->kind >= SAV_JSON_ARRAY) || !is_text(&out.line.label, sav_json_get(line, "label")) ||
        !is_text(&out.line.question, sav_json_get(line, "question")))
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s:%u: found something else; expected row %zu with sample, label and crc32",
                        store->index_path, line->line, store->count);
    sav_text texts[2] = {{0}, {0}};
    memcpy(out.sample, sample->text, sizeof out.sample);
    out.crc32 = hex_value(crc->text);
    if (id) sav_json_put(&texts[0], id);
    if (image) sav_json_put(&texts[1], image);
    out.line.question_id = texts[0].bytes;
    out.line.image = texts[1].bytes;
    sav_status status = texts[0].failed || texts[1].failed ? fail_memory(store->index_path, err)
                                                           : add_row(store, &out, err);
    sav_text_free(&texts[0]);
    sav_text_free(&texts[1]);
    return status;
}

/* Whole lines only; what follows the last newline is a torn tail and left out of index_bytes. */
static sav_status read_index(sav_store *store, sav_error *err) {
    char *bytes;
    size_t length, at = 0;
    if (!sav_os_exists(store->index_path)) return SAV_OK;
    sav_status status = sav_os_read_file(&bytes, &length, store->index_path, LARGEST_INDEX, err);
    if (status) return status;
    for (uint32_t line = 1; !status && at < length; line++) {
        const char *stop = memchr(bytes + at, '\n', length - at);
        sav_json_doc *doc;
        if (!stop) break;
        const size_t size = (size_t)(stop - bytes) - at;
        status = sav_json_parse(&doc, bytes + at, size, store->index_path, line, NULL, err);
        if (status) break;
        status = read_row(store, sav_json_root(doc), err);
        sav_json_free(doc);
        if (!status) store->entries[store->count - 1].line = at;
        at += size + 1;
    }
    store->index_bytes = at;
    store->opened_with = store->count;
    sav_free(bytes);
    return status;
}

static sav_status fail_short(const sav_store *store, uint64_t size, sav_error *err) {
    return sav_fail(err, SAV_BAD_INPUT, "%s: found %llu bytes; its index lists %zu rows of %zu",
                    store->features_path, (unsigned long long)size, store->count, store->header.row_bytes);
}

sav_status sav_store_sync(sav_store *store, sav_error *err) {
    if (!store->waiting.length) return SAV_OK;
    sav_status status = sav_os_log_sync(store->features, err);
    if (!status) status = sav_os_log_append(store->index, store->waiting.bytes, store->waiting.length, err);
    if (!status) status = sav_os_log_sync(store->index, err);
    if (status) return status;
    store->index_bytes += store->waiting.length;
    store->waiting.length = 0;
    store->synced = sav_os_seconds();
    return SAV_OK;
}

/* ---- open and close ------------------------------------------------------------------------------------ */

static sav_store *new_store(const char *folder) {
    sav_store *store = sav_alloc(1, sizeof *store);
    if (!store) return NULL;
    store->folder = sav_strdup(folder);
    store->json_path = sav_path_join(folder, "store.json");
    store->index_path = sav_path_join(folder, "index.jsonl");
    store->features_path = sav_path_join(folder, "features.f32");
    if (store->folder && store->json_path && store->index_path && store->features_path) return store;
    sav_store_close(store);
    return NULL;
}

void sav_store_close(sav_store *store) {
    if (!store) return;
    if (store->index && !store->broken) sav_store_sync(store, NULL); /* best effort */
    sav_os_log_close(store->index);
    sav_os_log_close(store->features); /* and with it the lock */
    if (store->map.bytes) sav_os_unmap(&store->map);
    for (size_t i = 0; i < store->count; i++) free_line(&store->entries[i].row.line);
    sav_store_header_free(&store->header);
    sav_text_free(&store->waiting);
    sav_free(store->entries);
    sav_free(store->buckets);
    sav_free(store->same);
    sav_free(store->equal);
    sav_free(store->folder);
    sav_free(store->json_path);
    sav_free(store->index_path);
    sav_free(store->features_path);
    sav_free(store);
}

void sav_store_remove(const char *folder) {
    static const char *const files[] = {"store.json", "index.jsonl", "features.f32"};
    if (!sav_os_is_folder(folder) || sav_os_is_link(folder)) return;
    sav_os_remove_remains(folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = sav_path_join(folder, files[i]);
        if (path) sav_os_remove(path);
        sav_free(path);
    }
    sav_os_remove(folder);
}

/* A disk that lies about what it has written leaves rows that are not those of their lines, at the end: they
 * and what follows them are cut off, to be computed again. */
static sav_status check_end(sav_store *store, sav_error *err) {
    enum { CHECKED = 256 };
    const size_t bytes = store->header.row_bytes, count = store->count;
    size_t i = count > CHECKED ? count - CHECKED : 0;
    sav_map map;
    if (!count) return SAV_OK;
    sav_status status = sav_os_map(&map, store->features_path, err);
    if (status) return status;
    if (map.size / bytes < count) status = fail_short(store, map.size, err);
    while (!status && i < count && sav_crc32(map.bytes + i * bytes, bytes) == store->entries[i].row.crc32)
        i++;
    sav_os_unmap(&map);
    if (status || i == count) return status;
    store->damaged = count - i;
    store->index_bytes = store->entries[i].line;
    store->opened_with = i;
    while (store->count > i) drop_last_row(store);
    return SAV_OK;
}

/* With the lock held: store.json read or made, index read, both files cut to their whole rows. */
static sav_status prepare_append(sav_store *store, const sav_store_info *info, sav_error *err) {
    uint64_t size = 0;
    sav_status status = sav_os_log_size(store->features, &size, err);
    if (status) return status;
    if (sav_os_exists(store->json_path)) {
        status = sav_store_header_read(&store->header, store->json_path, err);
        if (!status) status = sav_store_header_check(&store->header.info, info, store->json_path, err);
        if (!status) status = read_index(store, err);
        if (!status) status = check_end(store, err);
        if (!status) status = index_claims(store, err);
    } else if (size || sav_os_exists(store->index_path)) {
        status = sav_fail(err, SAV_BAD_INPUT, "%s: missing beside features.f32; is this a feature store?",
                          store->json_path);
    } else {
        status = sav_store_header_make(&store->header, info, store->json_path, err);
        if (!status) status = sav_store_header_write(info, store->json_path, err);
    }
    if (status) return status;
    const uint64_t rows = (uint64_t)store->count * store->header.row_bytes;
    uint64_t lines = 0; /* the index first: it never lists more rows than there are */
    if (!status) status = sav_os_log_open(&store->index, store->index_path, false, err);
    if (!status) status = sav_os_log_size(store->index, &lines, err);
    if (!status && lines > store->index_bytes)
        status = sav_os_log_truncate(store->index, store->index_bytes, err);
    if (!status && store->damaged) status = sav_os_log_sync(store->index, err);
    if (!status && size > rows) status = sav_os_log_truncate(store->features, rows, err);
    return status;
}

sav_status sav_store_append_to(sav_store **out, const char *folder, const sav_store_info *info,
                               sav_error *err) {
    *out = NULL;
    sav_store *store = new_store(folder);
    if (!store) return fail_memory(folder, err);
    sav_status status = sav_os_make_folder(folder, err);
    if (!status) status = sav_os_log_open(&store->features, store->features_path, true, err);
    if (!status) status = prepare_append(store, info, err);
    if (status)
        sav_store_close(store);
    else
        *out = store;
    return status;
}

sav_status sav_store_open(sav_store **out, const char *folder, sav_error *err) {
    *out = NULL;
    sav_store *store = new_store(folder);
    if (!store) return fail_memory(folder, err);
    sav_status status = sav_store_header_read(&store->header, store->json_path, err);
    /* before the features: a writer adds them the other way round */
    if (!status) status = read_index(store, err);
    if (!status && store->count) status = sav_os_map(&store->map, store->features_path, err);
    if (!status && store->map.size / store->header.row_bytes < store->count)
        status = fail_short(store, store->map.size, err);
    if (status)
        sav_store_close(store);
    else
        *out = store;
    return status;
}

const sav_store_info *sav_store_describe(const sav_store *store) {
    return &store->header.info;
}

const char *sav_store_folder(const sav_store *store) {
    return store->folder;
}

size_t sav_store_count(const sav_store *store) {
    return store->count;
}

size_t sav_store_damaged(const sav_store *store) {
    return store->damaged;
}

const sav_store_row *sav_store_at(const sav_store *store, size_t row) {
    return &store->entries[row].row;
}

const float *sav_store_features(const sav_store *store) {
    return store->map.size ? (const float *)(const void *)store->map.bytes : NULL;
}

/* ---- append -------------------------------------------------------------------------------------------- */

static void put_text(sav_text *out, const char *text) {
    if (text)
        sav_json_put_string(out, text, strlen(text));
    else
        sav_text_string(out, "null");
}

static void put_line(sav_text *out, size_t number, const sav_store_row *row) {
    const sav_store_line *line = &row->line;
    sav_text_printf(out, "{\"row\":%zu,\"sample\":\"%s\",\"question_id\":", number, row->sample);
    sav_text_string(out, line->question_id ? line->question_id : "null");
    sav_text_string(out, ",\"label\":"), put_text(out, line->label);
    sav_text_string(out, ",\"image\":"), sav_text_string(out, line->image ? line->image : "null");
    sav_text_string(out, ",\"question\":"), put_text(out, line->question);
    sav_text_printf(out, ",\"crc32\":\"%08x\"}\n", (unsigned)row->crc32);
}

/* Both files and the memory back to `rows` rows. */
static void roll_back(sav_store *store, size_t rows) {
    while (store->count > rows) drop_last_row(store);
    if (sav_os_log_truncate(store->index, store->index_bytes, NULL) ||
        sav_os_log_truncate(store->features, (uint64_t)rows * store->header.row_bytes, NULL))
        store->broken = true;
}

sav_status sav_store_append(sav_store *store, const char *sample, const sav_store_line *line,
                            const float *features, sav_error *err) {
    const size_t rows = store->count;
    sav_store_row row = {.line = *line};
    if (!store->features || store->broken)
        return sav_fail(err, SAV_IO_ERROR, "%s: an earlier write failed; open the store again",
                        store->folder);
    if (strlen(sample) != sizeof row.sample - 1)
        return sav_fail(err, SAV_BAD_INPUT, "%s: found the sample name %s; expected 64 hex digits",
                        store->folder, sample);
    if (line->label && sav_utf8_check(line->label, strlen(line->label), "label", err)) return SAV_BAD_INPUT;
    memcpy(row.sample, sample, sizeof row.sample);
    row.crc32 = sav_crc32(features, store->header.row_bytes);
    const size_t lines = store->waiting.length;
    put_line(&store->waiting, rows, &row);
    sav_status status = store->waiting.failed ? fail_memory(store->index_path, err)
                                              : add_row(store, &row, err);
    if (!status) status = sav_os_log_append(store->features, features, store->header.row_bytes, err);
    if (!status && sav_os_seconds() - store->synced >= SYNC_SECONDS) status = sav_store_sync(store, err);
    if (status) {
        store->waiting.length = lines; /* those of before may still be published at close */
        store->waiting.failed = false;
        roll_back(store, rows);
    }
    return status;
}

static sav_status fail_row(const sav_store *store, size_t row, sav_error *err) {
    return sav_fail(err, SAV_BAD_INPUT,
                    "%s: row %zu is damaged: its bytes do not have the CRC that the index has",
                    store->features_path, row);
}

sav_status sav_store_repeat(sav_store *store, size_t row, const sav_store_line *line, sav_error *err) {
    sav_map map;
    char sample[65];
    memcpy(sample, store->entries[row].row.sample, sizeof sample);
    float *copy = sav_alloc(store->header.row_bytes, 1);
    if (!copy) return fail_memory(store->features_path, err);
    sav_status status = sav_os_map(&map, store->features_path, err);
    if (!status) {
        if (map.size / store->header.row_bytes <= row)
            status = fail_short(store, map.size, err);
        else
            memcpy(copy, map.bytes + row * store->header.row_bytes, store->header.row_bytes);
        sav_os_unmap(&map);
    }
    if (!status && sav_crc32(copy, store->header.row_bytes) != store->entries[row].row.crc32)
        status = fail_row(store, row, err);
    if (!status) status = sav_store_append(store, sample, line, copy, err);
    sav_free(copy);
    return status;
}

sav_status sav_store_read(const float **out, const sav_store *store, size_t row, sav_error *err) {
    const size_t bytes = store->header.row_bytes;
    const unsigned char *at = store->map.bytes + row * bytes;
    *out = (const float *)(const void *)at;
    return sav_crc32(at, bytes) == store->entries[row].row.crc32 ? SAV_OK : fail_row(store, row, err);
}

void sav_store_drop(const sav_store *store, size_t row) {
    const size_t bytes = store->header.row_bytes;
    sav_os_drop(store->map.bytes + row * bytes, bytes, store->features_path, (uint64_t)row * bytes);
}

sav_status sav_store_check(const sav_store *store, sav_error *err) {
    const float *ignored;
    sav_status status = SAV_OK;
    for (size_t i = 0; i < store->count && store->map.size && !status; i++)
        status = sav_store_read(&ignored, store, i, err);
    return status;
}
