/* safetensors.c: a mapped file -> checked views of its tensors, and back. See safetensors.h.
 *
 * Everything a file claims is checked here, once, so that nobody behind this file meets a bad size: the
 * header lies inside the file, names are unique, the dtype is known, shape times size is the byte range,
 * ranges lie inside the data, do not overlap and leave no hole.
 */
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "io/json.h"

struct sav_safetensors {
    sav_map map; /* size 0 when the bytes are the caller's */
    const unsigned char *bytes;
    size_t size, header; /* of the file; of everything before the data */
    char *path;
    sav_json_doc *json;  /* owns the names */
    sav_tensor *tensors; /* [count], in order of data offset */
    size_t count;
    const sav_tensor **by_name; /* [count], sorted */
};

/* ---- reading ------------------------------------------------------------------------------------------- */

static sav_status bad(const sav_safetensors *file, const sav_json *node, sav_error *err, const char *what) {
    return sav_fail(err, SAV_BAD_INPUT, "%s: tensor %.200s: %s", file->path, node->key, what);
}

static sav_status read_shape(sav_tensor *t, const sav_safetensors *file, const sav_json *node,
                             sav_error *err) {
    const sav_json *shape = sav_json_get(node, "shape");
    if (!shape || shape->kind != SAV_JSON_ARRAY) return bad(file, node, err, "found no shape");
    if (shape->count > SAV_MAX_RANK) return bad(file, node, err, "has more than 8 dimensions");
    t->count = 1;
    for (const sav_json *n = shape->child; n; n = n->next) {
        int64_t v;
        if (!sav_json_integer(&v, n) || v < 0 || (uint64_t)v > SIZE_MAX)
            return bad(file, node, err, "a dimension is no whole number from 0");
        t->shape[t->rank++] = (size_t)v;
    }
    for (int i = 0; i < t->rank; i++) /* a zero anywhere makes the product zero, whatever the others are */
        if (t->shape[i] == 0) t->count = 0;
    for (int i = 0; i < t->rank && t->count; i++)
        if (!sav_mul(&t->count, t->count, t->shape[i]))
            return bad(file, node, err, "its shape does not fit any memory");
    return SAV_OK;
}

static sav_status read_tensor(sav_tensor *t, const sav_safetensors *file, const sav_json *node,
                              sav_error *err) {
    const sav_json *dtype = sav_json_get(node, "dtype"), *range = sav_json_get(node, "data_offsets");
    int64_t begin, end;
    size_t bytes, data = file->size - file->header;
    t->name = node->key;
    if (strlen(node->key) != node->key_length) return bad(file, node, err, "its name holds a NUL");
    while (t->dtype < SAV_DTYPES && !sav_json_is(dtype, sav_dtype_name(t->dtype))) t->dtype++;
    if (t->dtype == SAV_DTYPES) {
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: tensor %.200s: found dtype %.20s; expected F32, BF16, F16, F64, BOOL, F8_E4M3, "
                        "F8_E5M2, or I or U of 8 to 64 bits",
                        file->path, node->key,
                        dtype && dtype->kind == SAV_JSON_STRING ? dtype->text : "(none)");
    }
    sav_status status = read_shape(t, file, node, err);
    if (status) return status;
    if (!range || range->kind != SAV_JSON_ARRAY || range->count != 2 ||
        !sav_json_integer(&begin, range->child) || !sav_json_integer(&end, range->child->next))
        return bad(file, node, err, "expected data_offsets of two whole numbers");
    if (begin < 0 || end < begin || (uint64_t)end > data)
        return bad(file, node, err, "its data_offsets lie outside the file (truncated?)");
    if (!sav_mul(&bytes, t->count, sav_dtype_size(t->dtype)) || bytes != (uint64_t)(end - begin))
        return bad(file, node, err, "its data_offsets do not fit its shape and dtype");
    t->data = file->bytes + file->header + (size_t)begin;
    return SAV_OK;
}

static int by_offset(const void *a, const void *b) {
    const sav_tensor *x = a, *y = b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    /* empty tensors stand in front of what shares their offset */
    return x->count < y->count ? -1 : x->count > y->count;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const sav_tensor *const *)a)->name, (*(const sav_tensor *const *)b)->name);
}

/* Tensors sorted by offset must follow each other without overlap or hole, to the end of the file. */
static sav_status check_layout(const sav_safetensors *file, sav_error *err) {
    const unsigned char *at = file->bytes + file->header;
    for (size_t i = 0; i < file->count; i++) {
        const sav_tensor *t = &file->tensors[i];
        if ((const unsigned char *)t->data != at)
            return sav_fail(err, SAV_BAD_INPUT, "%s: tensor %.200s %s", file->path, t->name,
                            (const unsigned char *)t->data < at ? "overlaps the one before it"
                                                                : "leaves a hole in front of it");
        at += t->count * sav_dtype_size(t->dtype);
    }
    if (at != file->bytes + file->size)
        return sav_fail(err, SAV_BAD_INPUT, "%s: found %zu bytes behind the last tensor; expected none",
                        file->path, (size_t)(file->bytes + file->size - at));
    return SAV_OK;
}

/* What else lies under the name of a safetensors file, by its first bytes. */
static const struct {
    const char *begin, *what, *hint;
} OTHERS[] = {
    {"version https://git-lfs.github.com/", "a Git LFS pointer, not the file itself",
     "fetch the weights: git lfs pull in the folder, or download the file again"},
    {"<", "a web page or XML", "download the file again; the hub may have asked for a login"},
    {"PK\003\004", "a zip archive (a .pt or .pth of torch.save, a .npz of numpy.savez)",
     "write it as safetensors: safetensors.torch.save_file(tensors, path), or safetensors.numpy for arrays"},
    {"\200\002", "a Python pickle (a .pt or .pth of torch.save)",
     "write it as safetensors: safetensors.torch.save_file(tensors, path)"},
    {"\200\003", "a Python pickle", "write it as safetensors: safetensors.torch.save_file(tensors, path)"},
    {"\200\004", "a Python pickle", "write it as safetensors: safetensors.torch.save_file(tensors, path)"},
    {"\200\005", "a Python pickle", "write it as safetensors: safetensors.torch.save_file(tensors, path)"},
    {"\223NUMPY", "a NumPy array (a .npy of numpy.save)",
     "write it as safetensors: safetensors.numpy.save_file(arrays, path)"},
    {"\211HDF\r\n", "an HDF5 file", "write it as safetensors: safetensors.numpy.save_file(arrays, path)"},
    {"\037\213", "gzip data", "unpack it first: gzip -d"},
    {"\050\265\057\375", "zstd data", "unpack it first: zstd -d"},
    {"\3757zXZ", "xz data", "unpack it first: xz -d"},
    {"BZh", "bzip2 data", "unpack it first: bzip2 -d"},
    {"GGUF", "a GGUF file", "use the Hugging Face folder that it was made from"},
};

static sav_status name_other(const sav_safetensors *file, sav_error *err) {
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        const size_t length = strlen(OTHERS[i].begin);
        if (file->size < length || memcmp(file->bytes, OTHERS[i].begin, length) != 0) continue;
        sav_fail(err, SAV_BAD_INPUT, "%s: found %s; expected safetensors", file->path, OTHERS[i].what);
        sav_hint(err, "%s", OTHERS[i].hint);
        return SAV_BAD_INPUT;
    }
    return SAV_OK;
}

/* The header's JSON. Of two equal names in it the reference reader takes the last one. */
static sav_status parse_header(sav_safetensors *file, sav_error *err) {
    uint64_t length = 0;
    const char *doubled;
    if (file->size < 8)
        return sav_fail(err, SAV_BAD_INPUT, "%s: %zu bytes are no safetensors file", file->path, file->size);
    for (int i = 7; i >= 0; i--) length = length << 8 | file->bytes[i];
    if (length > file->size - 8 || length > 100000000) {
        sav_status status = name_other(file, err);
        return status ? status
                      : sav_fail(err, SAV_BAD_INPUT,
                                 "%s: the header says it has %llu bytes; the file has %zu (truncated, or no "
                                 "safetensors file)",
                                 file->path, (unsigned long long)length, file->size);
    }
    file->header = 8 + (size_t)length;
    if (length && file->bytes[8] == 0xEF) /* a byte order mark, which the reference reader refuses */
        return sav_fail(err, SAV_BAD_INPUT, "%s: its header does not begin with {", file->path);
    return sav_json_parse(&file->json, (const char *)file->bytes + 8, (size_t)length, file->path, 1, &doubled,
                          err);
}

/* As strict as the reference reader (safetensors 0.8.0): an object of strings, or null, once. */
static sav_status check_metadata(const sav_safetensors *file, const sav_json *root, sav_error *err) {
    const sav_json *found = NULL;
    for (const sav_json *node = root->child; node; node = node->next) {
        if (strcmp(node->key, "__metadata__") != 0) continue;
        if (found)
            return sav_fail(err, SAV_BAD_INPUT, "%s: __metadata__ stands twice in its header", file->path);
        found = node;
    }
    if (!found || found->kind == SAV_JSON_NULL) return SAV_OK;
    if (found->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: its __metadata__ is no JSON object", file->path);
    for (const sav_json *node = found->child; node; node = node->next)
        if (node->kind != SAV_JSON_STRING)
            return sav_fail(err, SAV_BAD_INPUT, "%s: __metadata__: the value of \"%.60s\" is no string",
                            file->path, node->key);
    return SAV_OK;
}

static sav_status check_names(const sav_safetensors *file, sav_error *err) {
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(file->by_name[i]->name, file->by_name[i - 1]->name) == 0)
            return sav_fail(err, SAV_BAD_INPUT, "%s: tensor %.200s stands twice in its header", file->path,
                            file->by_name[i]->name);
    return SAV_OK;
}

static sav_status read_header(sav_safetensors *file, sav_error *err) {
    sav_status status = parse_header(file, err);
    if (status) return status;
    const sav_json *root = sav_json_root(file->json);
    if (root->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: its header is no JSON object", file->path);
    status = check_metadata(file, root, err);
    if (status) return status;
    const sav_json *metadata = sav_json_get(root, "__metadata__");
    file->tensors = sav_alloc(root->count, sizeof *file->tensors);
    file->by_name = sav_alloc(root->count, sizeof *file->by_name);
    if (!file->tensors || !file->by_name) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", file->path);
    for (const sav_json *node = root->child; node; node = node->next) {
        if (node == metadata) continue;
        status = read_tensor(&file->tensors[file->count++], file, node, err);
        if (status) return status;
    }
    if (file->count) qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
    for (size_t i = 0; i < file->count; i++) file->by_name[i] = &file->tensors[i];
    if (file->count) qsort(file->by_name, file->count, sizeof *file->by_name, by_name);
    status = check_names(file, err);
    return status ? status : check_layout(file, err);
}

static sav_status open_bytes(sav_safetensors **out, sav_map map, const unsigned char *bytes, size_t size,
                             const char *path, sav_error *err) {
    sav_safetensors *file = sav_alloc(1, sizeof *file);
    *out = NULL;
    if (!file) {
        sav_os_unmap(&map);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    }
    *file = (sav_safetensors){.map = map, .bytes = bytes, .size = size, .path = sav_strdup(path)};
    sav_status status = file->path ? read_header(file, err)
                                   : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    if (status)
        sav_safetensors_close(file);
    else
        *out = file;
    return status;
}

sav_status sav_safetensors_open(sav_safetensors **out, const char *path, sav_error *err) {
    sav_map map;
    *out = NULL;
    sav_status status = sav_os_map(&map, path, err);
    return status ? status : open_bytes(out, map, map.bytes, map.size, path, err);
}

sav_status sav_safetensors_parse(sav_safetensors **out, const unsigned char *bytes, size_t size,
                                 const char *name, sav_error *err) {
    return open_bytes(out, (sav_map){NULL, 0}, bytes, size, name, err);
}

void sav_safetensors_close(sav_safetensors *file) {
    if (!file) return;
    sav_os_unmap(&file->map);
    sav_json_free(file->json);
    sav_free(file->tensors);
    sav_free(file->by_name);
    sav_free(file->path);
    sav_free(file);
}

size_t sav_safetensors_count(const sav_safetensors *file) {
    return file->count;
}

const sav_tensor *sav_safetensors_at(const sav_safetensors *file, size_t i) {
    return &file->tensors[i];
}

const sav_tensor *sav_safetensors_find(const sav_safetensors *file, const char *name) {
    sav_tensor key = {.name = name};
    const sav_tensor *k = &key;
    if (file->count == 0) return NULL;
    const sav_tensor *const *found = bsearch(&k, file->by_name, file->count, sizeof *file->by_name, by_name);
    return found ? *found : NULL;
}

const char *sav_safetensors_metadata(const sav_safetensors *file, const char *key) {
    const sav_json *node = sav_json_get(sav_json_get(sav_json_root(file->json), "__metadata__"), key);
    return node && node->kind == SAV_JSON_STRING ? node->text : NULL;
}

const char *sav_safetensors_path(const sav_safetensors *file) {
    return file->path;
}

const unsigned char *sav_safetensors_header(const sav_safetensors *file, size_t *length, size_t *file_size) {
    *length = file->header;
    *file_size = file->size;
    return file->bytes;
}

/* ---- elements ------------------------------------------------------------------------------------------ */

float sav_tensor_float(const sav_tensor *tensor, size_t i) {
    return sav_widen_one(tensor->data, i, tensor->dtype);
}

int64_t sav_tensor_integer(const sav_tensor *tensor, size_t i) {
    int64_t wide;
    int32_t word;
    switch (tensor->dtype) {
    case SAV_I64:
        memcpy(&wide, (const char *)tensor->data + 8 * i, 8);
        return wide;
    case SAV_I32:
        memcpy(&word, (const char *)tensor->data + 4 * i, 4);
        return word;
    case SAV_U8:
        return ((const unsigned char *)tensor->data)[i];
    default:
        return 0;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void put_metadata(sav_text *out, const sav_metadata *metadata) {
    const char *before = "{\"__metadata__\":{";
    for (size_t i = 0; i < metadata->count; i++) {
        if (!metadata->values[i]) continue;
        sav_text_string(out, before);
        sav_json_put_string(out, metadata->keys[i], strlen(metadata->keys[i]));
        sav_text_string(out, ":");
        sav_json_put_string(out, metadata->values[i], strlen(metadata->values[i]));
        before = ",";
    }
    if (out->length) sav_text_string(out, "}");
}

static void put_tensors(sav_text *out, const sav_tensor *tensors, size_t count) {
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const sav_tensor *t = &tensors[i];
        const size_t end = offset + t->count * sav_dtype_size(t->dtype);
        sav_text_string(out, out->length ? "," : "{");
        sav_json_put_string(out, t->name, strlen(t->name));
        sav_text_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", sav_dtype_name(t->dtype));
        for (int r = 0; r < t->rank; r++) sav_text_printf(out, "%s%zu", r ? "," : "", t->shape[r]);
        sav_text_printf(out, "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
}

/* Creates the file and writes everything in front of the data. */
static sav_status start(sav_os_file **out, const char *path, const sav_text *header, sav_error *err) {
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    sav_status status = header->failed ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path) : SAV_OK;
    if (!status) status = sav_os_create(out, path, err);
    if (!status) status = sav_os_write(*out, length, sizeof length, err);
    if (!status) status = sav_os_write(*out, header->bytes, header->length, err);
    if (!status) return SAV_OK;
    sav_os_abandon(*out);
    *out = NULL;
    return status;
}

/* The header's JSON, with spaces behind it so that the data begins at a multiple of `align` bytes. */
static sav_text header_of(const sav_tensor *tensors, size_t count, const sav_metadata *metadata,
                          size_t align) {
    sav_text out = {0};
    if (metadata) put_metadata(&out, metadata);
    put_tensors(&out, tensors, count);
    sav_text_string(&out, out.length ? "}" : "{}");
    while (!out.failed && (8 + out.length) % align) sav_text_string(&out, " ");
    return out;
}

sav_status sav_safetensors_start(sav_os_file **out, const char *path, const sav_tensor *tensors, size_t count,
                                 const sav_metadata *metadata, sav_error *err) {
    sav_text header = header_of(tensors, count, metadata, 64);
    *out = NULL;
    sav_status status = start(out, path, &header, err);
    sav_text_free(&header);
    return status;
}

sav_status sav_safetensors_write(const char *path, const sav_tensor *tensors, size_t count,
                                 const sav_metadata *metadata, sav_error *err) {
    sav_text header = header_of(tensors, count, metadata, 8);
    sav_os_file *file = NULL;
    sav_status status = start(&file, path, &header, err);
    sav_text_free(&header);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++) {
        const sav_tensor *t = &tensors[i];
        status = sav_os_write(file, t->data, t->count * sav_dtype_size(t->dtype), err);
    }
    if (!status) return sav_os_commit(file, err);
    sav_os_abandon(file);
    return status;
}
